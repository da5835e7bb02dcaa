import type { EventObject } from "xstate";
import { type Candidate, type Configuration, Kind, type Plan, type Selection } from "./configuration.ts";
import { childOf } from "./family.ts";
import { Nursery, type Spawn } from "./nursery.ts";
import { Code, compileActions, doneEvent, type Operation } from "./operation.ts";
import { guardError } from "./guard.ts";
import { noChildren, type Program } from "./program.ts";
import type { MachineScope, StepRecord } from "./scope.ts";
import type { Ending, MachineSelf } from "./self.ts";
import type { BuiltinAction, Children, Expression, LogicActor, Snapshot, StateNode, Transition } from "./xstate.ts";

const noEvent: EventObject = { type: "" };

/**
 * What actions are called with, and where the step under way has come to. One object serves all actions of all steps
 * one after the other, so it is good for as long as the call lasts; an asynchronous action keeps its own.
 */
class Arguments {
  context: unknown = undefined;
  event: EventObject = noEvent;
  self: MachineSelf | null = null;
  readonly system: object;
  readonly #interpreter: Interpreter;

  constructor(interpreter: Interpreter) {
    this.#interpreter = interpreter;
    this.system = interpreter.scope.system;
  }

  /** For assignments. Looked up when it is used, since hardly any does. */
  get spawn(): Spawn {
    return this.#interpreter.spawner();
  }
}

/**
 * Runs the machine of a definition in a system, for all its actors: takes events through the plans of the program, or,
 * where there are none or somebody watches, through XState itself. Both leave the same behind.
 */
export class Interpreter {
  readonly program: Program;
  readonly scope: MachineScope;
  readonly #isExact: boolean;
  readonly #maxMicrosteps: number;
  readonly #nursery: Nursery;

  // What the step under way has come to. It counts when the step has come to its end.
  #configuration!: Configuration;
  #children: Children = noChildren;
  #ending: Ending | null = null;
  /** Something has happened for which XState makes a new snapshot. */
  #hasChanged = false;
  readonly #raised: EventObject[] = [];
  readonly #retries: Array<readonly [BuiltinAction, unknown]> = [];
  #arguments: Arguments;
  readonly #look = (): Snapshot => this.#materialise();

  /** @param isExact - XState itself is to take every event */
  constructor(program: Program, scope: MachineScope, isExact: boolean) {
    this.program = program;
    this.scope = scope;
    this.#isExact = isExact || !program.isCompiled;
    this.#maxMicrosteps = program.machine.options.maxIterations ?? Infinity;
    this.#nursery = new Nursery(program.machine);
    this.#arguments = new Arguments(this);
  }

  // — For the actor ——————————————————————————————————————————————————————————————————————————————————————————————

