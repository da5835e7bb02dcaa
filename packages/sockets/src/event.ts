import type { ExitReason } from "@espalier/actors";
import type { ListenerCounter } from "./stats.ts";
import type { Address } from "./transport.ts";

declare module "@espalier/actors" {
  interface TraceEvents {
    /** The listening socket is open. The subject is the listener. */
    listening: { readonly listener: string; readonly address: Address };
    /** A connection has been started. The subject is the connection supervisor; exactly one `connectionStopped` follows. */
    connectionStarted: { readonly listener: string; readonly connection: string; readonly peer: Address };
    /** A connection has ended. */
    connectionStopped: {
      readonly listener: string;
      /** The printed pid. */
      readonly connection: string;
      readonly peer: Address;
      readonly reason: ExitReason;
      readonly bytesReceived: number;
      readonly bytesSent: number;
    };
    /** An accepted socket was refused. `counter` says why: it is the one of the listener's `stats` that went up. */
    connectionRefused: {
      readonly listener: string;
      readonly peer: Address;
      readonly counter: ListenerCounter;
    };
  }
}
