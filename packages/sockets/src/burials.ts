import type { Process, System, Waiting } from "@espalier/actors";
import type { Connection } from "./connection.ts";
import type { Undertaker } from "./undertaker.ts";

/** The last socket of a dead handler is gone. It comes to the actor that buries them. */
export class AllBuried {
  readonly type = "allBuried";
}

/** The time for the last sockets is up. */
class BurialTimeout {
  readonly type = "burialTimeout";
}

/** Whether an actor hears each time that none is left, by an `AllBuried`, or only `settle` does. */
export type TellsWhen = "always" | "settling";

/** The sockets of dead handlers: what those have sent still goes out, within the time that a send may take. */
export class Burials implements Undertaker {
  readonly #process: Process;
  readonly #system: System;
  readonly #limitMs: () => number | "infinity";
  readonly #buried = new Set<Connection>();
  #isTold: boolean;

  /** @param limitMs - asked for each of them, since options change */
  constructor(process: Process, system: System, limitMs: () => number | "infinity", tells: TellsWhen) {
    this.#process = process;
    this.#system = system;
    this.#limitMs = limitMs;
    this.#isTold = tells === "always";
  }

  /** How many still send. */
  get count(): number {
    return this.#buried.size;
  }

  bury(connection: Connection): (() => void) | undefined {
    const process = this.#process;
    if (!process.isAlive(process.pid)) return undefined;
    process.own(connection);
    this.#buried.add(connection);
    const limit = process.deadline(() => connection.abort());
    const limitMs = this.#limitMs();
    if (limitMs !== "infinity") limit.arm(limitMs);
    return () => {
      limit.cancel();
      process.disown(connection);
      this.#buried.delete(connection);
      if (this.#isTold && this.count === 0) this.#system.sendIo(process.pid, new AllBuried());
    };
  }

  /** It has had its time. */
  cut(connection: Connection): void {
    if (this.#buried.has(connection)) connection.abort();
  }

  /** Waits for those that are left, so long at most. What is unsent then ends in a reset: half of an answer must not look like the whole. */
  *settle(withinMs: number | "infinity"): Waiting {
    this.#isTold = true;
    const timeout = new BurialTimeout();
    if (withinMs !== "infinity" && this.count > 0) {
      this.#process.sendAfter<BurialTimeout>(this.#process.pid, timeout, withinMs);
    }
    // An `AllBuried` of earlier days may still be in the mailbox.
    while (this.count > 0) {
      const message = yield (candidate) => candidate === timeout || candidate instanceof AllBuried;
      if (message !== timeout) continue;
      for (const connection of this.#buried) if (connection.unsentBytes > 0) connection.abort();
      return;
    }
  }
}
