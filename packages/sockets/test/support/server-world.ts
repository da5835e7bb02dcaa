import {
  createSystem,
  type Logger,
  nodeHost,
  type Pid,
  silentLogger,
  type System,
  type TraceEvent,
} from "@espalier/actors";
import { ManualClock, residue } from "@espalier/actors/testing";
import { type Listener, type ListenerOptions, type ListenOn, type Sockets, startSockets } from "@espalier/sockets";
import { afterEach, beforeEach } from "vitest";
import type { ConnectionDefinition } from "../../src/handler.ts";
import {
  memoryTransport,
  type MemoryTransport,
  type MemoryTransportOptions,
} from "../../src/testing/memory-transport.ts";
import type { ListenEvents, ListenSocket, ListenSocketOptions, SocketOptions, Transport } from "../../src/transport.ts";
import { tcpTransport } from "../../src/transports/tcp.ts";
import { type Reaction, SocketRecorder } from "./socket-recorder.ts";

/** What a world may be given in place of its own. */
export interface WorldOptions {
  readonly memory?: MemoryTransportOptions;
}

export interface ConnectOptions {
  /** Whether the client reads from the start. @defaultValue true */
  readonly reads?: boolean;
  /** Whether the client keeps its side open when the server has ended its own. @defaultValue false */
  readonly lingers?: boolean;
  /** What the client does within each event. */
  readonly react?: Reaction;
  /** The client's own address; on the memory transport only. @defaultValue "127.0.0.1" */
  readonly from?: string;
  /** The server's address. @defaultValue "127.0.0.1" */
  readonly host?: string;
}

export interface OpenOptions extends ListenerOptions {
  /** @defaultValue "echo" */
  readonly name?: string;
  /** @defaultValue "127.0.0.1:0" */
  readonly on?: ListenOn;
}

/** The events of one type, of all that a program can see. */
export type EventOf<Type extends TraceEvent["type"]> = Extract<TraceEvent, { readonly type: Type }>;

/**
 * A socket server with clients in the same process, on either transport. `dispose` takes it all down and looks whether
 * every law was kept that holds in every test.
 */
export class ServerWorld {
  readonly system: System;
  readonly transport: Transport;
  /** The transport for servers: what they accept is counted. */
  readonly watched: Transport;
  /** Time that stands still; with real sockets it is real. */
  readonly clock: ManualClock | undefined;
  /** What the log has of level warn and error. A test takes out what it expects; the rest fails it. */
  readonly logged: string[] = [];
  /** What the log has of level info. */
  readonly told: string[] = [];
  readonly events: TraceEvent[] = [];
  readonly listeners: Listener[] = [];
  readonly clients: SocketRecorder[] = [];
  /** What the server asked of the transport, each time that it listened. */
  readonly listenedOn: ListenSocketOptions[] = [];
  /** The server's listening sockets, those that are gone included. */
  readonly listening: ListenSocket[] = [];
  /** Sockets that the transport has accepted. */
  accepted = 0;
  /** What connections have asked of their sockets, in order. */
  readonly socketOptions: SocketOptions[] = [];
  readonly #memory: MemoryTransport | undefined;
  readonly #ports = new Map<SocketRecorder, number | undefined>();
  readonly #waiting = new Set<() => void>();
  readonly #handlesBefore: number;
  #sockets: Sockets | undefined;
  #barrier: Promise<SocketRecorder> | undefined;

