import type { Address } from "../transport.ts";

declare module "@espalier/actors" {
  interface TraceEvents {
    /** A datagram of a peer that `identify` knows came from another address. The subject is the listener. */
    peerMoved: { readonly listener: string; readonly from: Address; readonly to: Address };
    /** The system could not send a datagram, and has said why. The subject is the listener. */
    sendFailed: { readonly listener: string; readonly peer: Address; readonly code: string };
  }
}
