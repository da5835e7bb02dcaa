import {
  Down,
  Exit,
  type ExitReason,
  kill,
  type Match,
  type Pid,
  type Process,
  shutdown,
  type Waiting,
} from "@espalier/actors";
import type { Restart, Shutdown } from "./child-spec.ts";

/** The time that a child was given to end has run out. */
class ShutdownTimeout {
  readonly type = "shutdownTimeout";
}

/** Whether a child has ended as one that was told to should. OTP's rule in `supervisor:shutdown/1`. */
export function isOrderlyEnd(reason: ExitReason, how: Shutdown, restart: Restart): boolean {
  switch (reason.type) {
    case "killed":
      return how === "brutalKill";
    case "shutdown":
      return (reason.detail === undefined && how !== "brutalKill") || restart !== "permanent";
    case "normal":
      return restart !== "permanent";
    case "error":
    case "kill":
    case "noconnection":
    case "noproc":
      return false;
  }
}

/**
 * Ends a child: asks, waits, kills. Answers the reason with which it ended. It goes by a monitor and not by the link,
 * since a child that has unlinked itself would otherwise hang its supervisor for ever.
 */
export function* shutdownChild(process: Process, pid: Pid, how: Shutdown): Waiting<ExitReason> {
  // All that this is about comes behind what waits already, but for the exit of a child that is dead before.
  const skip = process.mailboxLength;
  const wasAlive = process.isAlive(pid);
  const monitor = process.monitor(pid);
  process.exit(pid, how === "brutalKill" ? kill : shutdown());
  const timeout = new ShutdownTimeout();
  const timer = typeof how === "number" ? process.sendAfter<ShutdownTimeout>(process.pid, timeout, how) : undefined;
  const isDown: Match = (candidate) => candidate instanceof Down && candidate.ref === monitor;
  let message = yield { match: (candidate) => candidate === timeout || isDown(candidate), skip };
  if (message === timeout) {
    process.exit(pid, kill);
    message = yield { match: isDown, skip };
  } else if (timer !== undefined) {
    process.cancelTimer(timer);
    // It may have fired already, behind the notice of the death.
    process.takeMessage((candidate) => candidate === timeout, skip);
  }
  process.unlink(pid);
  // The link's own notice tells the true reason also when the child was dead before the monitor was set.
  const isExit: Match = (candidate) => candidate instanceof Exit && candidate.from === pid;
  const exit = process.takeMessage(isExit, wasAlive ? skip : 0);
  if (exit instanceof Exit) return exit.reason;
  return message instanceof Down ? message.reason : shutdown();
}

/** The end of one of many children that are stopped at once. */
export interface ParallelEnd {
  readonly pid: Pid;
  readonly reason: ExitReason;
}

/**
 * Ends many children at the same time, under one common time limit. Answers how each ended, when the last has; `onEnd`
 * is told of each at once.
 *
 * They are unlinked at once: 100,000 exit messages in the mailbox would only have to be passed over, again and again.
 */
export function* shutdownAll(
  process: Process,
  pids: readonly Pid[],
  how: Shutdown,
  onEnd?: (end: ParallelEnd) => void,
): Waiting<ParallelEnd[]> {
  const ends: ParallelEnd[] = [];
  const waitingFor = new Map<unknown, Pid>();
  const waitingBefore = process.mailboxLength;
  for (const pid of pids) {
    const wasAlive = process.isAlive(pid);
    waitingFor.set(process.monitor(pid), pid);
    process.exit(pid, how === "brutalKill" ? kill : shutdown());
    // Not before it is told: a supervisor that dies here would leave it behind. One that is dead, or as good as dead,
    // tells the true reason by its link.
    if (wasAlive) process.unlink(pid);
  }
  const earlier = new Map<Pid, ExitReason>();
  const stopping = new Set(pids);
  function takeEarlierEnds(): void {
    process.takeMessages(
      (message) => message instanceof Exit && stopping.has(message.from),
      (message) => message instanceof Exit && earlier.set(message.from, message.reason),
    );
  }
  takeEarlierEnds();
  // All else that this is about comes behind what waits already.
  const skip = waitingBefore - earlier.size;
  const timeout = new ShutdownTimeout();
  const timer = typeof how === "number" ? process.sendAfter<ShutdownTimeout>(process.pid, timeout, how) : undefined;
  while (waitingFor.size > 0) {
    const message = yield {
      match: (candidate) => candidate === timeout || (candidate instanceof Down && waitingFor.has(candidate.ref)),
      skip,
    };
    if (message instanceof Down) {
      const pid = waitingFor.get(message.ref);
      waitingFor.delete(message.ref);
      if (pid === undefined) continue;
      // One that was as good as dead. Its link has told before, and so have the links of others most likely.
      if (message.reason.type === "noproc" && !earlier.has(pid)) takeEarlierEnds();
      const end: ParallelEnd = { pid, reason: earlier.get(pid) ?? message.reason };
      ends.push(end);
      onEnd?.(end);
    } else {
      for (const pid of waitingFor.values()) process.exit(pid, kill);
    }
  }
  if (timer !== undefined) {
    process.cancelTimer(timer);
    // It may have fired already, behind the notice of the last death.
    process.takeMessage((candidate) => candidate === timeout);
  }
  return ends;
}
