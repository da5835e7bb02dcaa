import type { Pid } from "@espalier/actors";
import type { UdpListener } from "@espalier/sockets";
import * as fc from "fast-check";
import type { DatagramClient, UdpWorld } from "./udp-world.ts";

/** Who can be killed: everybody below the root. */
const VICTIMS = ["peer", "socket", "listener", "connection_sup", "listener_sup", "server"] as const;
export type UdpVictim = (typeof VICTIMS)[number];

/** One kill, and the datagrams that come beside it. */
export interface UdpGust {
  readonly victim: UdpVictim;
  /** Which of the peers, modulo how many there are. */
  readonly which: number;
  /** Who sends a datagram before it, and who behind it, modulo how many there are. */
  readonly before: readonly number[];
  readonly behind: readonly number[];
  /** Turns of the microtasks between the datagrams and the kill. */
  readonly hops: number;
  readonly pauseMs: number;
}

const weights: Readonly<Record<UdpVictim, number>> = {
  peer: 60,
  socket: 3,
  listener: 2,
  connection_sup: 1,
  listener_sup: 1,
  server: 1,
};

const senders = fc.array(fc.nat(10_000), { maxLength: 6 });

export const udpGusts: fc.Arbitrary<UdpGust[]> = fc.array(
  fc.record({
    victim: fc.oneof(...VICTIMS.map((victim) => ({ weight: weights[victim], arbitrary: fc.constant(victim) }))),
    which: fc.nat(10_000),
    before: senders,
    behind: senders,
    hops: fc.nat(8),
    pauseMs: fc.oneof(fc.constant(0), fc.nat(60)),
  }),
  { minLength: 20, maxLength: 200, size: "max" },
);

/** So that nobody is spared. */
export const oneOfEachUdp: readonly UdpGust[] = VICTIMS.map((victim, index) => ({
  victim,
  which: index,
  before: [0, 1, 2],
  behind: [2, 3],
  hops: 3,
  pauseMs: 50,
}));

/** How often children of the root, and of the listener's supervisor, may be restarted before that gives up. */
const INTENSITY = 10;

/** A client who numbers what it says, and how far it has been answered. */
interface Speaker {
  readonly client: DatagramClient;
  said: number;
}

/**
 * An echoing UDP listener with so many clients, whose handlers come anew with the next datagram when they are killed; and
 * kills among its processes, as many as supervisors forgive: beyond that a kill hits a peer instead.
 */
export class UdpStorm {
  readonly kills: Record<UdpVictim, number> = {
    peer: 0,
    socket: 0,
    listener: 0,
    connection_sup: 0,
    listener_sup: 0,
    server: 0,
  };
  readonly #world: UdpWorld;
  readonly #listener: UdpListener;
  readonly #speakers: readonly Speaker[];
  readonly #root: string;
  #rootKills = 0;
  #treeKills = 0;
  #treeOf: Pid | undefined;

  constructor(world: UdpWorld, listener: UdpListener, clients: readonly DatagramClient[]) {
    this.#world = world;
    this.#listener = listener;
    this.#speakers = clients.map((client) => ({ client, said: 0 }));
    this.#root = `sockets/listener_sup:${listener.id}`;
  }

  /** Each of these clients sends a datagram. */
  speak(whose: readonly number[]): void {
    for (const index of whose) this.#say(this.#speakers[index % this.#speakers.length] as Speaker);
  }

  #say(speaker: Speaker): void {
    speaker.said += 1;
    speaker.client.send(this.#listener, String(speaker.said));
  }

  /** Those who have not heard their last words say more; answers whether there were such. */
  insist(): boolean {
    const unheard = this.#speakers.filter(
      ({ client, said }) => said === 0 || client.received.at(-1)?.toString() !== `${said}`,
    );
    for (const speaker of unheard) this.#say(speaker);
    return unheard.length > 0;
  }

  /** What is wrong with what clients have heard: each hears its own words, in order and once, though not all of them. */
  faults(): string[] {
    return this.#speakers.flatMap(({ client, said }, index) => {
      const numbers = client.received.map(Number);
      const isRising = numbers.every((number, place) => number > (numbers[place - 1] ?? 0));
      return isRising && (numbers.at(-1) ?? 0) <= said ? [] : [`client ${index} heard ${numbers.join(" ")}`];
    });
  }

  strike({ victim, which }: UdpGust): void {
    this.#lookForTree();
    const target = this.#isForgiven(victim) ? victim : "peer";
    if (target === "socket") {
      // Its owner dies of it, and starts anew with another.
      this.#world.bound.at(-1)?.close();
    } else {
      const pid = target === "peer" ? this.#peer(which) : this.#find(target);
      if (pid === undefined) return;
      this.#world.system.kill(pid);
    }
    this.kills[target] += 1;
    if (target === "listener_sup" || target === "server") this.#rootKills += 1;
    else if (target !== "peer") this.#treeKills += 1;
  }

  /** A new supervisor forgives anew. */
  #lookForTree(): void {
    const tree = this.#find("listener_sup");
    if (tree === undefined || tree === this.#treeOf) return;
    this.#treeOf = tree;
    this.#treeKills = 0;
  }

  #isForgiven(victim: UdpVictim): boolean {
    if (victim === "peer") return true;
    if (victim === "listener_sup" || victim === "server") return this.#rootKills < INTENSITY;
    return this.#treeKills < INTENSITY && this.#find("listener_sup") !== undefined;
  }

  #find(victim: Exclude<UdpVictim, "peer" | "socket">): Pid | undefined {
    const path = { server: "sockets/server", listener_sup: this.#root }[victim as string] ?? `${this.#root}/${victim}`;
    return this.#world.system.inspect().processes.findLast((process) => process.path === path)?.pid;
  }

  #peer(which: number): Pid | undefined {
    const peers = this.#below(`${this.#root}/connection_sup/`);
    return peers[which % peers.length];
  }

  #below(prefix: string): Pid[] {
    const { processes } = this.#world.system.inspect();
    return processes.filter(({ path }) => path.startsWith(prefix)).map(({ pid }) => pid);
  }

  /** All there is to count when everybody has been answered, and what each count has to be. */
  async counts(): Promise<{ readonly found: object; readonly right: object }> {
    const { info, datagrams } = this.#listener;
    const wanted = this.#speakers.length;
    const starts = this.#world.of("connectionStarted").length;
    const { received, sent: _sent, sendFailed: _failed, ...causes } = datagrams;
    return {
      found: {
        currentClients: info.currentClients,
        activeClients: info.activeClients,
        connections: (await this.#listener.connections()).length,
        actors: this.#below(`${this.#root}/connection_sup/`).length,
        // The root, the server, the listener's supervisor and its two children.
        others: this.#below("").length - this.#below(`${this.#root}/connection_sup/`).length,
        accepted: info.stats.accepted,
        running: starts - sum(info.shutdownCounts),
        datagrams: sum(causes),
        status: info.status,
        faults: this.faults(),
        logged: this.#world.logged.splice(0).filter((line) => !/^error (crash|supervisor report)/.test(line)),
      },
      right: {
        currentClients: wanted,
        activeClients: wanted,
        connections: wanted,
        actors: wanted,
        others: 5,
        accepted: starts,
        running: wanted,
        datagrams: received,
        status: "running",
        faults: [],
        logged: [],
      },
    };
  }
}

function sum(counts: object): number {
  return Object.values(counts).reduce((total: number, count: number) => total + count, 0);
}
