import type { AnyStateMachine, StateValue } from "xstate";
import { InvalidOptionError } from "./errors.ts";
import { actionsText, type Edge, edgesOf, invokeName, type Node, toArray } from "./internal/mermaid/edges.ts";
import { escapeText, isAlias } from "./internal/mermaid/syntax.ts";

/** What a diagram shows besides states and transitions. */
export interface MermaidOptions {
  /**
   * The states to highlight: a state value, of which the innermost states are taken, or a list of ids of states.
   *
   * @defaultValue none
   */
  readonly active?: StateValue | readonly string[] | undefined;
  /**
   * The way in which the states follow each other: from the top down, or from left to right.
   *
   * @defaultValue Mermaid's own, which is `"TB"`
   */
  readonly direction?: "TB" | "LR" | undefined;
  /**
   * Whether the states list their entry and exit actions. The actions of transitions are always shown.
   *
   * @defaultValue `false`
   */
  readonly actions?: boolean | undefined;
}

/**
 * The text of a Mermaid `stateDiagram-v2` of a machine. The same machine gives the same text.
 *
 * - A transition reads `event [guard] / actions`, where the event may also be `after 10 ms`, `always` or `onDone`.
 * - One without a target is a line inside its state; so is each invoked actor, as `invoke: source`.
 * - One with several targets goes through a fork. A transition that only keeps its event from the states around it is
 *   marked `(ignored)`, one that leaves and enters its own state again `(reenter)`.
 * - An action without a name is left out, a guard without a name is `[...]`.
 * - Transitions from a state to itself share one arrow, which is all that Mermaid draws.
 * - The machine itself is drawn, around its states, only if something is to be shown of it: regions, lines, transitions.
 *
 * @throws `ERR_INVALID_OPTION` if `active` names a state that the machine does not have.
 */
export function toMermaid(machine: AnyStateMachine, options: MermaidOptions = {}): string {
  const active = options.active === undefined ? [] : activeNodes(machine, options.active);
  return new Diagram(machine, options).draw(active);
}

class Diagram {
  readonly #machine: AnyStateMachine;
  readonly #options: MermaidOptions;
  readonly #nodes: readonly Node[];
  readonly #aliases: ReadonlyMap<Node, string>;
  readonly #edges: readonly Edge[];
  readonly #lines: string[] = ["stateDiagram-v2"];

  constructor(machine: AnyStateMachine, options: MermaidOptions) {
    this.#machine = machine;
    this.#options = options;
    this.#nodes = [...nodesBelow(machine.root)];
    this.#aliases = aliasesOf(this.#nodes);
    this.#edges = this.#nodes.flatMap(edgesOf);
  }

  draw(active: readonly Node[]): string {
    const { root } = this.#machine;
    const hasFrame =
      root.type !== "compound" ||
      active.includes(root) ||
      this.#bodyOf(root).length > 0 ||
      this.#edges.some(({ source, targets }) => source === root || targets.includes(root));
    if (hasFrame) {
      if (this.#options.direction !== undefined) this.#add(1, `direction ${this.#options.direction}`);
      this.#addState(root, 1);
    } else {
      this.#addStatesOf(root, 1);
    }
    // Mermaid puts a state into the composite that mentions it last, so that arrows between composites stand outside.
    const taken = new Set(this.#aliases.values());
    let forks = 0;
    for (const edge of this.#edges) {
      if (edge.targets.length > 1) {
        do forks += 1;
        while (taken.has(`fork${forks}`));
        this.#addFork(edge, `fork${forks}`);
      } else if (homeOf(edge) === undefined) {
        this.#addArrow(edge, 1);
      }
    }
    if (active.length > 0) {
      this.#add(1, "classDef active fill:#fff3bf,stroke:#f08c00,stroke-width:2px,color:#000");
      this.#add(1, `class ${active.map((node) => this.#aliasOf(node)).join(",")} active`);
    }
    return `${this.#lines.join("\n")}\n`;
  }

  #add(depth: number, line: string): void {
    this.#lines.push("  ".repeat(depth) + line);
  }

  #aliasOf(node: Node): string {
    return this.#aliases.get(node) ?? "";
  }

