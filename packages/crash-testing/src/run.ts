import { createSystem, type System, type TraceEvent } from "@espalier/actors";
import type { AnyStateMachine } from "xstate";
import { Choices, type Chooser } from "./choices.ts";
import type { Deviation } from "./deviation.ts";
import type { Invariant, Phase, RunView, Watch } from "./invariant.ts";
import { type SimNetwork, simNetwork } from "./network.ts";
import { checkAnswers } from "./peer-answer.ts";
import { followEachOther, Peer } from "./peer.ts";
import type { Plan } from "./plan.ts";
import { assertIsDown, knobsOf, portOf } from "./surroundings.ts";
import type { Probe, Surroundings, Target } from "./target.ts";
import { type SimTls, simTls } from "./tls/sim-tls.ts";
import { armTripwires } from "./tripwire.ts";
import { breathe } from "./wall-clock.ts";
import { type Injection, World } from "./world.ts";

/** What must not have happened. */
export interface Failure {
  /** The id of the invariant that was broken. */
  readonly invariant: string;
  readonly message: string;
  readonly phase: Phase;
  readonly time: number;
}

/** What came of a run. */
export interface Outcome {
  readonly failure: Failure | undefined;
  /** All that was out of the ordinary, in the order in which it happened: what makes a plan of a random run. */
  readonly deviations: readonly Deviation[];
  readonly choices: Choices;
  readonly injections: readonly Injection[];
  /** The clients, and what they have received. */
  readonly peers: readonly Peer[];
  /** Signals that were delivered. */
  readonly steps: number;
  readonly endedAt: number;
}

export interface RunOptions<Handle, Knobs extends object> {
  readonly target: Target<Handle, Knobs>;
  readonly plan: Plan;
  /** Decides what is out of the ordinary. */
  readonly chooser: Chooser;
  readonly invariants: readonly Invariant[];
  /** Sees everything that happens. */
  readonly tracer?: (event: TraceEvent) => void;
  /** Sees each effect that an actor is about to have. */
  readonly onEffect?: (actor: string, effect: string) => void;
  /** For how long the clients have time, in simulated milliseconds. @defaultValue 600,000 */
  readonly horizonMs?: number;
  /** So many signals are no work any more, but a loop. @defaultValue 100,000 */
  readonly mostSteps?: number;
}

/**
 * How many bytes a connection holds between one that writes and one that does not read. It is a setting of the run, like
 * those of the target: with little room, whoever does not read is felt at once.
 */
const CAPACITIES: readonly number[] = [65_536, 16, 256];
const CAPACITY = "network capacity";

/** How long the server has to come to rest when everything is ordinary again, and its timers with it. */
const HEAL_MS = 60_000;
/** How long a fresh client has to be served. */
const PROBE_MS = 30_000;
/** How long things may go wrong after the last operation. */
const OPERATION_MS = 10_000;
/** How long a start or a stop may take, beside what was injected. */
const PATIENCE_MS = 120_000;

/**
 * One run, from the start of the server to its end.
 *
 * @throws `UncontrolledNondeterminismError` (`ERR_UNCONTROLLED_NONDETERMINISM`) if an actor calls, in a step, what makes each
 * run another one: `Math.random`, `setTimeout` and the like. `InvalidOptionError` (`ERR_INVALID_OPTION`) for answers of clients
 * that nobody can give. And whatever the start of the target throws, if nothing was injected, and what an invariant throws.
 */
export async function run<Handle, Knobs extends object>(options: RunOptions<Handle, Knobs>): Promise<Outcome> {
  checkAnswers(options.plan, options.target.probe);
  await breathe();
  const disarm = armTripwires();
  try {
    return await new Run(options).perform();
  } finally {
    disarm();
  }
}

class Run<Handle, Knobs extends object> implements RunView {
  readonly plan: Plan;
  readonly world: World;
  readonly system: System;
  readonly network: SimNetwork;
  readonly #tls: SimTls;
  readonly peers: Peer[] = [];
  phase: Phase = "boot";
  handle: Handle | undefined;
  isEnding = false;
  /** The target's start has resolved, be it with nothing. */
  #isStarted = false;
  readonly #target: Target<Handle, Knobs>;
  readonly #options: RunOptions<Handle, Knobs>;
  readonly #surroundings: Surroundings<Knobs>;
  readonly #watches: readonly Watch[];
  readonly #quiet: ReadonlyArray<() => void>;
  #failure: Failure | undefined;
  /** An invariant has thrown, which says nothing of the server. */
  #thrown: { readonly error: unknown } | undefined;
  /** Promises of operations that have not settled. */
  #awaited = 0;

