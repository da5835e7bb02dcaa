import { InvalidOptionError } from "@espalier/sockets";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { replaying } from "../src/choices.ts";
import { decodePlan, encodePlan } from "../src/codec.ts";
import type { Deviation } from "../src/deviation.ts";
import { describeWorkload } from "../src/describe-plan.ts";
import { standard } from "../src/invariants/standard.ts";
import { arbPeers } from "../src/peer-arbitrary.ts";
import type { PeerOp, PeerScript } from "../src/peer-script.ts";
import type { Plan } from "../src/plan.ts";
import { replayOnSockets } from "../src/real/replay-on-sockets.ts";
import { run } from "../src/run.ts";
import { search } from "../src/search.ts";
import { LOGIN, loginTarget, nobodyCrashes } from "./support/session-targets.ts";
import { secureTargets } from "./support/secure-targets.ts";
import { echo, script } from "./support/targets.ts";

const PATIENCE_MS = 120_000;
const faulty = loginTarget({ isRight: false });

function planOf(...peers: readonly PeerScript[]): Plan {
  return { peers, operations: [], deviations: [] };
}

describe("a crash behind a login with a nonce", () => {
  test(
    "is missed by clients that only send, and found by those that answer",
    async () => {
      const messages = fc.constant(new TextEncoder().encode("quit\n"));
      const invariants = [...standard(), nobodyCrashes];
      const plain = arbPeers({ messages });
      const answering = arbPeers({ messages, ops: fc.constant(LOGIN) });
      const missed = await search({ target: faulty, invariants, peers: plain, runs: 100, timeMs: Infinity });
      expect(missed.found).toBeUndefined();
      const { found } = await search({ target: faulty, invariants, peers: answering, runs: 100, timeMs: Infinity });
      expect(found?.failure).toMatchObject({ invariant: "own-crash", message: expect.stringContaining("ever quit") });
      expect(found?.plan.deviations).toEqual([]);
      expect(found?.plan.peers.map(({ ops }) => ops.map(({ type }) => type))).toEqual([["answer", "send"]]);
      const right = loginTarget({ isRight: true });
      expect(
        (await search({ target: right, invariants, peers: answering, runs: 100, timeMs: Infinity })).found,
      ).toBeUndefined();
    },
    PATIENCE_MS,
  );

  test.each([false, true])("is behind TLS as it is without: %s, and whatever is cut", async (isSecure) => {
    const target = loginTarget({ isRight: true, isSecure });
    const plan = planOf({ ...script(0, "10.0.0.1", LOGIN, "hello\n", { type: "end" }), tls: isSecure });
    for (const value of [undefined, 1, 2, 7]) {
      const deviations = Array.from({ length: value === undefined ? 0 : 20 }, (_, ordinal): Deviation => {
        return { kind: "chunk", subject: "10.0.0.1#1", ordinal, value: value ?? 1 };
      });
      const { peers } = await run({
        target,
        plan: { ...plan, deviations },
        chooser: replaying(deviations),
        invariants: [],
      });
      const [sent, received] = [peers[0]?.sent ?? [], peers[0]?.received ?? []].map((bytes) =>
        Buffer.from(bytes).toString(),
      );
      expect(sent).toMatch(/^login \d+\nhello\n$/u);
      expect(received).toBe(`nonce ${sent?.slice(6)}`.replace(/(\d+)\n/u, "$1\nlogin $1\n"));
    }
  });

  test("what was received before TLS began can be answered within it", async () => {
    const target = secureTargets["STARTTLS"] ?? echo;
    const word: PeerOp = { type: "answer", to: "(\\w+)\n", with: "<$1>\n", withinMs: 1000 };
    const begin: PeerOp = { type: "startTls", after: "go\n" };
    const plan = planOf(script(0, "10.0.0.1", "one\n", "STARTTLS\n", begin, "two\n", word, word, word));
    const { peers } = await run({ target, plan, chooser: replaying([]), invariants: [] });
    expect(Buffer.from(peers[0]?.sent ?? []).toString()).toBe("one\nSTARTTLS\ntwo\n<one>\n<go>\n<two>\n");
  });
});

function answer(to: string, text: string): PeerOp {
  return { type: "answer", to, with: text, withinMs: 10 };
}

describe("answers that nobody can give", () => {
  const plan = planOf(
    script(0, "10.0.0.1", answer("(", "a")),
    script(0, "10.0.0.2", "a", answer("[a-", "€"), answer(".", "é")),
  );

  test("are refused at the beginning of a run, all at once, in simulation and on sockets", async () => {
    const target = { ...echo, probe: { ops: [answer("?", "")], receives: "" } };
    const refusals = [
      run({ target, plan, chooser: replaying([]), invariants: [] }),
      replayOnSockets(target, plan),
      run({ target, plan: decodePlan(encodePlan(plan)), chooser: replaying([]), invariants: [] }),
    ].map((refused) =>
      refused.then(
        () => undefined,
        (error: unknown) => error,
      ),
    );
    for (const error of await Promise.all(refusals)) {
      expect(error).toBeInstanceOf(InvalidOptionError);
      expect((error as InvalidOptionError).message).toBe(
        [
          "4 invalid options:",
          'peers[0].ops[0].to must be the source of a regular expression, got "("',
          'peers[1].ops[1].to must be the source of a regular expression, got "[a-"',
          'peers[1].ops[1].with must be a text of Latin-1 characters, got "€"',
          'probe.ops[0].to must be the source of a regular expression, got "?"',
        ].join("\n  "),
      );
    }
  });
});

test("an answer is described as it is written", () => {
  expect(describeWorkload(planOf(script(0, "10.0.0.1", LOGIN)))).toEqual([
    String.raw`10.0.0.1 connects at 0 ms, answers "nonce (\\d+)\n" with "login $1\n", 1000 ms at most`,
  ]);
});
