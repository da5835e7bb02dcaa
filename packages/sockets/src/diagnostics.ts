import { channel } from "node:diagnostics_channel";
import type { ExitReason } from "@espalier/actors";
import type { ListenerCounter } from "./stats.ts";
import type { Address } from "./transport.ts";

/** What is agreed on in a TLS handshake, in short. */
export interface ConnectionTls {
  /** Such as `"TLSv1.3"`. */
  readonly protocol: string;
  /** The name that the client asked for (SNI). */
  readonly servername: string | undefined;
}

/** Which connection something is about. */
export interface ConnectionIdentity {
  /** The id of its listener. */
  readonly listener: string;
  /** The printed pid of its handler. */
  readonly connection: string;
  /** The client: what the PROXY header says, if it says one, and otherwise the other end of the socket. */
  readonly peer: Address;
}

/** The handler of a connection gets its socket. */
export interface ConnectionStart extends ConnectionIdentity {
  /** The other end of the socket, where a PROXY header names another client. */
  readonly proxy: Address | undefined;
  /** Undefined without TLS. */
  readonly tls: ConnectionTls | undefined;
}

/** A connection has ended whose handler had the socket. */
export interface ConnectionStop extends ConnectionIdentity {
  readonly reason: ExitReason;
  /** How long the handler had the socket. */
  readonly durationMs: number;
  readonly bytesReceived: number;
  /** What was sent, also if not all of it has reached the client. */
  readonly bytesSent: number;
}

/** A connection has ended before its handler had the socket. */
export interface ConnectionFailure extends ConnectionIdentity {
  /** How the handler ended. */
  readonly reason: ExitReason;
  /** What was wrong with the PROXY header or the handshake; undefined if the handler has ended, or closed it, before. */
  readonly failure: string | undefined;
}

/** A client was refused. */
export interface ConnectionRefusal {
  readonly listener: string;
  readonly peer: Address;
  /** Which of the listener's `stats` went up. */
  readonly counter: ListenerCounter;
}

/** Something has become of a listener. */
export interface ListenerNews {
  readonly listener: string;
  readonly address: Address;
}

/**
 * What is published on each channel of `node:diagnostics_channel`, by the channel's name. It needs no tracing, and costs
 * one look for each connection where nobody has subscribed. Subscribers run at once, in the midst of things, and must not
 * act on what they are told of; Node makes what they throw an uncaught exception of the program.
 *
 * Of each connection that is accepted, either `start` is published and then `stop`, or `failed`, all exactly once; of
 * each that is not, `refused`. Of a listener, each `open` has its `close`.
 */
export interface DiagnosticsMessages {
  readonly "espalier.sockets.connection.start": ConnectionStart;
  readonly "espalier.sockets.connection.stop": ConnectionStop;
  readonly "espalier.sockets.connection.failed": ConnectionFailure;
  readonly "espalier.sockets.connection.refused": ConnectionRefusal;
  /** It listens: for the first time, after `resume`, or since it was started anew. */
  readonly "espalier.sockets.listener.open": ListenerNews;
  /** It does not listen any more: it was closed or suspended, or it has lost its socket. Connections may go on. */
  readonly "espalier.sockets.listener.close": ListenerNews;
  /** It was told to stop listening. A `close` stands before it if it had listened. */
  readonly "espalier.sockets.listener.suspend": ListenerNews;
  /** It was told to listen again, and does: an `open` stands before it. */
  readonly "espalier.sockets.listener.resume": ListenerNews;
}

/** A channel as this package uses it. */
export interface DiagnosticsChannel<Message> {
  readonly hasSubscribers: boolean;
  publish(message: Message): void;
}

function named<Name extends keyof DiagnosticsMessages>(name: Name): DiagnosticsChannel<DiagnosticsMessages[Name]> {
  return channel(name);
}

// Node keeps one channel of each name for the whole program; to hold it saves looking it up.
export const connectionStart: DiagnosticsChannel<ConnectionStart> = named("espalier.sockets.connection.start");
export const connectionStop: DiagnosticsChannel<ConnectionStop> = named("espalier.sockets.connection.stop");
export const connectionFailed: DiagnosticsChannel<ConnectionFailure> = named("espalier.sockets.connection.failed");
export const connectionRefused: DiagnosticsChannel<ConnectionRefusal> = named("espalier.sockets.connection.refused");
export const listenerOpen: DiagnosticsChannel<ListenerNews> = named("espalier.sockets.listener.open");
export const listenerClose: DiagnosticsChannel<ListenerNews> = named("espalier.sockets.listener.close");
export const listenerSuspend: DiagnosticsChannel<ListenerNews> = named("espalier.sockets.listener.suspend");
export const listenerResume: DiagnosticsChannel<ListenerNews> = named("espalier.sockets.listener.resume");