  constructor(options: RunOptions<Handle, Knobs>) {
    this.#options = options;
    this.#target = options.target;
    this.plan = options.plan;
    const { onEffect } = options;
    const { allow } = options.target;
    this.world = new World(new Choices(options.chooser), {
      onQuiet: () => this.#checkQuiet(),
      ...(onEffect !== undefined && { onEffect }),
      ...(allow !== undefined && { allow }),
    });
    const capacity = CAPACITIES[this.world.choices.about("knob", CAPACITY).next(CAPACITIES.length)];
    this.network = simNetwork(this.world, capacity === undefined ? {} : { capacity });
    this.#tls = simTls(this.world, this.network);
    this.system = createSystem({ host: this.world });
    this.#surroundings = this.#surround();
    this.#watches = options.invariants.map((invariant) => invariant.watch(this));
    this.#quiet = this.#watches.flatMap((watch) => (watch.quiet === undefined ? [] : [() => watch.quiet?.()]));
    this.#trace();
  }

  get probe(): Probe | undefined {
    return this.#target.probe;
  }

  violate(invariant: string, message: string): void {
    this.#failure ??= { invariant, message, phase: this.phase, time: this.world.now() };
  }

  async perform(): Promise<Outcome> {
    const { world } = this;
    await this.#boot();
    for (const phase of [() => this.#work(), () => this.#heal(), () => this.#probe(), () => this.#stop()]) {
      // What comes after a failure tells nothing new.
      if (this.#failure === undefined) await phase();
    }
    const { choices, injections, tripwire } = world;
    // Neither a failure nor its absence would mean anything.
    if (tripwire.tripped !== undefined) throw tripwire.tripped;
    if (this.#thrown !== undefined) throw this.#thrown.error;
    const { deviations } = choices;
    return {
      failure: this.#failure,
      deviations,
      choices,
      injections,
      peers: this.peers,
      steps: this.system.steps,
      endedAt: world.now(),
    };
  }

  // — Phases —————————————————————————————————————————————————————————————————————————————————————————————————————

  async #boot(): Promise<void> {
    const started = await this.#settle(Promise.resolve().then(() => this.#target.start(this.#surroundings)));
    if (started === undefined) this.violate("boot", "the start did not come to an end: it awaits what never comes");
    // A start that fails because of what was injected is as it should be, if it leaves nothing behind.
    else if (started.ok) {
      this.handle = started.value;
      this.#isStarted = true;
    } else if (this.world.choices.deviations.length === 0) throw this.world.tripwire.tripped ?? started.error;
  }

  async #work(): Promise<void> {
    this.#enter("workload");
    const { handle, plan, world } = this;
    if (!this.#isStarted) return;
    const port = portOf(this.#target, handle);
    if (port !== undefined) {
      for (const script of plan.peers) this.peers.push(new Peer(world, this.network, port, script));
      followEachOther(this.peers);
    } else if (plan.peers.length > 0) {
      assertIsDown(this.#target, handle, world.choices);
      return;
    }
    const begin = world.now();
    // Where no clients can come, what goes on by itself is the work.
    let isOperated = plan.operations.length === 0 && port !== undefined;
    for (const { at, name } of plan.operations) world.at(begin + at, () => this.#operate(name, handle));
    // What follows from the last of them is part of the work, also where there are no clients.
    const last = Math.max(0, ...plan.operations.map(({ at }) => at));
    if (!isOperated) world.at(begin + last + OPERATION_MS, () => (isOperated = true));
    await this.#pass(
      begin + (this.#options.horizonMs ?? 600_000),
      () => isOperated && this.#awaited === 0 && this.peers.every((peer) => peer.isDone),
    );
  }

  async #heal(): Promise<void> {
    const { world } = this;
    world.choices.isHealed = true;
    this.#enter("healed");
    // Those of the plan make place for the one that asks whether the server still serves.
    for (const peer of this.peers) peer.leave();
    await this.#pass(world.now() + (this.#target.healMs ?? HEAL_MS));
  }

  async #probe(): Promise<void> {
    const { handle, world } = this;
    const port = portOf(this.#target, handle);
    if (port === undefined || this.isEnding) return;
    this.#enter("probe");
    const { probe } = this.#target;
    const script = {
      at: 0,
      host: "10.255.255.254",
      ops: probe?.ops ?? [],
      ...(probe?.proxy !== undefined && { proxy: probe.proxy }),
      ...(probe?.tls !== undefined && { tls: probe.tls }),
    };
    const peer = new Peer(world, this.network, port, script, probe?.withinMs);
    this.peers.push(peer);
    await this.#pass(world.now() + (probe?.withinMs ?? PROBE_MS), () => peer.isDone);
  }

  async #stop(): Promise<void> {
    this.#enter("stopping");
    this.isEnding = true;
    const stopped = await this.#settle(this.system.shutdown());
    if (stopped === undefined) this.violate("stop", "the server did not come to its end");
    // What the clients have left open is theirs.
    for (const peer of this.peers) peer.leave();
    await this.#pass(this.world.now() + PATIENCE_MS);
    this.#enter("stopped");
    for (const watch of this.#watches) watch.after?.("stopped");
  }

  #enter(phase: Phase): void {
    for (const watch of this.#watches) watch.after?.(this.phase);
    this.phase = phase;
  }

  // — Time ———————————————————————————————————————————————————————————————————————————————————————————————————————

  /** Lets time pass until then, or until it is enough. */
  async #pass(until: number, isEnough?: () => boolean): Promise<void> {
    const { world, system } = this;
    world.work();
    for (;;) {
      if (system.tasks > 0 || this.#awaited > 0 || this.#hasStreams) {
        await world.turn();
        if (world.isBusy) {
          world.work();
          continue;
        }
      }
      if (this.#failure !== undefined || this.#isLooping()) return;
      if (isEnough?.() === true) return;
      if (!world.advance(until)) break;
    }
    if (until < Infinity && isEnough === undefined) world.skipTo(until);
  }

  /** Lets time pass until a promise of the outside settles; undefined if it takes too long. */
  async #settle<Value>(promise: Promise<Value>): Promise<Settled<Value> | undefined> {
    const { world } = this;
    const start = world.now() + PATIENCE_MS - world.injectedMs;
    let settled: Settled<Value> | undefined;
    promise.then(
      (value) => (settled = { ok: true, value }),
      (error: unknown) => (settled = { ok: false, error }),
    );
    for (;;) {
      world.work();
      await world.turn();
      if (settled !== undefined) return settled;
      if (world.isBusy) continue;
      // What was injected meanwhile is time that the server is not to blame for.
      if (this.#isLooping() || !world.advance(start + world.injectedMs)) return undefined;
    }
  }

  /** What follows from what has happened may be behind the stack. */
  get #hasStreams(): boolean {
    return this.#tls.isUsed || this.#target.hasStreams === true;
  }

  #isLooping(): boolean {
    const { mostSteps = 100_000 } = this.#options;
    if (this.system.steps <= mostSteps) return false;
    this.violate("I11-livelock", `more than ${mostSteps} signals were delivered`);
    return true;
  }

  // — Inside —————————————————————————————————————————————————————————————————————————————————————————————————————

  #surround(): Surroundings<Knobs> {
    return {
      system: this.system,
      transport: this.network,
      tls: this.#tls,
      clientTls: this.#tls.client,
      knobs: knobsOf(this.#target, this.world.choices),
      // Who starts with a machine has said which.
      machine: this.#target.machine as AnyStateMachine,
    };
  }

  #operate(name: string, handle: Handle | undefined): void {
    const operation = this.#target.operations?.[name];
    if (operation === undefined) return;
    this.#awaited += 1;
    const settled = (): void => void (this.#awaited -= 1);
    // That an operation fails under faults is for the invariants to judge.
    Promise.resolve()
      .then(() => operation(handle as Handle, this.#surroundings))
      .then(settled, settled);
  }

  #checkQuiet(): void {
    for (const quiet of this.#quiet) quiet();
  }

  #trace(): void {
    const handlers = new Map<string, Array<(event: never) => void>>();
    for (const { on = {} } of this.#watches) {
      for (const [type, handler] of Object.entries(on)) {
        const known = handlers.get(type);
        if (known === undefined) handlers.set(type, [handler]);
        else known.push(handler);
      }
    }
    const detail = handlers.has("handled") ? "states" : "all";
    const { tracer } = this.#options;
    if (tracer !== undefined) this.system.trace(tracer, { detail });
    const see = (event: TraceEvent): void => {
      try {
        for (const handler of handlers.get(event.type) ?? []) handler(event as never);
      } catch (error) {
        this.#thrown ??= { error };
        this.violate("thrown", String(error));
      }
    };
    // A list, which can be gone through again when the target traces as well.
    const types = [...handlers.keys()] as ReadonlyArray<TraceEvent["type"]>;
    this.system.trace(see, { detail, types });
  }
}

type Settled<Value> = { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly error: unknown };
