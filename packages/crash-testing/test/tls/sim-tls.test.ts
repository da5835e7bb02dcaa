import type { ServerTls } from "@espalier/sockets";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { replaying } from "../../src/choices.ts";
import { decodePlan, encodePlan } from "../../src/codec.ts";
import type { Deviation } from "../../src/deviation.ts";
import { standard } from "../../src/invariants/standard.ts";
import { tlsStaysTls } from "../../src/invariants/tls.ts";
import type { Plan } from "../../src/plan.ts";
import { run } from "../../src/run.ts";
import { search } from "../../src/search.ts";
import { simplerPlans } from "../../src/shrink.ts";
import type { Target } from "../../src/target.ts";
import { RECORD, RecordReader, seal } from "../../src/tls/record.ts";
import { failureOf } from "../support/plant.ts";
import { answersOf, peersOf, secureScripts, secureTargets } from "../support/secure-targets.ts";

/** It is a matter of seconds, unless the machine has other things to do. */
const PATIENCE_MS = 120_000;
const SERVER_END = ">10.0.0.1#1";

function planOf(name: string, deviations: readonly Deviation[] = []): Plan {
  return { peers: secureScripts(name), operations: [], deviations };
}

/** Its only client, and how the listener has counted it. */
async function performed(name: string, target: Target, deviations: readonly Deviation[] = []) {
  const ends: unknown[] = [];
  const { peers, failure } = await run({
    target,
    plan: planOf(name, deviations),
    chooser: replaying(deviations),
    invariants: standard({ model: answersOf(name) }),
    tracer: (event) => {
      if (event.type === "connectionFailed" || event.type === "connectionStopped") ends.push(event.reason);
    },
  });
  const [peer] = peers;
  return { peer, failure, ends: JSON.stringify(ends), text: Buffer.from(peer?.received ?? []).toString() };
}

function tlsFault(value: number): readonly Deviation[] {
  return [{ kind: "tls", subject: SERVER_END, ordinal: 0, value }];
}

describe("records", () => {
  test("are read as they were written, however they are cut", () => {
    const texts = fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 }), { maxLength: 5 });
    fc.assert(
      fc.property(texts, fc.infiniteStream(fc.integer({ min: 1, max: 9 })), (parts, sizes) => {
        const sealed = Buffer.concat(parts.map((part) => seal(RECORD.data, part)));
        const reader = new RecordReader();
        const read: Uint8Array[] = [];
        for (let place = 0; place < sealed.length;) {
          const size = sizes.next().value ?? 1;
          for (const { bytes } of reader.read(sealed.subarray(place, place + size))) read.push(bytes);
          place += size;
        }
        expect(read.map((bytes) => Array.from(bytes))).toEqual(parts.map((bytes) => Array.from(bytes)));
        expect(reader.isBroken).toBe(false);
      }),
    );
  });

  test("of more than 16 KiB are several", () => {
    const bytes = new Uint8Array(40_000).map((_, index) => index % 251);
    const records = [...new RecordReader().read(seal(RECORD.data, bytes))];
    expect(records.map((record) => record.bytes.length)).toEqual([16_384, 16_384, 7232]);
    expect(Buffer.concat(records.map((record) => record.bytes)).equals(bytes)).toBe(true);
  });

  test("are no plain text, and hide what they carry", () => {
    const reader = new RecordReader();
    expect([...reader.read(Buffer.from("GET / HTTP/1.1\r\n"))]).toEqual([]);
    expect(reader.isBroken).toBe(true);
    expect(Buffer.from(seal(RECORD.data, Buffer.from("secret"))).includes("secret")).toBe(false);
  });
});

