import type { Listener } from "@espalier/sockets";
import type { Shown } from "./api-types.ts";
import { InvalidOptionError, type OptionIssue } from "./errors.ts";

/** Whoever has listeners: what `startSockets` answers, or `{ listeners: () => [embedded.listener] }`. */
export interface ListenerSource {
  listeners(): readonly Listener[];
}

export interface InspectorOptions {
  /** Whose listeners are shown. @defaultValue none */
  readonly sockets?: ListenerSource | readonly ListenerSource[];
  /**
   * Whoever knows it may give commands, by the header `Authorization: Bearer <token>`. At least 16 characters of those
   * that a header may have. Absent: no commands are taken.
   */
  readonly token?: string;
  /** Whether questions need the token too. @defaultValue false */
  readonly protectReads?: boolean;
  /**
   * Under which names it may be reached beside `localhost`, `127.0.0.1` and `[::1]`: hosts as in the header `Host`, without
   * a port. A request for any other is refused, as that of a page which has led its own name here is (DNS rebinding).
   *
   * @defaultValue none
   */
  readonly allowedHosts?: readonly string[];
  /**
   * Sites whose pages may ask, beside the one under which the inspector itself is reached: origins, such as
   * `https://ops.example.org`. @defaultValue none
   */
  readonly allowedOrigins?: readonly string[];
  /** What is shown that may hold payloads or secrets: each by its name. @defaultValue nothing */
  readonly show?: Partial<Shown>;
  /**
   * How often a stream sends, in milliseconds from 100 to 60,000. Where much is to be read it is less often, down to once in
   * 4 s: so that reading takes 0.4 percent of the time. @defaultValue 1000
   */
  readonly tickMs?: number;
  /** How many entries the log keeps, from 1 to 100,000. @defaultValue 1000 */
  readonly logEntries?: number;
  /** How many streams may be open at once, from 1 to 1000. @defaultValue 16 */
  readonly maxStreams?: number;
}

/** The options with their defaults. */
export interface InspectorConfig {
  readonly sources: readonly ListenerSource[];
  readonly token: string | undefined;
  readonly protectReads: boolean;
  readonly allowedHosts: ReadonlySet<string>;
  readonly allowedOrigins: ReadonlySet<string>;
  readonly show: Shown;
  readonly tickMs: number;
  readonly logEntries: number;
  readonly maxStreams: number;
}

const LOCAL_HOSTS = ["localhost", "127.0.0.1", "[::1]"];

/** What is shown unless it is asked for. */
const NOTHING: Shown = { states: false, messages: false, errors: false, metadata: false };

const KNOWN: ReadonlySet<string> = new Set<keyof InspectorOptions>([
  "sockets",
  "token",
  "protectReads",
  "allowedHosts",
  "allowedOrigins",
  "show",
  "tickMs",
  "logEntries",
  "maxStreams",
]);

/** @throws InvalidOptionError (`ERR_INVALID_OPTION`) naming every fault */
export function toInspectorConfig(options: InspectorOptions): InspectorConfig {
  const issues: OptionIssue[] = [];
  const check = (isRight: boolean, option: string, value: unknown, expected: string): void => {
    if (!isRight) issues.push({ option, value, expected });
  };
  const { sockets = [], token, protectReads = false, allowedHosts = [], allowedOrigins = [], show = {} } = options;
  const { tickMs = 1000, logEntries = 1000, maxStreams = 16 } = options;
  for (const name of Object.keys(options)) {
    check(KNOWN.has(name), name, Reflect.get(options, name), `one of ${[...KNOWN].join(", ")}`);
  }
  const sources = "listeners" in sockets ? [sockets] : sockets;
  check(
    Array.isArray(sources) && sources.every((source: ListenerSource) => typeof source?.listeners === "function"),
    "sockets",
    sockets,
    "what startSockets answers, or a list of such",
  );
  const isToken = token === undefined || (typeof token === "string" && /^[\x21-\x7e]{16,512}$/u.test(token));
  check(isToken, "token", undefined, "16 to 512 visible ASCII characters");
  check(typeof protectReads === "boolean", "protectReads", protectReads, "true or false");
  if (protectReads) check(token !== undefined, "protectReads", protectReads, "false where there is no token");
  for (const [index, host] of allowedHosts.entries()) {
    check(hostnameOf(host) === host, `allowedHosts[${index}]`, host, "a lower-case host without a port");
  }
  for (const [index, origin] of allowedOrigins.entries()) {
    check(originOf(origin) === origin, `allowedOrigins[${index}]`, origin, "an origin such as https://example.org");
  }
  for (const [name, value] of Object.entries(show)) {
    check(Object.hasOwn(NOTHING, name), `show.${name}`, value, `one of ${Object.keys(NOTHING).join(", ")}`);
    check(typeof value === "boolean", `show.${name}`, value, "true or false");
  }
  check(isWithin(tickMs, 100, 60_000), "tickMs", tickMs, "milliseconds from 100 to 60000");
  check(Number.isInteger(logEntries) && isWithin(logEntries, 1, 100_000), "logEntries", logEntries, "1 to 100000");
  check(Number.isInteger(maxStreams) && isWithin(maxStreams, 1, 1000), "maxStreams", maxStreams, "1 to 1000");
  if (issues.length > 0) throw new InvalidOptionError(issues);
  return {
    sources,
    token,
    protectReads,
    allowedHosts: new Set([...LOCAL_HOSTS, ...allowedHosts]),
    allowedOrigins: new Set(allowedOrigins),
    show: { ...NOTHING, ...show },
    tickMs,
    logEntries,
    maxStreams,
  };
}

function isWithin(value: unknown, least: number, most: number): boolean {
  return typeof value === "number" && value >= least && value <= most;
}

/** The host of `host:port`, as a URL has it; undefined for what is none. */
export function hostnameOf(host: unknown): string | undefined {
  if (typeof host !== "string" || !/^[\w.:[\]-]{1,255}$/u.test(host)) return undefined;
  return URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : undefined;
}

function originOf(origin: unknown): string | undefined {
  return typeof origin === "string" && URL.canParse(origin) ? new URL(origin).origin : undefined;
}
