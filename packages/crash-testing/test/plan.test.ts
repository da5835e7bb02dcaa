import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodePlan, encodePlan } from "../src/codec.ts";
import { type Deviation, hashedSubject, KINDS, topicOf } from "../src/deviation.ts";
import { PlanTextError } from "../src/errors.ts";
import type { PeerOp, PeerScript } from "../src/peer-script.ts";
import type { Plan } from "../src/plan.ts";
import { plansWithSimplerBytes, shrink, simplerPlans, withoutParts } from "../src/shrink.ts";

const deviation: fc.Arbitrary<Deviation> = fc.record({
  kind: fc.constantFrom(...KINDS),
  subject: fc.string({ unit: "binary" }),
  ordinal: fc.nat(100_000),
  value: fc.integer({ min: 1, max: 300 }),
});

const patience = fc.oneof(fc.nat(10_000), fc.constant(Infinity));

const op: fc.Arbitrary<PeerOp> = fc.oneof(
  fc.record({ type: fc.constant("send" as const), bytes: fc.uint8Array() }),
  fc.record({ type: fc.constant("wait" as const), ms: patience }),
  fc.record({ type: fc.constant("startTls" as const), after: fc.string() }),
  fc.record({ type: fc.constant("receive" as const), count: fc.nat(100), withinMs: patience }),
  // In any order of its fields, as people write them.
  fc.record({ withinMs: patience, with: fc.string(), to: fc.string(), type: fc.constant("answer" as const) }),
  fc.constantFrom<PeerOp>({ type: "end" }, { type: "close" }, { type: "reset" }, { type: "pause" }, { type: "resume" }),
);

const script: fc.Arbitrary<PeerScript> = fc.oneof(
  fc.record({ at: fc.nat(500), host: fc.ipV4(), ops: fc.array(op) }),
  fc.record(
    {
      at: fc.nat(500),
      host: fc.ipV4(),
      ops: fc.array(op),
      tls: fc.constant(true),
      after: fc.ipV4(),
      proxy: fc.record({
        version: fc.constantFrom(1 as const, 2 as const),
        source: fc.record({ host: fc.ipV4(), port: fc.nat(65_535) }),
      }),
    },
    { requiredKeys: ["at", "host", "ops"] },
  ),
);

const plan: fc.Arbitrary<Plan> = fc.record({
  peers: fc.array(script),
  operations: fc.array(fc.record({ at: fc.nat(500), name: fc.string() })),
  deviations: fc.array(deviation),
});

/** As a text knows it. */
function withoutNames(given: Plan): Plan {
  const deviations = given.deviations.map((one) => ({
    ...one,
    subject: hashedSubject(topicOf(one.kind, one.subject)),
  }));
  return { ...given, deviations };
}

/** What is thrown at a text. */
function refusalOf(text: string): unknown {
  try {
    decodePlan(text);
    return undefined;
  } catch (error) {
    return error;
  }
}

