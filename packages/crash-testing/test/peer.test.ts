import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Choices, type Chooser, replaying } from "../src/choices.ts";
import type { Deviation, Kind } from "../src/deviation.ts";
import { simNetwork, type SimNetwork } from "../src/network.ts";
import { followEachOther, Peer } from "../src/peer.ts";
import { arbBytes, arbPeers } from "../src/peer-arbitrary.ts";
import type { PeerOp, PeerScript } from "../src/peer-script.ts";
import { World } from "../src/world.ts";
import { chance, deviation, ordinary } from "./support/chooser.ts";
import { listenAndEcho, PORT } from "./support/echo-server.ts";

const HOST = "10.0.0.1";

interface Run {
  readonly world: World;
  readonly network: SimNetwork;
  readonly peers: readonly Peer[];
}

/** Clients of an echo, until nothing is left to happen. */
function runOf(scripts: readonly PeerScript[], chooser: Chooser = ordinary): Run {
  const world = new World(new Choices(chooser));
  const network = simNetwork(world);
  listenAndEcho(network);
  const peers = scripts.map((script) => new Peer(world, network, PORT, script));
  followEachOther(peers);
  while (world.advance(Number.MAX_VALUE));
  return { world, network, peers };
}

function performed(ops: readonly PeerOp[], ...deviations: readonly Deviation[]): Peer {
  const [peer] = runOf([{ at: 5, host: HOST, ops }], replaying(deviations)).peers;
  if (peer === undefined) throw new Error("there is no client");
  return peer;
}

function send(text: string): PeerOp {
  return { type: "send", bytes: Buffer.from(text) };
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}

/** All that a client did and that happened to it, with its times. */
function story({ name, state, code, events }: Peer): unknown {
  return { name, state, code, events };
}

describe("a client", () => {
  test("does one thing after the other, and keeps what came of it", () => {
    const peer = performed([
      send("hello "),
      { type: "wait", ms: 20 },
      send("world"),
      { type: "receive", count: 11, withinMs: 1000 },
      { type: "end" },
    ]);
    expect([peer.name, peer.state, peer.code]).toEqual(["10.0.0.1#1", "closed", undefined]);
    expect([textOf(peer.sent), textOf(peer.received)]).toEqual(["hello world", "hello world"]);
    expect([peer.connectedAt, peer.endedAt, peer.closedAt]).toEqual([5, 25, 25]);
    expect(peer.events.map(({ time, type, bytes }) => `${time} ${type} ${bytes}`)).toEqual([
      "5 connect 0",
      "5 connected 0",
      "5 send 6",
      "5 wait 0",
      "5 data 6",
      "25 send 5",
      "25 receive 0",
      "25 data 5",
      "25 end 0",
      "25 ended 0",
      "25 closed 0",
    ]);
  });

  test.each<readonly [string, readonly PeerOp[], string, string | undefined]>([
    ["closes", [{ type: "close" }], "closed", undefined],
    ["resets", [{ type: "reset" }], "closed", undefined],
    ["ends", [{ type: "end" }], "closed", undefined],
    ["stays", [], "open", undefined],
    ["vanishes and waits for an answer", [{ type: "vanish" }, send("?")], "reset", "ETIMEDOUT"],
  ])("that %s is known to have", (_what, ops, state, code) => {
    const peer = performed(ops);
    expect([peer.state, peer.code, peer.isDone]).toEqual([state, code, true]);
  });

  test("waits for bytes no longer than its bound", () => {
    const peer = performed([{ type: "receive", count: 1, withinMs: 50 }, send("late")]);
    expect(peer.events.find(({ type }) => type === "send")?.time).toBe(55);
  });

  test("that does not read gets nothing, until it reads again", () => {
    const peer = performed([{ type: "pause" }, send("hello"), { type: "wait", ms: 30 }, { type: "resume" }]);
    expect(peer.events.find(({ type }) => type === "data")?.time).toBe(35);
  });

  test("stays until its script is over though the server has ended, and ends then", () => {
    const peer = performed([{ type: "wait", ms: 40 }], deviation("accept", `>${HOST}#1`, 3));
    expect([peer.endedAt, peer.closedAt, peer.hasEnded, peer.state]).toEqual([5, 45, true, "closed"]);
  });

  test("writes nothing behind its end", () => {
    const peer = performed([send("a"), { type: "end" }, send("b")]);
    expect([textOf(peer.sent), textOf(peer.received)]).toEqual(["a", "a"]);
  });

  test("is told of what the network does to it", () => {
    const refused = performed([send("a")], deviation("connect", `${HOST}#1`, 1));
    const reset = performed([send("a")], deviation("reset", `${HOST}#1`, 1));
    expect([refused.state, refused.code, refused.sentBytes]).toEqual(["refused", "ECONNREFUSED", 0]);
    expect([reset.state, reset.code, reset.receivedBytes]).toEqual(["reset", "ECONNRESET", 0]);
  });

  test("leaves when it is told to, whatever it was about to do", () => {
    const world = new World(new Choices(ordinary));
    const network = simNetwork(world);
    listenAndEcho(network);
    const scripts = [0, 100].map((at) => ({ at, host: `10.0.0.${at}`, ops: [{ type: "wait" as const, ms: 1000 }] }));
    const peers = scripts.map((script) => new Peer(world, network, PORT, script));
    while (world.advance(50));
    for (const peer of peers) {
      peer.leave();
      peer.leave();
    }
    while (world.advance(Number.MAX_VALUE));
    expect(peers.map(({ state, isDone, closedAt }) => [state, isDone, closedAt === undefined])).toEqual([
      ["closed", true, false],
      ["closed", true, false],
    ]);
    expect(peers[1]?.connectedAt).toBeUndefined();
    expect(world.next).toBe(Infinity);
  });
});

