import type { Invariant } from "./invariant.ts";
import { Machines, StateTest } from "./invariants/machines.ts";

interface Named {
  readonly law: Invariant;
  readonly state: string;
}

/** Finds the laws about states that no machine was in, in any run: whatever they ask, there was nothing to ask it of. */
export class Unentered {
  readonly #open: Set<Named>;

  constructor(laws: readonly Invariant[]) {
    this.#open = new Set(
      laws.flatMap((law) =>
        Object.values(law.names?.states ?? {}).flatMap((state) => (state === undefined ? [] : [{ law, state }])),
      ),
    );
  }

  /** Such laws, with the states: a line, or none. */
  describe(): string[] {
    if (this.#open.size === 0) return [];
    const all = [...this.#open].map(({ law, state }) => `${law.id} (nothing was in ${state})`);
    return [`laws that had nothing to look at: ${all.join("; ")}`];
  }

  /** Sees all machines; it is never broken. */
  get watcher(): Invariant {
    return {
      id: "unentered",
      says: "the states that laws are about are entered",
      watch: () => {
        const sought = [...this.#open].map((named) => {
          return { named, machines: new Machines(named.law.names ?? {}), test: new StateTest(named.state) };
        });
        if (sought.length === 0) return {};
        return {
          on: {
            handled: (event) => {
              for (const { named, machines, test } of sought) {
                if (machines.has(event) && test.matches(event.to)) this.#open.delete(named);
              }
            },
          },
        };
      },
    };
  }
}
