import { describeValue, type ExitReason, type LogLevel, type Pid } from "@espalier/actors";
import { Account } from "./account.ts";
import type { Connection } from "./connection.ts";
import {
  connectionFailed,
  type ConnectionFailure,
  connectionStart,
  type ConnectionStart,
  connectionStop,
  type ConnectionStop,
} from "./diagnostics.ts";
import { formatAddress } from "./listen-on.ts";
import type { PreambleFailure } from "./preamble.ts";

/**
 * How loud it is to be said that a connection came to nothing. Whoever connects and leaves is a monitor or a scanner, of
 * which there are many; anything else may be a client whose user wants to know why.
 */
const LEVELS: Readonly<Record<PreambleFailure["type"], LogLevel>> = {
  proxyProtocolError: "info",
  proxyProtocolTimeout: "info",
  proxyProtocolClosed: "debug",
  proxyProtocolUntrusted: "info",
  proxyProtocolForbidden: "info",
  tlsHandshakeFailed: "info",
  tlsHandshakeTimeout: "info",
  tlsHandshakeClosed: "debug",
};

function isFailure(detail: unknown): detail is PreambleFailure {
  if (typeof detail !== "object" || detail === null || !("type" in detail)) return false;
  return typeof detail.type === "string" && Object.hasOwn(LEVELS, detail.type);
}

/**
 * What is said of the connections of a listener: how they end is counted always; of each that is accepted, there is
 * exactly one `connectionStarted` and one `connectionStopped`, or one `connectionFailed`, for those who want to know.
 */
export class ConnectionAccount extends Account {
  /** The handler is about to get its socket. */
  started(pid: Pid, connection: Connection): void {
    const { isTraced } = this.process;
    if (!isTraced && !connectionStart.hasSubscribers) return;
    const { listener, connection: handler, peer } = this.#identify(pid, connection);
    const { proxy, tls, socketPeername } = connection;
    const facts: ConnectionStart = {
      listener,
      connection: handler,
      peer,
      proxy: proxy?.source === undefined ? undefined : socketPeername,
      tls: tls && { protocol: tls.protocol, servername: tls.servername },
    };
    if (isTraced) this.process.observe("connectionStarted", facts);
    if (connectionStart.hasSubscribers) connectionStart.publish(facts);
  }

  /** The handler of an accepted connection is gone. */
  ended(pid: Pid, connection: Connection, hasStarted: boolean, reason: ExitReason): void {
    const { shutdownCounts, pastTraffic } = this.record;
    shutdownCounts.count(reason);
    pastTraffic.bytesReceived += connection.bytesReceived;
    pastTraffic.bytesSent += connection.bytesSent;
    if (hasStarted) this.#stopped(pid, connection, reason);
    else this.#failed(pid, connection, reason);
  }

  #stopped(pid: Pid, connection: Connection, reason: ExitReason): void {
    const { isTraced } = this.process;
    if (!isTraced && !connectionStop.hasSubscribers) return;
    const now = this.process.now();
    const { bytesReceived, bytesSent, since = now } = connection.getStat();
    const durationMs = now - since;
    const { listener, connection: handler, peer } = this.#identify(pid, connection);
    const facts: ConnectionStop = {
      listener,
      connection: handler,
      peer,
      reason,
      durationMs,
      bytesReceived,
      bytesSent,
    };
    if (isTraced) this.process.observe("connectionStopped", facts);
    if (connectionStop.hasSubscribers) connectionStop.publish(facts);
  }

  #failed(pid: Pid, connection: Connection, reason: ExitReason): void {
    const failure = failureOf(connection, reason);
    const { listener, connection: handler, peer } = this.#identify(pid, connection);
    const facts: ConnectionFailure = { listener, connection: handler, peer, reason, failure: failure?.type };
    this.process.observe("connectionFailed", facts);
    if (connectionFailed.hasSubscribers) connectionFailed.publish(facts);
    // Whatever else the handler ended of is not about the client, and is said of it as of any handler.
    if (failure !== undefined) this.#logFailure(failure, connection);
  }

  #logFailure({ type, ...details }: PreambleFailure, { peername }: Connection): void {
    const { id } = this.record;
    this.log(type, LEVELS[type], () => {
      const peer = formatAddress(peername);
      const words = Object.entries(details).map(([name, value]) => `${name} ${describeValue(value)}`);
      const more = words.length === 0 ? "" : ` (${words.join(", ")})`;
      return [{ ...details, peer, reason: type }, `${id}: no connection with ${peer}: ${type}${more}`];
    });
  }

  #identify(pid: Pid, { peername: peer }: Connection) {
    return { listener: this.record.id, connection: pid.toString(), peer };
  }
}

/** What was wrong with the client; undefined if the handler did not wait for it. */
function failureOf({ last }: Connection, reason: ExitReason): PreambleFailure | undefined {
  // One that traps exits may end of something else.
  if (last?.type === "error" && last.detail !== undefined) return last.detail;
  const detail = reason.type === "shutdown" ? reason.detail : undefined;
  return isFailure(detail) ? detail : undefined;
}
