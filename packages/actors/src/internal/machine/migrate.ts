import type { EventObject, StateValue } from "xstate";
import { describeValue } from "../../errors.ts";
import { isThenable } from "../thenable.ts";
import type { Configuration } from "./configuration.ts";
import type { Interpreter } from "./interpreter.ts";
import { Code, compileActions, type Operation } from "./operation.ts";
import type { MachineSelf } from "./self.ts";
import type { Machine, Snapshot, StateNode } from "./xstate.ts";

/** The state of a machine as plain data: what one version of a machine hands over to the next. */
export interface MachineState {
  readonly value: StateValue;
  readonly context: unknown;
  /** What history states remember: ids of states, by the id of the history state. */
  readonly history: Readonly<Record<string, readonly string[]>>;
  /** The `version` of the machine, if it names one. */
  readonly version: string | undefined;
}

/** What a migration, or whoever replaces a state, gives back. What is left out stays as it is. */
export interface NewMachineState {
  readonly value?: StateValue;
  readonly context?: unknown;
  readonly history?: Readonly<Record<string, readonly string[]>>;
}

export function stateOf({ configuration, context, interpreter }: MachineSelf): MachineState {
  const history = Object.entries(configuration.history).map(([id, nodes]) => [id, nodes.map((node) => node.id)]);
  return {
    value: configuration.value,
    context,
    history: Object.fromEntries(history) as MachineState["history"],
    version: interpreter.program.machine.version,
  };
}

const AFTER = "xstate.after.";

/**
 * Puts a machine into a state without entering or leaving anything, as another version of its machine if that is what
 * the interpreter runs. Timeouts that states have before and after go on, or stay over if they are; others are disarmed
 * or armed, and so with what states invoke. All that can fail comes before anything is changed.
 *
 * @param refuse - makes the error for a state that is not possible
 */
export function moveTo(
  self: MachineSelf,
  interpreter: Interpreter,
  state: NewMachineState,
  refuse: (problem: string) => Error,
): void {
  const { scope } = interpreter;
  const before = self.interpreter;
  const { context, configuration } = arrival(self, interpreter, state, refuse);
  const { nodes } = configuration;
  scope.enter(self);
  try {
    const timeouts = timeoutsIn(nodes, interpreter);
    const previous = timeoutsIn(self.configuration.nodes, before);
    const isNew = ([id]: readonly [string, Operation]): boolean => !previous.has(id);
    const armed = [...timeouts]
      .filter(isNew)
      .map(([id, operation]) => [id, operation, delayOf(operation, context)] as const);
    const invoked = invokedIn(nodes);
    const left = invokedIn(self.configuration.nodes);
    const ended = new Set([...left].filter((id) => !invoked.has(id)));
    // What was invoked before and is gone has done its work; but a place may be there for logic that was not.
    const missing = [...invoked].filter(
      (id) => !left.has(id) || (id in self.children && self.children[id] === undefined),
    );
    self.interpreter = interpreter;
    const started = interpreter.invokeSome(self, nodes, new Set(missing), context);

    // Nothing fails from here on.
    self.configuration = configuration;
    self.context = context;
    for (const id of ended) self.children[id]?._stop();
    if (ended.size > 0 || missing.length > 0) {
      const kept = Object.entries(self.children).filter(([id]) => !ended.has(id));
      self.children = { ...Object.fromEntries(kept), ...started };
    }
    for (const { id } of self.timers) {
      if (id?.startsWith(AFTER) === true && !timeouts.has(id)) scope.cancel(self, id);
    }
    for (const [id, { value }, delay] of armed) {
      if (typeof delay === "number") scope.schedule(self, self, value as EventObject, delay, id);
    }
    for (const child of Object.values(started)) child?.start();
    scope.flush();
  } catch (error) {
    self.interpreter = before;
    throw error;
  } finally {
    scope.leave();
  }
}

/** Where the machine is to be. */
function arrival(
  self: MachineSelf,
  { program }: Interpreter,
  state: NewMachineState,
  refuse: (problem: string) => Error,
): { readonly configuration: Configuration; readonly context: unknown } {
  const { machine } = program;
  const present = stateOf(self);
  const { value, context, history } = { ...present, ...partsOf(state, refuse) };
  const resolved = resolve(machine, value, refuse);
  const nodes = statesOf(value, resolved, self);
  const configuration = program.configurationOf({
    ...resolved,
    // The order in which states became active is that of the keys, and of all that is done for one after the other.
    value: nodes === resolved._nodes ? resolved.value : present.value,
    _nodes: nodes,
    tags: new Set(nodes.flatMap(({ tags }) => tags)),
    historyValue: revive(history, machine, JSON.stringify(history) === JSON.stringify(present.history)),
  });
  return { configuration, context };
}

/** What of a state is to be another one. Whoever gives it may be wrong in ways that no compiler has looked at. */
function partsOf(state: unknown, refuse: (problem: string) => Error): Partial<NewMachineState> {
  // A promise is refused, and what becomes of it is nobody's business any more.
  if (isThenable(state)) state.then(undefined, () => undefined);
  if (!isState(state)) throw refuse(`the state of a machine is { value, context }; got ${describe(state)}`);
  const { value, context, history } = state;
  if (value !== undefined && typeof value !== "string" && !isRecord(value)) {
    throw refuse(`a state value is text, or an object of such; got ${describe(value)}`);
  }
  if (context !== undefined && !isRecord(context)) {
    throw refuse(`the context of a machine is an object; got ${describe(context)}`);
  }
  if (history !== undefined && !isHistory(history)) {
    throw refuse(`what history states remember is ids by id; got ${describe(history)}`);
  }
  return {
    ...(value !== undefined && { value }),
    ...(context !== undefined && { context }),
    ...(history !== undefined && { history }),
  };
}

