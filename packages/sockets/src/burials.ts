import type { Process, System, Waiting } from "@espalier/actors";
import type { Connection, Undertaker } from "./connection.ts";

/** The last socket of a dead handler is gone. It comes to the actor that buries them. */
export class AllBuried {
  readonly type = "allBuried";
}

/** The time for the last sockets is up. */
class BurialTimeout {
  readonly type = "burialTimeout";
}

/** The sockets of dead handlers: what those have sent still goes out, within the time that a send may take. */
export class Burials implements Undertaker {
  readonly #process: Process;
  readonly #system: System;
  readonly #limitMs: number | "infinity";
  readonly #buried = new Set<Connection>();

  constructor(process: Process, system: System, limitMs: number | "infinity") {
    this.#process = process;
    this.#system = system;
    this.#limitMs = limitMs;
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
    if (this.#limitMs !== "infinity") limit.arm(this.#limitMs);
    return () => {
      limit.cancel();
      process.disown(connection);
      this.#buried.delete(connection);
      if (this.count === 0) this.#system.sendIo(process.pid, new AllBuried());
    };
  }

  /** It has had its time. */
  cut(connection: Connection): void {
    if (this.#buried.has(connection)) connection.abort();
  }

  /** Waits for those that are left, so long at most. */
  *settle(withinMs: number | "infinity"): Waiting {
    const timeout = new BurialTimeout();
    if (withinMs !== "infinity" && this.count > 0) {
      this.#process.sendAfter<BurialTimeout>(this.#process.pid, timeout, withinMs);
    }
    // An `AllBuried` of earlier days may still be in the mailbox.
    while (this.count > 0) {
      const message = yield (candidate) => candidate === timeout || candidate instanceof AllBuried;
      if (message === timeout) return;
    }
  }
}
