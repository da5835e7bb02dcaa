import type { Logger } from "@espalier/actors";
import * as v from "valibot";
import { type AccessRule, checkAccessRules, type CompiledAccessRules, compileAccessRules } from "./access-rules.ts";
import type { AlarmOptions } from "./alarm.ts";
import { InvalidOptionError, type OptionIssue, unknownOption } from "./errors.ts";
import type { Framing } from "./framing.ts";
import { checkListenSockets } from "./listen-sockets.ts";
import type { PostListenHook } from "./post-listen.ts";
import {
  checkProxyProtocol,
  compileProxyProtocol,
  type ProxyProtocolConfig,
  type ProxyProtocolOptions,
} from "./proxy-options.ts";
import type { RateLimit } from "./token-bucket.ts";
import type { Address } from "./transport.ts";
import { isServerTls, type ServerTls } from "./transports/server-tls.ts";
import { TlsContext } from "./transports/tls-context.ts";
import { checkTlsOptions, type TlsOptions } from "./transports/tls-options.ts";

/** What may be said about a listener. All of it is optional. Durations are milliseconds and end in `Ms`. */
export interface ListenerOptions {
  /**
   * How many acceptors take connections from the listening socket, from 1 to 1024.
   *
   * @defaultValue 16, as eSockd.
   */
  readonly acceptors?: number;

  /**
   * Shares the port with every listening socket that does so too, of this process or of others, as long as they belong to
   * one user: the system gives each connection to one of them (SO_REUSEPORT). It needs Node 22.12, or 23.1 and later, and
   * Linux, FreeBSD, Solaris or AIX; elsewhere, and for a unix socket, it is refused. A change counts from the next
   * `resume` on.
   *
   * @defaultValue false
   */
  readonly reusePort?: boolean;

  /**
   * How many listening sockets share the address, from 1 to the number of `acceptors`; more than one need `reusePort`.
   * They are one door: the loss of any of them is the loss of all. A change counts from the next `resume` on. Ranch's
   * `num_listen_sockets`.
   *
   * @defaultValue 1, as Ranch.
   */
  readonly listenSockets?: number;

  /**
   * Called whenever the address is bound, before the first connection is accepted: when the listener is opened, resumed,
   * and started anew. What it returns, other than undefined, is `listenData` in the `config` of each connection that is
   * started from then on. If it throws or returns an error, nothing listens: `open` and `resume` fail as
   * `ERR_POST_LISTEN`, and a listener that is started anew tries again, as when it cannot bind. It runs in the listener's
   * actor and must not take long; a promise is refused. Ranch's `post_listen_callback`, sockerl's `listen_init`.
   *
   * @defaultValue false: nobody is called.
   */
  readonly postListen?: PostListenHook | false;

  /**
   * How many connections may be open at once, at least 1. `overLimit` says what becomes of a client beyond that. If the
   * process may not have so many file descriptors, it is as many as it may have, and the log says so.
   *
   * @defaultValue 1024, as eSockd.
   */
  readonly maxClients?: number | "infinity";

  /**
   * What becomes of a client for whom there is no place, by `maxClients` or `maxConnectionRate`: `"reject"` closes its
   * connection at once and counts it, as eSockd; `"queue"` lets it wait, unread, until there is a place, as Ranch. Node
   * cannot leave clients in the queue of the system, so up to 1024 of them wait as open sockets; the next is refused.
   *
   * @defaultValue `"reject"`, as eSockd.
   */
  readonly overLimit?: "reject" | "queue";

  /**
   * How many connections may come, of all acceptors together. A burst of `capacity` is let in after a quiet time.
   *
   * @defaultValue `"infinity"`
   */
  readonly maxConnectionRate?: RateLimit | "infinity";

  /**
   * Asked for each client, before anything is done for it, whether the program has too much to do; true refuses and
   * counts it. It runs outside all actors and must not take long. A throw refuses too, and is logged, at most once in a
   * minute. eSockd's `tune_fun`.
   *
   * @defaultValue false: nobody is asked.
   */
  readonly overload?: OverloadHook | false;

