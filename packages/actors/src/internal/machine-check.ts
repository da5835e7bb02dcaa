import type { AnyStateMachine, StateValue } from "xstate";
import { UnsupportedMachineError } from "../errors.ts";

type Node = AnyStateMachine["root"];

/** Throws if the machine invokes or spawns children in a way that its definition shows. */
export function checkMachine(machine: AnyStateMachine): void {
  for (const node of nodesBelow(machine.root)) {
    if (node.invoke.length > 0) throw new UnsupportedMachineError(machine.id, node.id, "invoke");
    for (const action of actionsOf(node)) {
      if (typeOf(machine, action) === "xstate.spawnChild") {
        throw new UnsupportedMachineError(machine.id, node.id, "spawnChild");
      }
    }
  }
}

function* nodesBelow(node: Node): Generator<Node> {
  yield node;
  for (const child of Object.values(node.states)) yield* nodesBelow(child);
}

function* actionsOf(node: Node): Generator {
  yield* node.entry;
  yield* node.exit;
  yield* node.initial.actions;
  for (const transitions of node.transitions.values()) for (const { actions } of transitions) yield* actions;
  for (const { actions } of node.always ?? []) yield* actions;
}

/** The type of an action, looked up if it goes by name: what a built-in action is told by. */
function typeOf(machine: AnyStateMachine, action: unknown): unknown {
  const implementations: Readonly<Record<string, unknown>> = machine.implementations.actions;
  if (typeof action === "string") return ownType(implementations[action]);
  const type = ownType(action);
  return typeof action === "object" && typeof type === "string" ? ownType(implementations[type]) : type;
}

function ownType(action: unknown): unknown {
  const isMade = (typeof action === "object" && action !== null) || typeof action === "function";
  return isMade && "type" in action ? action.type : undefined;
}

/** XState lets a cycle of eventless transitions run for ever. */
const MAX_MICROSTEPS = 1000;

/** The same machine, ending by an error where a cycle of microsteps would hang the whole program. */
export function boundMicrosteps(machine: AnyStateMachine): AnyStateMachine {
  const { options } = machine.config as { readonly options?: { readonly maxIterations?: number } };
  if (options?.maxIterations !== undefined) return machine;
  // The user's own machine stays as it is; other actors may run it.
  const bounded = machine.provide({});
  bounded.options.maxIterations = MAX_MICROSTEPS;
  return bounded;
}

/** `WAIT_FOR_DATA`, `ready.flowing`; regions that are active together as JSON. Empty for a machine without states. */
export function formatStateValue(value: StateValue): string {
  if (typeof value === "string") return value;
  const [first, ...others] = Object.entries(value);
  if (first === undefined) return "";
  if (others.length > 0) return JSON.stringify(value);
  const [key, below = {}] = first;
  const rest = formatStateValue(below);
  return rest === "" ? key : `${key}.${rest}`;
}
