import type { Pid } from "@espalier/actors";
import { type Listener, type ListenerOptions, type ListenOn, type Sockets, startSockets } from "@espalier/sockets";
import type { ConnectionDefinition } from "../../src/handler.ts";
import {
  memoryTransport,
  type MemoryTransport,
  type MemoryTransportOptions,
} from "../../src/testing/memory-transport.ts";
import type { ListenEvents, ListenSocket, ListenSocketOptions, SocketOptions, Transport } from "../../src/transport.ts";
import { tcpTransport } from "../../src/transports/tcp.ts";
import { unixTransport } from "../../src/transports/unix.ts";
import { directoryOfTest } from "./directories.ts";
import { type Reaction, SocketRecorder } from "./socket-recorder.ts";
import { type EventOf, handlesOf, useWorldOf, World } from "./world.ts";

/** So often is looked whether all connections have been accepted. */
const MOST_ROUNDS = 1000;

/** What a world may be given in place of its own. */
export interface WorldOptions {
  readonly memory?: MemoryTransportOptions;
  /** Makes the transport of servers and clients of the one underneath. */
  readonly over?: (bare: Transport) => Transport;
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
  /** @defaultValue "127.0.0.1:0", or a unix socket of its own where there are such */
  readonly on?: ListenOn;
}

/** What clients and servers of a world are connected by. */
export type WorldKind = "memory" | "tcp" | "unix";

/** A socket server with clients in the same process, on any transport. */
export class ServerWorld extends World {
  readonly transport: Transport;
  /** The transport for servers: what they accept is counted. */
  readonly watched: Transport;
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
  readonly #handlesBefore = realHandles();
  /** Where unix sockets are made. */
  readonly #directory: string | undefined;
  #unixSockets = 0;
  #barrier: Promise<SocketRecorder> | undefined;

  constructor(kind: WorldKind, options: WorldOptions = {}) {
    super(kind === "memory");
    this.#memory = kind === "memory" ? memoryTransport(options.memory) : undefined;
    this.#directory = kind === "unix" ? directoryOfTest() : undefined;
    const bare = this.#memory ?? (kind === "unix" ? unixTransport() : tcpTransport());
    this.transport = options.over?.(bare) ?? bare;
    const { transport } = this;
    this.watched = {
      name: transport.name,
      get hasRoom() {
        return transport.hasRoom;
      },
      ...(transport.mostSockets !== undefined && { mostSockets: transport.mostSockets }),
      ...(transport.canReusePort !== undefined && { canReusePort: transport.canReusePort }),
      ...(transport.reusePortNeeds !== undefined && { reusePortNeeds: transport.reusePortNeeds }),
      connect: (to, events) => transport.connect(to, events),
      listen: (on, events) => {
        this.listenedOn.push(on);
        const socket = transport.listen(on, this.#counting(events));
        this.listening.push(socket);
        return socket;
      },
    };
  }

  get memory(): MemoryTransport {
    if (this.#memory === undefined) throw new Error("this world has real sockets");
    return this.#memory;
  }

  protected startSockets(): Promise<Sockets> {
    return startSockets(this.system, { transport: this.watched });
  }

  #counting(events: ListenEvents): ListenEvents {
    return {
      listening: (address) => events.listening(address),
      failed: (code) => events.failed(code),
      closed: () => events.closed(),
      acceptFailed: (code) => events.acceptFailed?.(code),
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
    const { name = "echo", on = this.#freePlace(), ...listenerOptions } = options;
    const listener = await this.sockets.open(name, on, listenerOptions, handler as ConnectionDefinition);
    this.listeners.push(listener);
    return listener;
  }

  #freePlace(): string {
    if (this.#directory === undefined) return "127.0.0.1:0";
    this.#unixSockets += 1;
    return `unix:${this.#directory}/${this.#unixSockets}`;
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
    const place = typeof to === "number" ? { port: to } : { ...to.address };
    const transport = from === undefined ? this.transport : this.memory.from(from);
    recorder.attach(transport.connect({ ...place, host, noDelay: true }, recorder.events));
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
    // Nobody is told of those from whom a header or a handshake is expected first.
    for (let round = 0; to.stats.accepted < before + count; round += 1) {
      if (round === MOST_ROUNDS) throw new Error(`${to.stats.accepted - before} of ${count} connections were accepted`);
      await this.settle();
    }
    return clients;
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

  /** The only connection, once it has ended, after its handler had the socket. */
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

  protected async closeClients(): Promise<void> {
    for (const client of this.clients) client.close("now");
    for (const client of this.clients) await client.until(() => client.isClosed);
  }

  protected openHandles(): number {
    if (this.#memory === undefined) return realHandles() - this.#handlesBefore;
    return this.#memory.openSockets + this.#memory.openListeners;
  }

  protected imbalances(): readonly string[] {
    const faults = this.clients.flatMap((client) => client.faults);
    const counted = this.listeners.flatMap(({ stats }) => Object.values(stats)).reduce((sum, count) => sum + count, 0);
    return counted === this.accepted ? faults : [...faults, `${this.accepted} sockets accepted, ${counted} counted`];
  }
}

function realHandles(): number {
  return handlesOf("TCP") + handlesOf("Pipe");
}

/** The world of the test that runs. */
export let world: ServerWorld;

/** Gives each test of this block a world of its own, and looks behind it. */
export function useWorld(transport: WorldKind, options: WorldOptions = {}): void {
  useWorldOf(
    () => new ServerWorld(transport, options),
    (its) => (world = its),
  );
}

/** For laws of all transports: `describe.each(transports)("%s", (transport) => { useWorld(transport); … })`. */
export const transports = ["memory", "tcp"] as const;
