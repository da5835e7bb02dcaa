import type { Pid } from "@espalier/actors";
import type { Invariant, RunView, Watch, Watched } from "../invariant.ts";
import { Handlers, type Listening, Listenings } from "./listeners.ts";
import { isIdle, Patience } from "./patience.ts";

const ID = "I4-connections";

/** What a listener counts is what there is. */
export function connectionsAreCounted(): Invariant {
  return {
    id: ID,
    says: "a listener counts as many connections as it has living handlers, and tells of the start and the end of each once",
    watch: (run) => new Connections(run),
  };
}

class Connections implements Watch {
  readonly on: Watched;
  readonly #run: RunView;
  readonly #listenings = new Listenings();
  readonly #handlers = new Handlers();
  /** Printed pids of handlers, as the events have them: those that were started, and those that are over. */
  readonly #open = new Set<string>();
  readonly #over = new Set<string>();
  /** Handlers that are dead, whose ends were not told. */
  readonly #due = new Set<string>();
  /** With supervisors that are busy, and count later. */
  readonly #patience = new Patience();

  constructor(run: RunView) {
    this.#run = run;
    this.on = {
      spawn: ({ subject, parent }) => this.#handlers.spawned(subject.pid, subject.path, parent),
      exit: ({ subject }) => {
        this.#handlers.died(subject.pid);
        if (this.#open.size === 0) return;
        const pid = subject.pid.toString();
        if (this.#open.has(pid)) this.#due.add(pid);
      },
      connectionStarted: ({ connection }) => {
        if (this.#open.has(connection) || this.#over.has(connection)) this.#fail(connection, "starts twice");
        this.#open.add(connection);
      },
      connectionStopped: ({ connection }) => {
        if (!this.#open.delete(connection)) this.#fail(connection, "stops, and had not started");
        this.#over.add(connection);
        this.#due.delete(connection);
      },
      connectionFailed: ({ connection }) => {
        if (this.#open.has(connection) || this.#over.has(connection)) this.#fail(connection, "fails after its start");
        this.#over.add(connection);
      },
    };
  }

  quiet(): void {
    const { world, system, handle } = this.#run;
    // What an asynchronous function is about to do, nobody knows.
    if (world.signalsInFlight > 0 || system.tasks > 0 || !this.#patience.isOver(world.now())) return;
    for (const listener of this.#listenings.of(handle)) {
      const supervisor = this.#handlers.supervisorUnder(listener.supervisor);
      if (listener.currentClients !== this.#handlers.livingOf(supervisor)) this.#miscounted(listener, supervisor);
    }
    if (this.#due.size > 0) this.#untold();
  }

  after(phase: string): void {
    if (phase !== "stopped") return;
    for (const connection of this.#open) this.#fail(connection, "was started, and its end was never told");
  }

  #fail(connection: string, what: string): void {
    this.#run.violate(ID, `the connection of ${connection} ${what}`);
  }

  #miscounted({ id, currentClients }: Listening, supervisor: Pid | undefined): void {
    if (this.#isBusy(supervisor)) return;
    const living = this.#handlers.livingOf(supervisor);
    this.#run.violate(ID, `${id} counts ${currentClients} connections, and has ${living} handlers`);
  }

  #untold(): void {
    const supervisors = this.#listenings
      .of(this.#run.handle)
      .map((listener) => this.#handlers.supervisorUnder(listener.supervisor));
    if (supervisors.length === 0 || supervisors.some((supervisor) => this.#isBusy(supervisor))) return;
    for (const connection of this.#due) this.#fail(connection, "is over, and that was not told");
    this.#due.clear();
  }

  /** It has not heard of everything yet. */
  #isBusy(supervisor: Pid | undefined): boolean {
    this.#patience.begin(this.#run.world.now());
    const process = supervisor && this.#run.system.process(supervisor);
    return process !== undefined && !isIdle(process);
  }
}
