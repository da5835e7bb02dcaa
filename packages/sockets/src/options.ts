import * as v from "valibot";
import { type AccessRule, checkAccessRules, type CompiledAccessRules, compileAccessRules } from "./access-rules.ts";
import { InvalidOptionError, type OptionIssue, unknownOption } from "./errors.ts";
import type { Framing } from "./framing.ts";

/** What may be said about a listener. All of it is optional. Durations are milliseconds and end in `Ms`. */
export interface ListenerOptions {
  /**
   * How many acceptors take connections from the listening socket, from 1 to 1024.
   *
   * @defaultValue 16, as eSockd.
   */
  readonly acceptors?: number;

  /**
   * How many connections may be open at once, at least 1. A client beyond that is closed at once and counted.
   *
   * @defaultValue 1024, as eSockd.
   */
  readonly maxClients?: number | "infinity";

  /**
   * Who may connect: the first rule that matches the peer's address decides, no match allows.
   *
   * @defaultValue `[{ allow: "all" }]`, as eSockd.
   */
  readonly accessRules?: readonly AccessRule[];

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
   * How long a client may send nothing before its connection ends, at least 1 ms.
   *
   * @defaultValue 120000, as the echo server of the OTP tutorial that the connection machine follows.
   */
  readonly idleTimeoutMs?: number | "infinity";

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
   * Bytes waiting to be sent on one connection from which on nothing more is read from it, at least 1. It resumes when
   * they are gone, so a client that does not read its answers sends no more requests.
   *
   * @defaultValue 65536 (64 KiB), the size of one read in Node.
   */
  readonly highWaterMark?: number;

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
}

/** The options that a connection can change for itself while it is open; each counts from then on. */
export interface ConnectionOptions extends Pick<
  ListenerOptions,
  "idleTimeoutMs" | "noDelay" | "keepAlive" | "highWaterMark" | "sendTimeoutMs"
> {}

/** {@link ListenerOptions} complete and checked, the access rules parsed. */
export interface ListenerConfig extends Required<Omit<ListenerOptions, "accessRules">> {
  readonly accessRules: CompiledAccessRules;
}

/** A timer of Node holds a signed 32-bit number of milliseconds (24.8 days), and fires at once when given more. */
const LONGEST_MS = 2_147_483_647;
/** No limit on bytes is larger than what a 4-byte header can announce. */
const LARGEST_SIZE = 2_147_483_647;

const BYTES = `an integer of bytes from 1 to ${LARGEST_SIZE}`;
const TIMEOUT = `milliseconds from 1 to ${LONGEST_MS}`;
const FLAG = "true or false";

const settings = v.object({
  acceptors: setting(integer(1, 1024), "an integer from 1 to 1024", 16),
  maxClients: setting(orInfinity(integer(1, Number.MAX_SAFE_INTEGER)), 'an integer from 1, or "infinity"', 1024),
  shutdown: setting(
    v.union([v.picklist(["brutalKill", "infinity"]), milliseconds(0)]),
    `milliseconds from 0 to ${LONGEST_MS}, "infinity" or "brutalKill"`,
    5000,
  ),
  packet: setting(v.picklist(["raw", 1, 2, 4, "line"]), '"raw", 1, 2, 4 or "line"', "raw"),
  maxPacketSize: setting(integer(1, LARGEST_SIZE), BYTES, 1_048_576),
  idleTimeoutMs: setting(orInfinity(milliseconds(1)), `${TIMEOUT}, or "infinity"`, 120_000),
  backlog: setting(integer(1, 65_535), "an integer from 1 to 65535", 1024),
  noDelay: setting(v.boolean(), FLAG, true),
  keepAlive: setting(v.boolean(), FLAG, false),
  highWaterMark: setting(integer(1, LARGEST_SIZE), BYTES, 65_536),
  sendTimeoutMs: setting(orInfinity(milliseconds(1)), `${TIMEOUT}, or "infinity"`, 30_000),
  socketReadyTimeoutMs: setting(milliseconds(1), TIMEOUT, 15_000),
});

const { idleTimeoutMs, noDelay, keepAlive, highWaterMark, sendTimeoutMs } = settings.entries;

/** Without defaults: what is not given stays as it is. */
const changes = v.object({
  idleTimeoutMs: v.exactOptional(idleTimeoutMs.wrapped),
  noDelay: v.exactOptional(noDelay.wrapped),
  keepAlive: v.exactOptional(keepAlive.wrapped),
  highWaterMark: v.exactOptional(highWaterMark.wrapped),
  sendTimeoutMs: v.exactOptional(sendTimeoutMs.wrapped),
});

/** Parsed apart from the others, because they have faults of their own, each with its own path. */
const DEFAULT_ACCESS_RULES: readonly AccessRule[] = [{ allow: "all" }];

const NAMES: readonly string[] = [...Object.keys(settings.entries), "accessRules"];
const CHANGEABLE: readonly string[] = Object.keys(changes.entries);

/**
 * Checks the options and fills in what is not given; `undefined` is not given.
 *
 * @throws {@link InvalidOptionError} (`ERR_INVALID_OPTION`) naming every fault at once, unknown options included.
 */
export function toListenerConfig(options: ListenerOptions = {}): ListenerConfig {
  assertObject(options);
  const parsed = v.safeParse(settings, options);
  const accessRules = options.accessRules ?? DEFAULT_ACCESS_RULES;
  const issues = [
    ...(parsed.issues ?? []).map(toOptionIssue),
    ...checkAccessRules(accessRules),
    ...checkNames(options, NAMES),
  ];
  if (!parsed.success || issues.length > 0) throw new InvalidOptionError(issues);
  return Object.freeze({ ...parsed.output, accessRules: compileAccessRules(accessRules) });
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
  return parsed.output;
}

function assertObject(options: unknown): void {
  if (typeof options === "object" && options !== null) return;
  throw new InvalidOptionError([{ option: "options", value: options, expected: "an object" }]);
}

function checkNames(options: object, known: readonly string[]): OptionIssue[] {
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

function orInfinity(number: v.GenericSchema<number>) {
  return v.union([v.literal("infinity"), number]);
}

function integer(least: number, most: number) {
  return v.pipe(v.number(), v.safeInteger(), v.minValue(least), v.maxValue(most));
}

function milliseconds(least: number) {
  return v.pipe(v.number(), v.minValue(least), v.maxValue(LONGEST_MS));
}
