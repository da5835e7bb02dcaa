import { type Call, defineServer, noreply, ok, reply } from "@espalier/actors";
import type { LogAnswer, TraceAnswer } from "@espalier/inspector";
import { openTelemetry } from "@espalier/inspector/opentelemetry";
import { prometheus } from "@espalier/inspector/prometheus";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { packetMachine } from "@espalier/sockets";
import { recorder } from "./support/spans.ts";
import { InspectedWorld, leaver, pair } from "./support/world.ts";

/** Random bytes of a peer, long enough that they stand nowhere by chance; some look like words or lines of a stack. */
const payloads = fc
  .tuple(
    fc.constantFrom("", "at ", "error: ", "\n    at ", '"}', "\\", "secret."),
    fc.stringMatching(/^[a-z0-9]{16,40}$/u),
    fc.constantFrom("", " (file.ts:1:1)", ":1:1", "\n    at here (x:1:1)"),
  )
  .map(([before, core, after]) => ({ text: before + core + after, core }));

const encoded = encodeURIComponent;

/** Everything that the API says of anything. */
async function allAnswers(world: InspectedWorld): Promise<string> {
  const { processes } = world.system.inspect();
  const ids = processes.map(({ path }) => encoded(world.idOf(path)));
  const whole = ["overview", "tree", "listeners", "rates", "log?limit=500"];
  const each = ids.flatMap((id) => ["process", "children", "statechart", "trace"].map((name) => `${name}?id=${id}`));
  const texts: string[] = [];
  for (const path of [...whole, ...each]) texts.push((await world.ask(path)).text);
  const metrics = prometheus(world.inspector, { eventLoopDelay: false });
  texts.push(await metrics.text());
  metrics.close();
  return texts.join("\n");
}

async function livesWith(text: string, world: InspectedWorld): Promise<void> {
  const listener = await world.open({ acceptors: 1 });
  await world.system.start(pair, undefined, { id: "pair" });
  const [talker, victim] = await world.connect(listener, 2);
  const leavers = await world.sockets.open("leavers", "127.0.0.1:0", { acceptors: 1 }, leaver);
  const [stayer, goer] = await world.connect(leavers, 2);
  await world.send(stayer, text);
  await world.send(goer, `bye${text}`);
  await world.tell("trace", { id: world.idOf("pair/two"), on: true });
  await world.tell("trace", { id: world.idOf(`sockets/listener_sup:${listener.id}/connection_sup/1`), on: true });
  await world.send(talker, text);
  await world.send(victim, `boom${text}`);
  world.system.send("one", { type: "crash", text });
  world.system.send("two", { type: "keep", text });
  await world.settle();
  // What waits in a mailbox and in a debug trace.
  await world.tell("suspend", { id: world.idOf("pair/two") });
  world.system.send("two", { type: "keep", text });
  await world.settle();
}

describe("what a peer has sent", () => {
  test("appears in no answer, however the server came by it", async () => {
    await fc.assert(
      fc.asyncProperty(payloads, async ({ text, core }) => {
        const world = await InspectedWorld.create();
        await livesWith(text, world);
        const said = await allAnswers(world);
        expect(said).toContain("RangeError");
        expect(said.includes(core) ? core : "nothing").toBe("nothing");
        await world.dispose();
      }),
      { numRuns: 20 },
    );
  }, 30_000);

  test("appears when it was asked for", async () => {
    const show = { states: true, messages: true, errors: true, metadata: true };
    const world = await InspectedWorld.create({ show });
    await livesWith("hello-from-the-peer", world);
    const said = await allAnswers(world);
    expect(said.match(/hello-from-the-peer/gu)?.length).toBeGreaterThan(4);
  });
});

/** Throws an error that says what the peer has sent, as clients of HTTP make one of an answer. */
const refuser = packetMachine({
  onData(_connection, data) {
    throw Object.assign(new RangeError("refused"), JSON.parse(Buffer.from(data).toString()));
  },
});

/** Keeps what it is told, and answers anything. */
const hearer = defineServer<{ state: unknown; info: object; call: Call<string, string> }>({
  name: "hearer",
  init: () => ok(undefined),
  handleInfo: (message) => noreply(message),
  handleCall: (request) => reply("pong", request),
});

/** Fields that somebody who looks at errors or messages might read. */
const names = ["constructor", "message", "name", "stack", "code", "type", "cause", "request", "toString", "toJSON"];
const fields = fc
  .dictionary(fc.constantFrom(...names, "__proto__"), fc.oneof(fc.constant(null), fc.jsonValue()))
  .map((chosen) => JSON.stringify(chosen));