describe("the text of a plan", () => {
  test("stands for all of it, but for the names of subjects, which it knows by number", () => {
    fc.assert(
      fc.property(plan, (given) => {
        expect(decodePlan(encodePlan(given))).toEqual(withoutNames(given));
      }),
    );
  });

  test("is the same for a plan that was read from one", () => {
    fc.assert(
      fc.property(plan, (given) => {
        const text = encodePlan(given);
        expect(encodePlan(decodePlan(text))).toBe(text);
      }),
    );
  });

  test("is short: two deviations and a client take no more than 80 characters", () => {
    const peers: PeerScript[] = [
      { at: 5, host: "10.0.0.1", ops: [{ type: "send", bytes: new TextEncoder().encode("hello") }, { type: "end" }] },
    ];
    const deviations: Deviation[] = [
      { kind: "crash", subject: "sockets/listener_sup-echo/connection_sup/1", ordinal: 17, value: 2 },
      { kind: "delay", subject: "sockets/server>sockets/listener_sup-echo", ordinal: 3, value: 8 },
    ];
    expect(encodePlan({ peers, operations: [], deviations }).length).toBeLessThanOrEqual(80);
  });

  test("is for ever what it was", () => {
    const text = "ct1.846OjjbFrhxhZVFqcmpmWaqSjrGOJZITQHaZ68BcERvLKBS3ZZYgE1dav1ITAyMA";
    const kept: Plan = {
      peers: [
        {
          at: 5,
          host: "10.0.0.1",
          ops: [
            { type: "send", bytes: new TextEncoder().encode("hello") },
            { type: "receive", count: 3, withinMs: 9 },
            { type: "end" },
          ],
        },
      ],
      operations: [{ at: 7, name: "drain" }],
      deviations: [
        { kind: "crash", subject: "sockets/a", ordinal: 17, value: 2 },
        { kind: "knob", subject: "k", ordinal: 0, value: 1 },
      ],
    };
    expect(encodePlan(kept)).toBe(text);
    expect(decodePlan(text)).toEqual(withoutNames(kept));
  });

  test("is what it was before clients came after each other, for those that do not", () => {
    const text =
      "ct1.O8yITX1JYlFJSE6xko5Sej7ITMNYnWhDFIfF6hjoVCuVpRYVZ-bnKVkZ6SgV55cWJacqWVUrZeQXlyhZKRlaGoEU65kr6SgV5BeVKFmZmBsa1tbG6kQboQRJrI4h2WaBPQEA";
    const proxy = { version: 2, source: { host: "192.0.2.7", port: 4711 } } as const;
    const peers: PeerScript[] = [
      { at: 0, host: "10.0.0.1", ops: [{ type: "startTls", after: "go" }], tls: true },
      { at: 1, host: "10.0.0.2", ops: [], proxy },
      { at: 2, host: "10.0.0.3", ops: [], proxy, tls: true },
    ];
    const kept: Plan = { peers, operations: [], deviations: [] };
    expect(encodePlan(kept)).toBe(text);
    expect(decodePlan(text)).toEqual(kept);
  });

  test("that is none is refused by name, whatever it is, and never by anything else", () => {
    const texts = fc.oneof(
      fc.string(),
      fc.string().map((rest) => `ct1.${rest}`),
      plan.chain((given) => fc.nat(200).map((length) => encodePlan(given).slice(0, length))),
    );
    fc.assert(
      fc.property(texts, (text) => {
        expect(refusalOf(text)).toSatisfy((refusal) => refusal === undefined || refusal instanceof PlanTextError);
      }),
    );
    expect(() => decodePlan("hello")).toThrow(PlanTextError);
  });
});

function cut(ordinal: number, value: number): Deviation {
  return { kind: "chunk", subject: "10.0.0.1#1", ordinal, value };
}

