import type { EventObject } from "xstate";
import { choose, chooseAlways, transitionsFor } from "./choice.ts";
import { type Configuration, Kind, type Plan } from "./configuration.ts";
import { Execution } from "./execution.ts";
import type { Program } from "./program.ts";
import type { MachineScope, StepRecord } from "./scope.ts";
import type { MachineSelf } from "./self.ts";
import type { Children, Snapshot, StateNode } from "./xstate.ts";

/**
 * Runs the machine of a definition in a system, for all its actors: takes events through the plans of the program, or,
 * where there are none or somebody watches, through XState itself. Both leave the same behind.
 */
export class Interpreter {
  readonly program: Program;
  readonly scope: MachineScope;
  readonly #isExact: boolean;
  readonly #maxMicrosteps: number;
  /** The one under way. */
  readonly #step: Execution;

  /** @param isExact - XState itself is to take every event */
  constructor(program: Program, scope: MachineScope, isExact: boolean) {
    const { machine } = program;
    this.program = program;
    this.scope = scope;
    this.#isExact = isExact || !program.isCompiled;
    this.#maxMicrosteps = machine.options.maxIterations ?? Infinity;
    this.#step = new Execution(scope, machine);
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

  /** Whether there is a transition for such an event, be it `{}`, by which a state says that it does nothing about it. */
  has(self: MachineSelf, event: EventObject): boolean {
    if (this.#isExact) return this.program.machine.getTransitionData(this.snapshotOf(self), event).length > 0;
    const step = this.#step;
    step.load(self, event);
    try {
      return transitionsFor(step, self.configuration.select(event.type), event).length > 0;
    } finally {
      step.forget();
    }
  }

  /** The state in the form of XState. */
  snapshotOf({ configuration, context, children, ending }: MachineSelf): Snapshot {
    const snapshot = { ...configuration.template, context, children };
    return ending === null ? snapshot : { ...snapshot, status: ending.status, output: ending.output };
  }

  /** Makes, and does not start, the children of these ids that these states invoke. For a change of code. */
  invokeSome(self: MachineSelf, nodes: readonly StateNode[], ids: ReadonlySet<string>, context: unknown): Children {
    const step = this.#step;
    step.load(self, { type: "xstate.init" });
    step.arguments.context = context;
    try {
      return step.offspring.make(self, nodes, ids, ({ input }) => step.evaluate(input));
    } finally {
      step.forget();
    }
  }

  #leave(): void {
    this.scope.leave();
    this.#step.forget();
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
    const step = this.#step;
    const { context } = program.machine.config;
    self.configuration = program.before;
    self.context = typeof context === "function" ? {} : (context ?? {});
    const event = { type: "xstate.init", input };
    step.load(self, event);
    if (typeof context === "function") {
      const given = step.argumentsWith(input, self);
      self.context = { ...(context as (args: object) => object)(given) };
      step.arguments.context = self.context;
    }
    step.run(program.start);
    this.#settle();
    step.commit(self);
  }

  #transition(self: MachineSelf, event: EventObject): void {
    const step = this.#step;
    step.load(self, event);
    const selection = self.configuration.select(event.type);
    if (selection.kind === Kind.stop) {
      step.offspring.stopAll();
      self.ending = { status: "stopped", output: undefined };
      return;
    }
    if (selection.kind !== Kind.start) {
      const plan = choose(step, selection, event);
      if (plan !== null) step.run(plan);
      // A child has failed, and nobody minds: so has the machine.
      else if (selection.kind === Kind.failure) throw (event as { error?: unknown }).error;
    }
    if (step.ending !== null || step.raised.length > 0 || step.configuration.always.length > 0) this.#settle();
    step.commit(self);
  }

  /** Takes eventless transitions and raised events until there are none. */
  #settle(): void {
    const step = this.#step;
    let isTryingAlways = true;
    for (let microsteps = 1; step.ending === null; microsteps += 1) {
      if (microsteps > this.#maxMicrosteps) throw endlessLoop(this.#maxMicrosteps);
      const always: Configuration["always"] = isTryingAlways ? step.configuration.always : none;
      if (always.length === 0 && step.raised.length === 0) return;
      let plan: Plan | null = always.length === 0 ? null : chooseAlways(step, always);
      const isAlways = plan !== null;
      if (plan === null) {
        if (step.raised.length === 0) return;
        const raised = step.raised.shift() as EventObject;
        step.arguments.event = raised;
        plan = choose(step, step.configuration.select(raised.type), raised);
      }
      step.hasChanged = false;
      if (plan !== null) step.run(plan);
      // An eventless transition after which all is as it was is not tried again until something else has happened.
      isTryingAlways = !isAlways || step.hasChanged;
    }
    step.offspring.stopAll();
  }
}

const none: readonly never[] = [];

function endlessLoop(most: number): Error {
  return new Error(
    `Infinite loop detected: the machine has processed more than ${most} microsteps without reaching a stable state. This usually happens when there's a cycle of transitions (e.g., eventless transitions or raised events causing state A -> B -> C -> A).`,
  );
}
