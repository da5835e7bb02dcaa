import type { EventObject } from "xstate";
import type { Plan } from "./configuration.ts";
import { Nursery } from "./nursery.ts";
import { Code, compileActions, doneEvent, type Operation } from "./operation.ts";
import type { MachineScope } from "./scope.ts";
import type { MachineSelf } from "./self.ts";
import { Step } from "./step.ts";
import type { Expression, Implementations, Invocation, Machine } from "./xstate.ts";

/** A step that does what plans say, one operation after the other. */
export class Execution extends Step {
  readonly #implementations: Implementations;

  constructor(scope: MachineScope, machine: Machine) {
    super(scope, new Nursery(machine));
    this.#implementations = machine.implementations;
  }

  run({ operations, next, isChanging }: Plan): void {
    const isSimulated = this.scope.kernel.simulation !== null;
    // By index: an iterator would be an object for each event.
    for (let index = 0; index < operations.length; index += 1) {
      const operation = operations[index] as Operation;
      if (isSimulated && operation.name !== "") this.scope.current.process.mayCrash(`action ${operation.name}`);
      this.#perform(operation);
    }
    if (isChanging) this.hasChanged = true;
    this.configuration = next;
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
        for (const [action, params] of this.retries) action.retryResolve?.(this.scope, this.materialise(), params);
        this.retries.length = 0;
        break;
      case Code.invoke:
        this.#invoke(operation);
        break;
      case Code.stopInvoked:
        if (operation.invocation !== null) this.#stopInvoked(operation.invocation);
        break;
      case Code.done:
        if (operation.node !== null) this.raised.push(doneEvent(operation.node, this.evaluate(operation.value)));
        break;
      case Code.finish:
        this.#finish(operation);
        break;
    }
  }

  #paramsOf({ params, paramsOf }: Operation): unknown {
    return paramsOf === null ? params : paramsOf(this.arguments);
  }

  #act(operation: Operation): void {
    const { call } = operation;
    const params = this.#paramsOf(operation);
    if (call === null) return;
    const { scope } = this;
    if (scope.isStarting) {
      scope.defer(acting(scope, call, this.ownArguments(), params));
      return;
    }
    const result = call(this.arguments, params);
    if (typeof result !== "object" || result === null) return;
    scope.mind(result);
    // It may be asynchronous, and read its arguments later.
    this.giveArgumentsAway();
  }

  #assign(operation: Operation): void {
    const args = this.arguments;
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
    this.hasChanged = true;
  }

  // — Events and timers ——————————————————————————————————————————————————————————————————————————————————————————

  #raise(operation: Operation): void {
    const { call, delayOf, id } = operation;
    const params = this.#paramsOf(operation);
    const { arguments: args, raised } = this;
    const event = (call === null ? operation.value : call(args, params)) as EventObject;
    const delay = delayOf === null ? operation.delay : delayOf(args, params);
    if (typeof delay !== "number") {
      raised.push(event);
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
    const id = (operation.call === null ? operation.value : operation.call(this.arguments, params)) as string;
    const { scope } = this;
    const self = scope.current;
    if (scope.mustWait) scope.later(cancelling(scope, self, id));
    else scope.cancel(self, id);
  }

  // — XState's own actions ———————————————————————————————————————————————————————————————————————————————————————

  #leaveToXState(operation: Operation): void {
    const { action, awaited } = operation;
    if (action === null) return;
    const { scope } = this;
    const before = this.materialise();
    const args = this.ownArguments();
    const given = this.#paramsOf(operation);
    const extra = { internalQueue: this.raised, deferredActorIds: awaited };
    const [next, params, further] = action.resolve(scope, before, args, given, action, extra);
    if (next !== before) {
      this.arguments.context = next.context;
      this.children = next.children;
      this.hasChanged = true;
    }
    if (action.retryResolve !== undefined && awaited !== undefined) this.retries.push([action, params]);
    if (action.execute !== undefined) {
      scope.actionExecutor({ type: action.type, info: args, params, exec: () => action.execute?.(scope, params) });
    }
    if (further === undefined) return;
    for (const inner of compileActions(further, this.#implementations, awaited)) this.#perform(inner);
  }

  // — States and what they invoke ————————————————————————————————————————————————————————————————————————————————

  #invoke({ node, invocation }: Operation): void {
    if (node === null || invocation === null) return;
    this.offspring.invoke(node, invocation, () => this.evaluate(invocation.input));
    this.hasChanged = true;
  }

  #stopInvoked({ id }: Invocation): void {
    this.hasChanged = true;
    this.offspring.stop(id);
  }

  #finish({ node, value }: Operation): void {
    let output: unknown;
    if (value !== undefined && node !== null) {
      const ofNode = node.parent === undefined ? undefined : this.evaluate(node.output);
      output = this.evaluate(value, doneEvent(node, ofNode));
    }
    this.ending = { status: "done", output };
    this.hasChanged = true;
  }
}

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