  /**
   * Tells, by the trace events `alarmSet` and `alarmCleared` and a line in the log each, when there are too many
   * connections or refusals, and when there are not any more. Ranch's `alarms`.
   *
   * @defaultValue false: none.
   */
  readonly alarms?: AlarmOptions | false;

  /**
   * How many bytes a connection may receive per second, at least 1. One that has received more is not read until the
   * debt is paid, so its client can send no faster; nothing is lost, and that time does not count for `idleTimeoutMs`.
   *
   * @defaultValue `"infinity"`
   */
  readonly maxBytesPerSecond?: number | "infinity";

  /**
   * How many bytes a connection may receive at once after it has received none for a while, at least 1. More than that
   * are waited for as `maxBytesPerSecond` says.
   *
   * @defaultValue that of `maxBytesPerSecond`: what it allows in a second.
   */
  readonly burstBytes?: number | "infinity";

  /**
   * How many bytes all connections of the listener may receive per second, at least 1. Each that has received while the
   * listener was in debt is not read until that debt is paid; they take turns.
   *
   * @defaultValue `"infinity"`
   */
  readonly maxTotalBytesPerSecond?: number | "infinity";

  /**
   * How many bytes all connections of the listener may receive at once after a quiet time, at least 1.
   *
   * @defaultValue that of `maxTotalBytesPerSecond`
   */
  readonly totalBurstBytes?: number | "infinity";

  /**
   * Who may connect: the first rule that matches the peer's address decides, no match allows.
   *
   * @defaultValue `[{ allow: "all" }]`, as eSockd.
   */
  readonly accessRules?: readonly AccessRule[];

  /**
   * Expects a PROXY header of HAProxy (version 1 or 2) at the beginning of each connection, before anything else, which
   * says from whom it is. The client that it names is then the connection's `peername`, and has to pass the access rules,
   * as the proxy has before it.
   *
   * @defaultValue false, as eSockd: whoever connects is the client.
   */
  readonly proxyProtocol?: false | ProxyProtocolOptions;

  /**
   * What connections get when the listener closes: this many milliseconds to end by themselves, before they are killed;
   * all the time they take (`"infinity"`); or none (`"brutalKill"`).
   *
   * @defaultValue 5000, as OTP gives a worker; eSockd kills.
   */
  readonly shutdown?: number | "infinity" | "brutalKill";

  /**
   * How received bytes are cut into packets, and what is put before sent ones.
   *
   * @defaultValue `"raw"`: bytes as they come, as Erlang's `inet`.
   */
  readonly packet?: Framing;

  /**
   * Largest packet to receive, in bytes without its length header, from 1 to 2147483647. A client that announces more
   * is disconnected before it can send it. Without meaning for `packet: "raw"`.
   *
   * @defaultValue 1048576 (1 MiB), as EMQX. Erlang sets no limit, which lets every client take memory at will; with this
   * one the default 1024 clients can claim 1 GiB together, and the packets of most protocols are smaller.
   */
  readonly maxPacketSize?: number;

  /**
   * How long a client may send nothing before its connection ends, at least 1 ms. It counts from the last bytes that were
   * read, also while the handler lets nothing in and so nothing is read: one that is slow on purpose gives its connection
   * more time by `setOptions`.
   *
   * @defaultValue 120000, as the echo server of the OTP tutorial that the connection machine follows.
   */
  readonly idleTimeoutMs?: number | "infinity";

  /**
   * How long a packet that has begun may take to become whole, at least 1 ms; then the connection ends, as
   * `packetTimeout`. It bounds clients who keep a connection by sending a byte now and then. The time while nothing is
   * read does not count. Without meaning for `packet: "raw"`.
   *
   * @defaultValue 60000, as nginx gives a request's header.
   */
  readonly packetTimeoutMs?: number | "infinity";

