import { parseArgs } from "node:util";
import { nearest, printable } from "./text.ts";

export const USAGE = `Usage: espalier COMMAND [FLAGS]

  espalier top          what lives in a running program, on the whole screen; ? lists the keys
    --interval S        seconds between two looks, 0.2 to 3600 (default: 1)

  espalier tree         prints the tree once
    --all               each child of each actor, however many there are
    --json              as JSON

  espalier trace PID    prints the messages in and out of one actor until it dies; needs a token. PID is \`<0.84>\`,
                        \`84\`, a path such as \`esockd/server\`, or a registered name
    --count N           ends after so many
    --json              each as a line of JSON

  --url URL             where the inspector is (default: http://127.0.0.1:4848)
  --token TOKEN         what the inspector was given; better in ESPALIER_TOKEN, which no other user can read
  -h, --help            prints this
  -v, --version         prints the version

Exit codes: 0 it was done, 1 it could not be, 2 it was not understood; 128 and more: ended by a signal.
`;

/** Somebody has typed what means nothing. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Which inspector, and by what right. */
interface Where {
  readonly url: URL;
  readonly token: string | undefined;
}

interface TopCommand extends Where {
  readonly command: "top";
  readonly intervalMs: number;
}

interface TreeCommand extends Where {
  readonly command: "tree";
  readonly isAll: boolean;
  readonly isJson: boolean;
}

export interface TraceCommand extends Where {
  readonly command: "trace";
  readonly pid: string;
  readonly count: number;
  readonly isJson: boolean;
}

export type Command =
  | TopCommand
  | TreeCommand
  | TraceCommand
  | { readonly command: "help" }
  | { readonly command: "version" };

const COMMANDS = ["top", "tree", "trace", "help"];
const COMMON = {
  url: { type: "string" },
  token: { type: "string" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean", short: "v" },
} as const;
const OWN = {
  top: { interval: { type: "string" } },
  tree: { all: { type: "boolean" }, json: { type: "boolean" } },
  trace: { count: { type: "string" }, json: { type: "boolean" } },
} as const;

/** The environment, as far as it matters. */
interface Environment {
  readonly ESPALIER_TOKEN?: string | undefined;
}

/** @throws UsageError that names what it does not know, and what may have been meant */
export function parseCommandLine(given: readonly string[], environment: Environment): Command {
  const [name, ...args] = given;
  if (name === undefined || name === "-h" || name === "--help" || name === "help") return { command: "help" };
  if (name === "-v" || name === "--version") return { command: "version" };
  switch (name) {
    case "top": {
      const { values, positionals } = parse(args, { ...COMMON, ...OWN.top });
      const intervalMs = 1000 * (numberOf("--interval", values.interval, 0.2, 3600) ?? 1);
      return withoutMore(values, positionals, () => ({ command: "top", ...whereOf(values, environment), intervalMs }));
    }
    case "tree": {
      const { values, positionals } = parse(args, { ...COMMON, ...OWN.tree });
      const { all: isAll = false, json: isJson = false } = values;
      return withoutMore(values, positionals, () => ({
        command: "tree",
        ...whereOf(values, environment),
        isAll,
        isJson,
      }));
    }
    case "trace": {
      const { values, positionals } = parse(args, { ...COMMON, ...OWN.trace });
      const [pid, ...more] = positionals;
      const count = integerOf("--count", values.count) ?? Number.POSITIVE_INFINITY;
      return withoutMore(values, more, () => {
        if (pid === undefined || pid === "") throw new UsageError("trace needs a PID, such as 84");
        return { command: "trace", ...whereOf(values, environment), pid, count, isJson: values.json ?? false };
      });
    }
    default: {
      const what = name.startsWith("-") ? "the command comes first" : `there is no command ${quoted(name)}`;
      throw new UsageError(what + (guess(name, COMMANDS) || "; expected top, tree or trace"));
    }
  }
}

interface Asked {
  readonly help?: boolean | undefined;
  readonly version?: boolean | undefined;
  readonly url?: string | undefined;
  readonly token?: string | undefined;
}

function withoutMore(values: Asked, more: readonly string[], make: () => Command): Command {
  if (values.help === true) return { command: "help" };
  if (values.version === true) return { command: "version" };
  const [unexpected] = more;
  if (unexpected !== undefined) throw new UsageError(`${quoted(unexpected)} is not expected`);
  return make();
}

type Flags = NonNullable<NonNullable<Parameters<typeof parseArgs>[0]>["options"]>;

/** As `parseArgs` of Node, whose errors name the flag, with a guess of what was meant. */
function parse<const Options extends Flags>(args: string[], options: Options) {
  try {
    return parseArgs({ args, options, allowPositionals: true } as const);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const [sentence = ""] = printable(error.message).split(". ");
    const [, flag] = /^Unknown option '(-[^']*)'/u.exec(sentence) ?? [];
    if (flag === undefined) throw new UsageError(sentence);
    const known = Object.keys(options).map((name) => `--${name}`);
    throw new UsageError(`there is no flag ${flag}${guess(flag, known)}`);
  }
}

function guess(typed: string, choices: readonly string[]): string {
  const near = nearest(typed, choices);
  return near === undefined ? "" : `; did you mean ${near}?`;
}

function whereOf({ url = "http://127.0.0.1:4848", token }: Asked, { ESPALIER_TOKEN }: Environment): Where {
  const given = token ?? (ESPALIER_TOKEN === "" ? undefined : ESPALIER_TOKEN);
  if (given !== undefined && !/^[\x21-\x7e]+$/u.test(given)) {
    throw new UsageError(`${token === undefined ? "ESPALIER_TOKEN" : "--token"} must be visible ASCII characters`);
  }
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol !== "http:" && parsed?.protocol !== "https:") {
    throw new UsageError(`--url is ${quoted(url)}; expected a URL such as http://127.0.0.1:4848`);
  }
  return { url: parsed, token: given };
}

function integerOf(flag: string, text: string | undefined): number | undefined {
  const number = numberOf(flag, text, 1, Number.MAX_SAFE_INTEGER);
  if (number === undefined || Number.isInteger(number)) return number;
  throw new UsageError(`${flag} is ${quoted(text ?? "")}; expected an integer`);
}

function numberOf(flag: string, text: string | undefined, least: number, most: number): number | undefined {
  if (text === undefined) return undefined;
  const number = text.trim() === "" ? Number.NaN : Number(text);
  if (number >= least && number <= most) return number;
  throw new UsageError(`${flag} is ${quoted(text)}; expected a number from ${least} to ${most}`);
}

function quoted(text: string): string {
  return printable(JSON.stringify(text));
}
