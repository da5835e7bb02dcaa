import type { EventObject } from "xstate";
import type { Configuration } from "./configuration.ts";
import type { Nursery, Spawn } from "./nursery.ts";
import { Offspring } from "./offspring.ts";
import { noChildren } from "./program.ts";
import type { MachineScope } from "./scope.ts";
import type { Ending, MachineSelf } from "./self.ts";
import type { BuiltinAction, Children, Expression, Snapshot } from "./xstate.ts";

const noEvent: EventObject = { type: "" };

/**
 * What actions are called with, and where the step under way has come to. One object serves all actions of all steps
 * one after the other, so it is good for as long as the call lasts; an asynchronous action keeps its own.
 */
class Arguments {
  context: unknown = undefined;
  event: EventObject = noEvent;
  self: MachineSelf | null = null;
  readonly system: object;
  readonly #step: Step;

  constructor(step: Step, system: object) {
    this.#step = step;
    this.system = system;
  }

  /** For assignments. Looked up when it is used, since hardly any does. */
  get spawn(): Spawn {
    return this.#step.offspring.spawner();
  }
}

/**
 * What the step under way has come to. It counts when the step has come to its end: until then the actor is what it was.
 * One object serves all steps of all actors of a definition, so that a step costs none.
 */
export class Step {
  configuration!: Configuration;
  children: Children = noChildren;
  ending: Ending | null = null;
  /** Something has happened for which XState makes a new snapshot. */
  hasChanged = false;
  /** The events that the machine has raised and not taken yet. */
  readonly raised: EventObject[] = [];
  /** Built-in actions that look for their receiver again, with their params. */
  readonly retries: Array<readonly [BuiltinAction, unknown]> = [];
  arguments: Arguments;
  /** For guards, which ask by it for the snapshot of now. */
  readonly look = (): Snapshot => this.materialise();
  readonly scope: MachineScope;
  readonly offspring: Offspring;

  constructor(scope: MachineScope, nursery: Nursery) {
    this.scope = scope;
    this.offspring = new Offspring(this, scope, nursery);
    this.arguments = this.#newArguments();
  }

  #newArguments(): Arguments {
    return new Arguments(this, this.scope.system);
  }

  /** Begins where the actor is. */
  load(self: MachineSelf, event: EventObject): void {
    this.configuration = self.configuration;
    this.children = self.children;
    this.ending = null;
    const args = this.arguments;
    args.context = self.context;
    args.event = event;
    args.self = self;
  }

  /** Puts the actor where the step has come to. */
  commit(self: MachineSelf): void {
    self.configuration = this.configuration;
    self.context = this.arguments.context;
    self.children = this.children;
    if (this.ending !== null) self.ending = this.ending;
  }

  /** Nothing of an actor is kept by what all of them share. */
  forget(): void {
    const args = this.arguments;
    args.context = undefined;
    args.event = noEvent;
    args.self = null;
    this.children = noChildren;
    if (this.raised.length > 0) this.raised.length = 0;
    if (this.retries.length > 0) this.retries.length = 0;
  }

  /** The snapshot of now, in the form of XState. */
  materialise(): Snapshot {
    const { context } = this.arguments;
    const snapshot = { ...this.configuration.template, context, children: this.children };
    const { ending } = this;
    return ending === null ? snapshot : { ...snapshot, status: ending.status, output: ending.output };
  }

  /** An input or output, which may be a function of what is known by now. */
  evaluate(output: unknown, event: EventObject = this.arguments.event): unknown {
    if (typeof output !== "function") return output;
    const { context, self } = this.arguments;
    return (output as Expression)({ context, event, self });
  }

  /** What the context of a machine is made of. */
  argumentsWith(input: unknown, self: MachineSelf): object {
    return Object.assign(this.#newArguments(), { input, self });
  }

  /** Arguments of an action's own, for those who keep them. */
  ownArguments(): object {
    const { context, event, self, system } = this.arguments;
    return { context, event, self, system };
  }

  /** Leaves the arguments to the action that was called with them, and goes on with others. */
  giveArgumentsAway(): void {
    const { context, event, self } = this.arguments;
    this.arguments = Object.assign(this.#newArguments(), { context, event, self });
  }
}
