import { type ExitReason, formatReason } from "./exit-reason.ts";

/** The base of everything this package throws. `code` is stable and meant for branching. */
export abstract class ActorsError extends Error {
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** What an actor ends with whose end a simulator has decided on. */
export class InjectedCrashError extends ActorsError {
  readonly code = "ERR_INJECTED_CRASH";
  /** The effect that it was about to have. */
  readonly effect: string;

  constructor(effect: string) {
    super(`injected before ${effect}`);
    this.effect = effect;
  }
}

/** An option has a value that is not allowed. */
export class InvalidOptionError extends ActorsError {
  readonly code = "ERR_INVALID_OPTION";
  readonly option: string;
  readonly value: unknown;

  constructor(option: string, value: unknown, expected: string) {
    super(`${option} is ${describeValue(value)}; expected ${expected}`);
    this.option = option;
    this.value = value;
  }
}

/** The context of an actor was used after that actor had ended. */
export class ActorDeadError extends ActorsError {
  readonly code = "ERR_ACTOR_DEAD";
  readonly path: string;

  constructor(path: string) {
    super(`actor ${path} is dead; its context cannot be used any more`);
    this.path = path;
  }
}

/** The target of `link`, or the name given to `send`, belongs to no living actor. OTP's `noproc` and `badarg`. */
export class NoProcessError extends ActorsError {
  readonly code = "ERR_NO_PROCESS";
  readonly target: string;

  constructor(target: string) {
    super(`there is no actor ${target}`);
    this.target = target;
  }
}

/** `register` was refused: the name is taken, the actor has a name already, or it is dead. OTP's `badarg`. */
export class RegistrationError extends ActorsError {
  readonly code = "ERR_REGISTRATION";
  readonly registeredName: string;
  readonly problem: "nameTaken" | "alreadyRegistered" | "noProcess" | "notRegistered";

  constructor(registeredName: string, problem: RegistrationError["problem"]) {
    super(
      `cannot ${problem === "notRegistered" ? "unregister" : "register"} "${registeredName}": ${problems[problem]}`,
    );
    this.registeredName = registeredName;
    this.problem = problem;
  }
}

const problems = {
  nameTaken: "the name belongs to another actor",
  alreadyRegistered: "the actor has a name already",
  noProcess: "the actor is dead",
  notRegistered: "no actor has that name",
};

/** A call got no answer because the callee was dead, died, or is the caller itself. Carries the exit reason. */
export class CallExitError extends ActorsError {
  readonly code = "ERR_CALL_EXIT";
  readonly target: string;
  readonly reason: ExitReason;

  constructor(target: string, reason: ExitReason) {
    super(`call to ${target} failed: ${formatReason(reason)}`, reason.type === "error" ? { cause: reason.error } : {});
    this.target = target;
    this.reason = reason;
  }
}

/** A call got no answer in time. An answer that comes later is dropped. */
export class CallTimeoutError extends ActorsError {
  readonly code = "ERR_CALL_TIMEOUT";
  readonly target: string;
  readonly timeoutMs: number;

  constructor(target: string, timeoutMs: number) {
    super(`call to ${target} got no answer within ${timeoutMs} ms`);
    this.target = target;
    this.timeoutMs = timeoutMs;
  }
}

/** An actor called itself, which could never be answered. OTP's `calling_self`. */
export class CallingSelfError extends ActorsError {
  readonly code = "ERR_CALLING_SELF";

  constructor(target: string) {
    super(`${target} called itself`);
  }
}

/** A callback returned something that its contract does not know. OTP's `bad_return_value`. */
export class BadReturnError extends ActorsError {
  readonly code = "ERR_BAD_RETURN";
  readonly callback: string;
  readonly value: unknown;

  constructor(callback: string, value: unknown, expected: string) {
    super(`${callback} returned ${describeValue(value)}; expected ${expected}`);
    this.callback = callback;
    this.value = value;
  }
}

/** A server got a request for which its definition has no callback. */
export class MissingCallbackError extends ActorsError {
  readonly code = "ERR_MISSING_CALLBACK";
  readonly callback: string;

  constructor(definition: string, callback: string) {
    super(`${definition} was asked for ${callback}, which it does not define`);
    this.callback = callback;
  }
}

/** A machine uses what only actors of XState's own have. */
export class UnsupportedMachineError extends ActorsError {
  readonly code = "ERR_UNSUPPORTED_MACHINE";
  readonly machine: string;
  readonly state: string;
  readonly construct: string;

  constructor(machine: string, state: string, construct: string) {
    super(`machine ${machine} uses ${construct} in state ${state}, which an actor of the kernel does not have`);
    this.machine = machine;
    this.state = state;
    this.construct = construct;
  }
}

/** The actor that a machine has invoked or spawned was ended from outside: killed, or by an exit signal. */
export class ChildEndedError extends ActorsError {
  readonly code = "ERR_CHILD_ENDED";
  readonly child: string;

  constructor(child: string, path: string) {
    super(`child ${child} of a machine was ended from outside: ${path}`);
    this.child = child;
  }
}

/** An actor whose mailbox is limited with `whenFull: "exit"` got one message too many. */
export class MailboxFullError extends ActorsError {
  readonly code = "ERR_MAILBOX_FULL";
  readonly capacity: number;

  constructor(path: string, capacity: number) {
    super(`the mailbox of ${path} is full: ${capacity} messages wait already`);
    this.capacity = capacity;
  }
}

/** The code of a running actor cannot be changed to this. It goes on with the old one. */
export class CodeChangeError extends ActorsError {
  readonly code = "ERR_CODE_CHANGE";
  readonly path: string;

  constructor(path: string, problem: string) {
    super(`cannot change the code of ${path}: ${problem}`);
    this.path = path;
  }
}

/** An async function called `receive` while it was waiting in another one. */
export class ReceiveInProgressError extends ActorsError {
  readonly code = "ERR_RECEIVE_IN_PROGRESS";
  readonly path: string;

  constructor(path: string) {
    super(`${path} is waiting in a receive already; await that one first`);
    this.path = path;
  }
}

/** The system has been shut down. */
export class SystemStoppedError extends ActorsError {
  readonly code = "ERR_SYSTEM_STOPPED";

  constructor(name: string) {
    super(`system ${name} has been shut down`);
  }
}

/** The value as it should appear in a message: short, quoted, never a whole object graph. */
export function describeValue(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (typeof value === "function") return `function ${value.name || "(anonymous)"}`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === "object" && value !== null) {
    const keys = Object.keys(value).slice(0, 4);
    return keys.length === 0 ? "{}" : `{ ${keys.join(", ")} }`;
  }
  return String(value);
}
