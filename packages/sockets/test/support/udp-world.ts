import {
  type Address,
  type DatagramEvents,
  type DatagramSocket,
  type DatagramTransport,
  type Sockets,
  startSockets,
  type UdpListener,
  type UdpOptions,
  udpTransport,
} from "@espalier/sockets";
import { memoryDatagrams, type MemoryDatagrams, type MemoryDatagramsOptions } from "@espalier/sockets/testing";
import type { ConnectionDefinition } from "../../src/handler.ts";
import { handlesOf, useWorldOf, World } from "./world.ts";

export interface OpenUdpOptions extends UdpOptions {
  /** @defaultValue "echo" */
  readonly name?: string;
  /** @defaultValue "127.0.0.1:0" */
  readonly on?: string | number;
}

/** The health check of every listener here that has none of its own: what comes back says that all before it has come. */
const PROBE = { request: "are you there?", reply: "yes" };

/** A server of datagrams with clients in the same process, on either transport. */
export class UdpWorld extends World<UdpListener> {
  readonly transport: DatagramTransport;
  /** The transport for servers: their sockets are kept. */
  readonly watched: DatagramTransport;
  readonly clients: DatagramClient[] = [];
  /** The server's sockets, those that are gone included. */
  readonly bound: DatagramSocket[] = [];
  readonly #memory: MemoryDatagrams | undefined;
  readonly #handlesBefore = handlesOf("UDP");

  constructor(kind: "memory" | "udp", options: MemoryDatagramsOptions = {}) {
    super(kind === "memory");
    this.#memory = kind === "memory" ? memoryDatagrams(options) : undefined;
    this.transport = this.#memory ?? udpTransport();
    const { name } = this.transport;
    this.watched = { name, bind: (socketOptions, events) => this.#bind(socketOptions, events) };
  }

  get memory(): MemoryDatagrams {
    if (this.#memory === undefined) throw new Error("this world has real sockets");
    return this.#memory;
  }

  protected startSockets(): Promise<Sockets> {
    return startSockets(this.system, { datagrams: this.watched });
  }

  #bind(options: Parameters<DatagramTransport["bind"]>[0], events: DatagramEvents): DatagramSocket {
    const socket = this.transport.bind(options, {
      bound: (address) => events.bound(address),
      failed: (code) => events.failed(code),
      received: (bytes, from) => {
        events.received(bytes, from);
        this.changed();
      },
      sendFailed: (to, code) => events.sendFailed(to, code),
      ended: (peer, code) => events.ended(peer, code),
      closed: () => events.closed(),
    });
    this.bound.push(socket);
    return socket;
  }

  /** A listener on a free port. */
  async open(handler: ConnectionDefinition | object, options: OpenUdpOptions = {}): Promise<UdpListener> {
    const { name = "echo", on = "127.0.0.1:0", ...udpOptions } = options;
    const complete = { healthCheck: PROBE, ...udpOptions };
    const listener = await this.sockets.openUdp(name, on, complete, handler as ConnectionDefinition);
    this.listeners.push(listener);
    return listener;
  }

  /** A client with a port of its own. */
  async client(from?: string): Promise<DatagramClient> {
    const client = new DatagramClient(this, from === undefined ? this.transport : this.memory.from(from));
    this.clients.push(client);
    await this.until(() => client.isBound);
    return client;
  }

  /** Everything that was sent to the listener has been dealt with. */
  async settle(listener: UdpListener): Promise<void> {
    if (this.clock !== undefined) {
      await this.clock.advance(0);
      return;
    }
    const prober = await this.client();
    prober.send(listener, PROBE.request);
    await prober.texts(1);
    await this.system.idle();
  }

  protected async closeClients(): Promise<void> {
    for (const client of this.clients) client.close();
  }

  protected openHandles(): number {
    return this.#memory?.openSockets ?? handlesOf("UDP") - this.#handlesBefore;
  }

  protected imbalances(): readonly string[] {
    const faults: string[] = [];
    const started = this.of("connectionStarted").length + this.of("connectionFailed").length;
    const accepted = this.listeners.reduce((sum, { stats }) => sum + stats.accepted, 0);
    if (accepted !== started) faults.push(`${started} peers started, ${accepted} counted`);
    for (const { id, datagrams } of this.listeners) {
      const { received, sent: _sent, sendFailed: _failed, ...causes } = datagrams;
      const counted = Object.values(causes).reduce((sum, count) => sum + count, 0);
      if (received !== counted) faults.push(`${id}: ${received} datagrams received, ${counted} counted`);
    }
    return faults;
  }
}

/** A client: a socket of the same transport, which keeps all that it receives. */
export class DatagramClient {
  readonly received: Buffer[] = [];
  readonly #world: UdpWorld;
  readonly #socket: DatagramSocket;
  #address: Address | undefined;

  constructor(world: UdpWorld, transport: DatagramTransport) {
    this.#world = world;
    const events: DatagramEvents = {
      bound: (address) => {
        this.#address = address;
        world.changed();
      },
      failed: fail,
      received: (bytes) => {
        this.received.push(Buffer.from(bytes));
        world.changed();
      },
      sendFailed: (_to, code) => fail(code),
      ended: () => fail("there are no sessions"),
      closed: () => world.changed(),
    };
    const host = transport.name === "udp" ? { host: "127.0.0.1" } : {};
    this.#socket = transport.bind({ ...host, port: 0 }, events);
  }

  get isBound(): boolean {
    return this.#address !== undefined;
  }

  get address(): Address {
    if (this.#address === undefined) throw new Error("the client is not bound");
    return this.#address;
  }

  /** In order. */
  send(to: UdpListener | number, ...datagrams: ReadonlyArray<string | Uint8Array>): void {
    const port = typeof to === "number" ? to : to.port;
    for (const data of datagrams) this.#socket.send(Buffer.from(data), { host: "127.0.0.1", port });
  }

  /** All that came, once there are so many. */
  async texts(count: number): Promise<string[]> {
    await this.#world.until(() => this.received.length >= count);
    return this.received.map(String);
  }

  close(): void {
    this.#socket.close();
  }
}

function fail(code: string): never {
  throw new Error(code);
}

/** The world of the test that runs. */
export let world: UdpWorld;

/** Gives each test of this block a world of its own, and looks behind it. */
export function useUdpWorld(transport: "memory" | "udp", options: MemoryDatagramsOptions = {}): void {
  useWorldOf(
    () => new UdpWorld(transport, options),
    (its) => (world = its),
  );
}

/** For laws of both transports: `describe.each(transports)("%s", (transport) => { useUdpWorld(transport); … })`. */
export const transports = ["memory", "udp"] as const;
