import { connectionMachine, startSockets, type UdpListener } from "@espalier/sockets";
import { type MemoryDatagrams, memoryDatagrams } from "@espalier/sockets/testing";
import { arbPeers, type Invariant, standard } from "../kit.ts";
import { nobodyCrashesUnasked } from "./crash-law.ts";
import type { TargetCase } from "./target-case.ts";

interface Knobs {
  readonly maxClients: number;
  readonly idleTimeoutMs: number;
  readonly maxWaiting: number;
}

const BYE = "!";

/** Sends each datagram back, until one says goodbye. */
const polite = connectionMachine().createMachine({
  id: "polite",
  context: ({ input }) => ({ connection: input.connection }),
  initial: "waiting",
  states: {
    waiting: { on: { socketReady: { target: "open", actions: "activate" } } },
    open: {
      on: {
        data: [
          { guard: ({ event }) => event.data[0] === BYE.charCodeAt(0), target: "over" },
          { actions: [{ type: "send", params: ({ event }) => event.data }, "activate"] },
        ],
        timeout: "over",
        closed: "over",
        error: "over",
      },
    },
    over: { type: "final", entry: "close" },
  },
});

/** A listener, and the sockets of its clients. */
class Datagrams {
  readonly listener: UdpListener;
  readonly #clients: ReturnType<typeof bind>[];

  constructor(listener: UdpListener, network: MemoryDatagrams) {
    this.listener = listener;
    this.#clients = [bind(network, "10.0.0.7"), bind(network, "10.0.0.8")];
  }

  send(client: number, texts: readonly string[]): void {
    const to = { host: "10.0.0.254", port: 5000 };
    for (const text of texts) this.#clients[client]?.send(new TextEncoder().encode(text), to);
  }
}

function nothing(): void {
  // What comes back is for nobody.
}

function bind(network: MemoryDatagrams, host: string) {
  const events = { bound: nothing, failed: nothing, received: nothing, sendFailed: nothing, ended: nothing };
  return network.from(host).bind({ port: 0 }, { ...events, closed: nothing });
}

const datagramsAreCounted: Invariant = {
  id: "T36-datagrams",
  says: "each datagram has come to something, of which there is one cause",
  watch: (run) => ({
    after(phase) {
      if (phase !== "healed" || run.isEnding || !(run.handle instanceof Datagrams)) return;
      const { listener } = run.handle;
      if (!listener.isRunning || listener.currentClients > 0 || run.world.signalsInFlight > 0) return;
      const { received, sent: _sent, sendFailed: _failed, ...causes } = listener.datagrams;
      const known = Object.values(causes).reduce((sum, count) => sum + count, 0);
      if (known !== received)
        run.violate(
          "T36-datagrams",
          `${received} datagrams have come, and it is known of ${known} what became of them`,
        );
    },
  }),
};

/** A UDP listener whose peers come again from the address from which they have gone. */
export const datagrams: TargetCase<Knobs> = {
  name: "datagrams",
  target: {
    async start({ system, transport, knobs }) {
      const network = memoryDatagrams();
      const sockets = await startSockets(system, { transport, datagrams: network });
      return new Datagrams(await sockets.openUdp("datagrams", 5000, knobs, polite), network);
    },
    port: () => 1,
    operations: {
      talk: (handle) => asDatagrams(handle).send(0, ["one", "other"]),
      leave: (handle) => asDatagrams(handle).send(0, ["last", BYE]),
      comeBack: (handle) => asDatagrams(handle).send(0, [BYE, "again"]),
      crowd: (handle) => asDatagrams(handle).send(1, ["a", "b", "c", "d", "e"]),
    },
    knobs: { maxClients: [2, 1], idleTimeoutMs: [2000, 50], maxWaiting: [64, 1, 2] },
    // Datagrams come behind the stack.
    hasStreams: true,
  },
  // There is nothing to connect to.
  invariants: [nobodyCrashesUnasked, ...standard().filter(({ id }) => id !== "I8-probe"), datagramsAreCounted],
  peers: arbPeers({ maxPeers: 1, maxOps: 0 }),
};

function asDatagrams(handle: unknown): Datagrams {
  return handle as Datagrams;
}
