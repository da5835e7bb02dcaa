import type { AnyStateMachine, EmittedFrom, EventFromLogic, EventObject, InputFrom } from "xstate";
import type { Behaviour, Definition, Process, Progress } from "./behaviour.ts";
import { CastMessage } from "./call.ts";
import type { Context } from "./context.ts";
import { ActorDeadError, CodeChangeError, describeValue, InvalidOptionError } from "./errors.ts";
import { type ExitReason, isExitReason, normal, shutdown } from "./exit-reason.ts";
import type { Kernel } from "./internal/kernel.ts";
import { Interpreter } from "./internal/machine/interpreter.ts";
import { limitMicrosteps } from "./internal/machine/microstep-limit.ts";
import { moveTo, type MachineState, type NewMachineState, stateOf } from "./internal/machine/migrate.ts";
import { Program } from "./internal/machine/program.ts";
import { type MachineHooks, MachineScope } from "./internal/machine/scope.ts";
import { MachineSelf } from "./internal/machine/self.ts";
import { Turn } from "./internal/machine/shell.ts";
import { formatStateValue } from "./internal/machine/state-value.ts";
import { Delayed, MachineSignal } from "./internal/machine/timer.ts";
import { isEvent, isMachine, type Machine } from "./internal/machine/xstate.ts";
import type { ActorProcess } from "./internal/process.ts";
import { isThenable } from "./internal/thenable.ts";
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
 *   any other message             { type: "info", message } if the machine can take it, else it is dropped
 *   exit signals, when trapping   { type: "exit", from, reason }
 *   a monitored actor's end       { type: "down", ref, pid, name, reason }
 *   the parent's exit, trapping   { type: "shutdown", reason } if the machine can take it, else the actor ends
 *
 * and what goes out:
 *
 *   after, raise and sendTo with a delay   timers of the actor; `cancel` reaches them until they are handled
 *   sendTo, sendParent                     a message to an actor: a Pid, what bears one, or system.get(name)
 *   emit, log                              options.onEmit, options.logger
 *   invoke, spawn, spawnChild              a process for each child, linked to this one; see internal/machine/child.ts
 *   a final state                          exit: normal with the output, or the output if that is an exit reason
 *   a throw, a child's unhandled failure   exit: error, with what was thrown
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

/** A message that is no event, for a machine that can take it. */
export interface InfoEvent {
  readonly type: "info";
  readonly message: unknown;
}

/**
 * Makes the state of an old version of a machine into one of the new version: states that are called otherwise, a
 * context with more fields. What it leaves out stays as it is. It answers at once: a promise is refused.
 */
export type Migrate = (state: MachineState) => NewMachineState;

export interface MachineOptions<StateMachine extends AnyStateMachine> {
  /** For inspection and paths. @defaultValue the machine's id */
  readonly name?: string;
  /**
   * Exit signals arrive as events. That of the parent becomes a {@link ShutdownEvent} if the machine can take one (a
   * wildcard transition counts), and the actor ends when a final state is reached; the parent's patience is the limit.
   */
  readonly trapExit?: boolean;
  /**
   * By event type: what to do instead when the machine, in its present state, has no transition for such an event; `{}`,
   * which does nothing, is one. Without a fallback, XState ignores the event. A throw crashes the actor, and so does a promise
   * that rejects.
   */
  readonly fallback?: Readonly<
    Record<string, (event: EventFromLogic<StateMachine>, self: Context<EventFromLogic<StateMachine>>) => void>
  >;
  /** Gets what the machine emits. Absent: it is dropped. A throw crashes the actor, and so does a promise that rejects. */
  readonly onEmit?: (event: EmittedFrom<StateMachine>, self: Context<EventFromLogic<StateMachine>>) => void;
  /** Gets what `log` actions say, at level info. @defaultValue that of the actor */
  readonly logger?: Logger;
  /** Puts each transition into the trace, as `sys.traceTransitions` does for one actor. @defaultValue false */
  readonly traceTransitions?: boolean;
  /**
   * Leaves each event to XState itself, which takes some microseconds, where a compiled form of the machine takes a
   * fraction of one. The outcome is the same. @defaultValue false
   */
  readonly exact?: boolean;
}

/**
 * Makes an XState machine into something that can be spawned. The machine stays as it is: it can be drawn, tested and
 * run by XState too. Here, each actor of it is a snapshot and its timers, run by the kernel: what it sends arrives by
 * mailboxes, and its errors are exit reasons.
 *
 * A machine that runs more than 1000 microsteps for one event crashes, unless its own `options.maxIterations` says
 * otherwise, and so does a machine that it invokes or spawns. An asynchronous action is not waited for; if it rejects,
 * the actor crashes. XState remembers every type of event that it has seen, so a type must not be made of what a peer
 * has sent.
 *
 * What its code may not do with `self` and `system`, such as `self.subscribe`, crashes the actor with an
 * `UnsupportedMachineError` (`ERR_UNSUPPORTED_MACHINE`) that names it. Nobody can see that before it runs.
 *
 * @throws `InvalidOptionError` (`ERR_INVALID_OPTION`) for what is no machine, such as `fromPromise`: such logic a
 * machine can invoke
 */
