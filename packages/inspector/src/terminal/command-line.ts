import { parseArgs } from "node:util";
import { isShellCommand, type ShellCommandName, shellCommands } from "./shell-commands.ts";
import { nearest, printable } from "./text.ts";

export const USAGE = `Usage: espalier COMMAND [FLAGS]

  espalier top          what lives in a running program, on the whole screen; ? lists the keys
    --interval S        seconds between two looks, 0.2 to 3600 (default: 1)

  espalier tree         prints the tree once
    --all               each child of each actor, however many there are
    --json              as JSON

  espalier listeners    prints the listeners, a line each
    --json              as JSON

  espalier trace PID    prints the messages in and out of one actor until it dies; needs a token. PID is \`<0.84>\`,
                        \`84\`, a path such as \`esockd/server\`, or a registered name
    --count N           ends after so many
    --json              each as a line of JSON

These say what has become of it, with --json as JSON; they need a token:

  espalier kill PID                         ends an actor at once; none of its code runs
  espalier suspend PID                      it handles nothing until it is resumed; its mail waits
  espalier resume PID
  espalier restart-child PID CHILD          ends a child of a supervisor in order, and starts it anew
  espalier suspend-listener LISTENER        it takes nobody; its connections stay. LISTENER is an id as
                                            \`listeners\` prints it, or a name or address that no other has
  espalier resume-listener LISTENER
  espalier drain-listener LISTENER          ends its connections in order, and closes it
    --timeout S                             after so many seconds they are killed (default: 30)
  espalier set-max-clients LISTENER NUMBER  or \`infinity\`; whoever is there already stays
  espalier allow LISTENER PEERS             lets in \`all\`, an address or a block, before all other rules
  espalier deny LISTENER PEERS              keeps them out
  espalier remove-rule LISTENER RULE        such as deny 10.0.0.0/8, as \`listeners\` prints it

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

interface ListenersCommand extends Where {
  readonly command: "listeners";
  readonly isJson: boolean;
}

/** One of those that do something. */
export interface TellCommand extends Where {
  readonly command: "tell";
  readonly name: ShellCommandName;
  /** The actor or the listener, as it was typed. */
  readonly target: string;
  readonly word: string | undefined;
  readonly timeoutMs: number | undefined;
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
  | ListenersCommand
  | TraceCommand
  | TellCommand
  | { readonly command: "help" }
  | { readonly command: "version" };

const COMMANDS = ["top", "tree", "listeners", "trace", ...Object.keys(shellCommands), "help"];
const COMMON = {
  url: { type: "string" },
  token: { type: "string" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean", short: "v" },
} as const;
const OWN = {
  top: { interval: { type: "string" } },
  tree: { all: { type: "boolean" }, json: { type: "boolean" } },
  listeners: { json: { type: "boolean" } },
  trace: { count: { type: "string" }, json: { type: "boolean" } },
  tell: { json: { type: "boolean" } },
  tellInTime: { json: { type: "boolean" }, timeout: { type: "string" } },
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
  if (isShellCommand(name)) return parseTell(name, args, environment);
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
    case "listeners": {
      const { values, positionals } = parse(args, { ...COMMON, ...OWN.listeners });
      const { json: isJson = false } = values;
      return withoutMore(values, positionals, () => ({
        command: "listeners",
        ...whereOf(values, environment),
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
      throw new UsageError(what + (guess(name, COMMANDS) || `; expected one of ${COMMANDS.join(", ")}`));
    }
  }
}

/** What the first word is called. */
const TARGETS = { actor: "PID", listener: "LISTENER" } as const;
const LONGEST_TIMEOUT_S = 86_400;

function parseTell(name: ShellCommandName, args: string[], environment: Environment): Command {
  const { of, word: second, isText = false, hasTimeout = false } = shellCommands[name];
  const parsed = parse(args, { ...COMMON, ...(hasTimeout ? OWN.tellInTime : OWN.tell) });
  const values: Asked & { readonly json?: boolean; readonly timeout?: string } = parsed.values;
  const [target, ...words] = parsed.positionals;
  const word = isText ? words.join(" ") : words[0];
  const more = second === undefined ? words : words.slice(isText ? words.length : 1);
  const seconds = numberOf("--timeout", values.timeout, 0, LONGEST_TIMEOUT_S);
  return withoutMore(values, more, () => {
    if (target === undefined || target === "") throw new UsageError(`${name} needs a ${TARGETS[of]}`);
    if (second !== undefined && (word === undefined || word === "")) {
      throw new UsageError(`${name} needs a ${second[0]} behind the ${TARGETS[of]}`);
    }
    return {
      command: "tell",
      ...whereOf(values, environment),
      name,
      target,
      word: second === undefined ? undefined : word,
      timeoutMs: seconds === undefined ? undefined : Math.round(1000 * seconds),
      isJson: values.json ?? false,
    };
  });
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
    const sentence = printable(error.message.split(/\.\s/u, 1).join());
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
