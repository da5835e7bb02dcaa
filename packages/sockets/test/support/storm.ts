import type { Pid } from "@espalier/actors";
import type { Listener } from "@espalier/sockets";
import * as fc from "fast-check";
import type { ServerWorld } from "./server-world.ts";
import type { SocketRecorder } from "./socket-recorder.ts";

/** Who can be killed: everybody below the root. Connections include actors that they have started. */
const VICTIMS = [
  "connections",
  "acceptors",
  "acceptor_sup",
  "listener",
  "connection_sup",
  "listener_sup",
  "server",
] as const;
type Victim = (typeof VICTIMS)[number];

/** One kill, and what comes before the next. */
export interface Gust {
  readonly victim: Victim;
  /** Which of them, modulo how many there are. */
  readonly which: number;
  /** Turns of the event loop, or of the microtasks where time stands still, between the last step and the kill. */
  readonly hops: number;
  readonly pauseMs: number;
}

const weights: Readonly<Record<Victim, number>> = {
  connections: 60,
  acceptors: 20,
  acceptor_sup: 2,
  listener: 2,
  connection_sup: 1,
  listener_sup: 1,
  server: 1,
};

export const gusts: fc.Arbitrary<Gust[]> = fc.array(
  fc.record({
    victim: fc.oneof(...VICTIMS.map((victim) => ({ weight: weights[victim], arbitrary: fc.constant(victim) }))),
    which: fc.nat(10_000),
    hops: fc.nat(20),
    pauseMs: fc.oneof(fc.constant(0), fc.nat(60)),
  }),
  { minLength: 20, maxLength: 400, size: "max" },
);

/** So that nobody is spared. */
export const oneOfEach: readonly Gust[] = VICTIMS.map((victim) => ({ victim, which: 0, hops: 3, pauseMs: 50 }));

/** How often children of the root, and of the listener's supervisor, may be restarted before that gives up. */
const INTENSITY = 10;

const GREETING = "who is there?\n";
/** A handler that is told to end says goodbye. */
const answers: readonly string[] = [`${GREETING}goodbye\n`, "goodbye\n"];

/** A listener whose tree was killed while it was being started holds its address a moment longer than that lives. */
const EXPECTED = /^(error (crash|supervisor report)|warn .* goes on trying: .*EADDRINUSE)/u;

/**
 * A listener of lines with so many clients, who come again when they are thrown out; and kills among its processes, as many
 * as supervisors forgive: beyond that a kill hits a connection instead.
 */
export class Storm {
  readonly listener: Listener;
  /** Clients that have been answered and are connected. */
  served = 0;
  /** How many of them have been killed. */
  readonly kills: Record<Victim, number> = {
    connections: 0,
    acceptors: 0,
    acceptor_sup: 0,
    listener: 0,
    connection_sup: 0,
    listener_sup: 0,
    server: 0,
  };
  readonly #world: ServerWorld;
  readonly #wanted: number;
  readonly #root: string;
  /** Clients on their way, or served. */
  #present = 0;
  #rootKills = 0;
  #treeKills = 0;
  #treeOf: Pid | undefined;
  /** Those that a connection's kill is chosen from: some of them are dead already. */
  #candidates: Pid[] = [];

  constructor(world: ServerWorld, listener: Listener, wanted: number) {
    this.#world = world;
    this.#wanted = wanted;
    this.listener = listener;
    this.#root = `sockets/listener_sup:${listener.id}`;
  }

  get isFull(): boolean {
    return this.served === this.#wanted;
  }

