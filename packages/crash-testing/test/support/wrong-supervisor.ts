import {
  type Behaviour,
  type Definition,
  Exit,
  type Pid,
  type Process,
  type Progress,
  shutdown,
  Started,
  type Waiting,
} from "@espalier/actors";
import { ProgressReport, type Restart, shutdownChild } from "@espalier/supervisor";

/** What it does otherwise than a supervisor should. */
export type Fault =
  | "never gives up"
  | "restarts temporary children"
  | "forgets permanent children"
  | "starts in another order the second time"
  | "stops in start order"
  | "stops all at once"
  | "restarts only the one that has ended";

interface WrongChild {
  readonly id: string;
  readonly restart: Restart;
  readonly definition: Definition;
}

interface Running extends WrongChild {
  pid: Pid | undefined;
  incarnation: number;
}

export interface WrongOptions {
  readonly fault: Fault | undefined;
  readonly strategy: "oneForOne" | "oneForAll" | "restForOne";
  readonly children: readonly WrongChild[];
}

/** Allowed, so that all but those who give up never do. */
const INTENSITY = 2;

class Supervisor {
  readonly fault: Fault | undefined;
  readonly strategy: WrongOptions["strategy"];
  readonly #process: Process;
  readonly #children: Running[];
  #restarts = 0;

  constructor(process: Process, { fault, strategy, children }: WrongOptions) {
    this.fault = fault;
    this.strategy = strategy;
    this.#process = process;
    this.#children = children.map((child) => ({ ...child, pid: undefined, incarnation: 0 }));
  }

  *startAll(): Waiting {
    for (const child of this.#children) yield* this.#start(child);
  }

  *#start(child: Running): Waiting {
    const process = this.#process;
    child.incarnation += 1;
    const { id, incarnation, definition, restart } = child;
    const pid = process.startChild(definition, undefined, { id, incarnation });
    yield { match: (message) => message instanceof Started && message.pid === pid, skip: process.mailboxLength };
    child.pid = pid;
    const common = { id, pid, count: 1, definition: definition.name, shutdown: 5000 } as const;
    process.report(new ProgressReport(process, { ...common, restart, type: "worker", significant: false }));
  }

  *stopAll(): Waiting {
    const running = this.#children.filter(({ pid }) => pid !== undefined);
    const inOrder = this.fault === "stops in start order" ? running : running.toReversed();
    if (this.fault === "stops all at once") {
      for (const { pid } of inOrder) if (pid !== undefined) this.#process.exit(pid, shutdown());
    }
    for (const { pid } of inOrder) if (pid !== undefined) yield* shutdownChild(this.#process, pid, 5000);
  }

  *ended(from: Pid): Waiting {
    const child = this.#children.find(({ pid }) => pid === from);
    if (child === undefined) return;
    child.pid = undefined;
    if (child.restart === "temporary" && this.fault !== "restarts temporary children") return;
    if (child.restart === "permanent" && this.fault === "forgets permanent children") return;
    this.#restarts += 1;
    if (this.#restarts > INTENSITY && this.fault !== "never gives up") {
      this.#process.stop(shutdown());
      return;
    }
    const group = this.#groupOf(child);
    for (const { pid } of group.toReversed()) if (pid !== undefined) yield* shutdownChild(this.#process, pid, 5000);
    const isWrong = this.fault === "starts in another order the second time";
    for (const member of isWrong ? group.toReversed() : group) yield* this.#start(member);
  }

  #groupOf(child: Running): Running[] {
    if (this.strategy === "oneForOne" || this.fault === "restarts only the one that has ended") return [child];
    return this.#children.slice(this.strategy === "oneForAll" ? 0 : this.#children.indexOf(child));
  }
}

class WrongBehaviour implements Behaviour {
  readonly kind = "supervisor";
  readonly #options: WrongOptions;

  constructor(options: WrongOptions) {
    this.#options = options;
  }

  start(process: Process): Progress {
    const supervisor = new Supervisor(process, this.#options);
    process.state = supervisor;
    return supervisor.startAll();
  }

  receive(process: Process, message: unknown): Progress {
    if (!(message instanceof Exit)) return undefined;
    return message.from === process.parentPid ? process.stop(message.reason) : stateOf(process).ended(message.from);
  }

  terminate(process: Process): Progress {
    return stateOf(process).stopAll();
  }

  describe({ state }: Process): unknown {
    if (!(state instanceof Supervisor)) return undefined;
    return { strategy: state.strategy, intensity: INTENSITY, periodMs: 5000 };
  }
}

function stateOf(process: Process): Supervisor {
  // Set by the start.
  return process.state as Supervisor;
}

/** A supervisor written for the tests, right but for one thing. */
export function wrongSupervisor(options: WrongOptions): Definition {
  return { name: "wrong", trapExit: true, behaviour: new WrongBehaviour(options) };
}

/** Does nothing, and crashes after so many milliseconds, if it is to. */
export function worker(livesMs?: number): Definition {
  const behaviour: Behaviour = {
    kind: "worker",
    start: (process) => void (livesMs !== undefined && process.sendAfter<unknown>(process.pid, "crash", livesMs)),
    receive: () => {
      throw new Error("at last");
    },
  };
  return { name: "worker", behaviour };
}

/** Takes its time to end. */
export const slow: Definition = {
  name: "slow",
  trapExit: true,
  behaviour: {
    kind: "worker",
    start: () => undefined,
    receive(process, message) {
      if (message instanceof Exit) process.sendAfter<unknown>(process.pid, "end", 10);
      else process.stop(shutdown());
    },
  },
};
