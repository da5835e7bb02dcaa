import * as v from "valibot";
import { type AccessRule, formatAccessRules } from "../access-rules.ts";
import { InvalidOptionError, type OptionIssue } from "../errors.ts";
import { type OverloadHook, RATE, rate } from "../limit-options.ts";
import { assertObject, checkNames, type ListenerConfig, type ListenerOptions, toListenerConfig } from "../options.ts";
import type { RateLimit } from "../token-bucket.ts";
import type { Address } from "../transport.ts";
import type { DatagramTransport } from "./datagram-transport.ts";

/** Whose a datagram is: the id of a peer, and the part of the datagram that is meant for its handler. */
export interface Identified {
  readonly id: string;
  readonly data: Uint8Array;
}

/**
 * Finds the peer in a datagram: its id alone if the handler is to get all of the datagram; undefined if there is none in
 * it, and the datagram is dropped. It runs for each datagram, outside all actors; a throw counts as undefined.
 */
export type Identify = (datagram: Uint8Array, from: Address) => string | Identified | undefined;

/** What is said to a datagram that only wants to know whether the server is alive. */
export interface HealthCheck {
  /** The whole datagram, at least a byte. */
  readonly request: Uint8Array | string;
  readonly reply: Uint8Array | string;
}

/** What may be said about a UDP listener. All of it is optional. Durations are milliseconds and end in `Ms`. */
export interface UdpOptions extends Pick<
  ListenerOptions,
  "shutdown" | "idleTimeoutMs" | "socketReadyTimeoutMs" | "paused" | "alarms" | "logger"
> {
  /**
   * How many peers there may be at once, at least 1. Datagrams of others are dropped and counted.
   *
   * @defaultValue 1024, as for TCP.
   */
  readonly maxClients?: number | "infinity";

  /**
   * Who may be a peer: the first rule that matches its address decides, no match allows. Others get nothing, not even an
   * answer to a health check.
   *
   * @defaultValue `[{ allow: "all" }]`, as eSockd.
   */
  readonly accessRules?: readonly AccessRule[];

  /**
   * Largest datagram to receive, in bytes, from 1. A larger one is dropped and counted.
   *
   * @defaultValue 65535, which is all that there can be.
   */
  readonly maxPacketSize?: number;

  /**
   * How many datagrams of a peer may wait while its handler lets none in, from 1 to 65536. One more is dropped, as by a
   * system whose buffer is full, and counted.
   *
   * @defaultValue 64
   */
  readonly maxWaiting?: number;

  /**
   * How many new peers may come. A burst of `capacity` is let in after a quiet time. A datagram that would make one more is
   * dropped and counted, and may be sent again.
   *
   * @defaultValue `"infinity"`
   */
  readonly maxConnectionRate?: RateLimit | "infinity";

  /**
   * Asked for each datagram that would make a new peer, after the access rules and `maxClients`, whether the program has too
   * much to do; true drops it and counts it, without using up `maxConnectionRate`. It runs outside all actors and must not
   * take long. A throw refuses too, and is logged, at most once in a minute. eSockd's `tune_fun`, which it has for TCP.
   *
   * @defaultValue false: nobody is asked.
   */
  readonly overload?: OverloadHook | false;

  /**
   * How many datagrams may come from each peer. One more is dropped and counted.
   *
   * @defaultValue `"infinity"`
   */
  readonly maxDatagramRate?: RateLimit | "infinity";

  /**
   * Answers a datagram that equals `request` with `reply`. No peer comes of it, and none hears of it. eSockd's
   * `health_check`. Since anybody may write somebody else's address on a datagram, the reply should not be longer.
   *
   * @defaultValue none
   */
  readonly healthCheck?: HealthCheck;

  /**
   * Knows peers by something in their datagrams, such as a connection id, instead of by their address; what is sent to
   * one goes to where its last datagram came from. So a phone that changes its network keeps its handler. Whoever knows
   * the id can take the peer over: it has to be one that cannot be guessed, or be proven by the protocol. eSockd's
   * `get_connection_id` of its UDP proxy.
   *
   * @defaultValue by address and port
   */
  readonly identify?: Identify;

  /**
   * Bytes that the system keeps of what has not been read (SO_RCVBUF), from 1. Beyond that it drops, and tells nobody.
   *
   * @defaultValue the system's
   */
  readonly receiveBuffer?: number;

  /**
   * Bytes that the system keeps of what is to be sent (SO_SNDBUF), from 1.
   *
   * @defaultValue the system's
   */
  readonly sendBuffer?: number;

  /**
   * Where the datagrams of this listener come from, such as a transport of your own that speaks DTLS. Cannot be changed
   * while the listener is open.
   *
   * @defaultValue the `datagrams` of `startSockets`
   */
  readonly transport?: DatagramTransport;
}

/** {@link UdpOptions} complete and checked. */
export interface UdpConfig {
  /** What connections and their supervisor go by. */
  readonly listener: ListenerConfig;
  readonly maxWaiting: number;
  readonly maxDatagramRate: RateLimit | "infinity";
  readonly healthCheck: { readonly request: Uint8Array; readonly reply: Uint8Array } | undefined;
  readonly identify: Identify | undefined;
  readonly receiveBuffer: number | undefined;
  readonly sendBuffer: number | undefined;
  readonly transport: DatagramTransport | undefined;
}