  /** Has those come who are missing. */
  replenish(): void {
    while (this.#present < this.#wanted) this.#come();
  }

  #come(): void {
    let isServed = false;
    let isGone = false;
    let heard = "";
    this.#present += 1;
    const leave = (): void => {
      if (isGone) return;
      isGone = true;
      this.#present -= 1;
      if (isServed) this.served -= 1;
    };
    this.#world.startConnecting(this.listener, {
      react: (event, client: SocketRecorder, bytes) => {
        if (event === "connected") client.write(GREETING);
        else if (event === "data") {
          heard += Buffer.from(bytes).toString();
          if (!answers.some((answer) => answer.startsWith(heard))) throw new Error(`got ${heard}`);
          if (isServed || isGone || heard !== GREETING) return;
          isServed = true;
          this.served += 1;
        } else if (event === "end" || event === "closed") leave();
      },
    });
  }

  /** Kills one; answers whether there was one. */
  strike({ victim, which }: Gust): boolean {
    this.#lookForTree();
    const [ofRoot, ofTree] = this.#costs(victim);
    const isForgiven = this.#rootKills + ofRoot <= INTENSITY && this.#treeKills + ofTree <= INTENSITY;
    const target = isForgiven ? victim : "connections";
    const pid = this.#find(target, which);
    if (pid === undefined) return false;
    if (isForgiven) {
      this.#rootKills += ofRoot;
      this.#treeKills += ofTree;
    }
    this.#world.system.kill(pid);
    this.kills[target] += 1;
    return true;
  }

  /** A new supervisor forgives anew. */
  #lookForTree(): void {
    if (this.#treeOf !== undefined && this.#world.system.isAlive(this.#treeOf)) return;
    const tree = this.#find("listener_sup", 0);
    if (tree === undefined || tree === this.#treeOf) return;
    this.#treeOf = tree;
    this.#treeKills = 0;
  }

  /** The restarts that a kill costs the root and the listener's supervisor. */
  #costs(victim: Victim): [number, number] {
    if (victim === "connections") return [0, 0];
    if (victim === "listener_sup" || victim === "server") return [1, 0];
    // A listener's supervisor whose children cannot start cannot start itself: the root tries again.
    return [this.#isWhole ? 0 : 1, victim === "acceptors" ? 0 : 1];
  }

  /** Whether all acceptors are there, who come last. */
  get #isWhole(): boolean {
    return this.#below(`${this.#root}/acceptor_sup/`).length === this.listener.info.options.acceptors;
  }

  #find(victim: Victim, which: number): Pid | undefined {
    if (victim === "connections") return this.#findConnection(which);
    const path = { server: "sockets/server", listener_sup: this.#root }[victim as string] ?? `${this.#root}/${victim}`;
    if (victim === "acceptors") return pick(this.#below(`${this.#root}/acceptor_sup/`), which);
    return this.#world.system.inspect().processes.findLast((process) => process.path === path)?.pid;
  }

  #findConnection(which: number): Pid | undefined {
    for (let round = 0; round < 2; round += 1) {
      while (this.#candidates.length > 0) {
        const [pid] = this.#candidates.splice(which % this.#candidates.length, 1);
        if (pid !== undefined && this.#world.system.isAlive(pid)) return pid;
      }
      this.#candidates = this.#below(`${this.#root}/connection_sup/`);
    }
    return undefined;
  }

  #below(prefix: string): Pid[] {
    const { processes } = this.#world.system.inspect();
    return processes.filter(({ path }) => path.startsWith(prefix)).map(({ pid }) => pid);
  }

  /** All there is to count when nothing is under way and everybody is served, and what each count has to be. */
  async counts(): Promise<{ readonly found: object; readonly right: object }> {
    const { listener } = this;
    const prefix = `${this.#root}/connection_sup/`;
    const processes = this.#world.system.inspect().processes.map(({ path }) => path);
    const starts = this.#world.of("connectionStarted").length;
    const { acceptors = 0 } = listener.info.options;
    const wanted = this.#wanted;
    return {
      found: {
        served: this.served,
        currentClients: listener.currentClients,
        connections: (await listener.connections()).length,
        actors: processes.filter((path) => path.startsWith(prefix) && !path.slice(prefix.length).includes("/")).length,
        others: processes.filter((path) => !path.startsWith(prefix)).length,
        acceptors: (await listener.acceptors()).length,
        started: listener.stats.accepted,
        running: starts - sum(listener.shutdownCounts),
        accepted: sum(listener.stats),
        status: listener.status,
        logged: this.#world.logged.splice(0).filter((line) => !EXPECTED.test(line)),
      },
      right: {
        served: wanted,
        currentClients: wanted,
        connections: wanted,
        actors: wanted,
        // The root, the server, the listener's supervisor, its three children, and the acceptors.
        others: 6 + acceptors,
        acceptors,
        started: starts,
        running: wanted,
        accepted: this.#world.accepted,
        status: "running",
        logged: [],
      },
    };
  }
}

function sum(counts: object): number {
  return Object.values(counts).reduce((total: number, count: number) => total + count, 0);
}

function pick<Item>(items: readonly Item[], which: number): Item | undefined {
  return items[which % items.length];
}
