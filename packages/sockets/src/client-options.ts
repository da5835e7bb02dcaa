import type { Backoff, CompleteBackoff } from "@espalier/supervisor";
import { parseAddress } from "./cidr.ts";
import { checkPlan, type ClientStep, type Plan, type PoolStep, type Reconnect } from "./client-plan.ts";
import { InvalidOptionError, type OptionIssue, unknownOption } from "./errors.ts";
import { parseListenOn } from "./listen-on.ts";
import { type ListenerConfig, type ListenerOptions, toListenerConfig } from "./options.ts";
import { LONGEST_MS } from "./setting.ts";
import { type Address, type Transport, unixAddress } from "./transport.ts";
import { tcpTransport } from "./transports/tcp.ts";
import { ClientTls } from "./transports/client-tls.ts";
import { TlsClientContext } from "./transports/tls-client.ts";
import type { TlsClientOptions } from "./transports/tls-client-options.ts";

/**
 * Where to connect to: `"127.0.0.1:6000"`, `"[::1]:6000"`, `"example.org:6000"` or `{ host, port }`. A port alone, such as
 * `6000`, is one of `localhost`. Or a unix socket: `"unix:/run/app.sock"`, `{ path: "/run/app.sock" }`.
 */
export type ConnectTo = number | string | { readonly host?: string; readonly port: number } | { readonly path: string };

/** The options of a listener's connections that a client's connection has too; they mean the same. */
type SharedOptions = Pick<
  ListenerOptions,
  | "packet"
  | "maxPacketSize"
  | "packetTimeoutMs"
  | "noDelay"
  | "keepAlive"
  | "highWaterMark"
  | "maxUnsentBytes"
  | "maxBytesPerSecond"
  | "burstBytes"
  | "sendTimeoutMs"
  | "socketReadyTimeoutMs"
  | "shutdown"
>;

/** What clients and the connections of pools have in common. */
interface CommonOptions extends SharedOptions {
  /** Where the socket comes from. @defaultValue TCP by `node:net` */
  readonly transport?: Transport;

  /**
   * Speaks TLS on each connection: `true` with a server whose certificate is for its host and leads to one that Node
   * trusts, or as the options say. The handshake is part of the attempt, under `connectTimeoutMs`; if it fails, so does the
   * attempt, with the code of Node or OpenSSL as the `reason` of its error, such as `ERR_TLS_CERT_ALTNAME_INVALID`. In TLS
   * 1.3 a server refuses the client's certificate only after the handshake: then the connection breaks. A context can be
   * shared by clients, and is what certificates are reloaded in.
   *
   * @defaultValue false: plain bytes.
   */
  readonly tls?: TlsClientOptions | ClientTls | boolean;

  /** The IP address of this machine from which to connect. @defaultValue what the system chooses */
  readonly localHost?: string;

  /**
   * How long an attempt to connect may take, at least 1 ms, the handshake included, of `tls` or of a transport that has one.
   *
   * @defaultValue 3000, as etcp and sockerl.
   */
  readonly connectTimeoutMs?: number | "infinity";

  /**
   * How long the peer may send nothing before the handler gets `timeout`, at least 1 ms.
   *
   * @defaultValue "infinity": unlike a server, a client knows whether it waits for something.
   */
  readonly idleTimeoutMs?: number | "infinity";

  /**
   * How long a packet that has begun may take to become whole, at least 1 ms; then the connection breaks, as
   * `packetTimeout`. Without meaning for `packet: "raw"`.
   *
   * @defaultValue "infinity": it is the server that is trusted to be sane.
   */
  readonly packetTimeoutMs?: number | "infinity";

  /** After which ends of a connection the client connects anew. @defaultValue "always" */
  readonly reconnect?: Reconnect;

  /**
   * The pauses between attempts: the first after `initialMs`, from 1; each by `factor` longer than the one before, up to
   * `maxMs`; of each the part `jitter`, from 0 to 1, is left to chance, so that the clients of a server that comes back
   * do not come all at once. A pause that is over while the last socket still sends is prolonged until it is gone, so
   * that a client has one socket at most; `sendTimeoutMs` limits that.
   *
   * @defaultValue `{ initialMs: 500, maxMs: 30000, factor: 2, jitter: 0.5 }`
   */
  readonly backoff?: Partial<Backoff>;

  /**
   * How many attempts in a row may fail, at least 1, before the client gives up. A connection that ends before it is
   * stable is an attempt that failed.
   *
   * @defaultValue "infinity"
   */
  readonly attempts?: number | "infinity";

  /**
   * When a connection has lasted so many milliseconds, attempts and pauses are counted anew.
   *
   * @defaultValue 10000
   */
  readonly stableMs?: number;
}

