import {
  type Behaviour,
  type Definition,
  Exit,
  failure,
  normal,
  type Process,
  type Progress,
  shutdown,
  type Waiting,
} from "@espalier/actors";
import type { OwnEnd, TreeWorker } from "./tree-spec.ts";

/** What a worker tells itself. */
class Beat {
  readonly type = "beat";
  readonly left: number;

  constructor(left: number) {
    this.left = left;
  }
}

class OwnEndDue {
  readonly type = "ownEndDue";
}

class Alarm {
  readonly type = "alarm";
}

/** What it tells the others: nothing of interest. */
const GREETING = { type: "greeting" } as const;

/** A worker does in each run what its spec says. All that it remembers, the kernel knows: its incarnation, and its mail. */
class WorkerBehaviour implements Behaviour {
  readonly kind = "worker";
  readonly #spec: TreeWorker;

  constructor(spec: TreeWorker) {
    this.#spec = spec;
  }

  *start(process: Process): Waiting {
    const { outcomes, ends, startMs, name, beats, everyMs } = this.#spec;
    if (startMs > 0) yield* pass(process, startMs);
    const outcome = outcomes[process.incarnation - 1] ?? "ok";
    if (outcome === "fail") throw new Error("no start");
    if (outcome === "ignore") {
      process.ignore();
      return;
    }
    if (name !== null) process.register(name);
    if (beats > 0) process.sendAfter<Beat>(process.pid, new Beat(beats), everyMs);
    const end = ends[process.incarnation - 1] ?? null;
    if (end !== null) process.sendAfter<OwnEndDue>(process.pid, new OwnEndDue(), end.afterMs);
  }

  receive(process: Process, message: unknown): void {
    if (message instanceof Beat) this.#beat(process, message.left);
    else if (message instanceof OwnEndDue) this.#end(process);
    else if (message instanceof Exit && message.from === process.parentPid) process.stop(message.reason);
  }

  terminate(process: Process): Progress {
    return this.#spec.cleanupMs === 0 ? undefined : pass(process, this.#spec.cleanupMs);
  }

  #beat(process: Process, left: number): void {
    const { links, monitors, everyMs } = this.#spec;
    for (const name of links) {
      const other = process.whereis(name);
      if (other !== undefined) process.link(other);
    }
    for (const name of monitors) {
      const other = process.whereis(name);
      if (other === undefined) continue;
      process.monitor(other);
      process.send<unknown>(other, GREETING);
    }
    if (left > 1) process.sendAfter<Beat>(process.pid, new Beat(left - 1), everyMs);
  }

  #end(process: Process): void {
    const end = this.#spec.ends[process.incarnation - 1] ?? null;
    if (end === null) return;
    const reason = reasonOf(end);
    if (reason.type === "error") throw reason.error;
    process.exit(reason);
  }
}

function reasonOf({ ending }: OwnEnd) {
  switch (ending) {
    case "normal":
      return normal;
    case "shutdown":
      return shutdown();
    case "shutdown: done":
      return shutdown("done");
    case "error: boom":
      return failure(new Error("boom"));
  }
}

function* pass(process: Process, ms: number): Waiting {
  const alarm = new Alarm();
  process.sendAfter<Alarm>(process.pid, alarm, ms);
  yield (message) => message === alarm;
}

/** An actor that does what the spec says. */
export function workerOf(spec: TreeWorker): Definition {
  return { name: "worker", trapExit: spec.trapsExits, behaviour: new WorkerBehaviour(spec) };
}
