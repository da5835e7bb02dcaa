import {
  type ActorRef,
  type Call,
  type Callable,
  type Castable,
  fromMachine,
  type MachineOptions,
} from "@espalier/actors";
import type { ActionFunction, AnyEventObject, AnyStateMachine } from "xstate";
import type { Stage } from "./stage.ts";

export type Options = MachineOptions<AnyStateMachine>;
export type Note = ActionFunction<any, any, any, any, any, any, any, any, any>;
export type Ref = ActorRef<AnyEventObject> & Castable<AnyEventObject> & Callable<Call<"get", unknown>>;

/** Runs a machine; every other one is left to XState itself. */
export function spawn(stage: Stage, machine: AnyStateMachine, options: Options = {}, role = "machine"): Ref {
  return stage.spawn(role, definitionOf(stage, machine, options)) as Ref;
}

export function definitionOf({ number }: Stage, machine: AnyStateMachine, options: Options = {}) {
  return fromMachine(machine, { exact: number % 2 === 1, ...options });
}

export function send({ system }: Stage, ref: Ref, ...types: readonly string[]): void {
  for (const type of types) system.send(ref, { type });
}

/** An action that notes the event, or what it is given. */
export function noting(stage: Stage, text?: string): Note {
  return ({ event }: { event: AnyEventObject }) => stage.note(text ?? `${event.type}${event.n ?? ""}`);
}
