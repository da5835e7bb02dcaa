import { parseArgs } from "node:util";

export const USAGE = `Usage: crash COMMAND FILE... [FLAGS] [-- FLAGS OF VITEST]

  crash soak FILE...     runs the crash tests of these files with ever new seeds, until one of them finds something or
                         the time is over
    --hours N            for so long, which the tests share: a second at least for each; or
    --minutes N          (default: 10)
    --workers N          so many processes at once (default: 2)
    --seed N             the first seed; the others follow (default: another one each time)
    -t, --test NAME      only the tests with such names

  crash mutate FILE...   changes the statecharts of the targets that give a machine, one thing at a time, and lists what
                         the crash tests do not notice
    --runs N             so many runs for each mutant (default: 300)
    --except PATTERN     mutants that nobody needs to notice, by a regular expression; may be repeated
    -t, --test NAME      only the tests with such names

  -h, --help             prints this

Exit codes: 0 nothing was found, 1 something was, 2 it could not be tried; 128 + N it was ended by signal N.
`;

/** Somebody has typed what means nothing. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export interface SoakCommand {
  readonly command: "soak";
  readonly files: readonly string[];
  readonly ms: number;
  readonly workers: number;
  readonly seed: number | undefined;
  /** What vitest is given besides. */
  readonly rest: readonly string[];
}

export interface MutateCommand {
  readonly command: "mutate";
  readonly files: readonly string[];
  readonly runs: number;
  readonly except: readonly RegExp[];
  readonly rest: readonly string[];
}

export type Command = SoakCommand | MutateCommand | { readonly command: "help" };

const COMMON = { help: { type: "boolean", short: "h" }, test: { type: "string", short: "t" } } as const;
const SOAK = {
  hours: { type: "string" },
  minutes: { type: "string" },
  workers: { type: "string" },
  seed: { type: "string" },
} as const;
const MUTATE = { runs: { type: "string" }, except: { type: "string", multiple: true } } as const;

/** @throws UsageError that names what it does not know, or what is no number */
export function parseCommandLine(given: readonly string[]): Command {
  const divider = given.indexOf("--");
  const own = divider < 0 ? given : given.slice(0, divider);
  const further = divider < 0 ? [] : given.slice(divider + 1);
  const [name, ...args] = own;
  if (name === undefined || name === "-h" || name === "--help" || name === "help") return { command: "help" };
  switch (name) {
    case "soak":
      return parseSoak(args, further);
    case "mutate":
      return parseMutate(args, further);
    default:
      throw new UsageError(`there is no command ${JSON.stringify(name)}; expected soak or mutate`);
  }
}

function parseSoak(args: string[], further: readonly string[]): Command {
  const { values, positionals } = parse({ args, options: { ...COMMON, ...SOAK }, allowPositionals: true } as const);
  if (values.help === true) return { command: "help" };
  if (values.hours !== undefined && values.minutes !== undefined) {
    throw new UsageError("--hours and --minutes are both given; expected one of them");
  }
  const minutes = numberOf("--minutes", values.minutes, 0) ?? 10;
  const hours = numberOf("--hours", values.hours, 0);
  return {
    command: "soak",
    files: filesOf(positionals),
    ms: (hours === undefined ? minutes : hours * 60) * 60_000,
    workers: integerOf("--workers", values.workers, 1) ?? 2,
    seed: integerOf("--seed", values.seed, 0),
    rest: restOf(values.test, further),
  };
}

function parseMutate(args: string[], further: readonly string[]): Command {
  const { values, positionals } = parse({ args, options: { ...COMMON, ...MUTATE }, allowPositionals: true } as const);
  if (values.help === true) return { command: "help" };
  return {
    command: "mutate",
    files: filesOf(positionals),
    runs: integerOf("--runs", values.runs, 1) ?? 300,
    except: (values.except ?? []).map(patternOf),
    rest: restOf(values.test, further),
  };
}

/** As `parseArgs` of Node, whose errors name the flag. */
const parse: typeof parseArgs = (config) => {
  try {
    return parseArgs(config);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    // What follows the first sentence is about flags that begin like files.
    throw new UsageError(error.message.split(". ")[0]);
  }
};

function filesOf(positionals: readonly string[]): readonly string[] {
  if (positionals.length > 0) return positionals;
  throw new UsageError("no file is given; expected at least one with crash tests");
}

function restOf(test: string | undefined, further: readonly string[]): readonly string[] {
  return test === undefined ? further : ["-t", test, ...further];
}

function patternOf(source: string): RegExp {
  try {
    return new RegExp(source);
  } catch {
    throw new UsageError(`--except is ${JSON.stringify(source)}; expected a regular expression`);
  }
}

function integerOf(flag: string, text: string | undefined, least: number): number | undefined {
  const number = numberOf(flag, text, least);
  if (number === undefined || Number.isInteger(number)) return number;
  throw new UsageError(`${flag} is ${JSON.stringify(text)}; expected an integer of at least ${least}`);
}

function numberOf(flag: string, text: string | undefined, least: number): number | undefined {
  if (text === undefined) return undefined;
  const number = text.trim() === "" ? Number.NaN : Number(text);
  if (Number.isFinite(number) && number >= least) return number;
  throw new UsageError(`${flag} is ${JSON.stringify(text)}; expected a number of at least ${least}`);
}
