import { parseArgs } from "node:util";
import type { Framing, ListenAddress, ListenerOptions } from "@espalier/sockets";

export interface StartOptions {
  readonly listenOn: ListenAddress;
  readonly listener: ListenerOptions;
  /** Where the page is that shows the living tree; undefined: there is none. */
  readonly pagePort: number | undefined;
}

/** The command line is wrong. The message is one line, and says what would be right. */
export class UsageError extends Error {}

export const usage = `Opens an echo server, and reads commands from the standard input.

  npx -y pnpm@12 start [flags]

  --host HOST               address or name to listen on (127.0.0.1)
  --port PORT               0 finds a free one (5000)
  --packet raw|1|2|4|line   how bytes are cut into packets: not at all, by a length of so many bytes, by lines (raw)
  --acceptors NUMBER        how many acceptors there are (16)
  --max-clients NUMBER      connections at once, or "infinity" (1024)
  --idle-timeout SECONDS    how long a client may say nothing, or "infinity" (120)
  --page PORT               where the page is that shows the living tree; 0 finds a free one; or "off" (5001)
  --help                    prints this`;

const framings = ["raw", 1, 2, 4, "line"] as const satisfies readonly Framing[];

/** Longest timer of Node, in seconds. */
const LONGEST_SECONDS = 2_147_483;

/**
 * Reads the command line.
 *
 * @returns undefined if help is asked for
 * @throws UsageError
 */
export function readOptions(args: readonly string[]): StartOptions | undefined {
  const { help, host = "127.0.0.1", port = "5000", packet = "raw", page = "5001", ...limits } = parse(args);
  if (help === true) return undefined;
  const framing = framings.find((known) => String(known) === packet);
  if (framing === undefined) throw wrong("packet", "raw, 1, 2, 4 or line", packet);
  const { acceptors, "max-clients": maxClients, "idle-timeout": idleTimeout } = limits;
  return {
    listenOn: { host, port: toNumber("port", port, 0, 65_535) },
    pagePort: page === "off" ? undefined : toNumber("page", page, 0, 65_535, ', or "off"'),
    // What is not given is left to the defaults of the library.
    listener: {
      packet: framing,
      ...(acceptors === undefined ? {} : { acceptors: toNumber("acceptors", acceptors, 1, 1024) }),
      ...(maxClients === undefined ? {} : { maxClients: toLimit("max-clients", maxClients, Number.MAX_SAFE_INTEGER) }),
      ...(idleTimeout === undefined ? {} : { idleTimeoutMs: toMs("idle-timeout", idleTimeout) }),
    },
  };
}

function parse(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      // Some package managers hand on the "--" that separates their own flags from those of the program.
      args: args.filter((argument) => argument !== "--"),
      options: {
        help: { type: "boolean" },
        host: { type: "string" },
        port: { type: "string" },
        packet: { type: "string" },
        page: { type: "string" },
        acceptors: { type: "string" },
        "max-clients": { type: "string" },
        "idle-timeout": { type: "string" },
      },
    });
    return values;
  } catch (error) {
    // Node explains at length how a leading "-" could be meant; its first sentence names the fault.
    const [fault] = String(error instanceof Error ? error.message : error).split(/\.?\s*\n|\. /u);
    throw new UsageError(`${fault}; --help lists the flags`, { cause: error });
  }
}

function toLimit(flag: string, text: string, most: number): number | "infinity" {
  return text === "infinity" ? text : toNumber(flag, text, 1, most, ', or "infinity"');
}

function toMs(flag: string, seconds: string): number | "infinity" {
  const limit = toLimit(flag, seconds, LONGEST_SECONDS);
  return limit === "infinity" ? limit : limit * 1000;
}

function toNumber(flag: string, text: string, least: number, most: number, otherwise = ""): number {
  const value = /^\d+$/u.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least}` : `from ${least} to ${most}`;
  throw wrong(flag, `a whole number ${range}${otherwise}`, text);
}

function wrong(flag: string, expected: string, given: string): UsageError {
  return new UsageError(`--${flag} must be ${expected}, got ${JSON.stringify(given)}`);
}
