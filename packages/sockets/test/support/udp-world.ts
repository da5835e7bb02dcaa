import {
  type Context,
  createSystem,
  defineServer,
  type Logger,
  nodeHost,
  noreply,
  ok,
  type Pid,
  silentLogger,
  type System,
  type TraceEvent,
} from "@espalier/actors";
import { ManualClock, residue } from "@espalier/actors/testing";
import {
  type Address,
  type Connection,
  type ConnectionEvent,
  type ConnectionInput,
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
import { afterEach, beforeEach } from "vitest";
import type { ConnectionDefinition } from "../../src/handler.ts";
import type { EventOf } from "./server-world.ts";

export interface OpenUdpOptions extends UdpOptions {
  /** @defaultValue "echo" */
  readonly name?: string;
  /** @defaultValue "127.0.0.1:0" */
  readonly on?: string | number;
}

/** The health check of every listener here that has none of its own: what comes back says that all before it has come. */
const PROBE = { request: "are you there?", reply: "yes" };

/**
 * A server of datagrams with clients in the same process, on either transport. `dispose` takes it all down and looks
 * whether every law was kept that holds in every test.
 */
export class UdpWorld {
  readonly system: System;
  readonly transport: DatagramTransport;
  /** Time that stands still; with real sockets it is real. */
  readonly clock: ManualClock | undefined;
  /** What the log has of level warn and error. A test takes out what it expects; the rest fails it. */
  readonly logged: string[] = [];
  readonly events: TraceEvent[] = [];
  readonly clients: DatagramClient[] = [];
  readonly listeners: UdpListener[] = [];
  /** The server's sockets, those that are gone included. */
  readonly bound: DatagramSocket[] = [];
  readonly #memory: MemoryDatagrams | undefined;
  readonly #waiting = new Set<() => void>();
  readonly #handlesBefore = udpHandles();
  #sockets: Sockets | undefined;

  constructor(kind: "memory" | "udp", options: MemoryDatagramsOptions = {}) {
    const note = (level: string) => (_fields: object, text: string) => {
      this.logged.push(`${level} ${text}`);
      this.changed();
    };
    const logger: Logger = { ...silentLogger, warn: note("warn"), error: note("error") };
    this.clock = kind === "memory" ? new ManualClock({ logger }) : undefined;
    this.#memory = kind === "memory" ? memoryDatagrams(options) : undefined;
    this.transport = this.#memory ?? udpTransport();
    this.system = createSystem({ host: this.clock ?? nodeHost({ logger }) });
    this.system.trace(
      (event) => {
        this.events.push(event);
        this.changed();
      },
      { detail: "life" },
    );
  }

  get memory(): MemoryDatagrams {
    if (this.#memory === undefined) throw new Error("this world has real sockets");
    return this.#memory;
  }

  get manual(): ManualClock {
    if (this.clock === undefined) throw new Error("time is real in this world");
    return this.clock;
  }

  get sockets(): Sockets {
    if (this.#sockets === undefined) throw new Error("the server is not started");
    return this.#sockets;
  }

  async start(): Promise<this> {
    const bind: DatagramTransport["bind"] = (options, events) => {
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
    };
    this.#sockets = await startSockets(this.system, { datagrams: { name: this.transport.name, bind } });
    return this;
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

  /** Something that conditions may be about has changed. */
  changed(): void {
    for (const look of this.#waiting) look();
  }

  /** Waits for events until the condition holds. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!condition()) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  of<Type extends TraceEvent["type"]>(type: Type): ReadonlyArray<EventOf<Type>> {
    return this.events.filter((event): event is EventOf<Type> => event.type === type);
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

  /** A child of the listener's supervisor, or that itself. */
  pidOf(listener: UdpListener, id: "connection_sup" | "listener" | "listener_sup"): Pid {
    const root = `sockets/listener_sup:${listener.id}`;
    const path = id === "listener_sup" ? root : `${root}/${id}`;
    const found = this.system.inspect().processes.findLast((process) => process.path === path);
    if (found === undefined) throw new Error(`there is no ${path}`);
    return found.pid;
  }

  async dispose(): Promise<void> {
    for (const client of this.clients) client.close();
    const stopped = this.system.shutdown();
    await this.clock?.advance(60_000);
    await stopped;
    await untilPolled(() => this.#openHandles() === 0);
    const faults = [...this.#leaks(), ...this.#imbalances(), ...this.logged];
    if (faults.length > 0) throw new Error(faults.join("\n"));
  }

  #openHandles(): number {
    return this.#memory?.openSockets ?? udpHandles() - this.#handlesBefore;
  }

  #leaks(): string[] {
    const { actors, names, resources, timers, tasks } = residue(this.system);
    const armed = this.clock?.timers ?? 0;
    return [
      ...[...actors, ...names, ...resources].map((leak) => `left: ${leak}`),
      ...(timers + armed > 0 ? [`left: ${timers} timers, ${armed} of the host`] : []),
      ...(tasks > 0 ? [`left: ${tasks} tasks`] : []),
    ];
  }

  /** What must add up at the end of every test. */
  #imbalances(): string[] {
    const faults: string[] = [];
    const starts = this.of("connectionStarted");
    const stops = this.of("connectionStopped");
    if (new Set(stops.map(({ connection }) => connection)).size !== starts.length || stops.length !== starts.length) {
      faults.push(`${starts.length} peers started, ${stops.length} stopped`);
    }
    const accepted = this.listeners.reduce((sum, { stats }) => sum + stats.accepted, 0);
    if (accepted !== starts.length) faults.push(`${starts.length} peers started, ${accepted} counted`);
    const ends = this.listeners.flatMap(({ shutdownCounts }) => Object.values(shutdownCounts));
    const ended = ends.reduce((sum, count) => sum + count, 0);
    if (ended !== starts.length) faults.push(`${starts.length} peers started, ${ended} ends counted`);
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

/** A handler in the hand of the test. */
export interface Puppet {
  readonly self: Context<Told>;
  readonly connection: Connection;
  /** What it was told, in order: the type of each event, with the text of `data` and the reason of `error`. */
  readonly heard: string[];
}

/** A connection's event, or an order: something to do as a step of the handler. */
type Told = ConnectionEvent | ((puppet: Puppet) => void);

export interface PuppetOptions {
  readonly trapExit?: boolean;
  /** There is no world that waits for anything. */
  readonly isQuiet?: boolean;
  /** What it does at its start; a promise is waited for. */
  readonly init?: (puppet: Puppet) => void | Promise<void>;
  /** What it does at each event, beside keeping it. */
  readonly react?: (event: ConnectionEvent, puppet: Puppet) => void;
}

/** Handlers that keep all that they are told and do only what they are told. */
export function puppetry({ trapExit = false, isQuiet = false, init, react }: PuppetOptions = {}) {
  const changed = (): void => {
    if (!isQuiet) world.changed();
  };
  const puppets: Puppet[] = [];
  const handler = defineServer<{ args: ConnectionInput; state: Puppet; info: Told }>({
    name: "puppet",
    trapExit,
    init({ connection }, self) {
      const puppet: Puppet = { self, connection, heard: [] };
      puppets.push(puppet);
      const rest = init?.(puppet);
      changed();
      return rest instanceof Promise ? rest.then(() => ok(puppet)) : ok(puppet);
    },
    handleInfo(told, puppet) {
      if (typeof told === "function") {
        told(puppet);
      } else {
        const event = told as ConnectionEvent;
        puppet.heard.push(describeEvent(event));
        react?.(event, puppet);
      }
      changed();
      return noreply(puppet);
    },
  });
  return {
    handler,
    puppets,
    /** That of the peer which came as number `index`, once it has been told so much. */
    hears: async (index: number, count: number): Promise<Puppet> => {
      await world.until(() => (puppets[index]?.heard.length ?? 0) >= count);
      return puppets[index] as Puppet;
    },
  };
}

function describeEvent(event: ConnectionEvent): string {
  if (event.type === "data") return `data ${Buffer.from(event.data).toString()}`;
  return event.type === "error" ? `error ${event.reason}` : event.type;
}

function fail(code: string): never {
  throw new Error(code);
}

function udpHandles(): number {
  return process.getActiveResourcesInfo().filter((name) => name.startsWith("UDP")).length;
}

/** The one poll, for what the system tells nobody: that descriptors are gone. */
async function untilPolled(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** The world of the test that runs. */
export let world: UdpWorld;

/** Gives each test of this block a world of its own, and looks behind it. */
export function useUdpWorld(transport: "memory" | "udp", options: MemoryDatagramsOptions = {}): void {
  beforeEach(async () => {
    world = await new UdpWorld(transport, options).start();
  });
  afterEach(() => world.dispose());
}

/** For laws of both transports: `describe.each(transports)("%s", (transport) => { useUdpWorld(transport); … })`. */
export const transports = ["memory", "udp"] as const;
