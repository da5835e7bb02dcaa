import type { EventObject, StateValue } from "xstate";
import type { Machine, Snapshot, StateNode, Transition } from "./xstate.ts";

/*
 * Which states a transition leaves and enters, in which order, and what history it records, follows from the machine's
 * structure alone, and never from its context. So it is found out once for each configuration and transition. Nothing
 * here knows how: XState itself is asked, by a machine of the same structure, the skeleton, whose every list of actions
 * is one mark, and whose every guard says whether its transition is the one that is asked for.
 */

/** One thing that happens in a microstep. */
export type Step =
  /** `isAtEnd`: the machine is done, and its states are left without ending what they invoke. */
  | { readonly type: "exit"; readonly node: StateNode; readonly isAtEnd: boolean }
  | { readonly type: "take"; readonly transition: Transition }
  | { readonly type: "enter"; readonly node: StateNode }
  /** The state was entered as such, so the actions of its initial transition follow. */
  | { readonly type: "initial"; readonly node: StateNode }
  /** A compound state has reached its final state, or a parallel one all of them. */
  | { readonly type: "done"; readonly node: StateNode; readonly final: StateNode | undefined }
  /** The machine has reached its end. `completed`: whose end that was. */
  | { readonly type: "finish"; readonly completed: StateNode };

/** Where a machine is: what one snapshot shares with all others of the same states and the same history. */
export interface Position {
  readonly value: StateValue;
  readonly tags: ReadonlySet<string>;
  readonly nodes: readonly StateNode[];
  readonly history: Readonly<Record<string, readonly StateNode[]>>;
}

/** What one microstep does, whatever the context. */
export interface Microstep {
  readonly steps: readonly Step[];
  readonly next: Position;
  /** Whether XState makes a new snapshot for it, even if no action does. */
  readonly isChanging: boolean;
}

type Wanted = ReadonlySet<Transition>;

const none: Wanted = new Set();

export class Structure {
  readonly #nodes: readonly StateNode[];
  readonly #skeleton: Machine;
  readonly #bones: readonly StateNode[];
  /** A snapshot of the skeleton, of which all others are variations. */
  readonly pattern: Snapshot;
  /** What the microstep that comes next is to take. */
  #wanted = none;
  #wantedAlways = none;
  #steps: Step[] = [];
  /** Done events that are in the steps already, and those that the skeleton has gone on to handle. */
  #recorded = 0;
  #handled = 0;
  #isAtEnd = false;
  readonly #scope: object;

  /** @throws what XState throws for a structure that it does not accept */
  constructor(machine: Machine) {
    this.#nodes = nodesOf(machine.root);
    // The class of the user's own XState.
    const Skeleton = machine.constructor as new (config: object) => Machine;
    this.#skeleton = new Skeleton(this.#toBone(machine.root, machine));
    this.#bones = nodesOf(this.#skeleton.root);
    this.#scope = {
      system: { _sendInspectionEvent: (seen: { event?: EventObject }) => this.#hasHandled(seen.event) },
      actionExecutor: () => undefined,
    };
    this.pattern = this.#skeleton.getInitialSnapshot(this.#scope, undefined);
  }

