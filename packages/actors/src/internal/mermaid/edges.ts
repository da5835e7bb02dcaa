import type { AnyStateMachine } from "xstate";
import { escapeText } from "./syntax.ts";

export type Node = AnyStateMachine["root"];
type Transition = Node["after"][number] | NonNullable<Node["always"]>[number];

/** An arrow between states, or a line inside a state if it has no targets. */
export interface Edge {
  readonly source: Node;
  readonly targets: readonly Node[];
  readonly label: string;
}

/** All that leads out of a state, or happens inside it. */
export function edgesOf(node: Node): Edge[] {
  const delays = new Map<unknown, unknown>(node.after.map((transition) => [transition, transition.delay]));
  const edges: Edge[] = [];
  for (const [descriptor, transitions] of node.transitions) {
    for (const transition of transitions) {
      const delay = delays.get(transition);
      const event = delay === undefined ? eventName(node, descriptor) : delayName(delay);
      edges.push(toEdge(transition, event, descriptor === "xstate.route"));
    }
  }
  for (const transition of node.always ?? []) edges.push(toEdge(transition, "always"));
  if (node.type === "history") {
    const target = historyDefault(node);
    if (target !== undefined) edges.push({ source: node, targets: [target], label: "" });
  }
  // Of several arrows from a state to itself, Mermaid draws the last.
  const isLoop = ({ targets: [target, ...others] }: Edge): boolean => target === node && others.length === 0;
  const loops = edges.filter(isLoop);
  if (loops.length < 2) return edges;
  const label = loops.map((edge) => edge.label).join("<br/>");
  return [...edges.filter((edge) => !isLoop(edge)), { source: node, targets: [node], label }];
}

function toEdge(transition: Transition, event: string, isRoute = false): Edge {
  const { source, target: targets = [], actions, reenter } = transition;
  // The guard of a route also checks which state the event names; only the rest is the user's.
  const guard: unknown = isRoute ? targets[0]?.config.route?.guard : transition.guard;
  const isIgnored = targets.length === 0 && actions.length === 0;
  const isReentering = reenter && targets.every((target) => isWithin(target, source));
  const mark = isIgnored ? " (ignored)" : isReentering && targets.length > 0 ? " (reenter)" : "";
  const condition = guard === undefined ? "" : ` [${escapeText(guardName(guard))}]`;
  return { source, targets, label: escapeText(event) + mark + condition + actionsText(actions) };
}

function isWithin(node: Node | undefined, ancestor: Node): boolean {
  return node !== undefined && (node === ancestor || isWithin(node.parent, ancestor));
}

function eventName(node: Node, descriptor: string): string {
  if (descriptor === `xstate.done.state.${node.id}`) return "onDone";
  if (descriptor === "xstate.route") return "route";
  for (const [index, { id }] of node.invoke.entries()) {
    const name = invokeName(node, index);
    if (descriptor === `xstate.done.actor.${id}`) return `onDone(${name})`;
    if (descriptor === `xstate.error.actor.${id}`) return `onError(${name})`;
    if (descriptor === `xstate.snapshot.${id}`) return `onSnapshot(${name})`;
  }
  return descriptor;
}

function delayName(delay: unknown): string {
  return typeof delay === "number" ? `after ${delay} ms` : `after ${String(delay)}`;
}

/** The source of an invoked actor; its id if the source has no name, and both if the state invokes the source twice. */
export function invokeName(node: Node, index: number): string {
  // XState names the sources that are given in place.
  const sources = node.invoke.map(({ src }) => src as string);
  const source = sources[index] ?? "";
  const generatedId = `${index}.${node.id}`;
  const id = node.invoke[index]?.id;
  if (source === `xstate.invoke.${generatedId}`) return id === undefined || id === generatedId ? "inline" : id;
  if (sources.filter((other) => other === source).length === 1) return source;
  return `${source} as ${id === generatedId ? index : id}`;
}

/** Where a history state leads to as long as there is no history, if it says so. */
function historyDefault(node: Node): Node | undefined {
  const { target } = node.config as { readonly target?: unknown };
  if (typeof target !== "string" || node.parent === undefined) return undefined;
  if (target.startsWith("#")) return node.machine.getStateNodeById(target);
  // A backslash makes a dot a part of the key.
  const keys = Array.from(target.matchAll(/(?:\\.|[^.\\])+/gsu), ([key]) => key.replaceAll(/\\(.)/gsu, "$1"));
  return keys.reduce<Node | undefined>((parent, key) => parent?.states[key], node.parent);
}

/** The names of actions, behind a slash; nothing if none has a name. */
export function actionsText(actions: readonly unknown[]): string {
  const names = actions.map(actionName).filter((name) => name !== undefined);
  return names.length === 0 ? "" : ` / ${names.map(escapeText).join(", ")}`;
}

function actionName(action: unknown): string | undefined {
  const name = nameOf(action);
  const { event } = Object(action) as { readonly event?: unknown };
  const { type } = Object(event) as { readonly type?: unknown };
  return typeof action === "function" && typeof type === "string" && name !== undefined ? `${name}(${type})` : name;
}

function guardName(guard: unknown): string {
  if (typeof guard === "function") {
    if ("guards" in guard) return `${guard.name}(${toArray(guard.guards).map(guardName).join(", ")})`;
    if ("stateValue" in guard) {
      const { stateValue } = guard;
      return `${guard.name}(${typeof stateValue === "string" ? stateValue : JSON.stringify(stateValue)})`;
    }
  }
  return nameOf(guard) ?? "...";
}

/** The names that JavaScript gives to a function that has none, when it stands in a machine's configuration. */
const inferredNames: ReadonlySet<string> = new Set(["", "actions", "entry", "exit", "guard"]);

function nameOf(implementation: unknown): string | undefined {
  if (typeof implementation === "string") return implementation;
  const { type, name } = Object(implementation) as { readonly type?: unknown; readonly name?: unknown };
  if (typeof type === "string") return type.replace(/^xstate\./, "");
  return typeof name === "string" && !inferredNames.has(name) ? name : undefined;
}

export function toArray(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}