/** It may be empty, and it may say more; but what has nothing of a state was meant to be something else. */
function isState(state: unknown): state is NewMachineState {
  if (!isRecord(state)) return false;
  return Object.keys(state).length === 0 || ["value", "context", "history"].some((part) => part in state);
}

function isHistory(history: unknown): boolean {
  if (!isRecord(history)) return false;
  return Object.values(history).every((ids) => Array.isArray(ids) && ids.every((id) => typeof id === "string"));
}

function isRecord(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isThenable(value);
}

function describe(value: unknown): string {
  return isThenable(value) ? "a promise" : describeValue(value);
}

function resolve(machine: Machine, value: StateValue, refuse: (problem: string) => Error): Snapshot {
  let resolved: Snapshot;
  try {
    resolved = machine.resolveState({ value, context: undefined });
  } catch (error) {
    // In the words of XState, which name the state that it misses.
    throw refuse((error as Error).message);
  }
  // XState passes over what it does not understand.
  if (!isWithin(value, resolved.value) || resolved._nodes.some(({ type }) => type === "history")) {
    throw refuse(`machine ${machine.id} has no state ${JSON.stringify(value)}`);
  }
  if (resolved.status !== "active")
    throw refuse(`machine ${machine.id} is at its end in state ${JSON.stringify(value)}`);
  return resolved;
}

/** Whether all that a value says is so in another one, which may say more. */
function isWithin(value: unknown, whole: StateValue | undefined): boolean {
  if (typeof value === "string") return whole === value || (typeof whole === "object" && value in whole);
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(value).every(([key, inner]) => {
    if (typeof whole === "string") return key === whole && isWithin(inner, {});
    return whole !== undefined && key in whole && isWithin(inner, whole[key]);
  });
}

/**
 * The states of a value. If it is the present one, and means in the new machine what it means in the old, they are those
 * that are active, in the order in which they became so, no more and no fewer: when a history has been entered, XState may
 * keep states that the value does not show, or leave out some that it does, and what it does next depends on that.
 */
function statesOf(
  value: StateValue,
  resolved: Snapshot,
  { configuration, interpreter }: MachineSelf,
): readonly StateNode[] {
  const { machine } = interpreter.program;
  if (!isEqual(value, configuration.value)) return resolved._nodes;
  const before = machine.resolveState({ value, context: undefined });
  if (!isEqual(resolved.value, before.value)) return resolved._nodes;
  const same = configuration.nodes.flatMap((node) => counterpartOf(node, resolved.machine.root) ?? []);
  return same.length === configuration.nodes.length ? same : resolved._nodes;
}

function isEqual(value: StateValue, other: StateValue): boolean {
  return isWithin(value, other) && isWithin(other, value);
}

/** The state in the same place of another machine. */
function counterpartOf({ parent, key }: StateNode, root: StateNode): StateNode | undefined {
  return parent === undefined ? root : counterpartOf(parent, root)?.states[key];
}

function invokedIn(nodes: readonly StateNode[]): Set<string> {
  return new Set(nodes.flatMap(({ invoke }) => invoke.map(({ id }) => id)));
}

/** What arms the timers of these states on entry, by the ids of the timers. */
function timeoutsIn(nodes: readonly StateNode[], { program }: Interpreter): Map<string, Operation> {
  const { implementations } = program.machine;
  const operations = compileActions(
    nodes.flatMap(({ entry }) => entry),
    implementations,
  );
  return new Map(
    operations.flatMap((operation) => {
      const { code, id } = operation;
      return code === Code.raise && id?.startsWith(AFTER) === true ? [[id, operation] as const] : [];
    }),
  );
}

function delayOf({ delay, delayOf: expression }: Operation, context: unknown): unknown {
  if (expression === null) return delay;
  return expression({ context, event: { type: "xstate.init" } });
}

/**
 * Forgets what a history state remembers if the machine has not got all of that any more: it begins anew then.
 *
 * @param isPresent - nothing of it was changed on the way
 */
function revive(history: MachineState["history"], { root }: Machine, isPresent: boolean): Record<string, StateNode[]> {
  const known = new Map(allNodes(root).map((node) => [node.id, node]));
  const revived: Record<string, StateNode[]> = {};
  for (const [id, remembered] of Object.entries(history)) {
    const node = known.get(id);
    if (node?.type !== "history") continue;
    const nodes = remembered.flatMap((nodeId) => known.get(nodeId) ?? []).filter((each) => isInside(each, node.parent));
    // XState itself may remember that there was nothing.
    if (nodes.length === remembered.length && (isPresent || nodes.length > 0)) revived[id] = nodes;
  }
  return revived;
}

function isInside({ parent }: StateNode, region: StateNode | undefined): boolean {
  return parent !== undefined && (parent === region || isInside(parent, region));
}

function allNodes(node: StateNode): StateNode[] {
  return [node, ...Object.values(node.states).flatMap(allNodes)];
}
