import type { ExitReason } from "@espalier/actors";
import type { AlarmName } from "./alarm.ts";
import type { ConnectionFailure, ConnectionRefusal, ConnectionStart, ConnectionStop } from "./diagnostics.ts";
import type { ClientEndKind } from "./client-plan.ts";
import type { ConnectError } from "./errors.ts";
import type { Address } from "./transport.ts";

/** What an alarm was set or cleared for. */
export interface AlarmFacts {
  readonly listener: string;
  readonly alarm: AlarmName;
  /** How many there were: connections, or refusals within a second. */
  readonly value: number;
  /** `high` when it is set, `low` when it is cleared. */
  readonly threshold: number;
}

declare module "@espalier/actors" {
  interface TraceEvents {
    /** The listening socket is open. The subject is the listener. */
    listening: { readonly listener: string; readonly address: Address };
    /**
     * The handler of a connection gets its socket: the PROXY header is read, and the TLS handshake done. The subject is the
     * connection supervisor; exactly one `connectionStopped` follows.
     */
    connectionStarted: ConnectionStart;
    /** A connection has ended whose handler had the socket. */
    connectionStopped: ConnectionStop;
    /** A connection has ended before its handler had the socket: there is neither of the other two. */
    connectionFailed: ConnectionFailure;
    /** An accepted socket was refused. `counter` says why: it is the one of the listener's `stats` that went up. */
    connectionRefused: ConnectionRefusal;
    /** A connection failed before it was accepted. The subject is the listener. */
    acceptFailed: { readonly listener: string; readonly code: string };
    /** Something has become more than `alarms` of the listener says it should. The subject is the connection supervisor. */
    alarmSet: AlarmFacts;
    /** It has become less again, or the listener has ended. Exactly one for each `alarmSet`. */
    alarmCleared: AlarmFacts;
    /** A client begins an attempt to connect. Exactly one of the next two follows, unless the client ends before. */
    clientConnecting: { readonly client: string; readonly address: Address; readonly attempt: number };
    /** The handler of a client has its socket; exactly one `clientDisconnected` follows. The subject is the client. */
    clientConnected: {
      readonly client: string;
      readonly peer: Address;
      readonly attempt: number;
      /** The printed pid of the handler. */
      readonly connection: string;
    };
    /** An attempt to connect has failed. */
    clientFailed: {
      readonly client: string;
      readonly address: Address;
      readonly attempt: number;
      readonly error: ConnectError;
    };
    /** A connection of a client has ended. */
    clientDisconnected: {
      readonly client: string;
      readonly peer: Address;
      readonly connection: string;
      readonly kind: ClientEndKind;
      /** How the handler ended. */
      readonly reason: ExitReason;
      readonly bytesReceived: number;
      readonly bytesSent: number;
    };
    /** A client pauses for so many milliseconds before its next attempt. */
    clientWaiting: { readonly client: string; readonly pauseMs: number };
  }
}
