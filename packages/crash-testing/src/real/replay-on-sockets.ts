import { createSystem, type System, type TraceEvent } from "@espalier/actors";
import type { AnyStateMachine } from "xstate";
import { Choices, replaying } from "../choices.ts";
import { type Deviation, topicOf } from "../deviation.ts";
import type { Invariant, Phase, RunView, Watch } from "../invariant.ts";
import { standard } from "../invariants/standard.ts";
import { checkAnswers } from "../peer-answer.ts";
import { followEachOther, Peer } from "../peer.ts";
import type { PeerScript } from "../peer-script.ts";
import type { Plan } from "../plan.ts";
import type { Failure } from "../run.ts";
import { assertIsDown, knobsOf, portOf } from "../surroundings.ts";
import type { Probe, Surroundings, Target } from "../target.ts";
import { simTls } from "../tls/sim-tls.ts";
import { ObservedTransport } from "./observed-transport.ts";
import { Proxy } from "./proxy.ts";
import { RealWorld } from "./real-world.ts";

export interface SocketsReplayOptions {
  /** What must be so. What they check at quiet points is not checked: there are none. @defaultValue `standard()` */
  readonly invariants?: readonly Invariant[];
  /**
   * For how long a client whose script is over looks on, in milliseconds, and for how long the work goes on behind the last
   * operation where no clients can come. @defaultValue 250
   */
  readonly restMs?: number;
  /** How long the start, the work, the probe and the stop may take, each, in milliseconds. @defaultValue 10,000 */
  readonly deadlineMs?: number;
}

/** What came of a plan on real sockets. */
export interface SocketsReplay {
  /** The first invariant that was broken. */
  readonly failure: Failure | undefined;
  /** Of the plan's deviations, those that have happened. */
  readonly happened: readonly Deviation[];
  /** Those that have not: there is no such thing on real sockets, or it did not come to that. */
  readonly missed: readonly Deviation[];
  /** The clients, and at last the probe. */
  readonly peers: readonly Peer[];
}

const REST_MS = 250;
const DEADLINE_MS = 10_000;

/**
 * Executes a plan that was found in simulation on the sockets of this machine and in real time, and tells which invariant is
 * broken there. Between each client and the server there is a proxy, which does to the connection what the plan says.
 *
 * | kind | on sockets |
 * | --- | --- |
 * | `chunk` of a server's end | the proxy sends so many bytes, and the next when the server has read those |
 * | `write` of a client's end | the proxy sends so many bytes by themselves |
 * | `net` of a connection | the proxy passes on what comes so much later |
 * | `reset`, `accept` | the proxy resets, closes or forgets the connection; what is to be reset before it is accepted may be accepted before |
 * | `connect` | refused: nobody listens; an attempt without an answer cannot be had |
 * | `crash`, `timer`, `knob`, `tls` | as in simulation |
 * | `delay`, `bind`, `write` of a server's end | not at all |
 *
 * Places in a plan are counted in what happens on a simulated network, and a real one may do it in other steps; `missed` says
 * what found no place. Waits of scripts take their time.
 *
 * @throws InvalidOptionError (`ERR_INVALID_OPTION`) for answers of clients that nobody can give; whatever the target's start
 * throws, if no crash was injected, and what an invariant throws
 */
export async function replayOnSockets<Handle, Knobs extends object>(
  target: Target<Handle, Knobs>,
  plan: Plan,
  options: SocketsReplayOptions = {},
): Promise<SocketsReplay> {
  checkAnswers(plan, target.probe);
  return new Replay(target, plan, options).perform();
}

