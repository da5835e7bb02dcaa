import type { ListenerStatsSnapshot } from "@espalier/sockets";
import type { Invariant, RunView, Watch, Watched } from "../invariant.ts";
import { type Listening, listenersOf } from "./listeners.ts";

const ID = "I17-stats";

type ListenerCounter = keyof ListenerStatsSnapshot;

/** The counters of a listener say what the trace says. */
export function statsAreTrue(): Invariant {
  return {
    id: ID,
    says: "the counters of a listener are what was told of its connections one by one",
    watch: (run) => new Stats(run),
  };
}

/** By its path. One that is restarted is of another incarnation, and its listener counts on. */
const LISTENER_SUPERVISOR = /(?:^|\/)listener_sup:[^/]*$/;

/** What was told of one listener. */
interface Told {
  readonly refused: Map<ListenerCounter, number>;
  /** Started, or failed before that. */
  accepted: number;
  ended: number;
}

class Stats implements Watch {
  readonly on: Watched;
  readonly #run: RunView;
  readonly #told = new Map<string, Told>();
  readonly #seen = new Set<string>();
  /** A listener was opened again, and counts anew. */
  #isReopened = false;

  constructor(run: RunView) {
    this.#run = run;
    this.on = {
      spawn: ({ subject: { path, incarnation } }) => {
        if (incarnation > 1 || !LISTENER_SUPERVISOR.test(path)) return;
        this.#isReopened ||= this.#seen.has(path);
        this.#seen.add(path);
      },
      connectionStarted: ({ listener }) => void (this.#of(listener).accepted += 1),
      connectionStopped: ({ listener }) => void (this.#of(listener).ended += 1),
      connectionFailed: ({ listener }) => {
        const told = this.#of(listener);
        told.accepted += 1;
        told.ended += 1;
      },
      connectionRefused: ({ listener, counter }) => {
        const { refused } = this.#of(listener);
        refused.set(counter, (refused.get(counter) ?? 0) + 1);
      },
    };
  }

  after(phase: string): void {
    for (const listener of listenersOf(this.#run.handle)) this.#compare(listener, phase === "stopped");
  }

  #of(listener: string): Told {
    let told = this.#told.get(listener);
    if (told === undefined) {
      told = { refused: new Map(), accepted: 0, ended: 0 };
      this.#told.set(listener, told);
    }
    return told;
  }

  #compare({ id, stats, shutdownCounts }: Listening, isStopped: boolean): void {
    if (this.#isReopened) return;
    const { refused, accepted, ended } = this.#of(id);
    const fail = (what: string, counted: number, told: number): void =>
      this.#run.violate(ID, `${id} counts ${counted} ${what}, and ${told} were told of`);
    for (const [counter, count] of Object.entries(stats) as Array<[ListenerCounter, number]>) {
      if (counter === "accepted") {
        // Those that read a header or shake hands have been accepted, and nothing more.
        if (count < accepted || (isStopped && count !== accepted)) fail("accepted connections", count, accepted);
      } else if (counter !== "discarded" && count !== (refused.get(counter) ?? 0)) {
        fail(counter, count, refused.get(counter) ?? 0);
      }
    }
    const counted = Object.values(shutdownCounts).reduce((sum, count) => sum + count, 0);
    if (counted !== ended) fail("ends", counted, ended);
  }
}
