import type { Pid } from "@espalier/actors";
import type { AnyStateMachine, AnyStateNode } from "xstate";
import type { Invariant } from "./invariant.ts";
import { type Handled, typeOf } from "./invariants/machines.ts";
import { eventName } from "./timeline.ts";

/** A transition as it is declared. */
interface Arrow {
  readonly name: string;
  readonly node: AnyStateNode;
  readonly event: string;
  readonly targets: readonly AnyStateNode[];
}

/** What a machine declares of one sort, and how often runs have come by it. */
export interface Declared {
  /** By name. */
  readonly counts: ReadonlyMap<string, number>;
  /** From 0 to 1. */
  readonly share: number;
  /** The names of those that were never reached. */
  readonly missed: readonly string[];
}

/**
 * Which states of a statechart runs have been in, which events have come there, and which transitions were taken. A
 * transition counts as taken when its event has come in its state, and the machine was where it leads to afterwards; guards
 * and actions are not looked at.
 */
export class StatechartCoverage {
  readonly #states = new Map<string, number>();
  readonly #pairs = new Map<string, number>();
  readonly #transitions = new Map<string, number>();
  readonly #nodes: readonly AnyStateNode[];
  readonly #arrows: readonly Arrow[];
  readonly #root: AnyStateNode;

  constructor({ root }: AnyStateMachine) {
    this.#root = root;
    this.#nodes = nodesOf(root);
    this.#arrows = this.#nodes.flatMap(arrowsOf);
    for (const node of this.#nodes) if (node !== root && node.type !== "history") this.#states.set(nameOf(node), 0);
    for (const { node, event, name } of this.#arrows) {
      if (event !== "") this.#pairs.set(pairOf(node, event), 0);
      this.#transitions.set(name, 0);
    }
  }

  get states(): Declared {
    return declared(this.#states);
  }

  /** States with the events that they have transitions for. */
  get pairs(): Declared {
    return declared(this.#pairs);
  }

  get transitions(): Declared {
    return declared(this.#transitions);
  }

  /** Sees all machines that have such states; it is never broken. */
  get watcher(): Invariant {
    return {
      id: "coverage",
      says: "what a statechart declares is reached",
      watch: () => {
        const known = new Set<Pid>();
        return {
          on: {
            handled: (event) => {
              const { pid, path } = event.subject;
              if (event.event === undefined && this.#fits(event.to) && !path.includes("/acceptor_sup/")) known.add(pid);
              if (known.has(pid)) this.#see(event);
            },
            exit: ({ subject }) => void known.delete(subject.pid),
          },
        };
      },
    };
  }

  #see({ event, from, to }: Handled): void {
    for (const node of this.#nodes) if (isIn(to, node)) count(this.#states, nameOf(node));
    const type = typeOf(event);
    if (typeof type !== "string") return;
    for (const { name, node, event: descriptor, targets } of this.#arrows) {
      if (descriptor === "" || !isIn(from, node) || !isMatch(descriptor, type)) continue;
      count(this.#pairs, pairOf(node, descriptor));
      if (targets.length === 0 ? isIn(to, node) : targets.every((target) => this.#isReached(target, to))) {
        count(this.#transitions, name);
      }
    }
  }

  /** A state that is left at once, by a transition without an event, is reached when that leads to where the machine is. */
  #isReached(target: AnyStateNode, to: unknown, passed: ReadonlySet<AnyStateNode> = new Set()): boolean {
    if (isIn(to, target)) return true;
    if (passed.has(target)) return false;
    const further = new Set(passed).add(target);
    return this.#arrows.some(({ node, event, targets, name }) => {
      const isThrough =
        event === "" &&
        node === target &&
        targets.length > 0 &&
        targets.every((one) => this.#isReached(one, to, further));
      if (isThrough) {
        count(this.#states, nameOf(target));
        count(this.#transitions, name);
      }
      return isThrough;
    });
  }

  #fits(value: unknown): boolean {
    const names = typeof value === "string" ? [value] : Object.keys(value ?? {});
    return names.length > 0 && names.every((name) => name in this.#root.states);
  }
}

export function nodesOf(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap(nodesOf)];
}

export function nameOf(node: AnyStateNode): string {
  return node.path.length === 0 ? "the machine" : node.path.join(".");
}

function pairOf(node: AnyStateNode, event: string): string {
  return `${nameOf(node)} at ${eventName(event)}`;
}

function arrowsOf(node: AnyStateNode): Arrow[] {
  const named = [...node.transitions.values(), node.always ?? []].flatMap((transitions) =>
    transitions.map(({ eventType, target = [], guard }, index): Arrow => {
      const condition = transitions.length === 1 ? "" : ` [${guardName(guard) ?? index + 1}]`;
      const leads = target.length === 0 ? "stays" : `→ ${target.map(nameOf).join(", ")}`;
      const at = eventType === "" ? "by itself" : `at ${eventName(eventType)}`;
      return { name: `${nameOf(node)} ${at}${condition} ${leads}`, node, event: eventType, targets: target };
    }),
  );
  return named;
}

function guardName(guard: unknown): string | undefined {
  if (guard === undefined) return "otherwise";
  if (typeof guard === "string") return guard;
  return typeof guard === "object" && guard !== null && "type" in guard ? String(guard.type) : undefined;
}

/** Wildcards match what they begin like. */
export function isMatch(descriptor: string, type: string): boolean {
  if (descriptor === type || descriptor === "*") return true;
  return descriptor.endsWith(".*") && type.startsWith(descriptor.slice(0, -1));
}

/** Whether a machine with such a value is in a state. */
function isIn(value: unknown, node: AnyStateNode): boolean {
  let below = value;
  for (const key of node.path) {
    if (typeof below === "string") {
      if (below !== key) return false;
      below = {};
    } else if (typeof below === "object" && below !== null && key in below) {
      below = (below as Readonly<Record<string, unknown>>)[key];
    } else return false;
  }
  return true;
}

function count(counts: Map<string, number>, name: string): void {
  const known = counts.get(name);
  if (known !== undefined) counts.set(name, known + 1);
}

function declared(counts: ReadonlyMap<string, number>): Declared {
  const missed = [...counts].filter(([, times]) => times === 0).map(([name]) => name);
  return { counts, missed, share: counts.size === 0 ? 1 : (counts.size - missed.length) / counts.size };
}
