import type { AnyStateMachine, EmittedFrom, EventFromLogic, EventObject, InputFrom } from "xstate";
import type { Behaviour, Definition, Process, Progress } from "./behaviour.ts";
import { CastMessage } from "./call.ts";
import type { Context } from "./context.ts";
import { ActorDeadError, describeValue } from "./errors.ts";
import { type ExitReason, isExitReason, normal, shutdown } from "./exit-reason.ts";
import type { Kernel } from "./internal/kernel.ts";
import { boundMicrosteps, checkMachine, formatStateValue } from "./internal/machine-check.ts";
import { type Machine, type MachineHooks, MachineScope } from "./internal/machine-scope.ts";
import { MachineSelf } from "./internal/machine-self.ts";
import { Delayed } from "./internal/machine-timer.ts";
import type { ActorProcess } from "./internal/process.ts";
import type { Logger } from "./logger.ts";
import { Exit } from "./monitor.ts";
import type { ActorRef, Callable, Castable } from "./pid.ts";

/*
 * A statechart as an actor: Erlang's gen_statem, with XState for its states. XState computes each transition; its
 * effects are the kernel's. What comes in, and what the machine gets of it:
 *
 *   input                         spawn(definition, input)   → the machine's `input`
 *   send, sendTo, self.send       any object with a `type`   → that event
 *   cast                          the message that was cast  → that event
 *   call                          { type: "call", request, from }; the answer is `from.reply(value)`, now or later
 *   exit signals, when trapping   { type: "exit", from, reason }
 *   a monitored actor's end       { type: "down", ref, pid, name, reason }
 *   the parent's exit, trapping   { type: "shutdown", reason } if the machine can take it, else the actor ends
 *
 * and what goes out:
 *
 *   after, raise and sendTo with a delay   timers of the actor; `cancel` reaches them until they are handled
 *   sendTo, sendParent                     a message to an actor: a Pid, what bears one, or system.get(name)
 *   emit, log                              options.onEmit, options.logger
 *   a final state                          exit: normal, or the output if that is an exit reason
 *   a throw                                exit: error, with what was thrown
 */

/** The address of a machine: it understands the events, and answers the requests of the event type `"call"`. */
export type MachineRef<StateMachine extends AnyStateMachine> = ActorRef<EventFromLogic<StateMachine>> &
  Castable<EventFromLogic<StateMachine>> &
  Callable<RequestIn<EventFromLogic<StateMachine>>>;

type RequestIn<Event> = Event extends { readonly type: "call"; readonly request: infer Request } ? Request : never;

/** What a machine is started with: its input, or nothing if it declares none. */
export type MachineInput<StateMachine extends AnyStateMachine> =
  unknown extends InputFrom<StateMachine> ? void : InputFrom<StateMachine>;

/** What the parent's exit signal is for a machine that traps exits and wants to end in its own way. */
export interface ShutdownEvent {
  readonly type: "shutdown";
  readonly reason: ExitReason;
}

export interface MachineOptions<StateMachine extends AnyStateMachine> {
  /** For inspection and paths. @defaultValue the machine's id */
  readonly name?: string;
  /**
   * Exit signals arrive as events. That of the parent becomes a {@link ShutdownEvent} if the machine can take one (a
   * wildcard transition counts), and the actor ends when a final state is reached; the parent's patience is the limit.
   */
  readonly trapExit?: boolean;
  /**
   * By event type: what to do instead when the machine, in its present state, has no transition for such an event.
   * Without one, XState ignores the event.
   */
  readonly fallback?: Readonly<
    Record<string, (event: EventFromLogic<StateMachine>, self: Context<EventFromLogic<StateMachine>>) => void>
  >;
  /** Gets what the machine emits. Absent: it is dropped. A throw crashes the actor. */
  readonly onEmit?: (event: EmittedFrom<StateMachine>, self: Context<EventFromLogic<StateMachine>>) => void;
  /** Gets what `log` actions say, at level info. @defaultValue the system's logger */
  readonly logger?: Logger;
}

/**
 * Makes an XState machine into something that can be spawned. The machine stays as it is: it can be drawn, tested and
 * run by XState too. Here, each actor of it is a snapshot and its timers, run by the kernel: what it sends arrives by
 * mailboxes, and its errors are exit reasons.
 *
 * A machine that runs more than 1000 microsteps for one event crashes, unless its own `options.maxIterations` says
 * otherwise. An asynchronous action is not waited for; if it rejects, the actor crashes. XState remembers every type of
 * event that it has seen, so a type must not be made of what a peer has sent.
 *
 * @throws `UnsupportedMachineError` (`ERR_UNSUPPORTED_MACHINE`) if the machine invokes or spawns children. What only
 * shows when it runs, such as `spawn` in `assign`, crashes the actor with the same error.
 */
export function fromMachine<StateMachine extends AnyStateMachine>(
  machine: StateMachine,
  options: MachineOptions<StateMachine> = {},
): Definition<MachineInput<StateMachine>, MachineRef<StateMachine>> {
  checkMachine(machine);
  const { name = machine.config.id ?? "machine", trapExit = false } = options;
  // From here on the types are those of the kernel: an actor gets only what its own ref let through.
  const behaviour = new MachineBehaviour(
    name,
    boundMicrosteps(machine) as unknown as Machine,
    options as unknown as AnyOptions,
  );
  return { name, trapExit, behaviour };
}

