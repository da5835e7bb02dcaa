import { fromConnection, type Listener, startSockets } from "@espalier/sockets";
import * as fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { decodePlan, encodePlan } from "../../src/codec.ts";
import type { Deviation } from "../../src/deviation.ts";
import { clientsGet } from "../../src/invariants/model.ts";
import { standard } from "../../src/invariants/standard.ts";
import { arbPeers } from "../../src/peer-arbitrary.ts";
import type { PeerScript } from "../../src/peer-script.ts";
import type { Plan } from "../../src/plan.ts";
import { replayOnSockets } from "../../src/real/replay-on-sockets.ts";
import { search } from "../../src/search.ts";
import type { Target } from "../../src/target.ts";
import { answersOf, secureScripts, secureTargets } from "../support/secure-targets.ts";
import { echo, script, wholeLines } from "../support/targets.ts";

/** Real sockets of a machine that has other things to do. */
const PATIENCE_MS = 60_000;

/** What is left of the text behind its lines, and the lines. */
type Split = (rest: string, text: string) => readonly [rest: string, lines: readonly string[]];

/** Answers each line that ends with CRLF with itself. */
function lineServer(split: Split): Target<Listener> {
  const handler = fromConnection(async (connection) => {
    let rest = "";
    for await (const bytes of connection) {
      const [remaining, lines] = split(rest, Buffer.from(bytes).toString("latin1"));
      rest = remaining;
      for (const line of lines) connection.send(Buffer.from(`${line}\r\n`, "latin1"));
    }
  });
  return {
    async start({ system, transport }) {
      const sockets = await startSockets(system, { transport });
      return sockets.open("lines", 5000, {}, handler);
    },
  };
}

const right: Split = (rest, text) => {
  const lines = (rest + text).split("\r\n");
  return [lines.pop() ?? "", lines];
};

/** Looks for ends of lines in what has just come: one that is cut in two is none. */
const wrong: Split = (rest, text) => {
  const [first = "", ...others] = text.split("\r\n");
  const lines = [rest + first, ...others];
  return [lines.pop() ?? "", lines];
};

function wholeCrlfLines({ sent }: { readonly sent: Uint8Array }): Uint8Array {
  const bytes = Buffer.from(sent);
  const end = bytes.lastIndexOf("\r\n");
  return end < 0 ? new Uint8Array(0) : bytes.subarray(0, end + 2);
}

const messages = fc.stringMatching(/^[a-c]{0,3}\r\n[a-c]{0,3}\r\n$/).map((text) => new TextEncoder().encode(text));

describe("a framing bug that was found in simulation", () => {
  const invariants = [clientsGet(wholeCrlfLines)];
  let plan: Plan;

  beforeAll(async () => {
    const peers = arbPeers({ messages, maxWaitMs: 5, maxAtMs: 5, maxPeers: 2 });
    const { found } = await search({ target: lineServer(wrong), invariants, peers, runs: 3000, timeMs: 60_000 });
    if (found === undefined) throw new Error("it was not found");
    plan = decodePlan(encodePlan(found.plan));
  }, PATIENCE_MS);

  test(
    "is there on sockets as well, at the same place, and not in a server without it",
    async () => {
      const { failure, happened, missed } = await replayOnSockets(lineServer(wrong), plan, { invariants });
      expect(failure?.invariant).toBe("I15-model");
      // Its reader has cut it, or its writer.
      expect(happened.filter(({ kind }) => kind === "chunk" || kind === "write")).toHaveLength(1);
      expect(missed).toEqual([]);
      expect((await replayOnSockets(lineServer(right), plan, { invariants })).failure).toBeUndefined();
    },
    PATIENCE_MS,
  );

  test(
    "is not there where nothing is cut",
    async () => {
      const calm = { ...plan, deviations: [] };
      expect((await replayOnSockets(lineServer(wrong), calm, { invariants })).failure).toBeUndefined();
    },
    PATIENCE_MS,
  );
});