describe("shrinking", () => {
  test("leaves out parts: all, halves, and each single item", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { minLength: 1, maxLength: 20 }), (items) => {
        const numbered = items.map((_, index) => index);
        const parts = [...withoutParts(numbered)];
        expect(parts[0]).toEqual([]);
        const singles = parts.filter(({ length }) => length === numbered.length - 1);
        expect(new Set(singles.map(String)).size).toBeGreaterThanOrEqual(numbered.length > 1 ? numbered.length : 1);
      }),
    );
  });

  test("makes one cut of two, where the second was", () => {
    const given = { peers: [], operations: [], deviations: [cut(0, 4), cut(1, 2), cut(4, 1)] };
    const proposed = [...simplerPlans(given)].map(({ deviations }) => deviations);
    expect(proposed).toContainEqual([cut(0, 6), cut(3, 1)]);
  });

  test("proposes nothing that is not simpler, so that it comes to an end", () => {
    fc.assert(
      fc.property(plan, (given) => {
        for (const simpler of simplerPlans(given)) expect(sizeOf(simpler)).toBeLessThan(sizeOf(given));
        for (const simpler of plansWithSimplerBytes(given)) expect(sizeOf(simpler)).toBeLessThan(sizeOf(given));
      }),
      { numRuns: 30 },
    );
  });

  test("finds the deviations that it takes, whatever else there is, and keeps to the invariant that it began with", async () => {
    await fc.assert(
      fc.asyncProperty(plan, fc.array(deviation, { minLength: 1, maxLength: 3 }), async (given, needed) => {
        const topics = needed.map(({ kind, subject }) => topicOf(kind, subject));
        const start = { ...given, deviations: [...given.deviations, ...needed] };
        const attempt = ({ deviations }: Plan) => {
          const have = new Set(deviations.map(({ kind, subject }) => topicOf(kind, subject)));
          const isFailing = topics.every((topic) => have.has(topic));
          return Promise.resolve({ invariant: isFailing ? "wanted" : "another", deviations });
        };
        const { plan: found, others } = await shrink(start, { invariant: "wanted", message: "" }, attempt, 100_000);
        expect(found.peers).toEqual([]);
        expect(found.operations).toEqual([]);
        expect(found.deviations).toHaveLength(new Set(topics).size);
        expect(found.deviations.every(({ ordinal, value }) => ordinal === 0 && value === 1)).toBe(true);
        expect([...others.keys()].every((id) => id === "another")).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  test("has clients send other bytes only where it is broken in the same way, whatever is quoted and counted", async () => {
    const sent = new TextEncoder().encode('{"join":"zoe"}\n{"join":"zoe"}\n');
    const ops: PeerOp[] = [{ type: "send", bytes: sent }];
    const start = { peers: [{ at: 0, host: "10.0.0.1", ops }], operations: [], deviations: [] };
    const attempt = (candidate: Plan) => {
      const message = seated(candidate);
      const isFailing = message !== "nobody says anything";
      return Promise.resolve({ invariant: isFailing ? "wanted" : undefined, message, deviations: [] });
    };
    const { plan: found } = await shrink(start, { invariant: "wanted", message: seated(start) }, attempt);
    expect(found.peers).toEqual([{ at: 0, host: "10.0.0.1", ops: [{ type: "send", bytes: expect.anything() }] }]);
    expect(seated(found)).toMatch(/^"\w+" sits on 1 of 1$/u);
  });
});

/** What comes of who reads lines of JSON, and trusts them. */
function seated({ peers }: Plan): string {
  const [first] = peers[0]?.ops ?? [];
  if (first?.type !== "send") return "nobody says anything";
  const lines = Buffer.from(first.bytes).toString().trim().split("\n");
  try {
    const names = lines.map((line) => (JSON.parse(line) as { join: string }).join);
    return `"${names.join(" and ")}" sits on 1 of ${lines.length}`;
  } catch (error) {
    return String(error);
  }
}

function sizeOf({ peers, operations, deviations }: Plan): number {
  const ofPeers = peers.map(({ at, ops, tls, proxy, after }) => {
    const beginning =
      (after === undefined ? 0 : 1) +
      (tls === true ? 1 : 0) +
      (proxy === undefined ? 0 : 1) +
      (proxy?.isChecksummed === true ? 1 : 0);
    return at + 1 + beginning + ops.map(sizeOfOp).reduce((a, b) => a + b, 0);
  });
  const ofDeviations = deviations.map(({ ordinal, value }) => ordinal + value + 1);
  const ofOperations = operations.map(({ at }) => at + 1);
  return [...ofPeers, ...ofDeviations, ...ofOperations].reduce((a, b) => a + b, 0);
}

function sizeOfOp(given: PeerOp): number {
  if (given.type === "send") {
    const heights = given.bytes.reduce((sum, byte) => sum + Math.max(0, byte - 0x61), 0);
    return given.bytes.length + 1 + heights / 1e9;
  }
  if (given.type === "receive") return given.count + sizeOfTime(given.withinMs) + 1;
  if (given.type === "answer") return sizeOfTime(given.withinMs) + 1;
  return given.type === "wait" ? sizeOfTime(given.ms) + 1 : 1;
}

/** For ever is more than any time, and a number to count with. */
function sizeOfTime(ms: number): number {
  return Math.min(ms, 20_000);
}
