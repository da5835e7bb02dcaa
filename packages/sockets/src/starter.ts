import { type Behaviour, type Definition, NoProcessError, type Process, request, type Waiting } from "@espalier/actors";
import { acceptorSupervisorName, type ListenerRecord } from "./listener-record.ts";

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
    for (let number = 1; number <= record.config.acceptors; number += 1) {
      const message = { type: "startDynamic", extra: undefined, id: String(number) };
      const outcome = yield* request(process, acceptorSupervisor, message);
      if (!outcome.ok) {
        process.stop(outcome.reason);
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