/** What may be said about a client. All of it is optional. Durations are milliseconds and end in `Ms`. */
export interface ClientOptions extends CommonOptions {
  /** What it is called in events. `connect` registers it under this name too. @defaultValue the address */
  readonly name?: string;
  /** What to do at which end, instead of what `reconnect` says. @defaultValue none */
  readonly plan?: Plan<ClientStep>;
}

/** What may be said about a connection of a pool. What is not given is as in the options of the pool. */
export interface PoolConnectionOptions extends CommonOptions {
  /** What to do at which end, instead of what `reconnect` says. @defaultValue none */
  readonly plan?: Plan<PoolStep>;
}

/** The options of a client, complete and checked. */
export interface ClientConfig {
  /** With TLS in it, if there is to be: keys are in no option from here on. */
  readonly transport: Transport;
  readonly localHost: string | undefined;
  readonly connectTimeoutMs: number | "infinity";
  readonly reconnect: Reconnect;
  readonly backoff: CompleteBackoff;
  readonly attempts: number | "infinity";
  readonly stableMs: number;
  readonly plan: Plan<PoolStep> | undefined;
  /** What its connections are made with; what only a listener has stands at the defaults. */
  readonly connection: ListenerConfig;
}

/** One option: what is allowed, in words too, and what it is if it is not given. */
interface Rule {
  readonly isAllowed: (value: unknown) => boolean;
  readonly expected: string;
  readonly fallback: unknown;
}

const rules: Readonly<Record<string, Rule>> = {
  transport: { isAllowed: isTransport, expected: "a transport", fallback: undefined },
  localHost: { isAllowed: isIpAddress, expected: "an IP address", fallback: undefined },
  connectTimeoutMs: {
    isAllowed: (value) => value === "infinity" || isWithin(value, 1, LONGEST_MS),
    expected: `milliseconds from 1 to ${LONGEST_MS}, or "infinity"`,
    fallback: 3000,
  },
  reconnect: {
    isAllowed: (value) => value === "never" || value === "onError" || value === "always",
    expected: '"never", "onError" or "always"',
    fallback: "always",
  },
  attempts: {
    isAllowed: (value) => value === "infinity" || (Number.isSafeInteger(value) && Number(value) >= 1),
    expected: 'an integer from 1, or "infinity"',
    fallback: "infinity",
  },
  stableMs: {
    isAllowed: (value) => isWithin(value, 0, LONGEST_MS),
    expected: `milliseconds from 0 to ${LONGEST_MS}`,
    fallback: 10_000,
  },
};

const LONGEST_PAUSE_MS = 30_000;

const backoffRules: Readonly<Record<keyof Backoff, Rule>> = {
  initialMs: {
    isAllowed: (value) => isWithin(value, 1, LONGEST_MS),
    expected: `milliseconds from 1 to ${LONGEST_MS}`,
    fallback: undefined,
  },
  maxMs: {
    isAllowed: (value) => isWithin(value, 1, LONGEST_MS),
    expected: `milliseconds from 1 to ${LONGEST_MS}`,
    fallback: undefined,
  },
  factor: {
    isAllowed: (value) => isWithin(value, 1, Infinity),
    expected: "a number of at least 1",
    fallback: undefined,
  },
  jitter: { isAllowed: (value) => isWithin(value, 0, 1), expected: "a number from 0 to 1", fallback: undefined },
};

/** They are checked as those of a listener are. */
const sharedNames: readonly string[] = [
  "packet",
  "maxPacketSize",
  "packetTimeoutMs",
  "noDelay",
  "keepAlive",
  "highWaterMark",
  "maxUnsentBytes",
  "maxBytesPerSecond",
  "burstBytes",
  "sendTimeoutMs",
  "socketReadyTimeoutMs",
  "shutdown",
  "idleTimeoutMs",
] satisfies ReadonlyArray<keyof SharedOptions | "idleTimeoutMs">;

const names: readonly string[] = [...sharedNames, ...Object.keys(rules), "backoff", "plan", "tls"];

/**
 * Checks the options and fills in what is not given; `undefined` is not given.
 *
 * @throws {@link InvalidOptionError} (`ERR_INVALID_OPTION`) naming every fault at once, unknown options included.
 */
