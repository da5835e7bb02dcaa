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
import type { Listener, Sockets } from "@espalier/sockets";
import { afterEach, beforeEach } from "vitest";

/** The events of one type, of all that a program can see. */
export type EventOf<Type extends TraceEvent["type"]> = Extract<TraceEvent, { readonly type: Type }>;

/**
 * A socket server with clients in the same process. `dispose` takes it all down and looks whether every law was kept that
 * holds in every test.
 */
export abstract class World<One extends Listener = Listener> {
  readonly system: System;
  /** Time that stands still; with real sockets it is real. */
  readonly clock: ManualClock | undefined;
  /** What the log has of level warn and error. A test takes out what it expects; the rest fails it. */
  readonly logged: string[] = [];
  /** What the log has of level info. */
  readonly told: string[] = [];
  readonly events: TraceEvent[] = [];
  readonly listeners: One[] = [];
  readonly #waiting = new Set<() => void>();
  #sockets: Sockets | undefined;

  constructor(isInMemory: boolean) {
    const note = (level: string) => (_fields: object, text: string) => {
      this.logged.push(`${level} ${text}`);
      this.changed();
    };
    const info = (_fields: object, text: string) => void this.told.push(text);
    const logger: Logger = { ...silentLogger, info, warn: note("warn"), error: note("error") };
    this.clock = isInMemory ? new ManualClock({ logger }) : undefined;
    this.system = createSystem({ host: this.clock ?? nodeHost({ logger }) });
    this.system.trace(
      (event) => {
        this.events.push(event);
        this.changed();
      },
      { detail: "life" },
    );
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
    this.#sockets = await this.startSockets();
    return this;
  }

  protected abstract startSockets(): Promise<Sockets>;

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

  /** How accepted connections have ended so far, also those whose handlers never had the socket. */
  get ends(): ReadonlyArray<EventOf<"connectionStopped"> | EventOf<"connectionFailed">> {
    return this.events.filter((event) => event.type === "connectionStopped" || event.type === "connectionFailed");
  }

  /** The only connection, once it has ended, in whichever way. */
  async ended(): Promise<EventOf<"connectionStopped"> | EventOf<"connectionFailed">> {
    await this.until(() => this.ends.length === 1);
    const [end] = this.ends;
    if (end === undefined) throw new Error("no connection has ended");
    return end;
  }

  /** A child of the listener's supervisor, or that itself. */
  pidOf(listener: One, id: "acceptor_sup" | "connection_sup" | "listener" | "listener_sup"): Pid {
    const root = `sockets/listener_sup:${listener.id}`;
    const path = id === "listener_sup" ? root : `${root}/${id}`;
    const found = this.system.inspect().processes.findLast((process) => process.path === path);
    if (found === undefined) throw new Error(`there is no ${path}`);
    return found.pid;
  }

  async dispose(): Promise<void> {
    await this.closeClients();
    const stopped = this.system.shutdown();
    await this.clock?.advance(60_000);
    await stopped;
    await untilPolled(() => this.openHandles() === 0);
    const faults = [...this.#leaks(), ...this.#imbalances(), ...this.imbalances(), ...this.logged];
    if (faults.length > 0) throw new Error(faults.join("\n"));
  }

  protected abstract closeClients(): Promise<void>;

  /** Sockets that are there yet. */
  protected abstract openHandles(): number;

  /** What must add up besides, at the end of every test. */
  protected abstract imbalances(): readonly string[];

  #leaks(): string[] {
    const { actors, names, resources, timers, tasks } = residue(this.system);
    const armed = this.clock?.timers ?? 0;
    return [
      ...[...actors, ...names, ...resources].map((leak) => `left: ${leak}`),
      ...(timers + armed > 0 ? [`left: ${timers} timers, ${armed} of the host`] : []),
      ...(tasks > 0 ? [`left: ${tasks} tasks`] : []),
    ];
  }

  /** What must add up at the end of every test, whatever the transport is. */
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
    const ends = this.listeners.flatMap(({ shutdownCounts }) => Object.values(shutdownCounts));
    const ended = ends.reduce((sum, count) => sum + count, 0);
    // A client that is refused by what it says first, or by its handler, was accepted, and has not started.
    const failures = this.of("connectionFailed");
    const failed = failures.length;
    if (ended !== starts.length + failed) {
      faults.push(`${starts.length} connections started and ${failed} failed, ${ended} ends counted`);
    }
    const begun = new Set([...starts, ...failures].map(({ connection }) => connection));
    const accepted = this.listeners.reduce((sum, { stats }) => sum + stats.accepted, 0);
    if (begun.size !== starts.length + failed || accepted !== begun.size) {
      faults.push(`${accepted} connections accepted, ${starts.length} started and ${failed} failed`);
    }
    return faults;
  }
}

/** How many handles of this kind the process has. */
export function handlesOf(kind: "TCP" | "UDP" | "Pipe"): number {
  return process.getActiveResourcesInfo().filter((name) => name.startsWith(kind)).length;
}

/** The one poll, for what the system tells nobody: that descriptors are gone. */
async function untilPolled(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** The world of the test that runs, whatever its transport is; none before the first. */
export let anyWorld: World | undefined;

/** Gives each test of this block a world of its own, and looks behind it. */
export function useWorldOf<Its extends World>(create: () => Its, use: (world: Its) => void): void {
  beforeEach(async () => {
    const world = await create().start();
    anyWorld = world;
    use(world);
  });
  afterEach(() => anyWorld?.dispose());
}