class Replay<Handle, Knobs extends object> implements RunView {
  readonly plan: Plan;
  readonly world: RealWorld;
  readonly system: System;
  readonly network = new ObservedTransport(() => this.#look());
  readonly peers: Peer[] = [];
  phase: Phase = "boot";
  handle: Handle | undefined;
  isEnding = false;
  /** The target's start has resolved, be it with nothing. */
  #isStarted = false;
  readonly #target: Target<Handle, Knobs>;
  readonly #options: SocketsReplayOptions;
  readonly #surroundings: Surroundings<Knobs>;
  readonly #watches: readonly Watch[];
  readonly #proxies: Proxy[] = [];
  #failure: Failure | undefined;
  /** An invariant has thrown, which says nothing of the server. */
  #thrown: { readonly error: unknown } | undefined;
  #awaited = 0;
  /** Asked whenever something has happened. */
  #look: () => void = () => {};

  constructor(target: Target<Handle, Knobs>, plan: Plan, options: SocketsReplayOptions) {
    this.#target = target;
    this.#options = options;
    this.plan = plan;
    this.world = new RealWorld(new Choices(replaying(plan.deviations)), () => this.#look());
    this.system = createSystem({ host: this.world });
    const tls = simTls(this.world, this.network);
    this.#surroundings = {
      system: this.system,
      transport: this.network,
      tls,
      clientTls: tls.client,
      knobs: knobsOf(target, this.world.choices),
      machine: target.machine as AnyStateMachine,
    };
    const { invariants = standard() } = options;
    this.#watches = invariants.map((invariant) => invariant.watch(this));
    this.#trace();
  }

  get #restMs(): number {
    return this.#options.restMs ?? REST_MS;
  }

  get probe(): Probe | undefined {
    return this.#target.probe;
  }

  violate(invariant: string, message: string): void {
    this.#failure ??= { invariant, message, phase: this.phase, time: this.world.now() };
    this.#look();
  }

