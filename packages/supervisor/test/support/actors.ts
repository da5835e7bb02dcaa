import type { ActorRef, Behaviour, Definition, ExitReason, Process, Progress, Waiting } from "@espalier/actors";

// Behaviours and not servers: a generator blocks for exactly so many milliseconds of the clock, and no promise is
// involved, so a whole tree has come to rest when `advance` or `idle` has.

interface Character {
  readonly trapExit?: boolean;
  readonly start?: (process: Process) => Progress;
  readonly receive?: (process: Process, message: unknown) => Progress;
  readonly terminate?: (process: Process, reason: ExitReason) => Progress;
}

/** An actor whose behaviour is all that is to be known of it. What it does not say is done as a server does it. */
function character<Message = never>(name: string, does: Character): Definition<void, ActorRef<Message>> {
  const { trapExit = false, start, receive, terminate } = does;
  const behaviour: Behaviour<void> = {
    kind: "character",
    start: (process) => start?.(process),
    receive(process, message) {
      const isFromParent = isExit(message) && message.from === process.parentPid;
      return isFromParent && receive === undefined ? process.stop(message.reason) : receive?.(process, message);
    },
    ...(terminate === undefined ? {} : { terminate }),
  };
  return { name, trapExit, behaviour };
}

function isExit(message: unknown): message is { readonly from: unknown; readonly reason: ExitReason } {
  return typeof message === "object" && message !== null && "type" in message && message.type === "exit";
}

/** Wakes an actor that waits. */
class Alarm {
  readonly type = "alarm";
}

function* pass(process: Process, ms: number): Waiting {
  const alarm = new Alarm();
  process.sendAfter<Alarm>(process.pid, alarm, ms);
  yield (message) => message === alarm;
}

/** Lives, and drops what it gets. */
export const steady = character("steady", {});

/** Throws an error with that message when it gets that message. */
export function crashOn(message: string): Definition<void, ActorRef<string>> {
  return character("crashOn", {
    receive(_process, received) {
      if (received === message) throw new Error(message);
    },
  });
}

/** Ends for the reason that it is sent: throws what is an error, exits with the rest. */
export const endsAsTold: Definition<void, ActorRef<ExitReason>> = character("endsAsTold", { receive: endAsTold });

function endAsTold(process: Process, message: unknown): void {
  const reason = message as ExitReason;
  if (reason.type === "error") throw reason.error;
  process.exit(reason);
}

/** Ends as it is told, and its n-th incarnation crashes as soon as it has started. */
export function crashesAs(nth: number): Definition<void, ActorRef<ExitReason>> {
  return character("crashesAs", {
    start(process) {
      const reason: ExitReason = { type: "error", error: new Error("at once") };
      if (process.incarnation === nth) process.send<unknown>(process.pid, reason);
    },
    receive: endAsTold,
  });
}

/** Its init takes so long. */
export function slowToStart(ms: number): Definition<void, ActorRef> {
  return character("slowToStart", { start: (process) => pass(process, ms) });
}

/** Traps exits, and its clean-up takes so long. */
export function slowToStop(ms: number): Definition<void, ActorRef> {
  return character("slowToStop", { trapExit: true, terminate: (process) => pass(process, ms) });
}

/** Traps exits and cares for none of them: only a kill ends it. */
export const trapExitAndIgnore = character("trapExitAndIgnore", { trapExit: true, receive: () => undefined });

/** Breaks the link to its supervisor as soon as it can, and lives on. */
export const unlinksItself = character("unlinksItself", { start: unlinkFromParent });

/** Breaks the link to its supervisor and cares for no exit signal either. */
export const unlinksItselfAndIgnores = character("unlinksItselfAndIgnores", {
  trapExit: true,
  start: unlinkFromParent,
  receive: () => undefined,
});

function unlinkFromParent(process: Process): void {
  if (process.parentPid !== undefined) process.unlink(process.parentPid);
}

/** Traps exits, and throws an error with that message instead of cleaning up. */
export function crashInCleanup(message: string): Definition<void, ActorRef> {
  return character("crashInCleanup", {
    trapExit: true,
    terminate() {
      throw new Error(message);
    },
  });
}

/** Traps exits, and ends for this reason whatever its supervisor tells it. */
export function endAs(reason: ExitReason): Definition<void, ActorRef> {
  return character("endAs", {
    trapExit: true,
    receive: (process, message) => (isExit(message) ? process.exit(reason) : undefined),
  });
}

/** Its init throws an error with that message. */
export function failToStart(message: string): Definition<void, ActorRef> {
  return character("failToStart", {
    start() {
      throw new Error(message);
    },
  });
}

/** Its init has nothing to do. */
export const ignoresItsStart = character("ignoresItsStart", { start: (process) => process.ignore() });

/** How one start turns out. */
export type Outcome = "ok" | "ignore" | "fail";

/** Its starts turn out as `next` says; its clean-up takes so long, and if it takes time, it traps exits. */
export function startsAsNext(next: () => Outcome, cleanupMs: number): Definition<void, ActorRef<ExitReason>> {
  return character("startsAsNext", {
    trapExit: cleanupMs > 0,
    start(process) {
      const outcome = next();
      if (outcome === "ignore") process.ignore();
      if (outcome === "fail") throw new Error("no start");
    },
    receive: endAsToldOrWithParent,
    ...(cleanupMs === 0 ? {} : { terminate: (process) => pass(process, cleanupMs) }),
  });
}

function endAsToldOrWithParent(process: Process, message: unknown): Progress {
  if (!isExit(message)) return endAsTold(process, message);
  if (message.from === process.parentPid) process.stop(message.reason);
}

/** Its n-th incarnation starts as the n-th of the outcomes says, those that come after them well. */
export function startsAs(...outcomes: Outcome[]): Definition<void, ActorRef<ExitReason>> {
  return character("startsAs", {
    start(process) {
      const outcome = outcomes[process.incarnation - 1] ?? "ok";
      if (outcome === "ignore") process.ignore();
      if (outcome === "fail") throw new Error(`start ${process.incarnation} failed`);
    },
    receive: endAsTold,
  });
}