  /** Where the machine is before it has entered any state but its root; seen only of one whose start has failed. */
  before(): Position {
    const Skeleton = this.#skeleton.constructor as new (config: object) => Machine;
    const failed = new Skeleton({ ...this.#skeleton.config, context: goNoFurther });
    return this.#positionOf(failed.getInitialSnapshot(this.#scope, undefined));
  }

  /** How the machine starts: from the root alone. */
  start(): Microstep {
    this.#begin();
    const after = this.#skeleton.getInitialSnapshot(this.#scope, undefined);
    if (after.status === "error") throw after.error;
    return { steps: this.#steps, next: this.#positionOf(after), isChanging: true };
  }

  /** What happens when these transitions are taken. `isAlways`: they are eventless. */
  take(from: Position, transitions: readonly Transition[], isAlways: boolean): Microstep {
    this.#begin();
    if (isAlways) this.#wantedAlways = new Set(transitions);
    else this.#wanted = new Set(transitions);
    const before = this.#snapshotOf(from);
    const after = this.#skeleton.transition(before, { type: isAlways ? "always" : "go" }, this.#scope);
    return { steps: this.#steps, next: this.#positionOf(after), isChanging: after !== before };
  }

  #begin(): void {
    this.#steps = [];
    this.#recorded = 0;
    this.#handled = 0;
    this.#isAtEnd = false;
    this.#wanted = none;
    this.#wantedAlways = none;
  }

  // — The skeleton ———————————————————————————————————————————————————————————————————————————————————————————————

  #toBone(node: StateNode, machine: Machine): object {
    const states = Object.fromEntries(
      Object.values(node.states).map((child) => [child.key, this.#toBone(child, machine)]),
    );
    const target = targetOfHistory(node, machine);
    return {
      id: boneId(node),
      type: node.type,
      tags: node.tags,
      states,
      entry: this.#mark({ type: "enter", node }),
      exit: this.#mark({ type: "exit", node, isAtEnd: false }),
      on: {
        go: [...node.transitions.values()].flat().map((transition) => this.#toMove(transition, () => this.#wanted)),
      },
      always: (node.always ?? []).map((transition) => this.#toMove(transition, () => this.#wantedAlways)),
      ...(node.config.initial === undefined
        ? {}
        : { initial: { target: node.initial.target[0]?.key, actions: this.#mark({ type: "initial", node }) } }),
      ...(node.history === false ? {} : { history: node.history }),
      ...(target === undefined ? {} : { target }),
      ...(node.parent === undefined ? { output: ({ event }: { event: EventObject }) => this.#finish(event) } : {}),
    };
  }

  #toMove(transition: Transition, wanted: () => Wanted): object {
    return {
      ...(transition.target === undefined ? {} : { target: transition.target.map((node) => `#${boneId(node)}`) }),
      reenter: transition.reenter,
      guard: () => wanted().has(transition),
      actions: this.#mark({ type: "take", transition }),
    };
  }

  /** A built-in action, since these are shown the queue of events that the machine has raised. */
  #mark(step: Step): unknown {
    const resolve = (_scope: unknown, snapshot: Snapshot, ...rest: readonly unknown[]): readonly unknown[] => {
      const { internalQueue } = rest[3] as { readonly internalQueue: readonly EventObject[] };
      this.#record(step, internalQueue);
      return [snapshot];
    };
    return Object.assign(() => undefined, { type: "mark", resolve });
  }

  // — What it is seen to do ——————————————————————————————————————————————————————————————————————————————————————

  #record(step: Step, raised: readonly EventObject[]): void {
    // It is under way, and what comes after it is not asked for.
    this.#wanted = none;
    this.#wantedAlways = none;
    for (; this.#recorded < raised.length; this.#recorded += 1) this.#recordDone(raised[this.#recorded]);
    this.#steps.push(step.type === "exit" && this.#isAtEnd ? { ...step, isAtEnd: true } : step);
  }

  /** The events that no mark came behind show when the skeleton handles them. */
  #hasHandled(event: EventObject | undefined): void {
    if (event?.type.startsWith(DONE) !== true) return;
    this.#handled += 1;
    if (this.#handled <= this.#recorded) return;
    this.#recorded = this.#handled;
    this.#recordDone(event);
  }

  #recordDone(event: EventObject | undefined): void {
    const node = this.#nodeOf(event);
    const entry = this.#steps.findLast(
      (step) => step.type === "enter" && step.node.type === "final" && step.node.parent === node,
    );
    const final = node.type === "compound" && entry?.type === "enter" ? entry.node : undefined;
    this.#steps.push({ type: "done", node, final });
  }

  #finish(event: EventObject): undefined {
    this.#isAtEnd = true;
    this.#steps.push({ type: "finish", completed: this.#nodeOf(event) });
  }

  #nodeOf(event: EventObject | undefined): StateNode {
    return this.#nodes[Number(event?.type.slice(DONE.length))] as StateNode;
  }

  // — Between the machine and its skeleton ———————————————————————————————————————————————————————————————————————

  #snapshotOf({ value, tags, nodes, history }: Position): Snapshot {
    const historyValue = Object.fromEntries(
      Object.entries(history).map(([id, remembered]) => [
        boneId(this.#nodes.find((node) => node.id === id) as StateNode),
        this.#map(remembered, this.#bones),
      ]),
    );
    const pattern = { ...this.pattern, status: "active" as const, output: undefined, error: undefined };
    return { ...pattern, value, tags, _nodes: this.#map(nodes, this.#bones), historyValue };
  }

  #positionOf({ value, tags, _nodes, historyValue }: Snapshot): Position {
    const history = Object.fromEntries(
      Object.entries(historyValue).map(([id, remembered]) => [
        this.#nodes[Number(id.slice(1))]?.id ?? id,
        this.#map(remembered, this.#nodes),
      ]),
    );
    return { value, tags, nodes: this.#map(_nodes, this.#nodes), history };
  }

  #map(nodes: readonly StateNode[], others: readonly StateNode[]): StateNode[] {
    return nodes.map(({ order }) => others[order] as StateNode);
  }
}

function goNoFurther(): never {
  throw new Error("the start goes this far and no further");
}

const DONE = "xstate.done.state.n";

function boneId({ order }: StateNode): string {
  return `n${order}`;
}

/** In document order, so that the index is the node's `order`. */
function nodesOf(node: StateNode): StateNode[] {
  return [node, ...Object.values(node.states).flatMap(nodesOf)];
}

/** Where a history state leads that remembers nothing, in the names of the skeleton. */
function targetOfHistory(node: StateNode, machine: Machine): readonly unknown[] | undefined {
  const { target } = node.config;
  if (node.type !== "history" || target === undefined) return undefined;
  const targets: readonly unknown[] = Array.isArray(target) ? target : [target];
  return targets.map((to) =>
    typeof to === "string" && to.startsWith("#") ? `#${boneId(machine.getStateNodeById(to))}` : to,
  );
}
