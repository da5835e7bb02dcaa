import type { EventObject, StateValue } from "xstate";
import type { Interpreter } from "./interpreter.ts";
import type { MachineSelf } from "./self.ts";
import { Code, compileActions, type Operation } from "./operation.ts";
import type { Machine, StateNode } from "./xstate.ts";

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
 * the interpreter runs. Timeouts of states that are active before and after go on, those of others are disarmed or
 * armed, and so with what states invoke. All that can fail comes before anything is changed.
 *
 * @throws if the machine has no such state, or is at its end in it
 */
export function moveTo(self: MachineSelf, interpreter: Interpreter, state: NewMachineState): void {
  const { scope, program } = interpreter;
  const { machine } = program;
  const present = stateOf(self);
  const { value = present.value, context = present.context, history = present.history } = state;
  const resolved = machine.resolveState({ value, context });
  if (resolved.status !== "active") throw new TypeError(`the machine is done in state ${JSON.stringify(value)}`);
  const configuration = program.configurationOf({ ...resolved, historyValue: revive(history, machine) });
  const before = self.interpreter;
  const { nodes } = configuration;
  scope.enter(self);
  try {
    const wanted = timeoutsOf(nodes, interpreter, context);
    const invoked = new Set(nodes.flatMap(({ invoke }) => invoke.map(({ id }) => id)));
    const left = self.configuration.nodes.flatMap(({ invoke }) => invoke.map(({ id }) => id));
    self.interpreter = interpreter;
    const started = interpreter.invokeMissing(self, nodes, context);

    // Nothing fails from here on.
    self.configuration = configuration;
    self.context = context;
    const ended = left.filter((id) => !invoked.has(id));
    for (const id of ended) self.children[id]?._stop();
    const kept = Object.entries(self.children).filter(([id]) => !ended.includes(id));
    self.children = { ...Object.fromEntries(kept), ...started };
    for (const timer of self.timers) {
      if (timer.id?.startsWith(AFTER) !== true || wanted.has(timer.id)) continue;
      scope.cancel(self, timer.id);
    }
    for (const [id, { delay, event }] of wanted) {
      if (self.timerOf(id) === undefined) scope.schedule(self, self, event, delay, id);
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

/** The timers that these states have armed on entry, by their ids. */
function timeoutsOf(
  nodes: readonly StateNode[],
  { program }: Interpreter,
  context: unknown,
): Map<string, { readonly delay: number; readonly event: EventObject }> {
  const { implementations } = program.machine;
  const timeouts = new Map<string, { delay: number; event: EventObject }>();
  for (const operation of nodes.flatMap(({ entry }) => compileActions(entry, implementations))) {
    const { code, id, value } = operation;
    if (code !== Code.raise || id?.startsWith(AFTER) !== true) continue;
    const delay = delayOf(operation, context);
    if (typeof delay === "number") timeouts.set(id, { delay, event: value as EventObject });
  }
  return timeouts;
}

function delayOf({ delay, delayOf: expression }: Operation, context: unknown): unknown {
  if (expression === null) return delay;
  return expression({ context, event: { type: "xstate.init" } });
}

/** Forgets states that the machine does not have: its history begins anew then. */
function revive(history: MachineState["history"], machine: Machine): Record<string, StateNode[]> {
  const known = new Map(allNodes(machine.root).map((node) => [node.id, node]));
  const revived: Record<string, StateNode[]> = {};
  for (const [id, remembered] of Object.entries(history)) {
    const nodes = remembered.flatMap((nodeId) => known.get(nodeId) ?? []);
    if (known.get(id)?.type === "history" && nodes.length > 0) revived[id] = nodes;
  }
  return revived;
}

function allNodes(node: StateNode): StateNode[] {
  return [node, ...Object.values(node.states).flatMap(allNodes)];
}
