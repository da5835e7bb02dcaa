import type { System } from "@espalier/actors";
import type { ClientTls, ServerTls, Transport } from "@espalier/sockets";
import type { AnyStateMachine } from "xstate";
import type { PeerScript } from "./peer-script.ts";
import type { UncontrolledGlobal } from "./tripwire.ts";

/** What a server is started with. */
export interface Surroundings<Knobs extends object = object, Machine extends AnyStateMachine = AnyStateMachine> {
  readonly system: System;
  /** The simulated network. */
  readonly transport: Transport;
  /**
   * What listeners take as `tls`, in place of certificates: TLS that is the same in each run, and whose handshakes fail, hang
   * or are slow now and then. Scripts with `tls` or `startTls` speak it.
   */
  readonly tls: ServerTls;
  /** The same for the option `tls` of clients and pools. Their servers have to speak it: listeners with `tls`. */
  readonly clientTls: ClientTls;
  /** The settings of this run. */
  readonly knobs: Knobs;
  /** The `machine` of the target, or one of its mutants. */
  readonly machine: Machine;
}

/** Something that is done to a server. A method, whose parameters are compared less strictly: a target fits where any does. */
export type TargetOperation<Handle, Knobs extends object> = {
  perform(handle: Handle, surroundings: Surroundings<Knobs>): unknown;
}["perform"];

/** A server that is to be tested, started anew for each run. It must have no state outside of its system. */
export interface Target<
  Handle = unknown,
  Knobs extends object = object,
  Machine extends AnyStateMachine = AnyStateMachine,
> {
  /** Starts it, and resolves when it serves. */
  start(surroundings: Surroundings<Knobs, Machine>): Promise<Handle> | Handle;
  /**
   * The port that peers connect to. @defaultValue the `port` of what `start` has resolved with; where that has none, nobody can
   * connect: `peers` has to be `fc.constant([])`, each run goes on for 10 simulated seconds, and there is no probe
   */
  port?(handle: Handle): number;
  /** What can be done to it from outside while it runs, such as to drain it or to change its code. */
  readonly operations?: Readonly<Record<string, TargetOperation<Handle, Knobs>>>;
  /**
   * Settings with the values that each may have in a run; the first is the ordinary one. Small limits are reached soon, and
   * make what is rare frequent.
   */
  readonly knobs?: { readonly [Name in keyof Knobs]: readonly Knobs[Name][] };
  /**
   * What a fresh client does when all faults are over, and what it must receive then. Absent: it must be able to connect
   * and stay for a moment, or the tree has given up.
   */
  readonly probe?: Probe;
  /**
   * How long it has to recover when all faults are over, before the probe comes, in simulated milliseconds: longer than its
   * longest back-off. A server that ticks does so all the while, and 100,000 signals in a run are `I11-livelock`.
   *
   * @defaultValue 60,000
   */
  readonly healMs?: number;
  /**
   * What its actors may call although it is another one each time, such as `"Date.now"` for a log that nobody compares. All
   * else of the kind ends a run with an `UncontrolledNondeterminismError`. @defaultValue nothing
   */
  readonly allow?: readonly UncontrolledGlobal[];
  /**
   * There are streams of Node in it, or other things that go on by `process.nextTick`: what is to be done at a time may need
   * more than the stack, and is waited for. With simulated TLS it is so in any case. @defaultValue false
   */
  readonly hasStreams?: boolean;
  /**
   * The statechart that its connections run, if there is one. The start has to use the one that it is given: then it is known
   * which states and transitions runs have reached, and `crash mutate` can try what nobody would notice.
   */
  readonly machine?: Machine;
}

/** A client that must be served once everything is well. */
export interface Probe extends Pick<PeerScript, "ops" | "proxy" | "tls"> {
  /** What it is to receive, or to begin with if it ends by then. */
  readonly receives: Uint8Array | string;
  /**
   * How long it waits for that, in simulated milliseconds, since it came. @defaultValue 10,000 since the end of its `ops`, and
   * 30,000 in all
   */
  readonly withinMs?: number;
}