  /**
   * How many connections the kernel keeps ready for accepting, from 1 to 65535; it may have a lower limit of its own.
   *
   * @defaultValue 1024, as Ranch.
   */
  readonly backlog?: number;

  /**
   * Sends small packets at once instead of waiting to join them (TCP_NODELAY).
   *
   * @defaultValue true, as eSockd.
   */
  readonly noDelay?: boolean;

  /**
   * Lets the kernel probe silent peers (SO_KEEPALIVE), to find those that vanished without a word.
   *
   * @defaultValue false, as every system does.
   */
  readonly keepAlive?: boolean;

  /**
   * Ends connections by RST instead of FIN, whoever ends them and however: what was not sent yet is lost, and the system
   * remembers nothing of them (no TIME_WAIT). For clients who may take any end for a failure. EMQX's `nolinger`.
   *
   * @defaultValue false
   */
  readonly noLinger?: boolean;

  /**
   * Bytes waiting to be sent on one connection from which on nothing more is read from it, at least 1. It resumes when
   * they are gone, so a client that does not read its answers sends no more requests.
   *
   * @defaultValue 65536 (64 KiB), the size of one read in Node.
   */
  readonly highWaterMark?: number;

  /**
   * Bytes waiting to be sent on one connection beyond which it ends, as `tooManyUnsentBytes`, at least 1. It keeps a
   * client that does not read from filling the memory with what others have to say. One packet may not be larger.
   *
   * @defaultValue 67108864 (64 MiB)
   */
  readonly maxUnsentBytes?: number | "infinity";

  /**
   * How long sent bytes may stay unaccepted by the peer before the connection ends, at least 1 ms.
   *
   * @defaultValue 30000, as eSockd and Ranch.
   */
  readonly sendTimeoutMs?: number | "infinity";

  /**
   * How long a started connection waits for its socket in `WAIT_FOR_SOCKET`, at least 1 ms. It ends a connection whose
   * hand-off was lost; in the tutorial such a process stays for ever.
   *
   * @defaultValue 15000, eSockd's bound on a handshake.
   */
  readonly socketReadyTimeoutMs?: number;

  /**
   * Has connections begin with a TLS handshake, behind the PROXY header if there is one. It is part of the connection, so
   * nobody waits for a slow client. A context can be shared by listeners, and is what certificates are reloaded in.
   *
   * @defaultValue false: plain bytes.
   */
  readonly tls?: TlsOptions | ServerTls | false;

  /**
   * Has connections begin in plain, and `tls` wait for the handler to call `connection.startTls` (STARTTLS).
   *
   * @defaultValue false: where there is `tls`, connections begin with it.
   */
  readonly startTls?: boolean;

  /**
   * Gets what is logged of the listener and its connections, each line with the listener's id as the field `listener`:
   * crashes, reports, warnings, alarms, refusals, and what handlers log by `self.logger`. Of pino's shape, fields first; one
   * with a `child` gives a child. A change counts for what is logged from then on. A logger that throws loses its lines, and
   * nothing else happens. Ranch's and eSockd's `logger`.
   *
   * @defaultValue `"system"`: that of the system.
   */
  readonly logger?: Logger | "system";

  /**
   * Opens the listener without listening: `listener.resume()` begins.
   *
   * @defaultValue false
   */
  readonly paused?: boolean;
}

/** What there is to say about a client that has just connected. */
export interface OverloadFacts {
  /** The id of the listener. */
  readonly listener: string;
  readonly peer: Address;
  /** Connections that are open. */
  readonly connections: number;
  /** Clients that wait for a place, or for an acceptor. */
  readonly waiting: number;
}

/** Whether there is too much to do for another client. */
export type OverloadHook = (facts: OverloadFacts) => boolean;