  /** Throws what the start throws; what there is of a state then is that of before. */
  start(self: MachineSelf, input: unknown): void {
    const { scope } = this;
    scope.enter(self);
    scope.isStarting = true;
    try {
      if (this.#isExact || self.isTracing) this.#adopt(self, this.program.machine.getInitialSnapshot(scope, input));
      else this.#start(self, input);
      // One that is done already has stopped them before they ran.
      for (const child of self.isActive ? Object.values(self.children) : []) {
        if (child?.getSnapshot().status === "active") child.start();
      }
      scope.flush();
    } finally {
      this.#leave();
    }
  }

  /** Throws what an action, guard, assignment or delay throws; the state is then that of before the event. */
  transition(self: MachineSelf, event: EventObject): void {
    const { scope } = this;
    scope.enter(self);
    try {
      if (this.#isExact || self.isTracing) this.#transitionExactly(self, event);
      else this.#transition(self, event);
      if (scope.hasDeferred) scope.flush();
    } finally {
      this.#leave();
    }
  }

  /** Whether there is a transition for such an event that does anything. */
  can(self: MachineSelf, event: EventObject): boolean {
    if (this.#isExact) return this.snapshotOf(self).can(event);
    const taken: Transition[] = [];
    this.#load(self, event);
    try {
      this.#collect(self.configuration.select(event.type), event, taken);
    } finally {
      this.#forget();
    }
    return taken.some(({ target, actions }) => target !== undefined || actions.length > 0);
  }

  /** The state in the form of XState. */
  snapshotOf({ configuration, context, children, ending }: MachineSelf): Snapshot {
    const snapshot = { ...configuration.template, context, children };
    return ending === null ? snapshot : { ...snapshot, status: ending.status, output: ending.output };
  }

  #leave(): void {
    this.scope.leave();
    this.#forget();
  }

  /** Nothing of an actor is kept by what all of them share. */
  #forget(): void {
    const args = this.#arguments;
    args.context = undefined;
    args.event = noEvent;
    args.self = null;
    this.#children = noChildren;
    if (this.#raised.length > 0) this.#raised.length = 0;
    if (this.#retries.length > 0) this.#retries.length = 0;
  }

  // — By XState itself ———————————————————————————————————————————————————————————————————————————————————————————

  #transitionExactly(self: MachineSelf, event: EventObject): void {
    const { scope, program } = this;
    const before = self.configuration;
    const record: StepRecord | null = self.isTracing ? { actions: [], hasMoved: false } : null;
    scope.record = record;
    this.#adopt(self, program.machine.transition(this.snapshotOf(self), event, scope));
    if (record === null || !record.hasMoved) return;
    const fields = { event, from: before.value, to: self.configuration.value, actions: record.actions };
    self.process.observe("transition", fields);
  }

  #adopt(self: MachineSelf, snapshot: Snapshot): void {
    const { status, context, children, output, error } = snapshot;
    if (status !== "error" || this.scope.isStarting) {
      // For the crash report, if the start has failed: how far it came.
      self.configuration = this.program.configurationOf(snapshot);
      self.context = context;
      self.children = children;
    }
    if (status === "error") throw error;
    if (status !== "active") self.ending = { status, output };
  }

  // — By plans ———————————————————————————————————————————————————————————————————————————————————————————————————

  #start(self: MachineSelf, input: unknown): void {
    const { program } = this;
    const { context } = program.machine.config;
    const event = { type: "xstate.init", input };
    self.configuration = program.before;
    self.context = typeof context === "function" ? {} : (context ?? {});
    this.#load(self, event);
    if (typeof context === "function") {
      const given = Object.assign(new Arguments(this), { input, self });
      self.context = { ...(context as (args: object) => object)(given) };
      this.#arguments.context = self.context;
    }
    this.#run(program.start);
    this.#settle();
    this.#commit(self);
  }

  #transition(self: MachineSelf, event: EventObject): void {
    this.#load(self, event);
    const selection = self.configuration.select(event.type);
    if (selection.kind === Kind.stop) {
      this.#stopChildren();
      self.ending = { status: "stopped", output: undefined };
      return;
    }
    if (selection.kind !== Kind.start) {
      const plan = this.#choose(selection, event);
      if (plan !== null) this.#run(plan);
      // A child has failed, and nobody minds: so has the machine.
      else if (selection.kind === Kind.failure) throw (event as { error?: unknown }).error;
    }
    if (this.#ending !== null || this.#raised.length > 0 || this.#configuration.always.length > 0) this.#settle();
    this.#commit(self);
  }

