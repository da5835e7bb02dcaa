import type { EventObject } from "xstate";
import type { MachineSelf } from "./self.ts";
import type { Expression, Invocation, LogicActor, Machine, Snapshot, StateNode } from "./xstate.ts";

/** What `spawn` is in an assignment. */
export type Spawn = (
  source: unknown,
  options?: {
    readonly id?: string;
    readonly systemId?: string;
    readonly input?: unknown;
    readonly syncSnapshot?: boolean;
  },
) => LogicActor;

type MachineClass = new (config: object, implementations: object) => Machine;

/**
 * Makes the children of a machine. Only XState can make its actors, and what it makes them by does not come with the
 * machine; but a machine of its own that has nothing but the child to invoke, or an assignment to hand out `spawn`, does
 * it for any parent.
 */
export class Nursery {
  readonly #machine: Machine;
  readonly #makers = new Map<Invocation, Maker>();
  /** A machine that is given `spawn` at its start, and what it was given. */
  #spawning: Machine | null = null;
  #spawn: Spawn | undefined = undefined;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** The child that a state invokes; undefined if its logic has no implementation, which XState passes over. */
  invoke(self: MachineSelf, node: StateNode, invocation: Invocation, input: () => unknown): LogicActor | undefined {
    const logic = this.#logicOf(node, invocation);
    if (!logic) return undefined;
    let maker = this.#makers.get(invocation);
    if (maker === undefined) {
      maker = new Maker(this.#Machine, invocation, logic);
      this.#makers.set(invocation, maker);
    }
    return maker.make(self, input());
  }

  #logicOf(node: StateNode, invocation: Invocation): unknown {
    const { implementations } = this.#machine;
    // XState makes up a name for logic that has none.
    if (!/^xstate\.invoke\.\d+\./u.test(invocation.src)) return implementations.actors[invocation.src];
    const configured = [node.config.invoke].flat() as ReadonlyArray<{ readonly src: unknown }>;
    return configured[node.invoke.indexOf(invocation)]?.src;
  }

  /** The `spawn` of an assignment that is made in a step of this actor. */
  spawner(scope: object, self: MachineSelf, context: unknown, event: EventObject): Spawn {
    this.#spawning ??= new this.#Machine({ context: this.#take }, this.#machine.implementations);
    this.#spawning.getInitialSnapshot(scope, undefined);
    // It has had its context made by now.
    const spawn = this.#spawn as Spawn;
    this.#spawn = undefined;
    const { actors } = this.#machine.implementations;
    return (source, options) => {
      if (typeof source !== "string") return spawn(source, options);
      if (!actors[source]) {
        // XState's own words, of logic that the user's machine names and nobody has given.
        throw new Error(`Actor logic '${source}' not implemented in machine '${this.#machine.id}'`);
      }
      const input: unknown = options?.input;
      // Of named logic, the input may be an expression.
      if (typeof input !== "function") return spawn(source, options);
      return spawn(source, { ...options, input: () => (input as Expression)({ context, event, self }) });
    };
  }

  readonly #take = ({ spawn }: { readonly spawn: Spawn }): object => {
    this.#spawn = spawn;
    return {};
  };

  get #Machine(): MachineClass {
    return this.#machine.constructor as MachineClass;
  }
}

/** Makes the children of one `invoke`. */
class Maker {
  readonly #machine: Machine;
  readonly #invocation: Invocation;
  #input: unknown = undefined;

  constructor(machine: MachineClass, invocation: Invocation, logic: unknown) {
    const { id, systemId, onSnapshot } = invocation;
    this.#invocation = invocation;
    const invoke = {
      id,
      src: "child",
      ...(systemId === undefined ? {} : { systemId }),
      ...(onSnapshot ? { onSnapshot: {} } : {}),
      input: () => this.#input,
    };
    this.#machine = new machine({ invoke }, { actors: { child: logic } });
  }

  make(self: MachineSelf, input: unknown): LogicActor {
    this.#input = input;
    const scope = { self, system: self.system, defer: () => undefined, actionExecutor: () => undefined };
    const snapshot: Snapshot = this.#machine.getInitialSnapshot(scope, undefined);
    this.#input = undefined;
    if (snapshot.status === "error") throw snapshot.error;
    const child = snapshot.children[this.#invocation.id] as LogicActor;
    child.src = this.#invocation.src;
    return child;
  }
}
