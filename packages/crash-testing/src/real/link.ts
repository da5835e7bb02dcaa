import { Buffer } from "node:buffer";
import { createConnection, Socket } from "node:net";
import type { Stream } from "../choices.ts";
import type { Kind } from "../deviation.ts";
import { LOOPBACK } from "./loopback.ts";
import type { Observer } from "./observed-socket.ts";
import type { ObservedTransport } from "./observed-transport.ts";
import type { RealWorld } from "./real-world.ts";

/** By the value of a deviation of the kind `accept`. */
const ACCEPT = { gone: 1, resetBehind: 2, dropped: 3, lost: 4 } as const;
/** By that of the kind `reset`. */
const BREAK = { reset: 1, silence: 2 } as const;

/** More than that is not waited for before some of it goes on its way. */
const MOST_PENDING = 65_536;

/** What a link needs to know of what is around it. */
export interface LinkContext {
  readonly world: RealWorld;
  readonly server: ObservedTransport;
  readonly serverPort: number;
  readonly host: string;
  /** How many bytes its client has written so far. */
  bytesWritten(): number;
  /** Where its client's own system has cut what was written: the first such place behind this one. */
  nextCut(from: number): number;
  /** Something has happened. */
  onChange(): void;
}

/**
 * A connection from a client to the server, by way of the proxy, which does to it what the plan says. What the client writes
 * goes on when all of it is there, in the pieces of the plan, and each piece when the server has read the one before it: that
 * is what has the server see the cuts, and takes no time.
 */
export class Link implements Observer {
  readonly name: string;
  readonly host: string;
  readonly #context: LinkContext;
  readonly #client: Socket;
  readonly #upstream: Socket;
  readonly #streams = new Map<string, Stream>();
  #pending: Buffer = Buffer.alloc(0);
  /** Bytes that came from the client, and those of them that went on to the server. */
  #received = 0;
  #forwarded = 0;
  #read = 0;
  #isUnderWay = false;
  #hasEnded = false;
  #hasEndedServer = false;
  #isSilent = false;

  constructor(client: Socket, context: LinkContext, number: number) {
    const { host, serverPort } = context;
    this.host = host;
    this.name = `>${host}#${number}`;
    this.#context = context;
    this.#client = client;
    const outcome = this.#stream("accept", this.name).next(5);
    // Of these the server never hears.
    this.#isSilent = outcome === ACCEPT.lost || outcome === ACCEPT.dropped;
    this.#upstream = this.#isSilent
      ? new Socket()
      : createConnection({ host: LOOPBACK, port: serverPort, allowHalfOpen: true, noDelay: true });
    if (outcome === ACCEPT.dropped) this.#destroy();
    if (!this.#isSilent) this.#announce(context.server);
    this.#upstream.on("connect", () => {
      if (outcome === ACCEPT.gone || outcome === ACCEPT.resetBehind) this.#reset();
      this.#forward();
    });
    this.#listen(
      client,
      this.#upstream,
      (bytes) => this.#fromClient(bytes),
      () => this.#clientEnded(),
    );
    this.#listen(
      this.#upstream,
      client,
      (bytes) => this.#fromServer(bytes),
      () => this.#serverEnded(),
    );
  }

  /** Has the server's end observed as soon as there is one. */
  #announce(server: ObservedTransport): void {
    let settle: ((port?: number) => void) | undefined = server.announce(this);
    const once = (): void => {
      settle?.(this.#upstream.localPort);
      settle = undefined;
    };
    this.#upstream.once("connect", once).once("close", once);
  }

  /** So many bytes are on their way to the server. */
  get forwarded(): number {
    return this.#forwarded;
  }

  onRead(bytes: number): void {
    this.#read = bytes;
    this.#forward();
    this.#context.onChange();
  }

  /** Neither end hears of the other any more. */
  silence(): void {
    this.#isSilent = true;
  }

  /** All is well again: if it was silent, both ends hear that it is broken. */
  heal(): void {
    if (this.#isSilent) this.#reset();
  }

  close(): void {
    this.#destroy();
  }

  #listen(from: Socket, to: Socket, data: (bytes: Buffer) => void, end: () => void): void {
    from.on("data", data);
    from.on("end", end);
    // What follows is `close`.
    from.on("error", () => {});
    from.on("close", (hadError) => {
      if (this.#isSilent) return;
      if (hadError) to.resetAndDestroy();
      else to.destroySoon();
    });
  }

  // — To the server ——————————————————————————————————————————————————————————————————————————————————————————————

  #fromClient(bytes: Buffer): void {
    this.#received += bytes.length;
    this.#pending = Buffer.concat([this.#pending, bytes]);
    this.#forward();
  }

  #clientEnded(): void {
    this.#hasEnded = true;
    this.#forward();
  }

  #forward(): void {
    if (this.#isUnderWay || this.#isSilent || this.#upstream.connecting) return;
    const { length } = this.#pending;
    if (length === 0) {
      if (this.#hasEnded) this.#upstream.end();
      return;
    }
    // One that has ended may read no more, and waits for the end.
    if (this.#read < this.#forwarded && !this.#hasEndedServer) return;
    const isComing = !this.#hasEnded && this.#received < this.#context.bytesWritten();
    if (isComing && length < MOST_PENDING) return;
    if (this.#breaks(this.name)) return;
    const most = Math.min(length, this.#context.nextCut(this.#forwarded) - this.#forwarded);
    const take = this.#stream("chunk", this.name).next(most) || most;
    const piece = this.#pending.subarray(0, take);
    this.#pending = this.#pending.subarray(take);
    this.#isUnderWay = true;
    this.#later(this.name, () => {
      this.#isUnderWay = false;
      this.#forwarded += take;
      this.#upstream.write(piece);
      // Behind the last of it the end follows at once.
      if (this.#hasEndedServer || (this.#hasEnded && this.#pending.length === 0)) this.#forward();
    });
  }

  // — To the client ——————————————————————————————————————————————————————————————————————————————————————————————

  #fromServer(bytes: Buffer): void {
    if (this.#isSilent || this.#breaks(this.name.slice(1))) return;
    // No more of it is read before this is on its way, so that what is late stays in order.
    this.#upstream.pause();
    this.#later(this.name.slice(1), () => {
      this.#client.write(bytes);
      this.#upstream.resume();
    });
  }

  #serverEnded(): void {
    if (this.#hasEndedServer || this.#isSilent) return;
    this.#hasEndedServer = true;
    this.#client.end();
    this.#forward();
  }

  // — What the plan says —————————————————————————————————————————————————————————————————————————————————————————

  #breaks(subject: string): boolean {
    const outcome = this.#stream("reset", subject).next(3);
    if (outcome === BREAK.reset) this.#reset();
    if (outcome === BREAK.silence) this.#isSilent = true;
    return outcome !== 0;
  }

  #later(subject: string, run: () => void): void {
    const { world } = this.#context;
    const ms = world.late(this.#stream("net", subject));
    if (ms === 0) run();
    else world.at(world.now() + ms, () => !this.#isSilent && run());
  }

  #stream(kind: Kind, subject: string): Stream {
    const key = `${kind} ${subject}`;
    let stream = this.#streams.get(key);
    if (stream === undefined) {
      stream = this.#context.world.choices.about(kind, subject);
      this.#streams.set(key, stream);
    }
    return stream;
  }

  #reset(): void {
    this.#isSilent = true;
    this.#client.resetAndDestroy();
    this.#upstream.resetAndDestroy();
  }

  #destroy(): void {
    this.#isSilent = true;
    this.#client.destroy();
    this.#upstream.destroy();
  }
}
