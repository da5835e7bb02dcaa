import type { System, TraceEvent } from "@espalier/actors";
import type { MachineFilter } from "./invariants/machines.ts";
import type { Peer } from "./peer.ts";
import type { Plan } from "./plan.ts";
import type { Probe } from "./target.ts";
import type { SimNetwork } from "./network.ts";
import type { World } from "./world.ts";

/**
 * Where a run stands. Faults are injected in the first two; then everything is ordinary, a fresh client must be served, the
 * server is stopped, and nothing may be left.
 */
export type Phase = "boot" | "workload" | "healed" | "probe" | "stopping" | "stopped";

/** The world of a run, and its network, as far as laws are concerned: they may be simulated, or real ones. */
export type WatchedWorld = Pick<
  World,
  "now" | "at" | "isBusy" | "choices" | "injections" | "injectedMs" | "signalsInFlight" | "nameOf"
>;
export type WatchedNetwork = Pick<SimNetwork, "openSockets" | "openListeners">;

/** A run as those see it who watch it. */
export interface RunView {
  readonly plan: Plan;
  readonly world: WatchedWorld;
  /** `system.process(pid)?.describe()` is the present state of an actor; of a machine, `{ value, context, tags }`. */
  readonly system: System;
  readonly network: WatchedNetwork;
  readonly phase: Phase;
  /** The clients of the plan, and at last the probe. */
  readonly peers: readonly Peer[];
  /** What `start` of the target has resolved with; undefined before, and if it has failed. */
  readonly handle: unknown;
  /** What the target wants of its probe. */
  readonly probe: Probe | undefined;
  /** The server has been told to end, or has given up. What has to be there while it serves need not be there any more. */
  readonly isEnding: boolean;
  /** Ends the run as a failure. The first counts. */
  violate(invariant: string, message: string): void;
}

/** The events that somebody wants to see, by their type. */
export type Watched = {
  readonly [Type in TraceEvent["type"]]?: (event: Extract<TraceEvent, { readonly type: Type }>) => void;
};

/** What watches one run. */
export interface Watch {
  /** Called as things happen. */
  readonly on?: Watched;
  /** Called whenever nothing is left to do at a time. */
  quiet?(): void;
  /** Called when a phase has come to its end; the last time with `stopped`. */
  after?(phase: Phase): void;
}

/**
 * The states and events of machines that a law speaks of, by the options that they were given as. Where the machine is known,
 * a name that it does not have is refused: such a law would hold for ever.
 */
export interface LawNames extends MachineFilter {
  readonly states?: Readonly<Record<string, string | undefined>>;
  readonly events?: Readonly<Record<string, string | undefined>>;
}

/** Something that must be so in every run, whatever crashes. */
export interface Invariant {
  /** Short, and what failures are told apart by, such as `I10-residue`. */
  readonly id: string;
  /** What it says, in one sentence. */
  readonly says: string;
  /** What it calls states and events of machines by. @defaultValue nothing is known of that, and nothing checked */
  readonly names?: LawNames;
  watch(run: RunView): Watch;
}
