import type { Pid } from "@espalier/actors";
import type { CompleteChildSpec, ChildState } from "./child-spec.ts";

/** A child of a static supervisor: its spec, and where it is in its life. */
export interface Child {
  spec: CompleteChildSpec;
  state: ChildState;
  /** How often it has been started. */
  incarnation: number;
}

/** The process of a child, if it has one. */
export function pidOf({ state }: Child): Pid | undefined {
  return typeof state === "object" ? state : undefined;
}

/** The children of a static supervisor in start order, found by id or by pid. A pure table. */
export class Children {
  #inOrder: Child[] = [];
  readonly #byId = new Map<string, Child>();
  readonly #byPid = new Map<Pid, Child>();

  get size(): number {
    return this.#inOrder.length;
  }

  /** In start order. The array must not be kept across a change. */
  all(): readonly Child[] {
    return this.#inOrder;
  }

  byId(id: string): Child | undefined {
    return this.#byId.get(id);
  }

  byPid(pid: Pid): Child | undefined {
    return this.#byPid.get(pid);
  }

  /** Adds a child at the end of the order. */
  add(spec: CompleteChildSpec): Child {
    const child: Child = { spec, state: undefined, incarnation: 0 };
    this.#inOrder.push(child);
    this.#byId.set(spec.id, child);
    return child;
  }

  remove(child: Child): void {
    this.setState(child, undefined);
    this.#inOrder = this.#inOrder.filter((other) => other !== child);
    this.#byId.delete(child.spec.id);
  }

  setState(child: Child, state: ChildState): void {
    if (typeof child.state === "object") this.#byPid.delete(child.state);
    child.state = state;
    if (typeof state === "object") this.#byPid.set(state, child);
  }

  /** A child that has ended and is not restarted: its spec stays, unless it is temporary. */
  ended(child: Child): void {
    if (child.spec.restart === "temporary") this.remove(child);
    else this.setState(child, undefined);
  }

  /**
   * Takes new specs: known ids get theirs, new ones are added without a process, missing ones keep the old. The order is
   * that of the new specs, with what they leave out behind. OTP's rule for a change of code.
   */
  update(specs: readonly CompleteChildSpec[]): void {
    const updated = specs.map((spec) => {
      const child = this.#byId.get(spec.id) ?? this.add(spec);
      child.spec = spec;
      return child;
    });
    const named = new Set(updated);
    this.#inOrder = [...updated, ...this.#inOrder.filter((child) => !named.has(child))];
  }
}