  async perform(): Promise<SocketsReplay> {
    try {
      await this.#boot();
      if (this.#isStarted) {
        await this.#work();
        await this.#heal();
        await this.#probe();
      }
    } finally {
      try {
        await this.#stop();
      } finally {
        for (const proxy of this.#proxies) await proxy.close();
      }
    }
    if (this.#thrown !== undefined) throw this.#thrown.error;
    const { deviations: happened } = this.world.choices;
    const keys = new Set(happened.map(keyOf));
    const missed = this.plan.deviations.filter((deviation) => !keys.has(keyOf(deviation)));
    return { failure: this.#failure, happened, missed, peers: this.peers };
  }

  // — Phases —————————————————————————————————————————————————————————————————————————————————————————————————————

  async #boot(): Promise<void> {
    try {
      const started = Promise.resolve(this.#target.start(this.#surroundings)).then((handle) => (this.handle = handle));
      this.#isStarted = await this.#inTime(started);
      if (!this.#isStarted) this.violate("boot", "the start did not come to an end");
    } catch (error) {
      if (this.world.choices.deviations.length === 0) throw error;
    }
  }

  async #work(): Promise<void> {
    this.#enter("workload");
    const { handle, plan, world } = this;
    const port = portOf(this.#target, handle);
    if (port !== undefined) {
      const ways: Array<readonly [PeerScript, Proxy]> = [];
      for (const script of plan.peers) ways.push([script, await this.#open(script, port)]);
      for (const [script, way] of ways) this.#send(script, way);
      followEachOther(this.peers);
    } else if (plan.peers.length > 0) {
      assertIsDown(this.#target, handle, world.choices);
      return;
    }
    let due = plan.operations.length;
    const begin = world.now();
    if (port === undefined) {
      // What goes on by itself is the work.
      due += 1;
      const last = Math.max(0, ...plan.operations.map(({ at }) => at));
      world.at(begin + last + this.#restMs, () => (due -= 1));
    }
    for (const { at, name } of plan.operations) {
      world.at(begin + at, () => {
        due -= 1;
        this.#operate(name, handle);
      });
    }
    await this.#until(() => due === 0 && this.#awaited === 0 && this.peers.every(({ isDone }) => isDone));
  }

  async #heal(): Promise<void> {
    this.world.choices.isHealed = true;
    this.#enter("healed");
    for (const proxy of this.#proxies) proxy.heal();
    await this.#dismiss();
    // What laws say of this phase, they say of a server that has come to rest.
    await this.#until(() => this.network.openSockets === this.network.unproxied);
  }

  async #probe(): Promise<void> {
    const port = portOf(this.#target, this.handle);
    if (port === undefined || this.isEnding) return;
    this.#enter("probe");
    if (this.#failure !== undefined) return;
    const { ops = [], proxy, tls } = this.probe ?? {};
    const beginning = { ...(proxy !== undefined && { proxy }), ...(tls !== undefined && { tls }) };
    const script = { at: 0, host: "10.255.255.254", ops, ...beginning };
    const peer = this.#send(script, await this.#open(script, port));
    await this.#until(() => peer.isDone);
  }

  async #stop(): Promise<void> {
    this.world.choices.isHealed = true;
    this.#enter("stopping");
    this.isEnding = true;
    if (!(await this.#inTime(this.system.shutdown()))) this.violate("stop", "the server did not come to its end");
    await this.#dismiss();
    await this.#until(() => this.network.openSockets === 0 && this.network.openListeners === 0);
    this.#enter("stopped");
    this.#tellOfEnd();
  }

  #enter(phase: Phase): void {
    this.#tellOfEnd();
    this.phase = phase;
  }

  /** The phase is over. */
  #tellOfEnd(): void {
    for (const watch of this.#watches) this.#ask(() => watch.after?.(this.phase));
  }

  /** Clients that are still there go. */
  async #dismiss(): Promise<void> {
    for (const peer of this.peers) peer.leave();
    await this.#until(() => this.peers.every(({ closedAt, hasLeft }) => closedAt !== undefined || hasLeft));
  }

  /** The way of a client to the server. */
  async #open({ host }: PeerScript, port: number): Promise<Proxy> {
    const { world, network: server } = this;
    const serverPort = this.network.portFor(port);
    const onChange = (): void => this.#look();
    const way = await Proxy.open({ world, server, serverPort, host, onChange });
    this.#proxies.push(way);
    return way;
  }

  #send(script: PeerScript, { network, port }: Proxy): Peer {
    const peer = new Peer(this.world, network, port, script, this.#restMs);
    this.peers.push(peer);
    return peer;
  }

  // — Time ———————————————————————————————————————————————————————————————————————————————————————————————————————

  /** Resolves when it is so, or the deadline is over, or there is nothing more to be learnt. */
  async #until(isSo: () => boolean): Promise<void> {
    const { world } = this;
    const { deadlineMs = DEADLINE_MS } = this.#options;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        cancel();
        this.#look = () => {};
        resolve();
      };
      const cancel = world.at(world.now() + deadlineMs, done);
      this.#look = () => {
        if (isSo() || (this.#failure !== undefined && !this.isEnding)) done();
      };
      this.#look();
    });
  }

  /** False if it takes too long. */
  async #inTime(promise: Promise<unknown>): Promise<boolean> {
    let isSettled = false;
    const settled = (): void => {
      isSettled = true;
      this.#look();
    };
    promise.then(settled, settled);
    const { isEnding } = this;
    await this.#until(() => isSettled || (this.#failure !== undefined && !isEnding));
    if (isSettled) await promise;
    return isSettled;
  }

  // — Inside —————————————————————————————————————————————————————————————————————————————————————————————————————

  #operate(name: string, handle: Handle | undefined): void {
    const operation = this.#target.operations?.[name];
    if (operation === undefined) return;
    this.#awaited += 1;
    const settled = (): void => {
      this.#awaited -= 1;
      this.#look();
    };
    // That an operation fails under faults is for the invariants to judge.
    Promise.resolve()
      .then(() => operation(handle as Handle, this.#surroundings))
      .then(settled, settled);
  }

  /** What an invariant throws ends the replay, but not before the server and the proxies have come to their end. */
  #ask(invariant: () => void): void {
    try {
      invariant();
    } catch (error) {
      this.#thrown ??= { error };
      this.violate("thrown", String(error));
    }
  }

  #trace(): void {
    const handlers = this.#watches.flatMap(({ on = {} }) => Object.entries(on));
    const see = (event: TraceEvent): void => {
      this.#ask(() => {
        for (const [type, handler] of handlers)
          if (type === event.type) (handler as (event: TraceEvent) => void)(event);
      });
    };
    const types = new Set(handlers.map(([type]) => type)) as Iterable<TraceEvent["type"]>;
    const detail = handlers.some(([type]) => type === "handled") ? "states" : "all";
    this.system.trace(see, { detail, types });
  }
}

/** By what a deviation of a plan is known. */
function keyOf({ kind, subject, ordinal, value }: Deviation): string {
  return `${topicOf(kind, subject)} ${ordinal} ${value}`;
}