/** The options that a connection can change for itself while it is open; each counts from then on. */
export interface ConnectionOptions extends Pick<
  ListenerOptions,
  | "idleTimeoutMs"
  | "packetTimeoutMs"
  | "noDelay"
  | "keepAlive"
  | "highWaterMark"
  | "maxUnsentBytes"
  | "sendTimeoutMs"
  | "maxBytesPerSecond"
  | "burstBytes"
> {}

/** {@link ListenerOptions} complete and checked, the access rules parsed. */
export interface ListenerConfig extends Required<Omit<ListenerOptions, "accessRules" | "proxyProtocol" | "tls">> {
  readonly accessRules: CompiledAccessRules;
  readonly proxyProtocol: false | ProxyProtocolConfig;
  readonly tls: false | ServerTls;
  /** What `postListen` has returned. */
  readonly listenData?: unknown;
}

/** A timer of Node holds a signed 32-bit number of milliseconds (24.8 days), and fires at once when given more. */
export const LONGEST_MS = 2_147_483_647;
/** No limit on bytes is larger than what a 4-byte header can announce. */
const LARGEST_SIZE = 2_147_483_647;

const BYTES = `an integer of bytes from 1 to ${LARGEST_SIZE}`;
const TIMEOUT = `milliseconds from 1 to ${LONGEST_MS}`;
const FLAG = "true or false";
const BYTES_PER_SECOND = `an integer from 1 to ${LARGEST_SIZE}, or "infinity"`;
const DAY_MS = 86_400_000;
const ALARMS = "false, or { connections: { high, low }, refusals: { high, low }, cooldownMs } with low less than high";

/** What is allowed of a {@link RateLimit}, in words. */
export const RATE: string = `{ capacity: from 1 to 1000000, intervalMs: from 1 to ${DAY_MS} }, or "infinity"`;
export const rate: v.GenericSchema<RateLimit | "infinity"> = v.union([
  v.literal("infinity"),
  v.strictObject({ capacity: integer(1, 1_000_000), intervalMs: v.exactOptional(integer(1, DAY_MS)) }),
]);

const threshold = v.pipe(
  v.strictObject({
    high: integer(1, Number.MAX_SAFE_INTEGER),
    low: v.exactOptional(integer(0, Number.MAX_SAFE_INTEGER)),
  }),
  v.check(({ high, low = 0 }) => low < high),
);
const alarms = v.union([
  v.literal(false),
  v.strictObject({
    connections: v.exactOptional(threshold),
    refusals: v.exactOptional(threshold),
    cooldownMs: v.exactOptional(milliseconds(0)),
  }),
]);
const bytesPerSecond = setting(orInfinity(integer(1, LARGEST_SIZE)), BYTES_PER_SECOND, "infinity");
const burst = v.optional(bytesPerSecond.wrapped);

