import { machineOf, type ProcessView } from "@espalier/actors";
import type { AnyStateMachine, StateValue } from "xstate";
import type { StateEdge, StateNode, StatechartAnswer } from "./api-types.ts";
import { formatProcessId } from "./process-id.ts";

type Node = AnyStateMachine["root"];
type Transition = Node["after"][number] | NonNullable<Node["always"]>[number];

/** The nodes and edges of a machine, which never change. */
interface Graph {
  readonly nodes: readonly StateNode[];
  readonly edges: readonly StateEdge[];
}

const graphs = new WeakMap<AnyStateMachine, Graph>();

/** The statechart of an actor; undefined if it runs no machine. */
export function statechartAnswer(process: ProcessView, at: number): StatechartAnswer | undefined {
  const machine = machineOf(process.definition);
  if (machine === undefined) return undefined;
  let graph = graphs.get(machine);
  if (graph === undefined) {
    graph = graphOf(machine);
    graphs.set(machine, graph);
  }
  const { definition } = process;
  return {
    at,
    id: formatProcessId(process),
    machine: machine.id,
    definition: definition.name,
    ...graph,
    active: activeStates(process) ?? [],
  };
}

/** The ids of the innermost active states; undefined for an actor that runs no machine, or has not started yet. */
export function activeStates(process: ProcessView): readonly string[] | undefined {
  const machine = machineOf(process.definition);
  const state = process.describe();
  if (machine === undefined || typeof state !== "object" || state === null || !("value" in state)) return undefined;
  // The state of a machine as its behaviour shows it.
  return innermost(machine.root, state.value as StateValue);
}

/** The machine as a directed graph. */
function graphOf(machine: AnyStateMachine): Graph {
  const all = [...nodesBelow(machine.root)];
  return { nodes: all.map(toStateNode), edges: all.flatMap(edgesOf) };
}

function* nodesBelow(node: Node): Generator<Node> {
  yield node;
  for (const child of Object.values(node.states)) yield* nodesBelow(child);
}

function innermost(node: Node, value: StateValue): readonly string[] {
  const below = typeof value === "string" ? [[value, {}] as const] : Object.entries(value);
  if (below.length === 0) return [node.id];
  return below.flatMap(([key, inner = {}]) => {
    const child = Object.hasOwn(node.states, key) ? node.states[key] : undefined;
    return child === undefined ? [] : innermost(child, inner);
  });
}

function toStateNode(node: Node): StateNode {
  const { id, key, parent, type, tags, invoke } = node;
  // Not those of the node, to which XState adds the timers of `after`.
  const { entry, exit } = node.config as { readonly entry?: unknown; readonly exit?: unknown };
  return {
    id,
    key,
    parent: parent?.id,
    type,
    isInitial: parent?.type === "compound" && parent.initial.target.includes(node),
    tags: [...tags],
    entry: namesOf(entry),
    exit: namesOf(exit),
    invokes: invoke.map(({ src, id: own }) => (typeof src === "string" ? src : own)),
  };
}

function edgesOf(node: Node): StateEdge[] {
  const delays = new Map<unknown, unknown>(node.after.map((transition) => [transition, transition.delay]));
  const edges: StateEdge[] = [];
  const add = (transition: Transition, event: string): void => {
    edges.push(toEdge(`${node.id}:${edges.length}`, transition, event));
  };
  for (const [descriptor, transitions] of node.transitions) {
    for (const transition of transitions) {
      const delay = delays.get(transition);
      add(transition, delay === undefined ? eventName(node, descriptor) : delayName(delay));
    }
  }
  for (const transition of node.always ?? []) add(transition, "always");
  return edges;
}

function toEdge(id: string, transition: Transition, event: string): StateEdge {
  const { source, target = [], guard, actions, reenter } = transition;
  return {
    id,
    source: source.id,
    targets: target.map((node) => node.id),
    event,
    guard: guard === undefined ? undefined : (nameOf(guard) ?? "(anonymous)"),
    actions: namesOf(actions),
    reenter,
  };
}

function delayName(delay: unknown): string {
  return typeof delay === "number" ? `after ${delay} ms` : `after ${String(delay)}`;
}

function eventName(node: Node, descriptor: string): string {
  if (descriptor === `xstate.done.state.${node.id}`) return "done";
  for (const { id, src } of node.invoke) {
    const name = typeof src === "string" && !src.startsWith("xstate.") ? src : id;
    if (descriptor === `xstate.done.actor.${id}`) return `done(${name})`;
    if (descriptor === `xstate.error.actor.${id}`) return `error(${name})`;
    if (descriptor === `xstate.snapshot.${id}`) return `snapshot(${name})`;
  }
  return descriptor;
}

function namesOf(actions: unknown): readonly string[] {
  const list: readonly unknown[] = actions === undefined ? [] : Array.isArray(actions) ? actions : [actions];
  return list.map(nameOf).filter((name) => name !== undefined);
}

/** The names that JavaScript gives to a function that has none, when it stands in a machine's configuration. */
const inferredNames: ReadonlySet<string> = new Set(["", "actions", "entry", "exit", "guard"]);

function nameOf(implementation: unknown): string | undefined {
  if (typeof implementation === "string") return implementation;
  const { type, name } = Object(implementation) as { readonly type?: unknown; readonly name?: unknown };
  if (typeof type === "string") return type.replace(/^xstate\./u, "");
  return typeof name === "string" && !inferredNames.has(name) ? name : undefined;
}