const NETWORK: readonly Kind[] = ["net", "chunk", "write", "reset", "accept", "bind", "connect"];
const LAWFUL: readonly Kind[] = ["net", "chunk", "write"];
const messages = arbBytes({ maxLength: 300 });
const peers = arbPeers({ messages });
const answer = fc.record({
  type: fc.constant("answer" as const),
  to: fc.constantFrom("[a-m]", "(\\w)+", "^", "[\\n\\r](.)"),
  with: fc.constantFrom("$1", "<$&>"),
  withinMs: fc.nat(500),
});
const clients = arbPeers({ messages, returns: true, ops: answer });

describe("a run of any clients on any network", () => {
  test("is the same again with the same choices, and with what was recorded of them", () => {
    fc.assert(
      fc.property(clients, fc.integer(), (scripts, seed) => {
        const first = runOf(scripts, chance(seed, NETWORK, 4));
        const { deviations } = first.world.choices;
        for (const chooser of [chance(seed, NETWORK, 4), replaying(deviations)]) {
          const again = runOf(scripts, chooser);
          expect(again.peers.map(story)).toEqual(first.peers.map(story));
          expect(again.world.choices.deviations).toEqual(deviations);
          expect(again.world.now()).toBe(first.world.now());
        }
      }),
      { numRuns: 100 },
    );
  });

  test("without one deviation is as it was for all other clients, and so are their deviations", () => {
    const kinds = NETWORK.filter((kind) => kind !== "bind");
    fc.assert(
      fc.property(peers, fc.integer(), fc.nat(), (scripts, seed, index) => {
        const first = runOf(scripts, chance(seed, kinds, 4));
        const { deviations } = first.world.choices;
        const left = deviations[index % Math.max(deviations.length, 1)];
        // What is said of the listening socket may concern all.
        fc.pre(left !== undefined && !left.subject.startsWith(":"));
        const host = left.subject.replace(/^>/, "").replace(/#.*$/, "");
        const others = (from: readonly Peer[]): unknown[] =>
          from.filter(({ script }) => script.host !== host).map(story);
        const about = (from: readonly Deviation[]): unknown[] =>
          from.filter(({ subject }) => !subject.includes(`${host}#`));
        const again = runOf(scripts, replaying(deviations.filter((one) => one !== left)));
        expect(others(again.peers)).toEqual(others(first.peers));
        expect(about(again.world.choices.deviations)).toEqual(about(deviations));
      }),
      { numRuns: 200 },
    );
  });

  test("without one client is as it was for all others", () => {
    fc.assert(
      fc.property(peers, fc.integer(), fc.nat(), (scripts, seed, index) => {
        const chooser = (): Chooser => chance(seed, LAWFUL, 3);
        const gone = index % scripts.length;
        const all = runOf(scripts, chooser()).peers.toSpliced(gone, 1);
        expect(runOf(scripts.toSpliced(gone, 1), chooser()).peers.map(story)).toEqual(all.map(story));
      }),
      { numRuns: 100 },
    );
  });

  test("brings each client the beginning of what it has sent, and all of it if it has waited for the end", () => {
    fc.assert(
      fc.property(clients, fc.integer(), fc.boolean(), (scripts, seed, isDisturbed) => {
        for (const peer of runOf(scripts, chance(seed, isDisturbed ? NETWORK : LAWFUL, 4)).peers) {
          expect(textOf(peer.sent.subarray(0, peer.receivedBytes))).toBe(textOf(peer.received));
          const isWhole = peer.state === "closed" && peer.endedAt !== undefined && !peer.hasLeft && !isDisturbed;
          expect(peer.receivedBytes).toBeGreaterThanOrEqual(isWhole ? peer.sentBytes : 0);
        }
      }),
      { numRuns: 100 },
    );
  });

  test("leaves nothing open when the clients are gone, however they go", () => {
    fc.assert(
      fc.property(clients, fc.integer(), (scripts, seed) => {
        const { world, network, peers: all } = runOf(scripts, chance(seed, LAWFUL, 4));
        for (const client of all) client.leave();
        while (world.advance(Number.MAX_VALUE));
        // The server waits in vain for those that have vanished, unless it has something to say to them.
        const vanished = scripts.filter(({ ops }) => ops.some(({ type }) => type === "vanish")).length;
        expect(network.openSockets).toBeLessThanOrEqual(vanished);
        expect(all.every(({ isDone }) => isDone)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
});

test("scripts are mostly short, and all that they can hold comes about", () => {
  const samples = fc.sample(arbPeers(), { numRuns: 300, seed: 1 }).flat();
  const types = new Set(samples.flatMap(({ ops }) => ops.map(({ type }) => type)));
  expect([...types].toSorted()).toEqual(
    ["close", "end", "pause", "receive", "reset", "resume", "send", "vanish", "wait"].toSorted(),
  );
  const sizes = samples.flatMap(({ ops }) => ops.flatMap((op) => (op.type === "send" ? [op.bytes.length] : [])));
  const short = sizes.filter((size) => size <= 32).length;
  expect(short / sizes.length).toBeGreaterThan(0.8);
  expect(Math.max(...sizes)).toBeGreaterThan(1000);
});

function behind(host: string, at: number, leader: string, ...ops: readonly PeerOp[]): PeerScript {
  return { at, host, ops, after: leader };
}

function leading(...ops: readonly PeerOp[]): PeerScript {
  return { at: 5, host: "a", ops: [{ type: "wait", ms: 30 }, ...ops] };
}

function answerOf(to: string, text: string, withinMs = 100_000): PeerOp {
  return { type: "answer", to, with: text, withinMs };
}

/** When it was gone: its connection was over, or it has left it. */
function goneAt({ events }: Peer): number | undefined {
  return events.find(({ type }) => GONE.has(type))?.time;
}

const GONE: ReadonlySet<string> = new Set(["close", "reset", "vanish", "leave", "closed"]);

describe("a client that comes after another one", () => {
  test.each<readonly [string, readonly PeerOp[], readonly Deviation[], number]>([
    ["closes", [{ type: "close" }], [], 35],
    ["resets", [{ type: "reset" }], [], 35],
    ["ends", [{ type: "end" }], [], 35],
    ["vanishes", [{ type: "vanish" }], [], 35],
    ["is refused", [], [deviation("connect", "a#1", 1)], 5],
    ["is reset", [send("?")], [deviation("reset", "a#1", 1)], 35],
  ])("that %s comes so long after that, wherever it stands in the plan", (_how, ops, deviations, goneMs) => {
    for (const order of [1, -1]) {
      const scripts = [leading(...ops), behind("b", 100, "a", { type: "close" }), behind("c", 7, "b")];
      const { peers: all } = runOf(order > 0 ? scripts : scripts.toReversed(), replaying(deviations));
      const connectedAt = Object.fromEntries(all.map((peer) => [peer.name, peer.connectedAt]));
      expect(connectedAt).toMatchObject({ "b#1": goneMs + 100, "c#1": goneMs + 107 });
    }
  });

  test("that is not there counts from the beginning", () => {
    expect(runOf([behind("b", 100, "a")]).peers[0]?.connectedAt).toBe(100);
  });

  test("that stays does not come, and is done when that one is", () => {
    const { peers: all } = runOf([leading(), behind("b", 100, "a"), behind("c", 0, "b")]);
    expect(all.map(({ state, isDone }) => [state, isDone])).toEqual([
      ["open", true],
      ["waiting", true],
      ["waiting", true],
    ]);
    for (const peer of all) peer.leave();
    expect(all.map(({ events }) => events.some(({ type }) => type === "connect"))).toEqual([true, false, false]);
  });

  test("never comes if that one waits for it, nor do those behind them", () => {
    const circle = [
      behind("a", 0, "b"),
      behind("b", 0, "c"),
      behind("c", 0, "a"),
      behind("d", 0, "c"),
      behind("e", 0, "e"),
    ];
    const { peers: all, world } = runOf(circle);
    expect(all.map(({ state, isDone }) => [state, isDone])).toEqual(circle.map(() => ["waiting", true]));
    expect(world.now()).toBe(0);
  });

  test("that is gone, among any others on any network, comes at its time, and otherwise never", () => {
    fc.assert(
      fc.property(clients, fc.integer(), (scripts, seed) => {
        const { peers: all } = runOf(scripts, chance(seed, NETWORK, 4));
        for (const { script, events } of all) {
          const leader = all.find((other) => other.script.host === script.after);
          const begin = script.after === undefined ? 0 : leader && goneAt(leader);
          expect(events[0]?.time).toBe(begin === undefined ? undefined : begin + script.at);
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe("a client that answers", () => {
  test("sends what it says of what has matched, byte for byte", () => {
    const peer = performed([send("id=a\xe9b;"), answerOf("id=(.)(.+?)(x)?;", "$2|$1|$3|$4|$&|$$1|\xff")]);
    const bytes = Buffer.from(peer.sent).toString("latin1");
    const [match, rest] = ["id=a\xc3\xa9b;", "\xc3\xa9b"];
    expect(bytes).toBe(`${match}${rest}|a|||${match}|$1|\xff`);
    expect(peer.events.filter(({ type }) => type === "send").map(({ bytes: count }) => count)).toEqual([8, 21]);
    expect(peer.received).toEqual(peer.sent);
  });

  test("answers what it has received before, and goes on without what does not come in time", () => {
    const wait: PeerOp = { type: "wait", ms: 20 };
    const peer = performed([send("<1>"), wait, answerOf("<(\\d)>", "one"), answerOf("<2>", "two", 50), send("end")]);
    expect(textOf(peer.sent)).toBe("<1>oneend");
    expect(peer.events.filter(({ type }) => type === "send").map(({ time }) => time)).toEqual([5, 25, 75]);
  });

  test("that has ended or gone answers nothing any more", () => {
    expect(textOf(performed([send("<1>"), { type: "end" }, answerOf("<1>", "one")]).sent)).toBe("<1>");
    expect(
      textOf(performed([send("<1>"), answerOf("<2>", "two"), send("3")], deviation("reset", `${HOST}#1`, 1)).sent),
    ).toBe("<1>");
  });

  test("with what is no pattern goes on as if nothing had come", () => {
    expect(textOf(performed([send("("), answerOf("(", "one", 50), send("end")]).sent)).toBe("(end");
  });

  test("finds each nonce once and in order, however they are cut and however late", () => {
    const words = fc.array(fc.stringMatching(/^[a-z<]{0,5}$/), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(words, fc.nat(3), fc.integer(), (nonces, more, seed) => {
        const asked = nonces.map((nonce) => `${nonce}<${nonce.replaceAll("<", "")}>\n`).join("");
        const answers = Array.from({ length: nonces.length + more }, () => answerOf("<([a-z]*)>\n", "[$1]"));
        const [peer] = runOf([{ at: 0, host: HOST, ops: [send(asked), ...answers] }], chance(seed, LAWFUL, 3)).peers;
        const answered = nonces.map((nonce) => `[${nonce.replaceAll("<", "")}]`).join("");
        expect(textOf(peer?.sent ?? new Uint8Array(0))).toBe(asked + answered);
      }),
      { numRuns: 100 },
    );
  });
});

test("clients return and answer only if they are to", () => {
  const plain = fc.sample(arbPeers(), { numRuns: 200, seed: 1 });
  expect(plain.flat().some(({ after, ops }) => after !== undefined || ops.some(({ type }) => type === "answer"))).toBe(
    false,
  );
  const returning = fc.sample(clients, { numRuns: 200, seed: 1 });
  const others = returning.flatMap((scripts) => scripts.slice(1));
  const share = others.filter(({ after }) => after !== undefined).length / others.length;
  expect(share).toBeGreaterThan(0.3);
  expect(share).toBeLessThan(0.7);
  const misplaced = returning.filter((scripts) => {
    const hosts = scripts.map(({ host }) => host);
    return scripts.some((one, index) => one.after !== undefined && !hosts.slice(0, index).includes(one.after));
  });
  expect(misplaced).toEqual([]);
  expect(returning.flat().some(({ ops }) => ops.some(({ type }) => type === "answer"))).toBe(true);
});
