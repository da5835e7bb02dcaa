import { createSystem, silentLogger, type System } from "@espalier/actors";
import { inspector, type Inspector, type InspectorOptions, type ListeningInspector } from "@espalier/inspector";
import { type Listener, packetMachine, type Sockets, startSockets, type TransportSocket } from "@espalier/sockets";
import { type MemoryTransport, memoryTransport } from "@espalier/sockets/testing";

/** Whoever knows it may give commands to these inspectors. */
export const TOKEN = "correct-horse-battery";

const echo = packetMachine({ onData: (connection, data) => connection.send(data) });

/** So many clients connect before the server gets its turn. */
const BATCH = 250;

/** A server with clients on a network of memory, and an inspector that listens: the page of it is for real browsers. */
export class PageWorld {
  readonly system: System = createSystem({ logger: silentLogger });
  readonly network: MemoryTransport = memoryTransport();
  readonly clients: TransportSocket[] = [];
  sockets!: Sockets;
  listener!: Listener;
  inspector!: Inspector;
  listening!: ListeningInspector;

  static async start(clients: number, options: InspectorOptions = {}, takesCommands = true): Promise<PageWorld> {
    const world = new PageWorld();
    world.sockets = await startSockets(world.system, { transport: world.network });
    world.listener = await world.sockets.open("echo", "127.0.0.1:0", { maxClients: "infinity" }, echo);
    await world.connect(clients);
    const access = takesCommands ? { token: TOKEN } : {};
    world.inspector = inspector(world.system, { sockets: world.sockets, tickMs: 100, ...access, ...options });
    world.listening = await world.inspector.listen({ port: 0 });
    return world;
  }

  get url(): string {
    return this.listening.url;
  }

  async connect(count: number): Promise<void> {
    for (let index = 0; index < count; index += 1) {
      const socket = this.network.connect(
        { host: "127.0.0.1", port: this.listener.port, noDelay: true },
        {
          connected: () => undefined,
          data: () => undefined,
          end: () => socket.end(),
          drain: () => undefined,
          closed: () => undefined,
        },
      );
      socket.resume();
      this.clients.push(socket);
      if (index % BATCH === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    while (this.listener.currentClients < this.clients.length) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Connects one that the server does not take; it has closed it by then. */
  async connectInVain(): Promise<void> {
    await new Promise<void>((resolve) => {
      const socket = this.network.connect(
        { host: "127.0.0.1", port: this.listener.port, noDelay: true },
        {
          connected: () => socket.resume(),
          data: () => undefined,
          end: () => socket.end(),
          drain: () => undefined,
          closed: () => resolve(),
        },
      );
    });
  }

  async stop(): Promise<void> {
    await this.inspector.close();
    for (const client of this.clients) client.close("reset");
    await this.system.shutdown();
  }
}
