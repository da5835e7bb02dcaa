import type { ProxyHeaderInit } from "@espalier/sockets";

/** What a client does, one after the other. */
export type PeerOp =
  /** Sends bytes; they go out as fast as the other end takes them. */
  | { readonly type: "send"; readonly bytes: Uint8Array }
  /** Does nothing for so many milliseconds. */
  | { readonly type: "wait"; readonly ms: number }
  /** Waits until it has received so many bytes in all, and goes on without them after `withinMs`; `Infinity`: never. */
  | { readonly type: "receive"; readonly count: number; readonly withinMs: number }
  /**
   * Waits until this matches what it has received, sends the text for it, and goes on without after `withinMs`: for a nonce, a
   * session id, a cookie. With TLS it is about what is inside, as all else.
   *
   * It is asked anew at each read, so let it end with what ends the message: bytes may come one by one. What the last answer
   * has matched, and all before that, is no longer looked at, so that the same pattern finds the next nonce; the beginning of
   * what is looked at is `^`.
   */
  | {
      readonly type: "answer";
      /** The source of a regular expression, without flags, about Latin-1 characters, one for each byte. */
      readonly to: string;
      /** Latin-1 characters, one for each byte. `$&` stands for what has matched, `$1` to `$9` for its groups, `$$` for `$`. */
      readonly with: string;
      readonly withinMs: number;
    }
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
  /** When it connects, in milliseconds from the beginning of the work, or from when the one that it comes `after` is gone. */
  readonly at: number;
  /** Its address, by which it is known: one for each client of a run. */
  readonly host: string;
  readonly ops: readonly PeerOp[];
  /**
   * It comes back after it was lost, as a device does: `at` counts from when the client with this host is gone, which is when
   * its connection is over or was refused, or when it has left it or vanished. If there is no such client, it counts from the
   * beginning. While that one is connected it does not come, and nobody waits for it: if everybody else is through with what
   * they do, it never comes, and so do those that come after each other. @defaultValue after nobody
   */
  readonly after?: string;
  /** It sends this first, as a load balancer does. What it sends besides does not count it. @defaultValue no header */
  readonly proxy?: PeerProxy;
  /**
   * It speaks the simulated TLS of `Surroundings.tls` from the beginning, behind the PROXY header. The operations begin when
   * the handshake is done, and what it sends and receives is what is inside. @defaultValue false
   */
  readonly tls?: boolean;
}
