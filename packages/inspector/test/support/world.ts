import {
  createSystem,
  defineServer,
  type Logger,
  noreply,
  ok,
  shutdown,
  silentLogger,
  stop,
  type System,
} from "@espalier/actors";
import { ManualClock } from "@espalier/actors/testing";
import { inspector, type Inspector, type InspectorOptions } from "@espalier/inspector";
import {
  type ConnectionDefinition,
  type ConnectionEvent,
  type ConnectionInput,
  type Listener,
  type ListenerOptions,
  packetMachine,
  type Sockets,
  startSockets,
  type TransportSocket,
} from "@espalier/sockets";
import {
  type MemoryDatagrams,
  memoryDatagrams,
  type MemoryTransport,
  memoryTransport,
} from "@espalier/sockets/testing";
import { child, defineSupervisor } from "@espalier/supervisor";
import { afterEach } from "vitest";
import type { AnyStateMachine } from "xstate";

/** Whoever knows it may give commands to the inspectors of these tests. */
export const TOKEN = "correct-horse-battery";

/** Sends back each packet, and crashes at one that begins with `boom`, with the packet in its error. */
const echo: AnyStateMachine = packetMachine({
  onData(connection, data) {
    const text = Buffer.from(data).toString();
    if (text.startsWith("boom")) throw new RangeError(text);
    connection.send(data);
  },
});

/** Takes what it is sent for its metadata, and ends by it. */
export const leaver: ConnectionDefinition = defineServer<{
  args: ConnectionInput;
  state: ConnectionInput;
  info: ConnectionEvent;
}>({
  name: "leaver",
  init: (input) => ok(input),
  handleInfo(event, state) {
    const { connection } = state;
    if ("type" in event && event.type === "socketReady") connection.activate();
    if (!("data" in event) || !(event.data instanceof Uint8Array)) return noreply(state);
    const text = Buffer.from(event.data).toString();
    connection.metadata.set("said", text);
    connection.activate();
    return text.startsWith("bye") ? stop(shutdown(text), state) : noreply(state);
  },
});

/** What is sent to a `keeper` stays in its state; `{ type: "crash" }` makes it throw the rest of the message. */
export const keeper = defineServer<{ args: string; state: string[]; info: { type: string; text: string } }>({
  name: "keeper",
  init: (first) => ok([first]),
  handleInfo(message, state) {
    if ("text" in message && message.type === "crash") throw new Error(message.text);
    return noreply("text" in message ? [...state, message.text] : state);
  },
});

/** A supervisor of two keepers, `one` and `two`, which are restarted as often as it takes. */
export const pair = defineSupervisor({
  strategy: "oneForOne",
  intensity: 1000,
  children: [
    { id: "one", start: child(keeper, "first", { name: "one" }) },
    { id: "two", start: child(keeper, "first", { name: "two" }) },
  ],
});

/** An answer of the API. */
export interface Told<Body> {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: Body;
}

/** A system with a socket server on a network of memory, and an inspector attached to it. Time stands still. */
export class InspectedWorld {
  readonly clock: ManualClock;
  readonly system: System;
  readonly sockets: Sockets;
  readonly inspector: Inspector;
  readonly network: MemoryTransport;
  readonly datagrams: MemoryDatagrams;
  readonly clients: TransportSocket[] = [];

  private constructor(
    clock: ManualClock,
    system: System,
    sockets: Sockets,
    network: MemoryTransport,
    datagrams: MemoryDatagrams,
    options: InspectorOptions,
  ) {
    this.clock = clock;
    this.system = system;
    this.sockets = sockets;
    this.network = network;
    this.datagrams = datagrams;
    this.inspector = inspector(system, { sockets, token: TOKEN, ...options });
  }

  static async create(options: InspectorOptions = {}, logger: Logger = silentLogger): Promise<InspectedWorld> {
    const clock = new ManualClock({ logger });
    const system = createSystem({ host: clock });
    const network = memoryTransport();
    const datagrams = memoryDatagrams();
    const sockets = await startSockets(system, { transport: network, datagrams });
    const world = new InspectedWorld(clock, system, sockets, network, datagrams, options);
    worlds.push(world);
    return world;
  }

  open(options: ListenerOptions = {}, handler: ConnectionDefinition | AnyStateMachine = echo): Promise<Listener> {
    return this.sockets.open("echo", "127.0.0.1:0", options, handler as ConnectionDefinition);
  }

  async connect(to: Listener, count = 1): Promise<readonly TransportSocket[]> {
    const fresh = Array.from({ length: count }, () => {
      const socket = this.network.connect(
        { host: "127.0.0.1", port: to.port, noDelay: true },
        {
          connected: () => undefined,
          data: () => undefined,
          end: () => socket.end(),
          drain: () => undefined,
          closed: () => undefined,
        },
      );
      socket.resume();
      return socket;
    });
    this.clients.push(...fresh);
    await this.settle();
    return fresh;
  }

  async send(client: TransportSocket | undefined, text: string): Promise<void> {
    client?.write(Buffer.from(text));
    await this.settle();
  }

  /** All that is under way arrives. */
  settle(): Promise<void> {
    return this.clock.advance(0);
  }

  /** Asks a question. */
  async ask<Body = unknown>(path: string, init: RequestInit = {}): Promise<Told<Body>> {
    const answered = await this.inspector.app.request(`/api/v1/${path}`, init);
    const text = await answered.text();
    const { status, headers } = answered;
    return { status, headers, text, body: (text.startsWith("{") ? JSON.parse(text) : undefined) as Body };
  }

  /** Gives a command. */
  async tell<Body = unknown>(name: string, body: object, headers: Record<string, string> = {}): Promise<Told<Body>> {
    const answered = this.ask<Body>(`commands/${name}`, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "content-type": "application/json", authorization: `Bearer ${TOKEN}`, ...headers },
    });
    await this.settle();
    return answered;
  }

  /** The id of the living actor of this path. */
  idOf(path: string): string {
    const process = this.system.inspect().processes.find((candidate) => candidate.path === path);
    if (process === undefined) throw new Error(`there is no ${path}`);
    return `${process.pid.id}.${process.incarnation}.${process.path}`;
  }

  async dispose(): Promise<void> {
    const closed = this.inspector.close();
    for (const client of this.clients) client.close("reset");
    const stopped = this.system.shutdown();
    await this.clock.advance(60_000);
    await Promise.all([closed, stopped]);
  }
}

const worlds: InspectedWorld[] = [];

afterEach(async () => {
  for (const world of worlds.splice(0)) await world.dispose();
});