  constructor(kind: "memory" | "tcp", options: WorldOptions = {}) {
    const note = (level: string) => (_fields: object, text: string) => {
      this.logged.push(`${level} ${text}`);
      this.changed();
    };
    const info = (_fields: object, text: string) => void this.told.push(text);
    const logger: Logger = { ...silentLogger, info, warn: note("warn"), error: note("error") };
    this.clock = kind === "memory" ? new ManualClock({ logger }) : undefined;
    this.#memory = kind === "memory" ? memoryTransport(options.memory) : undefined;
    this.transport = this.#memory ?? tcpTransport();
    const { transport } = this;
    this.watched = {
      name: transport.name,
      get hasRoom() {
        return transport.hasRoom;
      },
      ...(transport.mostSockets !== undefined && { mostSockets: transport.mostSockets }),
      connect: (to, events) => transport.connect(to, events),
      listen: (on, events) => {
        this.listenedOn.push(on);
        const socket = transport.listen(on, this.#counting(events));
        this.listening.push(socket);
        return socket;
      },
    };
    this.#handlesBefore = tcpHandles();
    this.system = createSystem({ host: this.clock ?? nodeHost({ logger }) });
    this.system.trace(
      (event) => {
        this.events.push(event);
        this.changed();
      },
      { detail: "life" },
    );
  }

  get memory(): MemoryTransport {
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
    this.#sockets = await startSockets(this.system, { transport: this.watched });
    return this;
  }

  #counting(events: ListenEvents): ListenEvents {
    return {
      listening: (address) => events.listening(address),
      failed: (code) => events.failed(code),
      closed: () => events.closed(),
      accepted: (socket) => {
        this.accepted += 1;
        const setOptions = socket.setOptions.bind(socket);
        socket.setOptions = (options) => {
          this.socketOptions.push(options);
          setOptions(options);
          this.changed();
        };
        events.accepted(socket);
      },
    };
  }

  /** A listener on a free port. */
  async open(handler: ConnectionDefinition | object, options: OpenOptions = {}): Promise<Listener> {
    const { name = "echo", on = "127.0.0.1:0", ...listenerOptions } = options;
    const listener = await this.sockets.open(name, on, listenerOptions, handler as ConnectionDefinition);
    this.listeners.push(listener);
    return listener;
  }

  /** Without waiting for the outcome. */
  startConnecting(to: Listener | number, options: ConnectOptions = {}): SocketRecorder {
    const { reads = true, lingers = false, react, from, host = "127.0.0.1" } = options;
    const recorder = new SocketRecorder((name, client, bytes) => {
      if (name === "connected") this.#ports.set(client, client.socket.local?.port);
      react?.(name, client, bytes);
      if (name === "end" && !lingers) client.end();
      this.changed();
    });
    const port = typeof to === "number" ? to : to.port;
    const transport = from === undefined ? this.transport : this.memory.from(from);
    recorder.attach(transport.connect({ host, port, noDelay: true }, recorder.events));
    this.clients.push(recorder);
    if (reads) recorder.resume();
    return recorder;
  }

  async connect(to: Listener | number, options: ConnectOptions = {}): Promise<SocketRecorder> {
    const client = this.startConnecting(to, options);
    await client.next("connected");
    return client;
  }

  /** The client's own port, also when it is gone. */
  portOf(client: SocketRecorder): number | undefined {
    return this.#ports.get(client);
  }

  /** Clients whose connections have been started. */
  async connectMany(to: Listener, count: number, options: ConnectOptions = {}): Promise<readonly SocketRecorder[]> {
    const before = to.stats.accepted;
    const clients = Array.from({ length: count }, () => this.startConnecting(to, options));
    await this.until(() => to.stats.accepted === before + count);
    return clients;
  }

  /** Something that conditions may be about has changed. */
  changed(): void {
    for (const look of this.#waiting) look();
  }

  /** Waits for events until the condition holds. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        try {
          if (!condition()) return;
          resolve();
        } catch (error) {
          reject(error);
        }
        this.#waiting.delete(look);
      };
      this.#waiting.add(look);
      look();
    });
  }

  of<Type extends TraceEvent["type"]>(type: Type): ReadonlyArray<EventOf<Type>> {
    return this.events.filter((event): event is EventOf<Type> => event.type === type);
  }

  /**
   * Everything that was under way has arrived. On real sockets: a few bytes went round on a connection of their own,
   * several times, behind everything else.
   */
  async settle(): Promise<void> {
    if (this.clock !== undefined) {
      await this.clock.advance(0);
      return;
    }
    this.#barrier ??= this.#openBarrier();
    const barrier = await this.#barrier;
    for (let round = 0; round < 5; round += 1) {
      const total = barrier.receivedBytes + 1;
      barrier.write(".");
      await barrier.bytes(total);
      await this.system.idle();
    }
  }

  async #openBarrier(): Promise<SocketRecorder> {
    const server = new SocketRecorder((name, recorder, bytes) => {
      if (name === "data") recorder.write(bytes);
      if (name === "end") recorder.close("flush");
    });
    const port = await new Promise<number>((resolve) => {
      const socket = this.transport.listen(
        { host: "127.0.0.1", port: 0, backlog: 1, noDelay: true, keepAlive: false },
        {
          listening: (address) => resolve(address.port),
          failed: (code) => {
            throw new Error(code);
          },
          accepted: (accepted) => {
            server.attach(accepted);
            accepted.setEvents(server.events);
            server.resume();
            socket.close();
          },
          closed: () => undefined,
        },
      );
    });
    return this.connect(port);
  }

