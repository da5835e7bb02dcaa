import type { ExitReason } from "@espalier/actors";
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
    /** An accepted socket was refused. */
    connectionRefused: { readonly listener: string; readonly peer: Address | undefined; readonly cause: string };
  }
}