export function toClientConfig(options: ClientOptions | PoolConnectionOptions, isPooled: boolean): ClientConfig {
  if (typeof options !== "object" || options === null) {
    throw new InvalidOptionError([{ option: "options", value: options, expected: "an object" }]);
  }
  const given = options as Readonly<Record<string, unknown>>;
  const issues: OptionIssue[] = [];
  const shared = Object.fromEntries(sharedNames.map((name) => [name, given[name]]));
  const connection = collecting(issues, () => toListenerConfig({ ...shared, ...timeoutsOf(options) }));
  const own = complete(rules, given, "", issues);
  const backoff = completeBackoff(given["backoff"], issues);
  const tls = collecting(issues, () => toTlsContext(given["tls"]));
  issues.push(...checkPlan(given["plan"], isPooled));
  const known = isPooled ? names : [...names, "name"];
  for (const [name, value] of Object.entries(given)) {
    if (!known.includes(name)) issues.push(unknownOption(name, value, known));
  }
  if (!isPooled && given["name"] !== undefined && (typeof given["name"] !== "string" || given["name"] === "")) {
    issues.push({ option: "name", value: given["name"], expected: "a string that is not empty" });
  }
  if (connection === undefined || issues.length > 0) throw new InvalidOptionError(issues);
  // The rules have checked each of them.
  const checked = own as unknown as Omit<ClientConfig, "transport"> & { readonly transport: Transport | undefined };
  const { transport: plain = tcpTransport() } = checked;
  const transport = tls?.over(plain) ?? plain;
  return Object.freeze({ ...checked, transport, backoff, plan: options.plan, connection });
}

/**
 * Reads where to connect to.
 *
 * @throws {@link InvalidOptionError} (`ERR_INVALID_OPTION`) naming the value and what is allowed
 */
export function parseConnectTo(to: ConnectTo): Address {
  const issues: OptionIssue[] = [];
  // One names where one listens and where one connects to in the same way.
  const address = collecting(
    issues,
    () => parseListenOn(to),
    (option) => option.replace(/^listenOn/u, "to"),
  );
  if (address?.port === 0 && address.path === undefined) {
    issues.push({ option: "to", value: to, expected: "an address with a port from 1" });
  }
  if (address === undefined || issues.length > 0) throw new InvalidOptionError(issues);
  const { host = "localhost", port, path } = address;
  return path === undefined ? { host, port } : unixAddress(path);
}

/** What has another default than that of a listener. */
function timeoutsOf({ idleTimeoutMs = "infinity", packetTimeoutMs = "infinity" }: CommonOptions): ListenerOptions {
  return { idleTimeoutMs, packetTimeoutMs };
}

/** What stands for the keys from here on; undefined: plain bytes. @throws `ERR_INVALID_OPTION` */
export function toTlsContext(tls: unknown): ClientTls | undefined {
  if (tls === undefined || tls === false) return undefined;
  // The context checks what it is given.
  return tls instanceof ClientTls ? tls : new TlsClientContext(tls === true ? {} : (tls as TlsClientOptions));
}

function completeBackoff(backoff: unknown, issues: OptionIssue[]): CompleteBackoff {
  const given = (backoff ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof given !== "object") {
    issues.push({ option: "backoff", value: backoff, expected: "{ initialMs, maxMs, factor, jitter }" });
  }
  const known = Object.keys(backoffRules);
  for (const [name, value] of Object.entries(given)) {
    if (!known.includes(name)) issues.push(unknownOption(`backoff.${name}`, value, known));
  }
  // The rules check each of them; with a fault, nobody sees the result.
  const checked = complete(backoffRules, given, "backoff.", issues) as Partial<CompleteBackoff>;
  const { initialMs = 500, factor = 2, jitter = 0.5 } = checked;
  const { maxMs = Math.max(LONGEST_PAUSE_MS, initialMs) } = checked;
  if (maxMs < initialMs) {
    issues.push({ option: "backoff.maxMs", value: maxMs, expected: `at least initialMs (${initialMs})` });
  }
  return Object.freeze({ initialMs, maxMs, factor, jitter });
}

function complete(
  table: Readonly<Record<string, Rule>>,
  given: Readonly<Record<string, unknown>>,
  prefix: string,
  issues: OptionIssue[],
): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [name, { isAllowed, expected, fallback }] of Object.entries(table)) {
    const value = given[name];
    if (value !== undefined && !isAllowed(value)) issues.push({ option: `${prefix}${name}`, value, expected });
    result[name] = value ?? fallback;
  }
  return result;
}

/**
 * Adds the faults that are thrown to those that are known already.
 *
 * @param rename - how the option is called by the caller of the caller
 */
export function collecting<Result>(
  issues: OptionIssue[],
  check: () => Result,
  rename: (option: string) => string = (option) => option,
): Result | undefined {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof InvalidOptionError)) throw error;
    for (const issue of error.issues) issues.push({ ...issue, option: rename(issue.option) });
    return undefined;
  }
}

function isWithin(value: unknown, least: number, most: number): boolean {
  return typeof value === "number" && value >= least && value <= most && value !== Infinity;
}

function isIpAddress(value: unknown): boolean {
  return typeof value === "string" && parseAddress(value) !== undefined;
}

function isTransport(value: unknown): boolean {
  return typeof value === "object" && value !== null && "connect" in value && typeof value.connect === "function";
}