  /** A child of the listener's supervisor. */
  pidOf(listener: Listener, id: "connection_sup" | "listener" | "acceptor_sup"): Pid {
    const path = `sockets/listener_sup:${listener.id}/${id}`;
    const found = this.system.inspect().processes.findLast((process) => process.path === path);
    if (found === undefined) throw new Error(`there is no ${path}`);
    return found.pid;
  }

  /** The only connection, once it has ended. */
  async stopped(): Promise<EventOf<"connectionStopped">> {
    await this.until(() => this.of("connectionStopped").length === 1);
    const [stop] = this.of("connectionStopped");
    if (stop === undefined) throw new Error("no connection has stopped");
    return stop;
  }

  /** Kills an actor of the server, and waits until what follows from that is done. */
  async kill(pid: Pid): Promise<void> {
    const ended = this.system.exited(pid);
    this.system.kill(pid);
    await ended;
    await this.settle();
  }

  async dispose(): Promise<void> {
    for (const client of this.clients) client.close("now");
    for (const client of this.clients) await client.until(() => client.isClosed);
    const stopped = this.system.shutdown();
    await this.clock?.advance(60_000);
    await stopped;
    await untilPolled(() => this.#openHandles() === 0);
    const faults = [...this.#leaks(), ...this.#imbalances(), ...this.logged];
    for (const client of this.clients) faults.push(...client.faults);
    if (faults.length > 0) throw new Error(faults.join("\n"));
  }

  #openHandles(): number {
    if (this.#memory === undefined) return tcpHandles() - this.#handlesBefore;
    return this.#memory.openSockets + this.#memory.openListeners;
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
    const stops = new Map<string, number>();
    for (const { connection } of this.of("connectionStopped")) stops.set(connection, (stops.get(connection) ?? 0) + 1);
    const starts = this.of("connectionStarted");
    for (const { connection } of starts) {
      const count = stops.get(connection) ?? 0;
      if (count !== 1) faults.push(`connection ${connection} was started once and stopped ${count} times`);
    }
    if (stops.size > starts.length) faults.push(`${starts.length} connections started, ${stops.size} stopped`);
    const counted = this.listeners.flatMap(({ stats }) => Object.values(stats)).reduce((sum, count) => sum + count, 0);
    if (counted !== this.accepted) faults.push(`${this.accepted} sockets accepted, ${counted} counted`);
    const ends = this.listeners.flatMap(({ shutdownCounts }) => Object.values(shutdownCounts));
    const ended = ends.reduce((sum, count) => sum + count, 0);
    if (ended !== starts.length) faults.push(`${starts.length} connections started, ${ended} ends counted`);
    return faults;
  }
}

function tcpHandles(): number {
  return process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP")).length;
}

/** The one poll, for what the system tells nobody: that descriptors are gone. */
async function untilPolled(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** The world of the test that runs. */
export let world: ServerWorld;

/** Gives each test of this block a world of its own, and looks behind it. */
export function useWorld(transport: "memory" | "tcp", options: WorldOptions = {}): void {
  beforeEach(async () => {
    world = await new ServerWorld(transport, options).start();
  });
  afterEach(() => world.dispose());
}

/** For laws of all transports: `describe.each(transports)("%s", (transport) => { useWorld(transport); … })`. */
export const transports = ["memory", "tcp"] as const;
