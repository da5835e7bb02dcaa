import { CrashReport, type Subject } from "../event.ts";
import type { ExitReason } from "../exit-reason.ts";
import { Exit } from "../monitor.ts";
import type { ActorProcess } from "./process.ts";

/** How many of those who go down with it a crash report names. */
const MOST_NEIGHBOURS = 10;

/** Reports that an actor ends by its own failure, while all that is to be said of it can still be read. */
export function reportCrash(process: ActorProcess, reason: ExitReason, lastMessage: unknown): void {
  const { kernel, pid, path, incarnation, definition, label, name, mailboxLength } = process;
  kernel.crashes += 1;
  kernel.report(
    process,
    new CrashReport({
      subject: { pid, path, incarnation },
      behaviour: definition.behaviour.kind,
      label,
      registeredName: name,
      reason,
      endedWithParent: isParentsEnd(process, reason, lastMessage),
      lastMessage: process.describeMessage(lastMessage),
      state: process.describe(),
      mailboxLength,
      neighbours: neighboursOf(process),
    }),
  );
}

/** A living parent that sends an exit signal has given an order, and dies of nothing. */
function isParentsEnd({ parentPid }: ActorProcess, reason: ExitReason, lastMessage: unknown): boolean {
  if (!(lastMessage instanceof Exit) || lastMessage.from !== parentPid || parentPid.process !== null) return false;
  return lastMessage.reason === reason;
}

function neighboursOf(process: ActorProcess): Subject[] {
  const neighbours: Subject[] = [];
  for (let link = process.links; link !== null && neighbours.length < MOST_NEIGHBOURS; link = link.next(process)) {
    const { pid, path, incarnation, isTrappingExits } = link.other(process);
    if (!isTrappingExits) neighbours.push({ pid, path, incarnation });
  }
  return neighbours;
}
