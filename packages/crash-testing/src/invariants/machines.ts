import type { TraceEvent } from "@espalier/actors";
import { PidFlags } from "./pid-flags.ts";

/** Which machines a law is about. */
export interface MachineFilter {
  /**
   * Those whose paths match, such as `/connection_sup/`. Needed for a machine that is not the target's `machine`. One that a
   * machine invokes or spawns is part of it, and its states are not seen.
   *
   * @defaultValue all that have such a state
   */
  readonly of?: RegExp;
}

export type Handled = Extract<TraceEvent, { readonly type: "handled" }>;

/** Picks machines by their paths, each once. */
export class Machines {
  readonly #pattern: RegExp | undefined;
  readonly #chosen = new PidFlags();

  constructor({ of: pattern }: MachineFilter) {
    this.#pattern = pattern;
  }

  has({ subject: { pid, path }, event }: Handled): boolean {
    if (this.#pattern === undefined) return true;
    // It has started. Unlike `test`, `search` begins at the beginning each time, whatever the flags are.
    if (event === undefined && path.search(this.#pattern) >= 0) this.#chosen.add(pid);
    return this.#chosen.has(pid);
  }
}

/** Looks whether a machine is in a state, by its name: `ready`, or `ready.flowing` for one inside. */
export class StateTest {
  readonly name: string;
  readonly #keys: readonly string[];
  /** The kernel shows the same object for the same state. */
  readonly #known = new WeakMap<object, boolean>();

  constructor(state: string) {
    this.name = state;
    this.#keys = state.split(".");
  }

  matches(value: unknown): boolean {
    if (typeof value === "string") return value === this.name;
    if (typeof value !== "object" || value === null) return false;
    let matches = this.#known.get(value);
    if (matches === undefined) {
      matches = this.#isBelow(value);
      this.#known.set(value, matches);
    }
    return matches;
  }

  #isBelow(value: object): boolean {
    let below: unknown = value;
    for (const key of this.#keys) {
      if (below === key) return key === this.#keys.at(-1);
      if (typeof below !== "object" || below === null || !(key in below)) return false;
      below = (below as Readonly<Record<string, unknown>>)[key];
    }
    return true;
  }
}

/** The type of an event, whatever it is. */
export function typeOf(event: unknown): unknown {
  return typeof event === "object" && event !== null && "type" in event ? event.type : undefined;
}
