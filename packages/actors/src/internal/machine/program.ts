import { Configuration, type Plan } from "./configuration.ts";
import { Code, compileActions, joinTimeouts, Operation } from "./operation.ts";
import { type Microstep, type Position, Structure } from "./structure.ts";
import type { Children, Machine, Snapshot, StateNode, Transition } from "./xstate.ts";

export const noChildren: Children = Object.freeze({});

/**
 * A machine as it is run: its configurations, each made once, and the plans of what its transitions do. Plans are made
 * when they are needed for the first time, so a large machine costs what is used of it. All actors of the machine, in
 * whatever system, share one.
 */
export class Program {
  readonly machine: Machine;
  /** Null if XState does not accept the machine in another dress. It is then run by XState itself, event by event. */
  readonly #structure: Structure | null;
  readonly #configurations = new Map<string, Configuration>();
  readonly #numbers = new Map<Transition, number>();
  #start: Plan | null = null;
  #before: Configuration | null = null;

  constructor(machine: Machine) {
    this.machine = machine;
    this.#structure = structureOf(machine);
  }

  get isCompiled(): boolean {
    return this.#structure !== null;
  }

  /** What happens at the start. */
  get start(): Plan {
    this.#start ??= this.#toPlan(this.#compiled.start());
    return this.#start;
  }

  /** Where a machine is before it has entered any state but its root; seen only of one whose start has failed. */
  get before(): Configuration {
    this.#before ??= this.intern(this.#compiled.before());
    return this.#before;
  }

  /** What happens in a configuration when these transitions are taken. */
  plan(from: Configuration, transitions: readonly Transition[], isAlways: boolean): Plan {
    return this.#toPlan(this.#compiled.take(from, transitions, isAlways));
  }

  get #compiled(): Structure {
    if (this.#structure === null) throw new TypeError(`machine ${this.machine.id} has no plans`);
    return this.#structure;
  }

  #toPlan({ steps, next, isChanging }: Microstep): Plan {
    return { operations: joinTimeouts(this.#operationsOf(steps)), next: this.intern(next), isChanging };
  }

  #operationsOf(steps: Microstep["steps"]): Operation[] {
    const { implementations, root } = this.machine;
    const operations: Operation[] = [];
    for (const [index, step] of steps.entries()) {
      switch (step.type) {
        case "exit":
          operations.push(...compileActions(step.node.exit, implementations));
          if (!step.isAtEnd) operations.push(...invocations(step.node, Code.stopInvoked));
          break;
        case "take":
          operations.push(...compileActions(step.transition.actions, implementations));
          break;
        case "enter": {
          const awaited = step.node.invoke.map(({ id }) => id);
          operations.push(...compileActions(step.node.entry, implementations, awaited));
          operations.push(...invocations(step.node, Code.invoke));
          if (steps[index + 1]?.type !== "initial") operations.push(...retries(awaited));
          break;
        }
        case "initial": {
          const awaited = step.node.invoke.map(({ id }) => id);
          operations.push(...compileActions(step.node.initial.actions, implementations, awaited), ...retries(awaited));
          break;
        }
        case "done":
          operations.push(ofNode(Code.done, step.node, step.final?.output));
          break;
        case "finish":
          operations.push(ofNode(Code.finish, step.completed, root.output));
          break;
      }
    }
    return operations;
  }

  numberOf(transition: Transition): number {
    const number = this.#numbers.get(transition) ?? this.#numbers.size;
    this.#numbers.set(transition, number);
    return number;
  }

  /** The one configuration of this position. */
  intern(position: Position, pattern?: Snapshot): Configuration {
    const key = keyOf(position);
    let configuration = this.#configurations.get(key);
    if (configuration === undefined) {
      configuration = new Configuration(this, position, this.#templateOf(position, pattern));
      this.#configurations.set(key, configuration);
    }
    return configuration;
  }

  /** The configuration of a snapshot that XState has made. */
  configurationOf(snapshot: Snapshot): Configuration {
    const { value, tags, _nodes: nodes, historyValue: history } = snapshot;
    return this.intern({ value, tags, nodes, history }, snapshot);
  }

  #templateOf({ value, tags, nodes, history }: Position, pattern: Snapshot = this.#compiled.pattern): Snapshot {
    return {
      ...pattern,
      status: "active",
      output: undefined,
      error: undefined,
      machine: this.machine,
      context: undefined,
      _nodes: nodes,
      value,
      tags,
      children: noChildren,
      historyValue: history,
    };
  }
}

function structureOf(machine: Machine): Structure | null {
  try {
    return new Structure(machine);
  } catch {
    // XState has accepted the machine itself, and will run it.
    return null;
  }
}

function keyOf({ nodes, history }: Position): string {
  const remembered = Object.entries(history).map(([id, states]) => `${id}=${ordersOf(states)}`);
  return [ordersOf(nodes), ...remembered].join("|");
}

function ordersOf(nodes: readonly StateNode[]): string {
  return nodes.map(({ order }) => order).join();
}

function invocations(node: StateNode, code: typeof Code.invoke | typeof Code.stopInvoked): Operation[] {
  return node.invoke.map((invocation) => {
    const operation = ofNode(code, node, undefined);
    operation.invocation = invocation;
    return operation;
  });
}

function retries(awaited: readonly string[]): Operation[] {
  return awaited.length === 0 ? [] : [new Operation(Code.retry)];
}

function ofNode(code: Operation["code"], node: StateNode, value: unknown): Operation {
  const operation = new Operation(code);
  operation.node = node;
  operation.value = value;
  return operation;
}
