import { createServer, type Server } from "node:net";
import { type SocketEvents, tcpTransport, type Transport, type TransportSocket } from "@espalier/sockets";
import type { PeerNetwork } from "../peer.ts";
import { turn } from "../wall-clock.ts";
import { Link, type LinkContext } from "./link.ts";
import { LOOPBACK } from "./loopback.ts";
import { ObservedSocket } from "./observed-socket.ts";

/** By the value of a deviation of the kind `connect`. */
const REFUSED = 1;

type ProxyContext = Omit<LinkContext, "bytesWritten" | "nextCut">;

/** The way of one client to the server: a proxy of its own, which it takes for the server. */
export class Proxy {
  readonly #server: Server;
  readonly #context: ProxyContext;
  readonly #transport = tcpTransport();
  readonly #links: Link[] = [];
  readonly #sockets: TransportSocket[] = [];
  /** Where what the client writes is cut, in ascending order. */
  readonly #cuts: number[] = [];
  /** It has written, and nobody else had his turn since: what it writes without a wait is written so. */
  #hasJustWritten = false;

  private constructor(server: Server, context: ProxyContext) {
    this.#server = server;
    this.#context = context;
    server.on("connection", (client) => {
      const bytesWritten = (): number => this.#sockets.at(-1)?.bytesSent ?? 0;
      const nextCut = (from: number): number => this.#cuts.find((cut) => cut > from) ?? Infinity;
      this.#links.push(new Link(client, { ...context, bytesWritten, nextCut }, this.#links.length + 1));
    });
  }

  /** Resolves when clients can connect. */
  static async open(context: ProxyContext): Promise<Proxy> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(0, LOOPBACK, resolve);
    });
    return new Proxy(server, context);
  }

  /** Where it listens. */
  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** The network as the client sees it. */
  get network(): PeerNetwork {
    const transport: Pick<Transport, "connect"> = { connect: (options, events) => this.#connect(options, events) };
    return {
      from: () => transport,
      nameOf: (socket) => `${this.#context.host}#${this.#sockets.indexOf(socket) + 1}`,
      sever: () => this.#links.at(-1)?.silence(),
    };
  }

  /** All is well again. */
  heal(): void {
    for (const link of this.#links) link.heal();
  }

  /** Resolves when nothing is left of it. */
  async close(): Promise<void> {
    for (const link of this.#links) link.close();
    for (const socket of this.#sockets) socket.close("now");
    if (this.#server.listening) await new Promise((resolve) => void this.#server.close(resolve));
  }

  /** What a client writes after a wait is read by itself, however late the server has come to read what was before it. */
  #partFrom(before: number): void {
    if (this.#hasJustWritten) return;
    if (before > 0) this.#cuts.push(before);
    this.#hasJustWritten = true;
    void turn().then(() => (this.#hasJustWritten = false));
  }

  #connect(options: Parameters<Transport["connect"]>[0], events: SocketEvents): TransportSocket {
    const { host, onChange, world } = this.#context;
    const { port } = this;
    if (world.choices.about("connect", `${host}#1`).next(3) === REFUSED) this.#server.close();
    const after = (told: () => void): void => {
      told();
      onChange();
    };
    const socket = this.#transport.connect({ ...options, host: LOOPBACK, port }, events);
    const writes = world.choices.about("write", `${host}#1`);
    const observed = new ObservedSocket(socket, {
      name: `${host}#1`,
      host: LOOPBACK,
      onWrite: (bytes, before) => {
        this.#partFrom(before);
        // What is still to go out by itself is not cut anew.
        if ((this.#cuts.at(-1) ?? 0) > (this.#links.at(-1)?.forwarded ?? 0)) return;
        const outcome = writes.next(bytes + 1);
        if (outcome > 1) this.#cuts.push(before + outcome - 1);
      },
    });
    observed.setEvents({
      connected: () => after(() => events.connected()),
      data: (bytes) => after(() => events.data(bytes)),
      end: () => after(() => events.end()),
      drain: () => after(() => events.drain()),
      closed: (code) => after(() => events.closed(code)),
    });
    this.#sockets.push(observed);
    return observed;
  }
}
