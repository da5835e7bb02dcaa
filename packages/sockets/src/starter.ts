import {
  type Behaviour,
  type Definition,
  NoProcessError,
  type Pid,
  type Process,
  request,
  type Waiting,
} from "@espalier/actors";
import type { ChildCounts, StartChildResult } from "@espalier/supervisor";
import { acceptorSupervisorName, type ListenerRecord } from "./listener-record.ts";

/** Asks the supervisor of the acceptors, whose answers are of this type; ends with it. */
function* ask<Answer>(process: Process, supervisor: Pid, message: object): Waiting<Answer> {
  const outcome = yield* request(process, supervisor, message);
  if (!outcome.ok) return process.exit(outcome.reason);
  return outcome.value as Answer;
}

/**
 * The last child of a listener's supervisor starts the acceptors and answers ignore: a child without a process is
 * started again by every restart of those before it, so the acceptors come back after each. eSockd's trick.
 */
class StarterBehaviour implements Behaviour<ListenerRecord> {
  readonly kind = "starter";

  *start(process: Process, record: ListenerRecord): Waiting {
    const name = acceptorSupervisorName(record);
    const acceptorSupervisor = process.whereis(name);
    if (acceptorSupervisor === undefined) throw new NoProcessError(name);
    // One that has failed half-way left those that it had started.
    const counts = yield* ask<ChildCounts>(process, acceptorSupervisor, { type: "countChildren" });
    for (let number = counts.workers + 1; number <= record.config.acceptors; number += 1) {
      const message = { type: "startDynamic", extra: undefined, id: String(number) };
      const result = yield* ask<StartChildResult>(process, acceptorSupervisor, message);
      // A listener without acceptors would let nobody in, and nobody would know why.
      if (!result.ok && result.error === "startFailed") {
        process.stop(result.reason);
        return;
      }
    }
    process.ignore();
  }

  receive(): void {
    // It never lives to receive anything.
  }
}

export const starter: Definition<ListenerRecord> = { name: "starter", behaviour: new StarterBehaviour() };
