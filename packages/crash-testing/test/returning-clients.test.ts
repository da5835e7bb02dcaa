import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { replaying } from "../src/choices.ts";
import { decodePlan, encodePlan } from "../src/codec.ts";
import { KINDS } from "../src/deviation.ts";
import { describeWorkload } from "../src/describe-plan.ts";
import { clientsGet } from "../src/invariants/model.ts";
import { standard } from "../src/invariants/standard.ts";
import { arbPeers } from "../src/peer-arbitrary.ts";
import type { PeerScript } from "../src/peer-script.ts";
import { explain } from "../src/report.ts";
import { run } from "../src/run.ts";
import { search, type SearchResult } from "../src/search.ts";
import { deviation } from "./support/chooser.ts";
import { failureOf } from "./support/plant.ts";
import { sessionTarget, welcome } from "./support/session-targets.ts";
import { echo, script, wholeLines } from "./support/targets.ts";

/** The effect at which a device is known. */
const KNOWN = 8;
const PATIENCE_MS = 120_000;
const messages = fc.constantFrom("ann\n", "bob\n").map((line) => new TextEncoder().encode(line));
const faulty = sessionTarget({ watches: false, idleTimeoutMs: 5000 });
const mended = sessionTarget({ watches: true, idleTimeoutMs: 5000 });

/** Nothing is out of the ordinary but what clients do, and nobody says anything later than devices are waited for. */
function found(target: typeof faulty, returns: boolean, runs: number): Promise<SearchResult> {
  const peers = arbPeers({ messages, returns, maxPeers: 3, maxOps: 4, maxWaitMs: 1000 });
  return search({ target, invariants: standard({ model: welcome }), peers, runs, timeMs: Infinity, without: KINDS });
}

describe("a device whose session is left to nobody, since it was silent for too long", () => {
  test(
    "is missed by clients that come in the beginning, and found by one that comes back",
    async () => {
      expect((await found(faulty, false, 200)).found).toBeUndefined();
      const { found: failing } = await found(faulty, true, 200);
      expect(failing?.failure.invariant).toBe("I15-model");
      const { peers } = failing?.plan ?? { peers: [] };
      expect(peers.map(({ at, after }) => ({ at, after }))).toEqual([
        { at: 0, after: undefined },
        { at: 0, after: peers[0]?.host },
      ]);
      expect((await found(mended, true, 200)).found).toBeUndefined();
    },
    PATIENCE_MS,
  );

  test("is found again by its line", async () => {
    const peers: PeerScript[] = [
      script(0, "10.0.0.1", "ann\n"),
      { ...script(0, "10.0.0.2", "ann\n"), after: "10.0.0.1" },
    ];
    const plan = decodePlan(encodePlan({ peers, operations: [], deviations: [] }));
    expect(plan.peers).toEqual(peers);
    const invariant = clientsGet(welcome);
    expect(await failureOf(invariant, faulty, [], plan)).toMatchObject({ invariant: "I15-model" });
    expect(await failureOf(invariant, mended, [], plan)).toBeUndefined();
  });
});

describe("a run of clients that come after each other", () => {
  const stays = script(0, "10.0.0.1", "one\n");
  const never = { ...script(100, "10.0.0.2", "two\n"), after: "10.0.0.1" };
  const alsoNever = { ...script(100, "10.0.0.3"), after: "10.0.0.2" };
  const circle = [
    { ...script(0, "10.0.0.4"), after: "10.0.0.5" },
    { ...script(0, "10.0.0.5"), after: "10.0.0.4" },
    { ...script(0, "10.0.0.6"), after: "10.0.0.6" },
  ];

  test("does not wait for those that never come, and keeps all laws", async () => {
    const times: number[] = [];
    for (const peers of [[stays], [never, stays, alsoNever, ...circle], circle]) {
      const plan = { peers, operations: [], deviations: [] };
      const invariants = standard({ model: wholeLines });
      const {
        failure,
        endedAt,
        peers: clients,
      } = await run({ target: echo, plan, chooser: replaying([]), invariants });
      expect(failure).toBeUndefined();
      const comers = clients.slice(0, -1).filter(({ connectedAt }) => connectedAt !== undefined);
      expect(comers.map(({ script: { host } }) => host)).toEqual(peers.includes(stays) ? [stays.host] : []);
      times.push(endedAt);
    }
    expect(times[1]).toBe(times[0]);
    expect(times[2]).toBeLessThan(times[0] ?? 0);
  });

  test("is told of as it is", async () => {
    const leaves = script(0, "10.0.0.7", { type: "close" });
    const comes = { ...script(100, "10.0.0.8"), after: "10.0.0.7" };
    const orphan = { ...script(9, "10.0.0.9"), after: "10.0.0.99" };
    const plan = { peers: [stays, never, leaves, comes, orphan], operations: [], deviations: [] };
    expect(describeWorkload(plan)).toEqual([
      '10.0.0.1 connects at 0 ms, sends "one\\n"',
      '10.0.0.2 connects 100 ms after 10.0.0.1 is gone, sends "two\\n"',
      "10.0.0.7 connects at 0 ms, closes",
      "10.0.0.8 connects 100 ms after 10.0.0.7 is gone",
      "10.0.0.9 connects at 9 ms",
    ]);
    const failure = { invariant: "none", message: "", phase: "healed", time: 0 } as const;
    const { text } = await explain(echo, [], plan, failure);
    expect(text).toMatch(/100\.000 +client +10\.0\.0\.8 connects/u);
    expect(text).toMatch(/10\.0\.0\.2 never comes/u);
  });

  test("asks no more of one than what those before it, who were disturbed, have left for it", async () => {
    const first = script(0, "10.0.0.1", "ann\n", { type: "wait", ms: 5 }, { type: "reset" });
    const second = script(100, "10.0.0.2", "ann\n", { type: "end" });
    const target = sessionTarget({ watches: false, idleTimeoutMs: 5000, regret: "" });
    // It has joined, and leaves the session to nobody.
    const crash = [deviation("crash", "sockets/listener_sup:devices:5000/connection_sup/1", 2, KNOWN)];
    const failing = (peers: readonly PeerScript[]) => {
      return failureOf(clientsGet(welcome), target, crash, { peers, operations: [], deviations: [] });
    };
    expect(await failing([first, second])).toMatchObject({
      message: expect.stringContaining("10.0.0.2#1 has received no"),
    });
    expect(await failing([first, { ...second, after: "10.0.0.1" }])).toBeUndefined();
  });
});
