import { childOf } from "./family.ts";
import type { Nursery, Spawn } from "./nursery.ts";
import { noChildren } from "./program.ts";
import type { MachineScope } from "./scope.ts";
import type { MachineSelf } from "./self.ts";
import type { Step } from "./step.ts";
import type { Children, Invocation, LogicActor, StateNode } from "./xstate.ts";

/**
 * The children of the machine whose step is under way, and what becomes of them in it. Those that are made start, and
 * those that run end, when the step has come to its end.
 */
export class Offspring {
  readonly #step: Step;
  readonly #scope: MachineScope;
  readonly #nursery: Nursery;

  constructor(step: Step, scope: MachineScope, nursery: Nursery) {
    this.#step = step;
    this.#scope = scope;
    this.#nursery = nursery;
  }

  /** Makes the child that a state invokes, to be started later. */
  invoke(node: StateNode, invocation: Invocation, input: () => unknown): void {
    const child = this.#nursery.invoke(this.#scope.current, node, invocation, input);
    this.#step.children = { ...this.#step.children, [invocation.id]: child };
    if (child !== undefined) this.#scope.later(() => start(child));
  }

  /**
   * Makes, and does not start, the children of these ids that these states invoke. Either all are
   * made or none is.
   */
  make(
    self: MachineSelf,
    nodes: readonly StateNode[],
    ids: ReadonlySet<string>,
    inputOf: (invocation: Invocation) => unknown,
  ): Children {
    const made: Record<string, LogicActor | undefined> = {};
    try {
      for (const node of nodes) {
        for (const invocation of node.invoke) {
          if (!ids.has(invocation.id)) continue;
          made[invocation.id] = this.#nursery.invoke(self, node, invocation, () => inputOf(invocation));
        }
      }
      // What their starts would fail over, while nothing has changed yet.
      for (const child of Object.values(made)) childOf(child)?.checkName();
      return made;
    } catch (error) {
      // Nobody is to find by its name what never comes to life.
      for (const child of Object.values(made)) if (child !== undefined) self.family?._unregister(child);
      throw error;
    }
  }

  /** The `spawn` of an assignment. */
  spawner(): Spawn {
    const step = this.#step;
    const { context, event } = step.arguments;
    const spawn = this.#nursery.spawner(this.#scope, this.#scope.current, context, event);
    return (source, options) => {
      const child = spawn(source, options);
      step.children = { ...step.children, [child.id]: child };
      return child;
    };
  }

  stop(id: string): void {
    const { [id]: child, ...others } = this.#step.children;
    if (child === undefined) return;
    this.#step.children = others;
    this.#stop(child);
  }

  /** They stay in the snapshot: whoever looks at a machine that is done sees what it had. */
  stopAll(): void {
    const { children } = this.#step;
    if (children === noChildren) return;
    for (const child of Object.values(children)) if (child !== undefined) this.#stop(child);
  }

  #stop(child: LogicActor): void {
    const scope = this.#scope;
    if (scope.isStarting) scope.defer(() => this.#stopNow(child));
    else this.#stopNow(child);
  }

  #stopNow(child: LogicActor): void {
    const scope = this.#scope;
    unregister(child, scope.system);
    // One that was not started yet never is.
    if (child._processingStatus !== RUNNING) scope.stopChild(child);
    // What was sent to it before comes before.
    else scope.defer(() => scope.stopChild(child));
  }
}

const RUNNING = 1;
const STOPPED = 2;

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