const settings = v.object({
  acceptors: setting(integer(1, 1024), "an integer from 1 to 1024", 16),
  reusePort: setting(v.boolean(), FLAG, false),
  listenSockets: setting(integer(1, 1024), "an integer from 1 to 1024", 1),
  postListen: setting<PostListenHook | false>(
    v.union([v.literal(false), v.custom<PostListenHook>((value) => typeof value === "function")]),
    "a function, or false",
    false,
  ),
  maxClients: setting(orInfinity(integer(1, Number.MAX_SAFE_INTEGER)), 'an integer from 1, or "infinity"', 1024),
  overLimit: setting(v.picklist(["reject", "queue"]), '"reject" or "queue"', "reject"),
  maxConnectionRate: setting(rate, RATE, "infinity"),
  overload: setting<OverloadHook | false>(
    v.union([v.literal(false), v.custom<OverloadHook>((value) => typeof value === "function")]),
    "a function, or false",
    false,
  ),
  alarms: setting<AlarmOptions | false>(alarms, ALARMS, false),
  maxBytesPerSecond: bytesPerSecond,
  burstBytes: burst,
  maxTotalBytesPerSecond: bytesPerSecond,
  totalBurstBytes: burst,
  shutdown: setting(
    v.union([v.picklist(["brutalKill", "infinity"]), milliseconds(0)]),
    `milliseconds from 0 to ${LONGEST_MS}, "infinity" or "brutalKill"`,
    5000,
  ),
  packet: setting(v.picklist(["raw", 1, 2, 4, "line"]), '"raw", 1, 2, 4 or "line"', "raw"),
  maxPacketSize: setting(integer(1, LARGEST_SIZE), BYTES, 1_048_576),
  idleTimeoutMs: setting(orInfinity(milliseconds(1)), `${TIMEOUT}, or "infinity"`, 120_000),
  packetTimeoutMs: setting(orInfinity(milliseconds(1)), `${TIMEOUT}, or "infinity"`, 60_000),
  backlog: setting(integer(1, 65_535), "an integer from 1 to 65535", 1024),
  noDelay: setting(v.boolean(), FLAG, true),
  keepAlive: setting(v.boolean(), FLAG, false),
  noLinger: setting(v.boolean(), FLAG, false),
  highWaterMark: setting(integer(1, LARGEST_SIZE), BYTES, 65_536),
  maxUnsentBytes: setting(orInfinity(integer(1, LARGEST_SIZE)), `${BYTES}, or "infinity"`, 67_108_864),
  sendTimeoutMs: setting(orInfinity(milliseconds(1)), `${TIMEOUT}, or "infinity"`, 30_000),
  socketReadyTimeoutMs: setting(milliseconds(1), TIMEOUT, 15_000),
  logger: setting<Logger | "system">(
    v.union([v.literal("system"), v.custom<Logger>(isLogger)]),
    'a logger with the methods debug, info, warn and error, or "system"',
    "system",
  ),
  paused: setting(v.boolean(), FLAG, false),
  startTls: setting(v.boolean(), FLAG, false),
});

const { idleTimeoutMs, packetTimeoutMs, noDelay, keepAlive, highWaterMark, maxUnsentBytes, sendTimeoutMs } =
  settings.entries;

/** Without defaults: what is not given stays as it is. */
const changes = v.object({
  maxBytesPerSecond: v.exactOptional(bytesPerSecond.wrapped),
  burstBytes: v.exactOptional(bytesPerSecond.wrapped),
  idleTimeoutMs: v.exactOptional(idleTimeoutMs.wrapped),
  packetTimeoutMs: v.exactOptional(packetTimeoutMs.wrapped),
  noDelay: v.exactOptional(noDelay.wrapped),
  keepAlive: v.exactOptional(keepAlive.wrapped),
  highWaterMark: v.exactOptional(highWaterMark.wrapped),
  maxUnsentBytes: v.exactOptional(maxUnsentBytes.wrapped),
  sendTimeoutMs: v.exactOptional(sendTimeoutMs.wrapped),
});

/** Parsed apart from the others, because they have faults of their own, each with its own path. */
const DEFAULT_ACCESS_RULES: readonly AccessRule[] = [{ allow: "all" }];

const NAMES: readonly string[] = [...Object.keys(settings.entries), "accessRules", "proxyProtocol", "tls"];
const CHANGEABLE: readonly string[] = Object.keys(changes.entries);

/**
 * Checks the options and fills in what is not given; `undefined` is not given.
 *
 * @param faults - what is wrong with them where they are to be used
 * @throws {@link InvalidOptionError} (`ERR_INVALID_OPTION`) naming every fault at once, unknown options included.
 */