/**
 * The actor that runs a machine, from inside its actions: what they get as `self` is XState's view of it. With this
 * they can monitor, spawn, register, and send to actors by their typed refs.
 *
 * @throws `ActorDeadError` (`ERR_ACTOR_DEAD`) once the actor has ended.
 */
export function actorOf<Event extends EventObject>(self: { readonly send: (event: Event) => void }): Context<Event> {
  if (!(self instanceof MachineSelf)) throw new TypeError("expected the `self` of an action that an actor runs");
  const { process } = self.pid;
  if (process === null) throw new ActorDeadError(self.pid.toString());
  // The process runs the machine whose events `self` takes.
  return process as unknown as Context<Event>;
}

type AnyHandler = (event: EventObject, self: Process) => void;

interface AnyOptions {
  readonly fallback?: Readonly<Record<string, AnyHandler>>;
  readonly onEmit?: AnyHandler;
  readonly logger?: Logger;
}

/** The machine was in a final state as soon as it had started. */
class FinishedAtStart {
  readonly type = "finished";
}

class MachineBehaviour implements Behaviour<unknown> {
  readonly kind = "machine";
  readonly #name: string;
  readonly #machine: Machine;
  readonly #fallbacks: ReadonlyMap<string, AnyHandler>;
  readonly #hooks: MachineHooks;
  /** A definition may run in many systems. */
  readonly #scopes = new WeakMap<Kernel, MachineScope>();

  constructor(name: string, machine: Machine, { fallback = {}, onEmit, logger }: AnyOptions) {
    this.#name = name;
    this.#machine = machine;
    this.#fallbacks = new Map(Object.entries(fallback));
    this.#hooks = {
      emit: (event, process) => onEmit?.(event, process),
      log: (process, label, value) => {
        const text = typeof value === "string" ? value : describeValue(value);
        const fields = { pid: process.pid.toString(), path: process.path, value };
        (logger ?? process.kernel.logger).info(fields, label === undefined ? text : `${label}: ${text}`);
      },
    };
  }

  start(process: Process, input: unknown): Progress {
    // The kernel gives behaviours of this package the process itself.
    const { kernel, pid } = process as ActorProcess;
    let scope = this.#scopes.get(kernel);
    if (scope === undefined) {
      scope = new MachineScope(kernel, this.#machine, this.#hooks);
      this.#scopes.set(kernel, scope);
    }
    const self = new MachineSelf(pid, scope);
    process.state = self;
    scope.start(self, input);
    // Such a machine has started, as in OTP, and ends in its first step after that, before anything it was sent.
    if (self.snapshot.status !== "active") process.unreceive(new FinishedAtStart());
    return undefined;
  }

  receive(process: Process, message: unknown): Progress {
    const self = stateOf(process);
    if (message instanceof Delayed) {
      const event = self.scope.elapsed(self, message);
      if (event !== undefined) this.#handle(process, self, event);
    } else if (message instanceof Exit && message.from === process.parentPid) {
      this.#parentExits(process, self, message.reason);
    } else if (message instanceof FinishedAtStart) {
      process.stop(endReason(self));
    } else {
      const event = message instanceof CastMessage ? message.message : message;
      if (isEvent(event)) this.#handle(process, self, event);
      else process.warn(`${this.#name} got ${describeValue(event)}, which is no event; it is dropped`);
    }
    return undefined;
  }

  #handle(process: Process, self: MachineSelf, event: EventObject): void {
    const fallback = this.#fallbacks.get(event.type);
    if (fallback !== undefined && !self.snapshot.can(event)) {
      fallback(event, process);
      return;
    }
    self.scope.transition(self, event);
    if (self.snapshot.status !== "active") process.stop(endReason(self));
  }

  #parentExits(process: Process, self: MachineSelf, reason: ExitReason): void {
    const event: ShutdownEvent = { type: "shutdown", reason };
    if (!self.snapshot.can(event)) {
      process.stop(reason);
      return;
    }
    self.shutdownReason = reason;
    self.scope.transition(self, event);
    const { parent } = process as ActorProcess;
    if (self.snapshot.status !== "active") process.stop(endReason(self));
    // OTP: nothing outlives its parent. A dead one could not put a limit to it either.
    else if (parent !== null && parent.isDead) process.stop(reason);
  }

  describe(process: Process): unknown {
    const snapshot = snapshotOf(process);
    return snapshot && { value: snapshot.value, context: snapshot.context, tags: [...snapshot.tags] };
  }

  summary(process: Process): string | undefined {
    const snapshot = snapshotOf(process);
    return snapshot && formatStateValue(snapshot.value);
  }
}

function stateOf(process: Process): MachineSelf {
  // Set by `start` before anything else can run.
  return process.state as MachineSelf;
}

/** Undefined if the start has failed. */
function snapshotOf({ state }: Process): MachineSelf["snapshot"] | undefined {
  return state instanceof MachineSelf ? state.snapshot : undefined;
}

/** Why an actor ends whose machine has come to its end. */
function endReason({ snapshot, shutdownReason }: MachineSelf): ExitReason {
  if (shutdownReason?.type === "shutdown") return shutdownReason;
  if (snapshot.status === "stopped") return shutdown();
  return isExitReason(snapshot.output) ? snapshot.output : normal;
}

function isEvent(message: unknown): message is EventObject {
  return typeof message === "object" && message !== null && "type" in message && typeof message.type === "string";
}