/** Options without a default: what is not given is not there. */
type Absent = "healthCheck" | "identify" | "receiveBuffer" | "sendBuffer";

/**
 * {@link UdpOptions} with the defaults of what was not given; the transport is told apart, by its name, and the logger is
 * nothing that could be printed.
 */
export type CompleteUdpOptions = Required<Omit<UdpOptions, Absent | "transport" | "logger">> & {
  readonly [Name in Absent]: UdpOptions[Name] | undefined;
};

/** Those that mean the same for all listeners, and are checked with the others' schema. */
const SHARED: readonly string[] = [
  "maxClients",
  "accessRules",
  "shutdown",
  "idleTimeoutMs",
  "socketReadyTimeoutMs",
  "paused",
  "alarms",
  "maxConnectionRate",
  "maxPacketSize",
  "overload",
  "logger",
];

const LARGEST_BUFFER = 2_147_483_647;
const LARGEST_UDP_PAYLOAD = 65_535;
const HEALTH_CHECK = "{ request, reply }, each bytes or text, the request not empty";

const bytes = v.union([v.string(), v.instance(Uint8Array)]);
const healthCheck = v.strictObject({ request: v.pipe(bytes, v.nonEmpty()), reply: bytes });

const settings = v.object({
  maxWaiting: v.optional(checked(integer(1, 65_536), "an integer from 1 to 65536"), 64),
  maxDatagramRate: v.optional(checked<RateLimit | "infinity">(rate, RATE), "infinity"),
  healthCheck: v.optional(checked<HealthCheck>(healthCheck, HEALTH_CHECK)),
  identify: v.optional(v.custom<Identify>(isFunction, "a function of a datagram and its address")),
  receiveBuffer: v.optional(checked(integer(1, LARGEST_BUFFER), `an integer of bytes from 1 to ${LARGEST_BUFFER}`)),
  sendBuffer: v.optional(checked(integer(1, LARGEST_BUFFER), `an integer of bytes from 1 to ${LARGEST_BUFFER}`)),
  transport: v.optional(v.custom<DatagramTransport>(isTransport, "a datagram transport")),
});

const NAMES: readonly string[] = [...SHARED, ...Object.keys(settings.entries)];

/**
 * Checks the options and fills in what is not given; `undefined` is not given.
 *
 * @throws {@link InvalidOptionError} (`ERR_INVALID_OPTION`) naming every fault at once, unknown options included.
 */
export function toUdpConfig(options: UdpOptions = {}): UdpConfig {
  assertObject(options);
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const issues: OptionIssue[] = checkNames(options, NAMES);
  const listener = sharedConfig(Object.fromEntries(given.filter(([key]) => SHARED.includes(key))), issues);
  const parsed = v.safeParse(settings, Object.fromEntries(given));
  for (const issue of parsed.issues ?? []) {
    issues.push({ option: v.getDotPath(issue) ?? "options", value: issue.input, expected: issue.message });
  }
  if (!parsed.success || listener === undefined || issues.length > 0) throw new InvalidOptionError(issues);
  const { healthCheck: check, identify, receiveBuffer, sendBuffer, transport, ...others } = parsed.output;
  return {
    ...others,
    listener,
    healthCheck: check && { request: toBytes(check.request), reply: toBytes(check.reply) },
    identify,
    receiveBuffer,
    sendBuffer,
    transport,
  };
}

/**
 * The options as they may be shown, under the names that they were given by.
 *
 * @param shared - those that mean the same for all listeners, as they are now
 */
export function formatUdpConfig(udp: UdpConfig, shared: ListenerConfig): CompleteUdpOptions {
  const { listener: _atFirst, transport: _named, ...own } = udp;
  const { maxClients, shutdown, idleTimeoutMs, socketReadyTimeoutMs, paused, alarms } = shared;
  const { maxConnectionRate, maxPacketSize, overload, accessRules } = shared;
  return {
    ...own,
    maxClients,
    shutdown,
    idleTimeoutMs,
    socketReadyTimeoutMs,
    paused,
    alarms,
    maxConnectionRate,
    maxPacketSize,
    overload,
    accessRules: formatAccessRules(accessRules),
  };
}

function sharedConfig(options: ListenerOptions, issues: OptionIssue[]): ListenerConfig | undefined {
  try {
    const size = { maxPacketSize: LARGEST_UDP_PAYLOAD, ...options };
    // What is sent is gone: there is nothing to wait for.
    return { ...toListenerConfig(size), packet: "raw", sendTimeoutMs: "infinity" };
  } catch (error) {
    if (!(error instanceof InvalidOptionError)) throw error;
    issues.push(...error.issues);
    return undefined;
  }
}

/** One sentence for whatever is wrong with a value. */
function checked<T>(allowed: v.GenericSchema<T>, expected: string) {
  return v.custom<T>((value) => v.is(allowed, value), expected);
}

function integer(least: number, most: number) {
  return v.pipe(v.number(), v.safeInteger(), v.minValue(least), v.maxValue(most));
}

function isFunction(value: unknown): boolean {
  return typeof value === "function";
}

function isTransport(value: unknown): boolean {
  return typeof value === "object" && value !== null && "bind" in value && isFunction(value.bind);
}

function toBytes(data: Uint8Array | string): Uint8Array {
  return typeof data === "string" ? new TextEncoder().encode(data) : Uint8Array.from(data);
}