export function fromMachine<StateMachine extends AnyStateMachine>(
  machine: StateMachine,
  options: MachineOptions<StateMachine> = {},
): Definition<MachineInput<StateMachine>, MachineRef<StateMachine>> {
  const logic: unknown = machine;
  if (!isMachine(logic)) throw new InvalidOptionError("machine", logic, "what XState's createMachine has made");
  const { name = machine.config.id ?? "machine", trapExit = false } = options;
  // From here on the types are those of the kernel: an actor gets only what its own ref let through.
  const behaviour = new MachineBehaviour(name, programOf(machine), options as unknown as AnyOptions);
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

/** The machine that actors of this definition run; undefined if they run none. What `fromMachine` was given, for inspection. */
export function machineOf({ behaviour }: Definition<never>): AnyStateMachine | undefined {
  return behaviour instanceof MachineBehaviour ? behaviour.machine : undefined;
}

/** What a machine is compiled to follows from nothing but the machine, which never changes. */
const programs = new WeakMap<AnyStateMachine, Program>();

/** All definitions of a machine share one program, so that one that is made again starts as warm as the first. */
function programOf(machine: AnyStateMachine): Program {
  let program = programs.get(machine);
  if (program === undefined) {
    program = new Program(limitMicrosteps(machine as unknown as Machine));
    programs.set(machine, program);
  }
  return program;
}

/** What it answers counts if it is a promise: it may be an async function. */
type AnyHandler = (event: EventObject, self: Process) => unknown;

interface AnyOptions {
  readonly fallback?: Readonly<Record<string, AnyHandler>>;
  readonly onEmit?: AnyHandler;
  readonly logger?: Logger;
  readonly traceTransitions?: boolean;
  readonly exact?: boolean;
}

/** The machine was in a final state as soon as it had started. */
class FinishedAtStart extends MachineSignal {
  readonly type = "finished";
}

class MachineBehaviour implements Behaviour<unknown> {
  readonly kind = "machine";
  readonly #name: string;
  readonly #program: Program;
  readonly #fallbacks: ReadonlyMap<string, AnyHandler>;
  readonly #hooks: MachineHooks;
  readonly #isTracing: boolean;
  readonly #isExact: boolean;
  /** A definition may run in many systems. */
  readonly #interpreters = new WeakMap<Kernel, Interpreter>();

  constructor(name: string, program: Program, options: AnyOptions) {
    const { fallback = {}, onEmit, logger, traceTransitions = false, exact = false } = options;
    this.#name = name;
    this.#program = program;
    this.#fallbacks = new Map(Object.entries(fallback));
    this.#isTracing = traceTransitions;
    this.#isExact = exact;
    this.#hooks = {
      emit: (event, process) => onEmit?.(event, process),
      log: (process, label, value) => {
        const text = typeof value === "string" ? value : describeValue(value);
        const fields = { actor: process.pid.toString(), path: process.path, value };
        (logger ?? process.logger).info(fields, label === undefined ? text : `${label}: ${text}`);
      },
    };
  }

  get machine(): AnyStateMachine {
    return this.#program.machine as unknown as AnyStateMachine;
  }

  #interpreterFor(kernel: Kernel): Interpreter {
    let interpreter = this.#interpreters.get(kernel);
    if (interpreter === undefined) {
      const scope = new MachineScope(kernel, this.#program.machine, this.#hooks);
      interpreter = new Interpreter(this.#program, scope, this.#isExact);
      this.#interpreters.set(kernel, interpreter);
    }
    return interpreter;
  }

  start(process: Process, input: unknown): Progress {
    // The kernel gives behaviours of this package the process itself.
    const { kernel, pid } = process as ActorProcess;
    const interpreter = this.#interpreterFor(kernel);
    const self = new MachineSelf(pid, interpreter);
    self.isTracing = this.#isTracing;
    process.state = self;
    interpreter.start(self, input);
    if (kernel.stateTracer !== null) kernel.traceState(process, undefined, undefined, self.configuration.value);
    if (self.shell !== null) self.shell.eventHandled(undefined, self.configuration);
    // Such a machine has started, as in OTP, and ends in its first step after that, before anything it was sent.
    if (!self.isActive) process.unreceive(new FinishedAtStart());
    return undefined;
  }

  receive(process: Process, message: unknown): Progress {
    const self = stateOfProcess(process);
    if (message instanceof MachineSignal) {
      this.#handleSignal(process, self, message);
      return undefined;
    }
    const event = message instanceof CastMessage ? message.message : message;
    if (!isEvent(event)) this.#handleInfo(process, self, event);
    else if (event.type === "exit" && event instanceof Exit && event.from === process.parentPid) {
      this.#parentExits(process, self, event.reason);
    } else if (self.family === null || self.family.letsIn(event)) this.#handle(process, self, event);
    return undefined;
  }

  #handleSignal(process: Process, self: MachineSelf, signal: MachineSignal): void {
    if (signal instanceof Delayed) {
      const event = self.interpreter.scope.elapsed(self, signal);
      if (event !== undefined) this.#handle(process, self, event);
    } else if (signal instanceof Turn) {
      const event = self.shell?.take(signal);
      if (event !== undefined) this.#handle(process, self, event);
    } else if (signal instanceof FinishedAtStart) {
      process.stop(endReason(self));
    }
  }

  #handle(process: Process, self: MachineSelf, event: EventObject): void {
    const before = self.configuration;
    self.shell?.eventArrives();
    const fallback = this.#fallbacks.size === 0 ? undefined : this.#fallbacks.get(event.type);
    if (fallback !== undefined && !self.interpreter.has(self, event)) {
      const result = fallback(event, process);
      if (isThenable(result)) process.task(result);
    } else {
      self.interpreter.transition(self, event);
    }
    const { kernel } = process as ActorProcess;
    if (kernel.stateTracer !== null) kernel.traceState(process, event, before.value, self.configuration.value);
    const { belongings } = self;
    if (belongings === null) return;
    belongings.shell?.eventHandled(event, before);
    if (belongings.ending !== null) process.stop(endReason(self));
  }

  /** OTP's `info`: a message that is none of the protocol's. */
  #handleInfo(process: Process, self: MachineSelf, message: unknown): void {
    const event: InfoEvent = { type: "info", message };
    if (self.interpreter.has(self, event)) {
      this.#handle(process, self, event);
    } else {
      process.warn(`${this.#name} got ${describeValue(message)}, which is no event; it is dropped`);
      // It has come all the same, and a timeout that waits for silence has heard it.
      self.shell?.eventArrives();
      self.shell?.eventHandled(undefined, self.configuration);
    }
  }

  #parentExits(process: Process, self: MachineSelf, reason: ExitReason): void {
    const event: ShutdownEvent = { type: "shutdown", reason };
    if (!self.interpreter.has(self, event)) {
      process.stop(reason);
      return;
    }
    self.shutdownReason = reason;
    this.#handle(process, self, event);
    const { parent } = process as ActorProcess;
    // OTP: nothing outlives its parent. A dead one could not put a limit to it either.
    if (self.isActive && parent !== null && parent.isDead) process.stop(reason);
  }

  describe(process: Process): unknown {
    const self = startedState(process);
    if (self === undefined) return undefined;
    const { configuration, context, shell } = self;
    const state = { value: configuration.value, context, tags: [...configuration.tags] };
    return shell === null || shell.postponed.length === 0 ? state : { ...state, postponed: [...shell.postponed] };
  }

  describeMessage(message: unknown): unknown {
    return message instanceof Turn ? message.event : message;
  }

  summary(process: Process): string | undefined {
    const self = startedState(process);
    return self && formatStateValue(self.configuration.value);
  }

  traceTransitions(process: Process, on: boolean): void {
    stateOfProcess(process).isTracing = on;
  }

  replaceState(process: Process, replace: (state: unknown) => unknown): void {
    const self = stateOfProcess(process);
    // What it is, is looked at where it is used.
    const replaced = replace(this.describe(process)) as NewMachineState;
    moveTo(self, self.interpreter, replaced, (problem) => new TypeError(problem));
  }

  changeCode(process: Process, extra: unknown): void {
    const self = process.state;
    const refuse = (problem: string): Error => new CodeChangeError(process.path, problem);
    if (!(self instanceof MachineSelf)) throw refuse("it is a child of a machine, and its code is part of that");
    const { kernel, definition } = process as ActorProcess;
    const { migrate } = (extra ?? {}) as { readonly migrate?: Migrate };
    const state = stateOf(self);
    moveTo(self, this.#interpreterFor(kernel), migrate === undefined ? state : migrate(state), refuse);
    const { behaviour: before } = definition;
    // What was switched for this one actor stays, unless the new code asks for something else than the old.
    if (before instanceof MachineBehaviour && before.#isTracing !== this.#isTracing) self.isTracing = this.#isTracing;
  }
}

function stateOfProcess(process: Process): MachineSelf {
  // Set by `start` before anything else can run.
  return process.state as MachineSelf;
}

/** Undefined if the start has failed before there was a state. */
function startedState({ state }: Process): MachineSelf | undefined {
  const self = state instanceof MachineSelf ? state : undefined;
  // The configuration is set by the start.
  return (self as Partial<MachineSelf> | undefined)?.configuration === undefined ? undefined : self;
}

/** Why an actor ends whose machine has come to its end. */
function endReason({ ending, shutdownReason }: MachineSelf): ExitReason {
  if (shutdownReason?.type === "shutdown") return shutdownReason;
  if (ending === null || ending.status === "stopped") return shutdown();
  const { output } = ending;
  if (isExitReason(output)) return output;
  return output === undefined ? normal : { type: "normal", detail: output };
}

export type { MachineState, NewMachineState } from "./internal/machine/migrate.ts";