describe.each(Object.entries(secureTargets))("a server with %s", (name, target) => {
  test("serves a client that does as it should, whose bytes the model need not know", async () => {
    const { text, failure, peer } = await performed(name, target);
    expect(failure).toBeUndefined();
    expect(text).toBe(name === "STARTTLS" ? "one\ngo\ntwo\n" : "one\ntwo\n");
    expect(peer?.sentBytes).toBe(name === "STARTTLS" ? 17 : 8);
    expect(peer?.events.filter(({ type }) => type === "secured")).toHaveLength(name === "PROXY" ? 0 : 1);
  });

  test(
    "keeps all laws, whatever happens",
    async () => {
      const invariants = standard({ model: answersOf(name) });
      const { found, injected } = await search({
        target,
        invariants,
        peers: peersOf(name),
        runs: 300,
        timeMs: Infinity,
      });
      expect(found && [found.failure, encodePlan(found.plan)]).toBeUndefined();
      expect(injected).toBeGreaterThan(50);
    },
    PATIENCE_MS,
  );

  test("has plans that are texts, and shrink to clients without all that", () => {
    const plan = planOf(name);
    expect(decodePlan(encodePlan(plan))).toEqual(plan);
    const plain = [...simplerPlans(plan)].flatMap(({ peers }) => peers);
    expect(plain.some((script) => !("tls" in script))).toBe(true);
    expect(plain.some((script) => !("proxy" in script))).toBe(true);
  });
});

describe("a handshake", () => {
  const { TLS: target } = secureTargets;
  if (target === undefined) throw new Error("there is no such target");

  test.each<readonly [string, number, string]>([
    ["fails", 1, "tlsHandshakeFailed"],
    ["hangs", 2, "tlsHandshakeTimeout"],
    ["takes longer than it may", 7, "tlsHandshakeTimeout"],
  ])("that %s ends the connection before its handler has it", async (_what, value, type) => {
    const { text, failure, ends } = await performed("TLS", target, tlsFault(value));
    expect([text, failure]).toEqual(["", undefined]);
    expect(ends).toContain(type);
  });

  test("that is slow is waited for", async () => {
    const { text, failure } = await performed("TLS", target, tlsFault(5));
    expect([text, failure]).toEqual(["one\ntwo\n", undefined]);
  });

  test("of a client that speaks no TLS fails", async () => {
    const [{ tls: _, ...plain } = { at: 0, host: "10.0.0.1", ops: [] }] = secureScripts("TLS");
    const reasons: string[] = [];
    const { peers, failure } = await run({
      target,
      plan: { peers: [plain], operations: [], deviations: [] },
      chooser: replaying([]),
      invariants: standard({ model: answersOf("TLS") }),
      tracer: (event) => void (event.type === "connectionFailed" && reasons.push(JSON.stringify(event.reason))),
    });
    expect([peers[0]?.receivedBytes, failure]).toEqual([0, undefined]);
    expect(reasons.join()).toContain("ERR_SSL_WRONG_VERSION_NUMBER");
  });
});

test("a server that answers in plain what was asked in TLS is found out", async () => {
  const greeting: Target = {
    start: ({ transport }) => {
      transport.listen(
        { port: 5000, backlog: 511, noDelay: true, keepAlive: false },
        { listening() {}, failed() {}, closed() {}, accepted: (socket) => void socket.write(Buffer.from("welcome")) },
      );
      return { port: 5000 };
    },
  };
  expect((await failureOf(tlsStaysTls(), greeting, [], planOf("TLS")))?.invariant).toBe("I20-tls");
});

test("a server that loses what it has read behind the PROXY header is found out", async () => {
  const { "PROXY and TLS": target } = secureTargets;
  if (target === undefined) throw new Error("there is no such target");
  const losing: typeof target = {
    ...target,
    start: (surroundings) => target.start({ ...surroundings, tls: withoutEarly(surroundings.tls) }),
  };
  const { found } = await search({
    target: losing,
    invariants: standard(),
    peers: peersOf("PROXY and TLS"),
    runs: 200,
    timeMs: Infinity,
  });
  expect(found?.failure.invariant).toBe("I8-probe");
});

function withoutEarly(tls: ServerTls): ServerTls {
  return {
    handshakeTimeoutMs: tls.handshakeTimeoutMs,
    secure(socket) {
      const secure = tls.secure(socket);
      const begin = secure.handshake.bind(secure);
      return Object.assign(secure, {
        handshake: (_early: readonly Uint8Array[], waiter: Parameters<typeof begin>[1]) => begin([], waiter),
      });
    },
  };
}