test(
  "what a client sends after a wait is read by itself, as in simulation, and what it sends without one is not",
  async () => {
    const handler = fromConnection(async (connection) => {
      for await (const { length } of connection) connection.send(Buffer.from(`${length}\n`));
    });
    const sizes: Target<Listener> = {
      async start({ system, transport }) {
        const sockets = await startSockets(system, { transport });
        return sockets.open("sizes", 5000, {}, handler);
      },
    };
    const wait = { type: "wait", ms: 1 } as const;
    const peers = [script(0, "10.0.0.1", "a", "bc", wait, "def", wait, "ghijk", { type: "end" })];
    const replay = await replayOnSockets(sizes, { peers, operations: [], deviations: [] }, { invariants: [] });
    expect(Buffer.from(replay.peers[0]?.received ?? []).toString()).toBe("3\n3\n5\n");
  },
  PATIENCE_MS,
);

const SERVER_END = ">10.0.0.1#1";
const CONNECTION = "sockets/listener_sup:echo:5000/connection_sup/1";

const scripts: readonly PeerScript[] = [
  script(0, "10.0.0.1", "one\ntwo\n", { type: "wait", ms: 5 }, "three\n", {
    type: "receive",
    count: 14,
    withinMs: 500,
  }),
  script(1, "10.0.0.2", "a\nb\n", { type: "end" }),
  script(2, "10.0.0.3", "x\n", { type: "wait", ms: 5 }, { type: "reset" }),
];

describe("an echo server on sockets keeps all laws", () => {
  const invariants = standard({ model: wholeLines });

  test.each<readonly [string, readonly Deviation[]]>([
    ["and nothing is out of the ordinary", []],
    [
      "its input being cut",
      [1, 2, 1, 3].map((value, ordinal) => ({ kind: "chunk", subject: SERVER_END, ordinal, value })),
    ],
    ["its input being late", [{ kind: "net", subject: SERVER_END, ordinal: 0, value: 6 }]],
    ["a connection being reset", [{ kind: "reset", subject: SERVER_END, ordinal: 0, value: 1 }]],
    ["a client being gone before it is accepted", [{ kind: "accept", subject: SERVER_END, ordinal: 0, value: 1 }]],
    ["a connection being dropped", [{ kind: "accept", subject: SERVER_END, ordinal: 0, value: 3 }]],
    ["a connection being lost", [{ kind: "accept", subject: SERVER_END, ordinal: 0, value: 4 }]],
    ["a client being refused", [{ kind: "connect", subject: "10.0.0.1#1", ordinal: 0, value: 1 }]],
    ["a handler throwing", [{ kind: "crash", subject: CONNECTION, ordinal: 3, value: 1 }]],
    ["a handler being killed", [{ kind: "crash", subject: CONNECTION, ordinal: 4, value: 2 }]],
  ])(
    "%s",
    async (_name, deviations) => {
      const { failure, missed, peers } = await replayOnSockets(
        echo,
        { peers: scripts, operations: [], deviations },
        { invariants },
      );
      expect(failure).toBeUndefined();
      expect(missed).toEqual([]);
      expect(peers.map(({ isDone }) => isDone)).toEqual([true, true, true, true]);
    },
    PATIENCE_MS,
  );
});

describe("what stands before the protocol, on sockets, byte by byte", () => {
  test.each(Object.entries(secureTargets))(
    "%s",
    async (name, target) => {
      const deviations = Array.from({ length: 30 }, (_, ordinal): Deviation => {
        return { kind: "chunk", subject: SERVER_END, ordinal, value: 1 };
      });
      const plan = { peers: secureScripts(name), operations: [], deviations };
      const { failure, peers } = await replayOnSockets(target, plan, {
        invariants: standard({ model: answersOf(name) }),
      });
      expect(failure).toBeUndefined();
      expect(Buffer.from(peers[0]?.received ?? []).toString()).toBe(
        name === "STARTTLS" ? "one\ngo\ntwo\n" : "one\ntwo\n",
      );
    },
    PATIENCE_MS,
  );
});
