import type { Invariant } from "../kit.ts";

/** What is done to a server from outside, and has to come to an end. */
export class Operations {
  /** Those that have not. */
  pending = 0;

  async perform(operation: (self: this) => Promise<unknown>): Promise<void> {
    this.pending += 1;
    try {
      await operation(this);
    } finally {
      this.pending -= 1;
    }
  }
}

/** Whatever is done to a server from outside comes to an end, well or not. */
export const operationsEnd: Invariant = {
  id: "T0-operation",
  says: "whatever was done from outside has come to an end once all faults are over",
  watch: (run) => ({
    after(phase) {
      const { handle } = run;
      if ((phase !== "healed" && phase !== "stopped") || !(handle instanceof Operations) || handle.pending === 0)
        return;
      run.violate("T0-operation", `${handle.pending} operations have not come to an end`);
    },
  }),
};