function nested(levels: number, name: string): string {
  return `{"${name}":`.repeat(levels) + "1" + "}".repeat(levels);
}

describe.each([false, true])("nobody is blinded by what a peer has sent, and everything is shown: %s,", (isShown) => {
  const show = { states: isShown, messages: isShown, errors: isShown, metadata: isShown };

  test("as the fields of an error", async () => {
    await fc.assert(
      fc.asyncProperty(fields, async (text) => {
        const world = await InspectedWorld.create({ show });
        const { begun, tracer } = recorder();
        const stop = openTelemetry(world.system, { tracer, showErrors: isShown });
        const [hostile, honest] = await world.connect(await world.open({}, refuser), 2);
        await world.send(hostile, text);
        await world.send(honest, "{}");
        const { entries } = (await world.ask<LogAnswer>("log?kind=crash")).body;
        expect(entries.map(({ reason }) => reason?.type)).toEqual(["error", "error"]);
        expect(entries[1]?.reason?.detail).toBe("RangeError");
        expect(begun.map(({ lengths }) => lengths.length)).toEqual([1, 1]);
        stop();
        await world.dispose();
      }),
      {
        numRuns: 20,
        examples: [
          ['{"constructor":null}'],
          ['{"__proto__":{"constructor":{"name":7}}}'],
          ['{"message":null}'],
          [`{"message":{"length":501}}`],
        ],
      },
    );
  });

  test("as a message", async () => {
    const world = await InspectedWorld.create({ show });
    const { begun, tracer } = recorder();
    const stop = openTelemetry(world.system, { tracer, calls: 1 });
    const actor = world.system.spawn(hearer, undefined, { id: "hearer" });
    await world.settle();
    const id = world.idOf("hearer");
    await world.tell("trace", { id, on: true });
    const texts = [
      nested(3000, "request"),
      nested(20_000, "message"),
      '{"constructor":null}',
      '{"type":{"__proto__":null}}',
      "{}",
    ];
    const before = begun.length;
    for (const text of texts) {
      world.system.send(actor, JSON.parse(text) as object);
      const asked = world.system.call(actor, JSON.parse(text) as { type: string });
      await world.settle();
      expect(await asked).toBe("pong");
      expect((await world.ask(`process?id=${encoded(id)}`)).status).toBe(200);
    }
    expect(world.idOf("hearer")).toBe(id);
    expect(begun.length - before).toBe(texts.length);
    const { events } = (await world.ask<TraceAnswer>(`trace?id=${encoded(id)}`)).body;
    const heard = events.filter(({ direction }) => direction === "in");
    expect(heard.length).toBe(2 * texts.length);
    expect(Math.max(...heard.map(({ type }) => type.length))).toBeLessThan(100);
    stop();
  });
});

test("a message whose fields throw when they are read stops nobody who looks, and nobody who is looked at", async () => {
  const world = await InspectedWorld.create({ show: { messages: true, states: true } });
  const actor = world.system.spawn(hearer, undefined, { id: "hearer" });
  await world.settle();
  const id = world.idOf("hearer");
  await world.tell("trace", { id, on: true });
  const traps = {
    get type(): string {
      throw new Error("not now");
    },
  };
  world.system.send(actor, traps);
  await world.settle();
  expect((await world.ask<TraceAnswer>(`trace?id=${encoded(id)}`)).body.events).toMatchObject([
    { type: "object", message: { type: "a getter" } },
  ]);
  expect((await world.ask(`process?id=${encoded(id)}`)).status).toBe(200);
});

test("a state that looks like a machine's is none", async () => {
  const world = await InspectedWorld.create();
  const actor = world.system.spawn(hearer, undefined, { id: "hearer" });
  world.system.send(actor, { value: 1, tags: ["secret"], context: "secret" });
  await world.settle();
  const { status, text } = await world.ask(`process?id=${encoded(world.idOf("hearer"))}`);
  expect([status, text.includes("secret")]).toEqual([200, false]);
});

test("an error is named by its class, its code and the place where it was thrown", async () => {
  const world = await InspectedWorld.create();
  const listener = await world.open();
  const [client] = await world.connect(listener);
  await world.send(client, "boom");
  const { body } = await world.ask<LogAnswer>("log?kind=crash");
  expect(body.entries).toMatchObject([{ kind: "crash", reason: { type: "error", detail: "RangeError" } }]);
  expect(body.entries[0]?.reason?.stack?.[0]).toMatch(/^at .*world\.ts/u);
});