  #load(self: MachineSelf, event: EventObject): void {
    this.#configuration = self.configuration;
    this.#children = self.children;
    this.#ending = null;
    const args = this.#arguments;
    args.context = self.context;
    args.event = event;
    args.self = self;
  }

  #commit(self: MachineSelf): void {
    self.configuration = this.#configuration;
    self.context = this.#arguments.context;
    self.children = this.#children;
    if (this.#ending !== null) self.ending = this.#ending;
  }

  /** Takes eventless transitions and raised events until there are none. */
  #settle(): void {
    let isTryingAlways = true;
    for (let microsteps = 1; this.#ending === null; microsteps += 1) {
      if (microsteps > this.#maxMicrosteps) throw endlessLoop(this.#maxMicrosteps);
      const always: Configuration["always"] = isTryingAlways ? this.#configuration.always : none;
      if (always.length === 0 && this.#raised.length === 0) return;
      let plan: Plan | null = always.length === 0 ? null : this.#chooseAlways(always);
      const isAlways = plan !== null;
      if (plan === null) {
        const raised = this.#raised.shift();
        if (raised === undefined) return;
        this.#arguments.event = raised;
        plan = this.#choose(this.#configuration.select(raised.type), raised);
      }
      this.#hasChanged = false;
      if (plan !== null) this.#run(plan);
      // An eventless transition after which all is as it was is not tried again until something else has happened.
      isTryingAlways = !isAlways || this.#hasChanged;
    }
    this.#stopChildren();
  }

  // — Which transitions ——————————————————————————————————————————————————————————————————————————————————————————

  #choose(selection: Selection, event: EventObject): Plan | null {
    if (selection.regions.length > 0) return this.#chooseInRegions(selection, event);
    const candidate = this.#firstOf(selection.candidates, event);
    return candidate === null ? null : (candidate.plan ?? this.#configuration.planOf(candidate, false));
  }

  #chooseInRegions(selection: Selection, event: EventObject): Plan | null {
    const taken: Transition[] = [];
    this.#collect(selection, event, taken);
    return taken.length === 0 ? null : this.#configuration.planOfAll(taken, false);
  }

  #collect(selection: Selection, event: EventObject, taken: Transition[]): void {
    const before = taken.length;
    for (const region of selection.regions) this.#collect(region, event, taken);
    if (taken.length > before) return;
    const candidate = this.#firstOf(selection.candidates, event);
    if (candidate !== null) taken.push(candidate.transition);
  }

  #firstOf(candidates: readonly Candidate[], event: EventObject): Candidate | null {
    for (let index = 0; index < candidates.length; index += 1) {
      const candidate = candidates[index] as Candidate;
      const { guard } = candidate;
      if (guard === null) return candidate;
      try {
        if (guard.passes(this.#arguments, this.#look)) return candidate;
      } catch (error) {
        const { guard: definition, source } = candidate.transition;
        throw guardError(definition, event.type, source.id, error);
      }
    }
    return null;
  }

  #chooseAlways(always: ReadonlyArray<readonly Candidate[]>): Plan | null {
    const taken = new Set<Transition>();
    for (const candidates of always) {
      const candidate = candidates.find(({ guard }) => guard === null || guard.passes(this.#arguments, this.#look));
      if (candidate !== undefined) taken.add(candidate.transition);
    }
    return taken.size === 0 ? null : this.#configuration.planOfAll([...taken], true);
  }

  // — What they do ———————————————————————————————————————————————————————————————————————————————————————————————

  #run({ operations, next, isChanging }: Plan): void {
    const isSimulated = this.scope.kernel.simulation !== null;
    // By index: an iterator would be an object for each event.
    for (let index = 0; index < operations.length; index += 1) {
      const operation = operations[index] as Operation;
      if (isSimulated && operation.name !== "") this.scope.current.process.mayCrash(`action ${operation.name}`);
      this.#perform(operation);
    }
    if (isChanging) this.#hasChanged = true;
    this.#configuration = next;
  }

  #perform(operation: Operation): void {
    switch (operation.code) {
      case Code.custom:
        this.#act(operation);
        break;
      case Code.assign:
      case Code.assignKeys:
        this.#assign(operation);
        break;
      case Code.raise:
        this.#raise(operation);
        break;
      case Code.cancel:
        this.#cancel(operation);
        break;
      case Code.rearm:
        this.#rearm(operation);
        break;
      case Code.builtin:
        this.#leaveToXState(operation);
        break;
      case Code.retry:
        for (const [action, params] of this.#retries) action.retryResolve?.(this.scope, this.#materialise(), params);
        this.#retries.length = 0;
        break;
      case Code.invoke:
        this.#invoke(operation);
        break;
      case Code.stopInvoked:
        if (operation.invocation !== null) this.#stopInvoked(operation.invocation.id);
        break;
      case Code.done:
        if (operation.node !== null) this.#raised.push(doneEvent(operation.node, this.#evaluate(operation.value)));
        break;
      case Code.finish:
        this.#finish(operation);
        break;
    }
  }

  /** Arguments of an action's own, for those who keep them. */
  #ownArguments(): object {
    const { context, event, self, system } = this.#arguments;
    return { context, event, self, system };
  }

  #paramsOf({ params, paramsOf }: Operation): unknown {
    return paramsOf === null ? params : paramsOf(this.#arguments);
  }

  #act(operation: Operation): void {
    const { call } = operation;
    const params = this.#paramsOf(operation);
    if (call === null) return;
    if (this.scope.isStarting) {
      this.scope.defer(acting(this.scope, call, this.#ownArguments(), params));
      return;
    }
    const result = call(this.#arguments, params);
    if (typeof result !== "object" || result === null) return;
    this.scope.mind(result);
    // It may be asynchronous, and read its arguments later.
    const { context, event, self } = this.#arguments;
    this.#arguments = Object.assign(new Arguments(this), { context, event, self });
  }

  #assign(operation: Operation): void {
    const args = this.#arguments;
    const { context } = args;
    if (!context) {
      throw new Error("Cannot assign to undefined `context`. Ensure that `context` is defined in the machine config.");
    }
    const { code, call, keys, value } = operation;
    const params = this.#paramsOf(operation);
    const next: Record<string, unknown> = { ...context };
    if (code === Code.assign) {
      Object.assign(next, call?.(args, params));
    } else {
      const values = value as readonly unknown[];
      for (let index = 0; index < keys.length; index += 1) {
        const assigned = values[index];
        next[keys[index] as string] =
          typeof assigned === "function" ? (assigned as Expression)(args, params) : assigned;
      }
    }
    args.context = next;
    this.#hasChanged = true;
  }

  #raise(operation: Operation): void {
    const { call, delayOf, id } = operation;
    const params = this.#paramsOf(operation);
    const event = (call === null ? operation.value : call(this.#arguments, params)) as EventObject;
    const delay = delayOf === null ? operation.delay : delayOf(this.#arguments, params);
    if (typeof delay !== "number") {
      this.#raised.push(event);
      return;
    }
    const { scope } = this;
    const self = scope.current;
    if (scope.mustWait) scope.later(arming(scope, self, event, delay, id));
    else scope.schedule(self, self, event, delay, id);
  }

  #rearm({ id = "", value, delay }: Operation): void {
    const { scope } = this;
    const self = scope.current;
    if (scope.mustWait) scope.later(rearming(scope, self, value as EventObject, delay as number, id));
    else scope.rearm(self, value as EventObject, delay as number, id);
  }

  #cancel(operation: Operation): void {
    const params = this.#paramsOf(operation);
    const id = (operation.call === null ? operation.value : operation.call(this.#arguments, params)) as string;
    const { scope } = this;
    const self = scope.current;
    if (scope.mustWait) scope.later(cancelling(scope, self, id));
    else scope.cancel(self, id);
  }

  #leaveToXState(operation: Operation): void {
    const { action, awaited } = operation;
    if (action === null) return;
    const { scope } = this;
    const before = this.#materialise();
    const args = this.#ownArguments();
    const given = this.#paramsOf(operation);
    const extra = { internalQueue: this.#raised, deferredActorIds: awaited };
    const [next, params, further] = action.resolve(scope, before, args, given, action, extra);
    if (next !== before) {
      this.#arguments.context = next.context;
      this.#children = next.children;
      this.#hasChanged = true;
    }
    if (action.retryResolve !== undefined && awaited !== undefined) this.#retries.push([action, params]);
    if (action.execute !== undefined) {
      scope.actionExecutor({ type: action.type, info: args, params, exec: () => action.execute?.(scope, params) });
    }
    if (further === undefined) return;
    const { implementations } = this.program.machine;
    for (const inner of compileActions(further, implementations, awaited)) this.#perform(inner);
  }

  /** The snapshot of now, in the form of XState. */
  #materialise(): Snapshot {
    const snapshot = { ...this.#configuration.template, context: this.#arguments.context, children: this.#children };
    const ending = this.#ending;
    return ending === null ? snapshot : { ...snapshot, status: ending.status, output: ending.output };
  }

  #evaluate(output: unknown, event: EventObject = this.#arguments.event): unknown {
    if (typeof output !== "function") return output;
    const { context, self } = this.#arguments;
    return (output as Expression)({ context, event, self });
  }

  #finish({ node, value }: Operation): void {
    let output: unknown;
    if (value !== undefined && node !== null) {
      const ofNode = node.parent === undefined ? undefined : this.#evaluate(node.output);
      output = this.#evaluate(value, doneEvent(node, ofNode));
    }
    this.#ending = { status: "done", output };
    this.#hasChanged = true;
  }

  // — Children ———————————————————————————————————————————————————————————————————————————————————————————————————

  #invoke({ node, invocation }: Operation): void {
    if (node === null || invocation === null) return;
    const self = this.scope.current;
    const { id } = invocation;
    const input = (): unknown => this.#evaluate(invocation.input);
    const child = this.#nursery.invoke(self, node, invocation, input);
    this.#children = { ...this.#children, [id]: child };
    this.#hasChanged = true;
    if (child !== undefined) this.scope.later(() => start(child));
  }

  #stopInvoked(id: string): void {
    const { [id]: child, ...others } = this.#children;
    this.#hasChanged = true;
    if (child === undefined) return;
    this.#children = others;
    this.#stopChild(child);
  }

  #stopChildren(): void {
    if (this.#children === noChildren) return;
    for (const child of Object.values(this.#children)) if (child !== undefined) this.#stopChild(child);
  }

  #stopChild(child: LogicActor): void {
    const { scope } = this;
    if (scope.isStarting) scope.defer(() => this.#stopNow(child));
    else this.#stopNow(child);
  }

  #stopNow(child: LogicActor): void {
    const { scope } = this;
    unregister(child, scope.system);
    // One that was not started yet never is.
    if (child._processingStatus !== RUNNING) scope.stopChild(child);
    // What was sent to it before comes before.
    else scope.defer(() => scope.stopChild(child));
  }

  /** Makes, and does not start, the children of these ids that these states invoke. For a change of code. */
  invokeSome(self: MachineSelf, nodes: readonly StateNode[], ids: ReadonlySet<string>, context: unknown): Children {
    this.#load(self, { type: "xstate.init" });
    this.#arguments.context = context;
    const made: Record<string, LogicActor | undefined> = {};
    try {
      for (const node of nodes) {
        for (const invocation of node.invoke) {
          if (!ids.has(invocation.id)) continue;
          const input = (): unknown => this.#evaluate(invocation.input);
          made[invocation.id] = this.#nursery.invoke(self, node, invocation, input);
        }
      }
      // What their starts would fail over, while nothing has changed yet.
      for (const child of Object.values(made)) childOf(child)?.checkName();
      return made;
    } catch (error) {
      // Nobody is to find by its name what never comes to life.
      for (const child of Object.values(made)) if (child !== undefined) self.family?._unregister(child);
      throw error;
    } finally {
      this.#forget();
    }
  }

  /** For assignments. */
  spawner(): Spawn {
    const { scope } = this;
    const { context, event } = this.#arguments;
    const spawn = this.#nursery.spawner(scope, scope.current, context, event);
    return (source, options) => {
      const child = spawn(source, options);
      this.#children = { ...this.#children, [child.id]: child };
      return child;
    };
  }
}

