import { connectionMachine, packetMachine, type UdpListener, type UdpOptions } from "@espalier/sockets";
import { memoryDatagrams } from "@espalier/sockets/testing";
import { type Puppet, puppets } from "./puppet.ts";
import type { Handler, Scene, Stage } from "./stage.ts";
import { textOf } from "./visitor.ts";

const echo = packetMachine({
  onData(connection, data) {
    connection.send(data);
    if (data.length === 0) connection.close();
  },
});

/** Goes when it has heard nothing for a while. */
const forgetful = connectionMachine().createMachine({
  context: ({ input }) => ({ connection: input.connection }),
  initial: "waiting",
  states: { waiting: { on: { socketReady: { actions: { type: "activate", params: true } } } } },
});

interface Peer {
  /** What was answered, one by one. */
  readonly read: string[];
  say(...texts: readonly string[]): void;
}

function nothing(): void {
  // That is nothing to a peer.
}

/** A listener on a network of its own, and who talks to it. */
async function udp(stage: Stage, options: UdpOptions, handler: Handler) {
  const network = memoryDatagrams();
  const settings = { transport: network, ...options };
  const listener = await stage.sockets.openUdp(stage.called("udp"), stage.port(), settings, handler as never);
  stage.atLast(() => listener.close());
  const come = (index: number): Peer => {
    const read: string[] = [];
    const socket = network.from(stage.host(index)).bind(
      { port: 0 },
      {
        bound: nothing,
        failed: nothing,
        sendFailed: nothing,
        ended: nothing,
        closed: nothing,
        received(bytes) {
          read.push(textOf(bytes));
          stage.look();
        },
      },
    );
    stage.atLast(() => socket.close());
    const to = { host: "10.0.0.254", port: stage.port() };
    return { read, say: (...texts) => texts.forEach((text) => socket.send(new TextEncoder().encode(text), to)) };
  };
  return { listener, come };
}

/** All that has come is counted under one cause each. */
function isCounted(stage: Stage, { datagrams }: UdpListener, expected: Partial<UdpListener["datagrams"]>): void {
  const actual = Object.fromEntries(Object.entries(datagrams).filter(([, count]) => count > 0));
  stage.equal(actual, expected, "what became of datagrams");
}

async function told(stage: Stage, cast: readonly Puppet[], index: number, count: number): Promise<readonly string[]> {
  await stage.until(`peer ${index} has heard ${count} things`, () => (cast[index]?.heard.length ?? 0) >= count);
  return cast[index]?.heard ?? [];
}

/** By the first byte. */
function identify(bytes: Uint8Array) {
  return bytes.length === 0 ? undefined : { id: String.fromCharCode(bytes[0] ?? 0), data: bytes.subarray(1) };
}

