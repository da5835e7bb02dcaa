import type { ListenSocketOptions, Transport, TransportSocket } from "../../src/transport.ts";
import { calling, ListenRecorder, type Reaction, SocketRecorder } from "./socket-recorder.ts";

/** A transport under test. */
export interface Subject {
  readonly transport: Transport;
  /** Bytes, more than one direction of a connection holds between its writer and a reader that does not read. */
  readonly beyondBuffers: number;
  /** Where unix sockets are made, each named after a port that stands for it. Absent: on real ports. */
  readonly directory?: string;
  /** What connecting to where nobody listens fails with. @defaultValue "ECONNREFUSED" */
  readonly refusal?: string;
  /** Whether `close("reset")` is told to the peer as ECONNRESET. @defaultValue true */
  readonly hasReset?: boolean;
  /** An accepted socket can be used to the full. Absent: it can from the start. */
  readonly isUp?: (socket: TransportSocket) => boolean;
  /** Whether a socket that was never resumed has read nothing. @defaultValue true */
  readonly isStill?: boolean;
  /** Time in which the transport lives if it passes only when it is told to. Absent: it passes by itself. */
  readonly time?: SimulatedTime;
  /** Connections and listening sockets that still exist underneath, however their owners see it. */
  openHandles(): number;
}

export interface SimulatedTime {
  /** The next thing happens; false: there is none. */
  pass(): boolean;
}

export interface Pair {
  readonly client: SocketRecorder;
  readonly server: SocketRecorder;
}

/** `host: "any"` for none, all addresses of this machine. */
export interface Listening {
  readonly host?: string;
  readonly port?: number;
  readonly mode?: number;
}

const HOST = "127.0.0.1";

/** Ports that stand for unix sockets. */
let lastPort = 0;

export const echo: Reaction = (name, recorder, bytes) => {
  if (name === "data") recorder.write(Uint8Array.from(bytes));
  if (name === "end") recorder.close("flush");
};

/** Everything one test opens. `dispose` closes it, and fails if the transport did what none may do. */
export class World {
  readonly #subject: Subject;
  readonly #listeners: ListenRecorder[] = [];
  readonly #clients: SocketRecorder[] = [];
  #barrier: Promise<SocketRecorder> | undefined;
  #isDisposed = false;

  constructor(subject: Subject) {
    this.#subject = subject;
    if (subject.time !== undefined) void this.#live(subject.time);
  }

  /** One thing after the other happens, with all that a test makes of it, as long as there is a test. */
  async #live(time: SimulatedTime): Promise<void> {
    while (!this.#isDisposed) {
      time.pass();
      await turn();
    }
  }

  /** Without waiting for the outcome. */
  startListening(options: Listening = {}, react?: Reaction): ListenRecorder {
    const recorder = new ListenRecorder(react);
    const { host = HOST, port = 0, mode } = options;
    const complete: ListenSocketOptions = {
      port,
      backlog: 511,
      noDelay: true,
      keepAlive: false,
      ...(host !== "any" && { host }),
      ...this.#place(port === 0 ? (lastPort += 1) : port),
      ...(mode !== undefined && { mode }),
    };
    recorder.attach(calling(() => this.#subject.transport.listen(complete, recorder.events)));
    this.#listeners.push(recorder);
    return recorder;
  }

  /** The file that stands for a port. */
  pathOf(port: number): string {
    return `${this.#subject.directory}/${port}`;
  }

  #place(port: number): { readonly path?: string } {
    return this.#subject.directory === undefined ? {} : { path: this.pathOf(port) };
  }

  async listen(options: Listening = {}, react?: Reaction): Promise<ListenRecorder> {
    const listener = this.startListening(options, react);
    await listener.next("listening");
    return listener;
  }

  /** Without waiting for the outcome. */
  startConnecting(port: number, react?: Reaction, host = HOST): SocketRecorder {
    const recorder = new SocketRecorder(react);
    const to = { host, port, noDelay: true, ...this.#place(port) };
    recorder.attach(calling(() => this.#subject.transport.connect(to, recorder.events)));
    this.#clients.push(recorder);
    return recorder;
  }

  async connect(port: number, react?: Reaction): Promise<SocketRecorder> {
    const client = this.startConnecting(port, react);
    await client.next("connected");
    return client;
  }

  /** A connection, both ends paused. */
  async pair(react: { readonly client?: Reaction; readonly server?: Reaction } = {}): Promise<Pair> {
    const listener = await this.listen({}, react.server);
    const client = await this.connect(listener.port, react.client);
    const server = await listener.connection(0);
    await until(() => this.#subject.isUp?.(server.socket) !== false);
    return { client, server };
  }

  /**
   * Everything that was under way has arrived: a few bytes went round on a connection of their own, several times, behind
   * everything else. In simulated time: nothing is left that could happen.
   */
  async settle(): Promise<void> {
    const { time } = this.#subject;
    if (time !== undefined) {
      do await turn();
      while (time.pass());
      return;
    }
    this.#barrier ??= this.#openBarrier();
    const barrier = await this.#barrier;
    for (let round = 0; round < 5; round += 1) {
      const total = barrier.receivedBytes + 1;
      barrier.write(".");
      await barrier.bytes(total);
    }
  }

  async dispose(): Promise<void> {
    try {
      await this.#close();
    } finally {
      this.#isDisposed = true;
    }
  }

  async #close(): Promise<void> {
    const accepted = (): SocketRecorder[] => this.#listeners.flatMap((listener) => listener.accepted);
    for (const listener of this.#listeners) listener.close();
    for (const listener of this.#listeners) if (!listener.isOver) await listener.next("closed");
    for (const socket of [...this.#clients, ...accepted()]) socket.close("now");
    for (const socket of [...this.#clients, ...accepted()]) await socket.until(() => socket.isClosed);
    await until(() => this.#subject.openHandles() === 0);
    const faults = [
      ...[...this.#clients, ...accepted()].flatMap((socket) => socket.faults),
      ...this.#listeners.flatMap((listener) => [...listener.faults, ...outcomeFaults(listener)]),
    ];
    if (faults.length > 0) throw new Error(faults.join("; "));
  }

  async #openBarrier(): Promise<SocketRecorder> {
    const listener = await this.listen({}, echo);
    const client = await this.connect(listener.port);
    const server = await listener.connection(0);
    client.resume();
    server.resume();
    return client;
  }
}

/** Exactly one of `listening` and `failed`, and it comes first. */
function outcomeFaults(listener: ListenRecorder): string[] {
  const [first] = listener.log;
  const isRight = first === "listening" || first === "failed";
  const outcomes = listener.count("listening") + listener.count("failed");
  return isRight && outcomes === 1 ? [] : [`listening socket: ${listener.log.join(", ")}`];
}

/** The one poll, for what the system tells nobody: that descriptors are gone, or what only one end is told. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(() => resolve()));
}

/** Bytes that are wrong when one is lost, doubled or moved. */
export function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let index = 0; index < length; index += 1) bytes[index] = (index * 31 + (index >> 8) * 7 + (index >> 16)) & 0xff;
  return bytes;
}