const none: readonly never[] = [];
const RUNNING = 1;
const STOPPED = 2;

/*
 * Effects that are put off. Each is made apart, since what a closure remembers costs an object wherever one could be made,
 * and on the hot path none is.
 */

function acting(scope: MachineScope, call: Expression, args: object, params: unknown): () => void {
  return () => scope.mind(call(args, params));
}

function arming(
  scope: MachineScope,
  self: MachineSelf,
  event: EventObject,
  delay: number,
  id: string | undefined,
): () => void {
  return () => scope.schedule(self, self, event, delay, id);
}

function rearming(scope: MachineScope, self: MachineSelf, event: EventObject, delay: number, id: string): () => void {
  return () => scope.rearm(self, event, delay, id);
}

function cancelling(scope: MachineScope, self: MachineSelf, id: string): () => void {
  return () => scope.cancel(self, id);
}

function start(child: LogicActor): void {
  if (child._processingStatus !== STOPPED) child.start();
}

/** Its children give up their names first, as in XState. */
function unregister(child: LogicActor, system: MachineScope["system"]): void {
  for (const inner of Object.values(child.getSnapshot().children ?? {})) {
    if (inner !== undefined) unregister(inner, system);
  }
  system._unregister(child);
}

function endlessLoop(most: number): Error {
  return new Error(
    `Infinite loop detected: the machine has processed more than ${most} microsteps without reaching a stable state. This usually happens when there's a cycle of transitions (e.g., eventless transitions or raised events causing state A -> B -> C -> A).`,
  );
}
