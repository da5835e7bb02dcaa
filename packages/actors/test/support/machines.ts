import {
  type ActorRef,
  type Call,
  type Callable,
  type Castable,
  CrashReport,
  type Definition,
  type ExitReason,
  fromMachine,
  type MachineOptions,
  sys,
} from "@espalier/actors";
import { type AnyStateMachine, createMachine, type EventObject } from "xstate";
import { createWorld, endOf, type World } from "./world.ts";

/** The kernel's two ways of running a machine, for tests of what has to be the same in both. */
export const ways = [
  ["plans", { exact: false }],
  ["XState itself", { exact: true }],
] as const;

/** Makes a machine of parts that XState's types cannot follow. */
export function assembled(config: object): AnyStateMachine {
  return createMachine(config as Parameters<typeof createMachine>[0]);
}

/** Lets everything happen that can happen now. */
export async function settle({ clock }: World): Promise<void> {
  await clock.advance(0);
}

/** Waits for an answer that takes no time. */
export async function answer<Value>(world: World, promise: Promise<Value>): Promise<Value> {
  const [value] = await Promise.all([promise, settle(world)]);
  return value;
}

/** An action that writes down the type of the event, and what it bears. */
export function noteIn(seen: string[]): (args: { readonly event: EventObject & { readonly n?: number } }) => void {
  return ({ event }) => void seen.push(event.n === undefined ? event.type : `${event.type} ${event.n}`);
}

/** Takes what comes, and a call that whoever calls it knows. */
type AnyMachineRef = ActorRef<unknown> & Castable<unknown> & Callable<Call<"get", number>>;

/** A machine that runs in a world of its own. */
export interface Run {
  readonly world: World;
  readonly ref: AnyMachineRef;
  readonly end: { readonly reason: ExitReason | undefined };
  readonly crashes: readonly CrashReport[];
  /** Sends events, all at once, and waits until all that follows from them is done. A string is an event's type. */
  send(...events: Array<string | EventObject>): Promise<void>;
  advance(ms: number): Promise<void>;
  /** The value of its state. */
  value(): unknown;
  suspend(): Promise<void>;
  resume(): Promise<void>;
}

/** Starts a machine, given as such or by its config. */
export function run(
  machine: AnyStateMachine | object,
  options: MachineOptions<AnyStateMachine> = {},
  world: World = createWorld(),
): Run {
  const { system } = world;
  const made = "transition" in machine ? machine : assembled(machine);
  const crashes: CrashReport[] = [];
  system.trace(
    (event) => {
      if (event.type === "report" && event.report instanceof CrashReport) crashes.push(event.report);
    },
    { detail: "life" },
  );
  const ref = system.spawn(fromMachine(made, options) as Definition<void, AnyMachineRef>);
  return {
    world,
    ref,
    end: endOf(system, ref),
    crashes,
    async send(...events) {
      for (const event of events) system.send(ref, typeof event === "string" ? { type: event } : event);
      await settle(world);
    },
    advance: (ms) => world.clock.advance(ms),
    value: () =>
      (system.inspect().processes.find(({ pid }) => pid === ref)?.state as { value?: unknown } | undefined)?.value,
    suspend: () => answer(world, sys.suspend(system, ref)),
    resume: () => answer(world, sys.resume(system, ref)),
  };
}
