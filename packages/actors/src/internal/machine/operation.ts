import type { EventObject } from "xstate";
import {
  type BuiltinAction,
  type Expression,
  type Implementations,
  type Invocation,
  isBuiltin,
  type StateNode,
} from "./xstate.ts";

/** What an operation does: numbers, because the hot path branches on them. */
export const Code = {
  /** Calls a function of the user's. */
  custom: 0,
  /** `assign` by one function. */
  assign: 1,
  /** `assign` key by key. */
  assignKeys: 2,
  raise: 3,
  cancel: 4,
  /** Any other action of XState's, which is left to do it itself. */
  builtin: 5,
  /** Looks up the receivers that were not there yet when a built-in action named them. */
  retry: 6,
  /** Makes the child that the state invokes. */
  invoke: 7,
  /** Ends it. */
  stopInvoked: 8,
  /** Raises the event that a state is done. */
  done: 9,
  /** The machine is done. */
  finish: 10,
  /** Cancels the timeout of a state and arms it anew, when the state is left for itself. */
  rearm: 11,
} as const;

export type OperationCode = (typeof Code)[keyof typeof Code];

/**
 * One thing to do in a microstep, with all that can be known of it beforehand. All operations are of one shape, so that
 * the loop that runs them stays fast.
 */
export class Operation {
  readonly code: OperationCode;
  /** What the trace calls it. */
  name = "";
  /** The user's function: an action, an assignment, what gives an event or the id of a timer. */
  call: Expression | null = null;
  /** Params, if they are known; `paramsOf` gives them otherwise. */
  params: unknown = undefined;
  paramsOf: Expression | null = null;
  /** The keys and values of an assignment key by key; or the event to raise, the id to cancel. */
  value: unknown = undefined;
  keys: readonly string[] = [];
  delay: unknown = undefined;
  delayOf: Expression | null = null;
  id: string | undefined = undefined;
  action: BuiltinAction | null = null;
  /** The children that this state is about to invoke: they may be named before they exist. */
  awaited: readonly string[] | undefined = undefined;
  invocation: Invocation | null = null;
  node: StateNode | null = null;

  constructor(code: OperationCode) {
    this.code = code;
  }
}

/** Makes operations of a list of actions. */
export function compileActions(
  actions: readonly unknown[],
  implementations: Implementations,
  awaited?: readonly string[],
): Operation[] {
  return actions.map((action) => compileAction(action, implementations, awaited));
}

function compileAction(
  definition: unknown,
  implementations: Implementations,
  awaited: readonly string[] | undefined,
): Operation {
  const isInline = typeof definition === "function";
  const name = nameOf(definition);
  const action = isInline ? definition : implementations.actions[name];
  const operation = isBuiltin(action) ? compileBuiltin(action, implementations) : new Operation(Code.custom);
  operation.awaited = awaited;
  operation.name = isBuiltin(action) ? action.type : isInline ? definition.name || "(anonymous)" : name;
  // A name without a function is an action that does nothing, as in XState.
  if (operation.code === Code.custom) operation.call = (action as Expression | undefined) ?? null;
  if (!isInline && typeof definition === "object" && definition !== null && "params" in definition) {
    const { params } = definition;
    if (typeof params === "function") operation.paramsOf = params as Expression;
    else operation.params = params;
  }
  return operation;
}

function nameOf(definition: unknown): string {
  return typeof definition === "string" ? definition : (definition as { readonly type: string }).type;
}

function compileBuiltin(action: BuiltinAction, implementations: Implementations): Operation {
  switch (action.type) {
    case "xstate.assign":
      return compileAssign(action);
    case "xstate.raise":
      return compileRaise(action, implementations) ?? leave(action);
    case "xstate.cancel": {
      const operation = new Operation(Code.cancel);
      if (typeof action.sendId === "function") operation.call = action.sendId as Expression;
      else operation.value = action.sendId;
      return operation;
    }
    default:
      return leave(action);
  }
}

function leave(action: BuiltinAction): Operation {
  const operation = new Operation(Code.builtin);
  operation.action = action;
  return operation;
}

function compileAssign({ assignment }: BuiltinAction): Operation {
  if (typeof assignment === "function") {
    const operation = new Operation(Code.assign);
    operation.call = assignment as Expression;
    return operation;
  }
  const operation = new Operation(Code.assignKeys);
  operation.keys = Object.keys(assignment as object);
  operation.value = Object.values(assignment as object);
  return operation;
}

/** Undefined for what XState refuses when it runs, in its own words. */
function compileRaise({ event, delay, id }: BuiltinAction, { delays }: Implementations): Operation | undefined {
  if (typeof event === "string") return undefined;
  const operation = new Operation(Code.raise);
  if (typeof event === "function") operation.call = event as Expression;
  else operation.value = event;
  const wait = typeof delay === "string" ? delays[delay] : delay;
  if (typeof wait === "function") operation.delayOf = wait as Expression;
  else operation.delay = wait;
  operation.id = id as string | undefined;
  return operation;
}

/**
 * The same operations, with one for each timeout that is cancelled on the way out of a state and armed anew on the way
 * back in, as every packet does to an idle timeout. Nobody sees the difference, unless XState has a part in it.
 */
export function joinTimeouts(operations: readonly Operation[]): readonly Operation[] {
  if (operations.some(({ code }) => code === Code.builtin || code === Code.retry)) return operations;
  const joined = new Map<unknown, Operation>();
  for (const operation of operations) if (isTimeout(operation)) joined.set(operation.id, operation);
  const cancelled = new Set<unknown>();
  return operations.flatMap((operation) => {
    if (operation.code === Code.cancel && joined.has(operation.value)) {
      cancelled.add(operation.value);
      return [];
    }
    return isTimeout(operation) && cancelled.has(operation.id) ? [rearm(operation)] : [operation];
  });
}

function isTimeout({ code, id, value, call, delay, params, paramsOf }: Operation): boolean {
  const isPlain = call === null && params === undefined && paramsOf === null && typeof delay === "number";
  return (
    code === Code.raise && isPlain && id?.startsWith("xstate.after.") === true && (value as EventObject).type === id
  );
}

function rearm({ name, id, value, delay }: Operation): Operation {
  return Object.assign(new Operation(Code.rearm), { name, id, value, delay });
}

/** The event that tells of a done state. `output` may be a function of the context. */
export function doneEvent(node: StateNode, output: unknown): EventObject {
  return { type: `xstate.done.state.${node.id}`, output } as EventObject;
}