  #addState(node: Node, depth: number): void {
    const alias = this.#aliasOf(node);
    const title = titleOf(node);
    const body = this.#bodyOf(node);
    if (childrenOf(node).length > 0) {
      // A composite takes no description, but its title may have lines.
      const label = [title, ...body].join("<br/>");
      this.#add(depth, `state ${label === alias ? alias : `"${label}" as ${alias}`} {`);
      this.#addStatesOf(node, depth + 1);
      this.#add(depth, "}");
    } else {
      // The first description of a state replaces its name, so that a state with lines needs its title written out.
      this.#add(depth, title === alias && body.length === 0 ? alias : `state "${title}" as ${alias}`);
      for (const line of body) this.#add(depth, `${alias} : ${line}`);
    }
    if (node.type === "final") this.#add(depth, `${alias} --> [*]`);
  }

  #addStatesOf(node: Node, depth: number): void {
    const children = childrenOf(node);
    if (node.type === "parallel") {
      for (const child of children.filter(isHistory)) this.#addState(child, depth);
      for (const [index, region] of children.filter((child) => !isHistory(child)).entries()) {
        if (index > 0) this.#add(depth, "--");
        this.#addState(region, depth);
        for (const edge of this.#edges) {
          if (edge.source === region && homeOf(edge) === node) this.#addArrow(edge, depth);
        }
      }
      return;
    }
    // Composites do not inherit the direction.
    if (this.#options.direction !== undefined) this.#add(depth, `direction ${this.#options.direction}`);
    const { target: initial, actions } = node.initial;
    for (const child of initial) {
      this.#add(depth, `[*] --> ${this.#aliasOf(child)}${labelled(actionsText(actions).trimStart())}`);
    }
    for (const child of children) this.#addState(child, depth);
    for (const edge of this.#edges) if (homeOf(edge) === node) this.#addArrow(edge, depth);
  }

  #addArrow({ source, targets, label }: Edge, depth: number): void {
    for (const target of targets) {
      this.#add(depth, `${this.#aliasOf(source)} --> ${this.#aliasOf(target)}${labelled(label)}`);
    }
  }

  #addFork({ source, targets, label }: Edge, fork: string): void {
    this.#add(1, `state ${fork} <<fork>>`);
    this.#add(1, `${this.#aliasOf(source)} --> ${fork}${labelled(label)}`);
    for (const target of targets) this.#add(1, `${fork} --> ${this.#aliasOf(target)}`);
  }

  /** The lines inside a state. */
  #bodyOf(node: Node): string[] {
    const body = node.invoke.map((_, index) => escapeText(`invoke: ${invokeName(node, index)}`));
    if (this.#options.actions === true) {
      // Not those of the node, to which XState adds the timers of `after`.
      const { entry, exit } = node.config as { readonly entry?: unknown; readonly exit?: unknown };
      for (const [name, actions] of Object.entries({ entry, exit })) {
        const text = actionsText(toArray(actions));
        if (text !== "") body.push(name + text);
      }
    }
    for (const { source, targets, label } of this.#edges) {
      if (source === node && targets.length === 0) body.push(label);
    }
    return body;
  }
}

function* nodesBelow(node: Node): Generator<Node> {
  yield node;
  for (const child of childrenOf(node)) yield* nodesBelow(child);
}

function isHistory({ type }: Node): boolean {
  return type === "history";
}

function childrenOf(node: Node): Node[] {
  return Object.values(node.states);
}

/** The state in whose braces an arrow can stand: the parent of both its ends, if one region holds them. */
function homeOf({ source, targets: [target, ...others] }: Edge): Node | undefined {
  if (target === undefined || others.length > 0 || target.parent !== source.parent) return undefined;
  return source.parent?.type === "parallel" && target !== source ? undefined : source.parent;
}

function activeNodes(machine: AnyStateMachine, active: StateValue | readonly string[]): Node[] {
  if (!isList(active)) return innermost(machine.root, active);
  const nodes = [...nodesBelow(machine.root)];
  return [...new Set(active)].map((id) => {
    const node = nodes.find((candidate) => candidate.id === id);
    if (node === undefined) throw new InvalidOptionError("active", id, `the id of a state of ${machine.id}`);
    return node;
  });
}

function isList(active: StateValue | readonly string[]): active is readonly string[] {
  return Array.isArray(active);
}

function innermost(node: Node, value: StateValue): Node[] {
  const below = typeof value === "string" ? [[value, {}] as const] : Object.entries(value);
  if (below.length === 0) return [node];
  return below.flatMap(([key, inner = {}]) => {
    const child = Object.hasOwn(node.states, key) ? node.states[key] : undefined;
    if (child === undefined) throw new InvalidOptionError("active", key, `the key of a state of ${node.id}`);
    return innermost(child, inner);
  });
}

function titleOf(node: Node): string {
  const title = escapeText(node.key);
  if (node.type !== "history") return title;
  return `${title} (${node.history === "deep" ? escapeText("H*") : "H"})`;
}

function labelled(label: string): string {
  return label === "" ? "" : ` : ${label}`;
}

/** The names of states in the text: the key if no other state has it, else the path, else a number. */
function aliasesOf(nodes: readonly Node[]): Map<Node, string> {
  const keys = countOf(nodes.map(({ key }) => key));
  const nameOfNode = ({ key, path }: Node): string => (keys.get(key) === 1 ? key : path.join("_"));
  const names = countOf(nodes.map(nameOfNode));
  const aliases = new Map<Node, string>();
  let number = 0;
  // The machine comes last, since it is often not drawn.
  for (const node of [...nodes.slice(1), ...nodes.slice(0, 1)]) {
    const name = nameOfNode(node);
    if (isAlias(name) && names.get(name) === 1) {
      aliases.set(node, name);
    } else {
      do number += 1;
      while (names.has(`s${number}`));
      aliases.set(node, `s${number}`);
    }
  }
  return aliases;
}

function countOf(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}
