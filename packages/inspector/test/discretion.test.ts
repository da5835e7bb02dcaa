import type { LogAnswer } from "@espalier/inspector";
import { prometheus } from "@espalier/inspector/prometheus";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
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

test("an error is named by its class, its code and the place where it was thrown", async () => {
  const world = await InspectedWorld.create();
  const listener = await world.open();
  const [client] = await world.connect(listener);
  await world.send(client, "boom");
  const { body } = await world.ask<LogAnswer>("log?kind=crash");
  expect(body.entries).toMatchObject([{ kind: "crash", reason: { type: "error", detail: "RangeError" } }]);
  expect(body.entries[0]?.reason?.stack?.[0]).toMatch(/^at .*world\.ts/u);
});
