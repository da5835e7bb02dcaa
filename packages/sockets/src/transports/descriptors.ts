import { readdirSync, readFileSync } from "node:fs";

/** Descriptors that are left to the rest of the program: its files, pipes, and connections to others. */
const RESERVE = 32;

/**
 * The descriptors that sockets of this process may take. Node tells nobody when they are used up: the system hands out no
 * more, and libuv closes new connections before anyone sees them. So sockets are counted, and refused in time.
 *
 * The state is the module's, because descriptors are the process's.
 */
export const descriptors = {
  sockets: 0,
  budget: undefined as number | undefined,

  /** How many there can be, as things are. The budget is made up only when the first socket comes, and other files are open. */
  get most(): number {
    return this.budget ?? findBudget();
  },

  get hasRoom(): boolean {
    this.budget ??= findBudget();
    return this.sockets <= this.budget;
  },
};

/** What is left of the process's limit when this is first asked. Unlimited where there is no /proc to tell. */
function findBudget(): number {
  try {
    const [, limit] = /^Max open files\s+(\d+)/mu.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
    if (limit === undefined) return Infinity;
    const others = readdirSync("/proc/self/fd").length - descriptors.sockets;
    return Math.max(Number(limit) - others - RESERVE, 1);
  } catch {
    // Not Linux: nothing is known, so nothing is refused.
    return Infinity;
  }
}
