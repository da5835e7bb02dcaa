import type { StateValue } from "xstate";
import { compileGuard, type Guard } from "./guard.ts";
import type { Operation } from "./operation.ts";
import type { Program } from "./program.ts";
import type { Position } from "./structure.ts";
import type { Snapshot, StateNode, Transition } from "./xstate.ts";

/** What a microstep does, ready to run. */
export interface Plan {
  readonly operations: readonly Operation[];
  readonly next: Configuration;
  /** Whether XState makes a new snapshot for it, even if no operation does. */
  readonly isChanging: boolean;
}

/** A transition that an event may take. */
export class Candidate {
  readonly transition: Transition;
  readonly guard: Guard | null;
  /** What happens if it is the only one that is taken; made when that is so for the first time. */
  plan: Plan | null = null;

  constructor(transition: Transition, guard: Guard | null) {
    this.transition = transition;
    this.guard = guard;
  }
}

/** How an event is taken, whatever its transitions are. */
export const Kind = {
  ordinary: 0,
  /** A child has failed. If nothing takes that, so does the machine. */
  failure: 1,
  /** XState's own order to stop. */
  stop: 2,
  /** XState's own first event, which takes no transitions. */
  start: 3,
} as const;

/** The transitions of one state and of those around it that an event may take, the first that passes being taken. */
export class Selection {
  readonly kind: (typeof Kind)[keyof typeof Kind];
  /** Of a parallel state: each of them may take the event, and the candidates count if none does. */
  readonly regions: readonly Selection[];
  readonly candidates: readonly Candidate[];

  constructor(kind: Selection["kind"], regions: readonly Selection[], candidates: readonly Candidate[]) {
    this.kind = kind;
    this.regions = regions;
    this.candidates = candidates;
  }
}

/** For how many event types a configuration remembers what they may do: a type could be made of what a peer has sent. */
const MOST_SELECTIONS = 256;

/**
 * The states that a machine is in, and what its history states remember: all of a snapshot that its actors share. What
 * an event may do in it is found out when the first such event comes.
 */
export class Configuration implements Position {
  readonly value: StateValue;
  readonly tags: ReadonlySet<string>;
  readonly nodes: readonly StateNode[];
  readonly history: Readonly<Record<string, readonly StateNode[]>>;
  /** A snapshot without a context: `{ ...template, context, children }` is one of XState's. */
  readonly template: Snapshot;
  readonly program: Program;
  readonly #selections = new Map<string, Selection>();
  readonly #plans = new Map<string, Plan>();
  #always: ReadonlyArray<readonly Candidate[]> | null = null;
  #valueKey: string | null = null;

  constructor(program: Program, { value, tags, nodes, history }: Position, template: Snapshot) {
    this.program = program;
    this.value = value;
    this.tags = tags;
    this.nodes = nodes;
    this.history = history;
    this.template = template;
  }

  /**
   * The state value as text, to be compared. Two configurations may differ in nothing but their history, or the order in
   * which their states became active, which is also that of the keys of `value`.
   */
  get valueKey(): string {
    this.#valueKey ??= keyOf(this.value);
    return this.#valueKey;
  }

  /** What an event of this type may do. */
  select(type: string): Selection {
    return this.#selections.get(type) ?? this.#makeSelection(type);
  }

  #makeSelection(type: string): Selection {
    const selection = this.#selectionOf(this.program.machine.root, this.value, type);
    if (this.#selections.size < MOST_SELECTIONS) this.#selections.set(type, selection);
    return selection;
  }

  #selectionOf(node: StateNode, value: StateValue, type: string): Selection {
    const own = candidatesOf(node, type).map((transition) => this.#toCandidate(transition));
    const below = typeof value === "string" ? [[value, {}] as const] : Object.entries(value);
    const inner = below.flatMap(([key, rest]) => {
      const child = node.states[key];
      return child === undefined || rest === undefined ? [] : [this.#selectionOf(child, rest, type)];
    });
    const kind = kindOf(type);
    const [only] = inner;
    // A chain of states that lie in each other is one list of candidates, the innermost first.
    if (only !== undefined && inner.length === 1) {
      return new Selection(kind, only.regions, [...only.candidates, ...own]);
    }
    return new Selection(kind, inner, own);
  }

  /** The eventless candidates of each innermost state that has any, those of the states around it behind its own. */
  get always(): ReadonlyArray<readonly Candidate[]> {
    this.#always ??= this.#makeAlways();
    return this.#always;
  }

  #makeAlways(): ReadonlyArray<readonly Candidate[]> {
    return this.nodes
      .filter(({ type }) => type === "atomic" || type === "final")
      .map((node) => withAncestors(node).flatMap(({ always }) => always ?? []))
      .filter((transitions) => transitions.length > 0)
      .map((transitions) => transitions.map((transition) => this.#toCandidate(transition)));
  }

  #toCandidate(transition: Transition): Candidate {
    const { guard } = transition;
    return new Candidate(
      transition,
      guard === undefined || guard === null ? null : compileGuard(guard, this.program.machine.implementations),
    );
  }

  /** What happens when this candidate alone is taken. */
  planOf(candidate: Candidate, isAlways: boolean): Plan {
    candidate.plan ??= this.program.plan(this, [candidate.transition], isAlways);
    return candidate.plan;
  }

  /** What happens when all these are taken at once. */
  planOfAll(transitions: readonly Transition[], isAlways: boolean): Plan {
    const numbers = transitions.map((transition) => this.program.numberOf(transition)).join();
    const key = isAlways ? `always ${numbers}` : numbers;
    let plan = this.#plans.get(key);
    if (plan === undefined) {
      plan = this.program.plan(this, transitions, isAlways);
      this.#plans.set(key, plan);
    }
    return plan;
  }
}

function keyOf(value: StateValue): string {
  if (typeof value === "string") return JSON.stringify(value);
  const inner = Object.keys(value)
    .toSorted()
    .map((key) => `${JSON.stringify(key)}:${keyOf(value[key] ?? {})}`);
  return `{${inner.join()}}`;
}

function kindOf(type: string): Selection["kind"] {
  if (type === "xstate.stop") return Kind.stop;
  if (type === "xstate.init") return Kind.start;
  return type.startsWith("xstate.error.actor") ? Kind.failure : Kind.ordinary;
}

function withAncestors(node: StateNode): StateNode[] {
  return node.parent === undefined ? [node] : [node, ...withAncestors(node.parent)];
}

/** XState's order: what names the event, then wildcards, the longest first. */
function candidatesOf({ transitions }: StateNode, type: string): readonly Transition[] {
  const wildcards = [...transitions.keys()]
    .filter((descriptor) => descriptor !== type && matches(type, descriptor))
    .toSorted((a, b) => b.length - a.length);
  return [...(transitions.get(type) ?? []), ...wildcards.flatMap((descriptor) => transitions.get(descriptor) ?? [])];
}

/** `*` is for all events, `mouse.*` for all whose first token is `mouse`, and for `mouse` itself. */
function matches(type: string, descriptor: string): boolean {
  if (descriptor === "*") return true;
  if (!descriptor.endsWith(".*")) return false;
  const tokens = type.split(".");
  const wanted = descriptor.split(".");
  const star = wanted.indexOf("*");
  // A star that is not at the end matches nothing.
  return star === wanted.length - 1 && wanted.slice(0, star).every((token, index) => token === tokens[index]);
}