export function toListenerConfig(options: ListenerOptions = {}, faults: readonly OptionIssue[] = []): ListenerConfig {
  assertObject(options);
  const parsed = v.safeParse(settings, options);
  const { accessRules = DEFAULT_ACCESS_RULES } = options;
  const issues = [
    ...(parsed.issues ?? []).map(toOptionIssue),
    ...checkAccessRules(accessRules),
    ...checkProxyProtocol(options.proxyProtocol),
    ...checkTls(options.tls),
    ...checkStartTls(options),
    ...(parsed.success ? checkListenSockets(parsed.output) : []),
    ...faults,
    ...checkNames(options, NAMES),
  ];
  if (!parsed.success || issues.length > 0) throw new InvalidOptionError(issues);
  const proxyProtocol = compileProxyProtocol(options.proxyProtocol);
  const { maxBytesPerSecond, maxTotalBytesPerSecond } = parsed.output;
  const { burstBytes = maxBytesPerSecond, totalBurstBytes = maxTotalBytesPerSecond, ...output } = parsed.output;
  const bursts = { burstBytes, totalBurstBytes };
  const tls = compileTls(options.tls);
  return Object.freeze({ ...output, ...bursts, accessRules: compileAccessRules(accessRules), proxyProtocol, tls });
}

function checkTls(tls: ListenerOptions["tls"]): readonly OptionIssue[] {
  return tls === undefined || tls === false || isServerTls(tls) ? [] : checkTlsOptions(tls);
}

function checkStartTls({ startTls, tls = false }: ListenerOptions): readonly OptionIssue[] {
  if (startTls !== true || tls !== false) return [];
  return [{ option: "startTls", value: startTls, expected: "false, unless there is tls" }];
}

function compileTls(tls: ListenerOptions["tls"] = false): false | ServerTls {
  return tls === false || isServerTls(tls) ? tls : new TlsContext(tls);
}

/** The options as they may be kept and printed: in place of keys stands what was made of them. */
export function withoutKeys(options: ListenerOptions, { tls }: ListenerConfig): ListenerOptions {
  return { ...options, tls };
}

/**
 * Checks what a connection wants changed; the answer has what is given, and `undefined` is not given.
 *
 * @throws {@link InvalidOptionError} (`ERR_INVALID_OPTION`) naming every fault at once, unknown options included, and
 * those that only a listener has.
 */
export function toConnectionChanges(options: ConnectionOptions): ConnectionOptions {
  assertObject(options);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const parsed = v.safeParse(changes, given);
  const issues = [...(parsed.issues ?? []).map(toOptionIssue), ...checkNames(given, CHANGEABLE)];
  if (!parsed.success || issues.length > 0) throw new InvalidOptionError(issues);
  const { maxBytesPerSecond: burstBytes } = parsed.output;
  return burstBytes === undefined ? parsed.output : { burstBytes, ...parsed.output };
}

export function assertObject(options: unknown): void {
  if (typeof options === "object" && options !== null) return;
  throw new InvalidOptionError([{ option: "options", value: options, expected: "an object" }]);
}

export function checkNames(options: object, known: readonly string[]): OptionIssue[] {
  return Object.entries(options)
    .filter(([key]) => !known.includes(key))
    .map(([key, value]: [string, unknown]) => unknownOption(key, value, known));
}

function toOptionIssue(issue: v.InferIssue<typeof settings | typeof changes>): OptionIssue {
  return { option: v.getDotPath(issue) ?? "options", value: issue.input, expected: issue.message };
}

/** One sentence for whatever is wrong with a value: what valibot says of a union names only the branch that came close. */
function setting<T>(allowed: v.GenericSchema<T>, expected: string, fallback: NoInfer<T>) {
  return v.optional(
    v.custom<T>((value) => v.is(allowed, value), expected),
    fallback,
  );
}

function isLogger(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return ["debug", "info", "warn", "error"].every((level) => typeof Reflect.get(value, level) === "function");
}

function orInfinity(number: v.GenericSchema<number>) {
  return v.union([v.literal("infinity"), number]);
}

function integer(least: number, most: number) {
  return v.pipe(v.number(), v.safeInteger(), v.minValue(least), v.maxValue(most));
}

function milliseconds(least: number) {
  return v.pipe(v.number(), v.minValue(least), v.maxValue(LONGEST_MS));
}
