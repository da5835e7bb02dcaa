import type { EventList, Leaf, Trace, TraceStep } from "./scenario.ts";

/** What a settled step says beside its events; what is empty or undefined is left out of the trace. */
export interface StepFacts {
  readonly result?: unknown;
  readonly results?: unknown;
  readonly probe?: EventList;
  readonly inbox?: Readonly<Record<string, EventList>>;
  readonly rootDown?: unknown;
  /** All supervisors with their children; the trace gets what has changed. */
  readonly snapshot?: Readonly<Record<string, unknown>>;
  /** All registered names with their owners; the trace gets what has changed. */
  readonly names?: Readonly<Record<string, unknown>>;
}

/** Which step of the scenario: its `op`, or `by` whom it was made. */
type StepLabel = { readonly op: string } | { readonly by: string };

/** Writes down what happens, step by step, in the format of the traces. */
export class Recorder {
  readonly #steps: TraceStep[] = [];
  readonly #alive = new Set<string>();
  #events: Leaf[] = [];
  #snapshot: Readonly<Record<string, unknown>> = {};
  #names: Readonly<Record<string, unknown>> = {};

  started(who: string, details: Leaf = {}): void {
    this.#alive.add(who);
    this.event({ ev: "start", who, ...details });
  }

  stopped(who: string, details: Leaf): void {
    this.#alive.delete(who);
    this.event({ ev: "stop", who, ...details });
  }

  event(event: Leaf): void {
    this.#events.push(event);
  }

  /** A step that was not waited for: its events will stand in the next one that is. */
  deferred(label: StepLabel, result: unknown): void {
    this.#steps.push({ i: this.#steps.length, ...label, deferred: true, ...(result === undefined ? {} : { result }) });
  }

  settled(label: StepLabel, facts: StepFacts): void {
    const { snapshot = {}, names = {}, ...rest } = facts;
    const lists = {
      events: this.#events,
      ...rest,
      snapshot: changes(this.#snapshot, snapshot),
      names: changes(this.#names, names),
    };
    const said = Object.entries(lists).filter(([field, value]) => field.startsWith("result") || !isEmpty(value));
    this.#steps.push({
      i: this.#steps.length,
      ...label,
      ...Object.fromEntries(said.filter(([, value]) => value !== undefined)),
      alive: this.#alive.size,
    });
    this.#events = [];
    this.#snapshot = snapshot;
    this.#names = names;
  }

  get trace(): Trace {
    return { format: 1, steps: this.#steps, final: { alive: [...this.#alive].toSorted() } };
  }
}

/** The entries of a table that are new or differ, and null for those that are gone. */
function changes(
  before: Readonly<Record<string, unknown>>,
  now: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const gone = Object.keys(before).filter((key) => !(key in now));
  const changed = Object.entries(now).filter(([key, value]) => JSON.stringify(before[key]) !== JSON.stringify(value));
  return Object.fromEntries([...gone.map((key): [string, unknown] => [key, null]), ...changed]);
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}
