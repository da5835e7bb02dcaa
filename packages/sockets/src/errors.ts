import { closestName } from "@espalier/actors";
import type { ProxyFailure } from "./proxy-reader.ts";
import type { TlsFailure } from "./tls-handshake.ts";
import type { Address } from "./transport.ts";

/**
 * Base of everything this package throws. `code` is stable and fit for a `switch`; the message is for people.
 *
 * Only broken contracts are thrown. How a connection ended is an exit reason, and what a correct caller has to branch
 * on is a result.
 */
export abstract class SocketsError extends Error {
  abstract readonly code: `ERR_${string}`;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** One fault in the options a caller gave. */
export interface OptionIssue {
  /** Path of the option: `maxClients`, `accessRules[2].deny`. */
  readonly option: string;
  /** What the caller gave. */
  readonly value: unknown;
  /** What is allowed, as words that follow "must be"; for an unknown option, the known ones it may be. */
  readonly expected: string;
  /** Set when there is no option of this name, so that no value of it would be right. */
  readonly isUnknown?: true;
  /** Set when the value may be a key or a password: it is neither in the message nor here. */
  readonly isSecret?: true;
}

/** Options were refused, before any effect. The message lists every fault, so that one round of corrections is enough. */
export class InvalidOptionError extends SocketsError {
  readonly code = "ERR_INVALID_OPTION" as const;
  readonly #issues: readonly OptionIssue[];

  /** @param issues - At least one; the first is named first. */
  constructor(issues: readonly OptionIssue[], options?: ErrorOptions) {
    const lines = issues.map(describeIssue);
    super(
      lines.length === 1
        ? `invalid option: ${lines.join("")}`
        : [`${lines.length} invalid options:`, ...lines].join("\n  "),
      options,
    );
    this.#issues = issues;
  }

  /** The faults with the values as given. Not an own property: a logged error must not print a misplaced password. */
  get issues(): readonly OptionIssue[] {
    return this.#issues;
  }
}

/** The failures of listening that an operator meets; any other is named by its code alone. */
const LISTEN_REASONS: ReadonlyMap<string, string> = new Map([
  ["EACCES", "permission denied"],
  ["EADDRINUSE", "address already in use"],
  ["EADDRNOTAVAIL", "address not available on this machine"],
  ["EAFNOSUPPORT", "address family not supported"],
  ["EMFILE", "too many open files in this process"],
  ["ENFILE", "too many open files on this machine"],
  ["ENOENT", "no such directory"],
  ["ENOTFOUND", "unknown host name"],
]);

/** What a {@link ListenError} says of the address. */
interface RefusedAddress {
  readonly host?: string | undefined;
  readonly port: number;
  readonly path?: string | undefined;
}

/** The listening socket could not be opened; nothing is left running. */
export class ListenError extends SocketsError {
  readonly code = "ERR_LISTEN" as const;
  /** Address or name to bind to; `undefined` for all addresses of this machine. */
  readonly host: string | undefined;
  readonly port: number;
  /** Of a unix socket. */
  readonly path: string | undefined;
  /** The system's code, such as `EADDRINUSE`. */
  readonly reason: string;

  constructor({ host, port, path }: RefusedAddress, reason: string, options?: ErrorOptions) {
    const words = LISTEN_REASONS.get(reason);
    const place = path === undefined ? describePort(host, port) : `unix:${path}`;
    super(`cannot listen on ${place}: ${words === undefined ? reason : `${words} (${reason})`}`, options);
    this.host = host;
    this.port = port;
    this.path = path;
    this.reason = reason;
  }
}

/** The `postListen` of a listener has refused; nothing listens. `cause` is what it has thrown or returned. */
export class PostListenError extends SocketsError {
  readonly code = "ERR_POST_LISTEN" as const;
  /** The id of the listener. */
  readonly listener: string;

