import type { ProxyHeaderInit } from "@espalier/sockets";

/** What a client does, one after the other. */
export type PeerOp =
  /** Sends bytes; they go out as fast as the other end takes them. */
  | { readonly type: "send"; readonly bytes: Uint8Array }
  /** Does nothing for so many milliseconds. */
  | { readonly type: "wait"; readonly ms: number }
  /** Waits until it has received so many bytes in all, and goes on without them after `withinMs`. */
  | { readonly type: "receive"; readonly count: number; readonly withinMs: number }
  /**
   * Waits until what it has received ends with this text, of Latin-1 characters, and begins TLS; it goes on when the handshake
   * is done. If it takes too long, it leaves.
   */
  | { readonly type: "startTls"; readonly after: string }
  /** Ends its direction; what comes is still read. */
  | { readonly type: "end" }
  | { readonly type: "close" }
  | { readonly type: "reset" }
  /** Is gone from the network without a word: neither side hears of the other any more. */
  | { readonly type: "vanish" }
  /** Reads nothing any more, so that the other end feels it. */
  | { readonly type: "pause" }
  | { readonly type: "resume" };

/** What a client says in a PROXY header. */
export type PeerProxy = Pick<
  ProxyHeaderInit,
  "version" | "command" | "family" | "source" | "destination" | "isChecksummed"
>;

/** A client of a run, as plain data, so that it can be shrunk and written down. */
export interface PeerScript {
  /** When it connects, in milliseconds from the beginning of the work. */
  readonly at: number;
  /** Its address, by which it is known: one for each client of a run. */
  readonly host: string;
  readonly ops: readonly PeerOp[];
  /** It sends this first, as a load balancer does. What it sends besides does not count it. @defaultValue no header */
  readonly proxy?: PeerProxy;
  /**
   * It speaks the simulated TLS of `Surroundings.tls` from the beginning, behind the PROXY header. The operations begin when
   * the handshake is done, and what it sends and receives is what is inside. @defaultValue false
   */
  readonly tls?: boolean;
}