/** What listeners of UDP do. */
export const onDatagrams: Readonly<Record<string, Scene>> = {
  async "each peer has its own"(stage) {
    const { listener, come } = await udp(stage, { healthCheck: { request: "ping", reply: "pong" } }, echo);
    const [one, other] = [come(1), come(2)];
    one.say("a", "b");
    other.say("c", "ping");
    await stage.until("all is answered", () => one.read.length === 2 && other.read.length === 2);
    stage.equal(
      [one.read, other.read.toSorted()],
      [
        ["a", "b"],
        ["c", "pong"],
      ],
      "the answers",
    );
    stage.equal(listener.currentClients, 2, "how many peers there are");
    one.say("");
    await stage.until("it is forgotten", () => listener.currentClients === 1);
    one.say("d");
    await stage.until("it is new", () => one.read.at(-1) === "d");
    isCounted(stage, listener, { received: 6, delivered: 5, healthChecks: 1, sent: 6 });
  },

  async "peers are known by an id"(stage) {
    const { handler, cast } = puppets();
    const { listener, come } = await udp(stage, { identify }, handler);
    const [one, other] = [come(1), come(2)];
    one.say("1a");
    await told(stage, cast, 0, 1);
    cast[0]?.connection.activate(true);
    other.say("1b", "");
    stage.equal(await told(stage, cast, 0, 3), ["socketReady", "data:a", "data:b"], "what was heard");
    cast[0]?.connection.send("here");
    await stage.until("it is answered where it is", () => other.read.length === 1);
    stage.equal([one.read, cast[0]?.connection.peername.host], [[], stage.host(2)], "where it is not");
    stage.holds(listener.connectionById("1") === cast[0]?.connection, "it is found by its id");
    isCounted(stage, listener, { received: 3, delivered: 2, unidentified: 1, sent: 1 });
  },

  async "datagrams wait, and not too many"(stage) {
    const { handler, cast } = puppets();
    const { listener, come } = await udp(stage, { maxWaiting: 2, maxPacketSize: 3 }, handler);
    const one = come(1);
    one.say("a", "b", "c", "d", "long");
    await told(stage, cast, 0, 1);
    await stage.settle();
    const { queueFull, tooLarge } = listener.datagrams;
    stage.equal([queueFull, tooLarge], [2, 1], "what was dropped");
    cast[0]?.connection.activate(true);
    stage.equal(await told(stage, cast, 0, 3), ["socketReady", "data:a", "data:b"], "what was heard");
    one.say("e");
    stage.equal((await told(stage, cast, 0, 4)).at(-1), "data:e", "what was heard then");
  },

  async "a peer may send so many"(stage) {
    stage.unlessLater(0);
    const { listener, come } = await udp(stage, { maxDatagramRate: { capacity: 2, intervalMs: 1000 } }, echo);
    const one = come(1);
    one.say("a", "b", "c");
    await stage.until("two are answered", () => one.read.length === 2);
    await stage.wait(600);
    one.say("d", "e");
    await stage.until("another one is", () => one.read.length === 3);
    stage.equal(one.read, ["a", "b", "d"], "the answers");
    isCounted(stage, listener, { received: 5, delivered: 3, rateLimited: 2, sent: 3 });
  },

  async "who may not be a peer is none"(stage) {
    stage.unlessLater(0);
    let isOverloaded = false;
    const options = {
      maxClients: 2,
      accessRules: [{ deny: stage.host(1) }],
      overload: () => isOverloaded,
      maxConnectionRate: { capacity: 2, intervalMs: 1000 },
    };
    const { listener, come } = await udp(stage, options, echo);
    come(1).say("a");
    const two = come(2);
    two.say("a");
    await stage.until("one is answered", () => two.read.length === 1);
    isOverloaded = true;
    come(3).say("a");
    await stage.settle();
    isOverloaded = false;
    const four = come(4);
    four.say("a");
    await stage.until("another one is", () => four.read.length === 1);
    come(5).say("a");
    await stage.settle();
    two.say("");
    await stage.until("one is forgotten", () => listener.currentClients === 1);
    come(6).say("a");
    await stage.settle();
    const { closedForbidden, closedOverloaded, closedMaxLimit, closedRateLimited } = listener.stats;
    stage.equal([closedForbidden, closedOverloaded, closedMaxLimit, closedRateLimited], [1, 1, 1, 1], "why");
    stage.equal(listener.datagrams.refused, 4, "how many datagrams were refused");
  },

  async "a silent peer is forgotten"(stage) {
    stage.unlessLater(100);
    const { listener, come } = await udp(stage, { idleTimeoutMs: 1000 }, forgetful);
    const one = come(1);
    one.say("a");
    await stage.wait(700);
    one.say("b");
    await stage.wait(700);
    stage.equal(listener.currentClients, 1, "how many peers there are");
    await stage.until("it is forgotten", () => listener.currentClients === 0, 400);
    stage.equal(listener.shutdownCounts, { idleTimeout: 1 }, "how it has ended");
  },

  async "peers outlive the socket"(stage) {
    const { handler, cast } = puppets();
    const { listener, come } = await udp(stage, {}, handler);
    const one = come(1);
    one.say("a");
    await told(stage, cast, 0, 1);
    cast[0]?.connection.activate(true);
    await listener.suspend();
    one.say("lost");
    await stage.settle();
    await listener.resume();
    one.say("b");
    stage.equal(await told(stage, cast, 0, 3), ["socketReady", "data:a", "data:b"], "what was heard");
    stage.equal(await listener.drain({ timeoutMs: 1000 }), { ended: 1, killed: 0 }, "what became of it");
  },
};