  constructor(listener: string, cause: unknown) {
    super(`postListen of ${listener} has failed: ${String(cause)}`, { cause });
    this.listener = listener;
  }
}

function describePort(host: string | undefined, port: number): string {
  return host === undefined ? `port ${port}` : `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** The failures of connecting that an operator meets; any other is named by its code alone. */
const CONNECT_REASONS: ReadonlyMap<string, string> = new Map([
  ["CERT_HAS_EXPIRED", "the server's certificate has expired"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "nobody who is trusted has signed the server's certificate"],
  ["EADDRNOTAVAIL", "address not available on this machine"],
  ["EAI_AGAIN", "the name cannot be looked up now"],
  ["ECONNREFUSED", "connection refused"],
  ["ECONNRESET", "connection reset"],
  ["EHOSTUNREACH", "no route to host"],
  ["EMFILE", "too many open files in this process"],
  ["ENETUNREACH", "network unreachable"],
  ["ENOTFOUND", "unknown host name"],
  ["ERR_SSL_WRONG_VERSION_NUMBER", "the server does not speak TLS"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "the server's certificate is for another name"],
  ["ETIMEDOUT", "no answer"],
  ["SELF_SIGNED_CERT_IN_CHAIN", "nobody who is trusted has signed the server's certificate"],
  ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "nobody who is trusted has signed the server's certificate"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "nobody who is trusted has signed the server's certificate"],
  ["connectTimeout", "no answer in time"],
  ["unstable", "connections do not last"],
]);

/** A client could not connect. What becomes of it then, its options say. */
export class ConnectError extends SocketsError {
  readonly code = "ERR_CONNECT" as const;
  readonly host: string;
  readonly port: number;
  /**
   * The system's code, such as `ECONNREFUSED`, or that of the TLS handshake; `connectTimeout` after `connectTimeoutMs`; `unstable` when the client has
   * given up since its connections did not last.
   */
  readonly reason: string;
  /** The number of the attempt; 1 is the first since the start, or since the last connection that was stable. */
  readonly attempt: number;

  constructor(address: Address, reason: string, attempt: number, options?: ErrorOptions) {
    const { host, port, path } = address;
    const place = path === undefined ? describePort(host, port) : `unix:${path}`;
    const words = CONNECT_REASONS.get(reason);
    const what = words === undefined ? reason : `${words} (${reason})`;
    super(`cannot connect to ${place}: ${what}, attempt ${attempt}`, options);
    this.host = host;
    this.port = port;
    this.reason = reason;
    this.attempt = attempt;
  }
}

/** A call was made to the handler of a client or a pool that has no connection. */
export class NotConnectedError extends SocketsError {
  readonly code = "ERR_NOT_CONNECTED" as const;
  /** The client or pool, as it was called. */
  readonly client: string;

  constructor(client: string, options?: ErrorOptions) {
    super(`${client} is not connected`, options);
    this.client = client;
  }
}

/** A packet does not fit: a received one exceeds `maxPacketSize`, or one to send exceeds what its header can say. */
export class FrameTooLargeError extends SocketsError {
  readonly code = "ERR_FRAME_TOO_LARGE" as const;
  /** Bytes of the packet without its header; for a line whose end is not in sight, the least it can have. */
  readonly size: number;
  /** Bytes allowed. */
  readonly limit: number;

  constructor(size: number, limit: number, options?: ErrorOptions) {
    super(`frame of ${size} bytes is larger than the limit of ${limit} bytes`, options);
    this.size = size;
    this.limit = limit;
  }
}

/**
 * What has come is no packet, as `lengthOf` of a framing of one's own has it, which has thrown `cause`; or what that says of
 * its length cannot be. The message says why.
 */
export class BadFrameError extends SocketsError {
  readonly code = "ERR_BAD_FRAME" as const;

  constructor(why: string, options?: ErrorOptions) {
    super(`bad frame: ${why}`, options);
  }
}

/** A connection cannot be given TLS now; it is as it was. The message says why. */
export class StartTlsError extends SocketsError {
  readonly code = "ERR_START_TLS" as const;

  constructor(why: string) {
    super(`TLS cannot be started: ${why}`);
  }
}

/** The bytes that an async function has waited for do not come. Not caught, it ends its connection in order. */
export class ReceiveError extends SocketsError {
  readonly code = "ERR_RECEIVE" as const;
  /**
   * `timeout`: not in time; `idleTimeout`: the client has sent nothing for `idleTimeoutMs`; or what the connection broke
   * of: the system's code, `frameTooLarge`, `badFrame`, `sendTimeout`, `keepaliveTimeout`, `tlsHandshakeFailed`.
   */
  readonly reason: string;
  /** What else is known of a handshake that failed, its `code` for one. */
  readonly detail: TlsFailure | ProxyFailure | undefined;

  constructor(reason: string, { detail, ...options }: ErrorOptions & Partial<Pick<ReceiveError, "detail">> = {}) {
    super(`nothing can be received: ${reason}`, options);
    this.reason = reason;
    this.detail = detail;
  }
}

/** A listener with this name and address is open already. */
export class ListenerExistsError extends SocketsError {
  readonly code = "ERR_LISTENER_EXISTS" as const;
  readonly listener: string;

  constructor(listener: string, options?: ErrorOptions) {
    // An id has the address as it was asked for, not as it was found.
    const hint = listener.endsWith(":0") ? "; another one on a free port needs a name of its own" : "";
    super(`listener ${listener} is open already${hint}`, options);
    this.listener = listener;
  }
}

/** No listener of this name is open. */
export class UnknownListenerError extends SocketsError {
  readonly code = "ERR_UNKNOWN_LISTENER" as const;
  /** The name asked for; not called `name`, which on an error is its class. */
  readonly listener: string;

  constructor(listener: string, options?: ErrorOptions) {
    super(`there is no listener named ${JSON.stringify(listener)}`, options);
    this.listener = listener;
  }
}

/** The fault of a key that is no option. Suggests the closest known name; lists all when none is close. */
export function unknownOption(option: string, value: unknown, known: readonly string[]): OptionIssue {
  const name = option.slice(option.lastIndexOf(".") + 1);
  const closest = closestName(name, known);
  const expected = closest === undefined ? `known: ${known.join(", ")}` : `did you mean ${closest}?`;
  return { option, value, expected, isUnknown: true };
}

/** The value of an unknown key stays out of the message: nobody knows whether it is a secret. */
function describeIssue({ option, value, expected, isUnknown, isSecret }: OptionIssue): string {
  if (isSecret) return `${option} must be ${expected}`;
  return isUnknown ? `${option} is not an option (${expected})` : `${option} must be ${expected}, got ${show(value)}`;
}

/** Contents of objects are not shown, and long strings are cut, because messages end up in logs. */
function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === "object" && value !== null) return "an object";
  return String(value);
}
