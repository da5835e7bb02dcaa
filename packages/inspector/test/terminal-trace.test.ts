import { defineServer, noreply, ok } from "@espalier/actors";
import { expect, test } from "vitest";
import { InspectorClient } from "../src/terminal/client.ts";
import { trace } from "../src/terminal/trace.ts";
import { InspectedWorld, keeper, TOKEN } from "./support/world.ts";

/** What `espalier trace` prints of one actor of a world. */
async function tracing(world: InspectedWorld, pid: string, signal: AbortSignal) {
  const { url } = await world.inspector.listen({ port: 0 });
  const lines: string[] = [];
  const remarks: string[] = [];
  const [client, closing] = [signal, new AbortController().signal].map(
    (end) => new InspectorClient({ url: new URL(url), token: TOKEN, signal: end }),
  );
  if (client === undefined || closing === undefined) throw new Error("there should be two");
  const ended = trace(
    { command: "trace", url: new URL(url), token: TOKEN, pid, count: Infinity, isJson: false },
    client,
    closing,
    {
      line: (line) => void lines.push(line.map(({ text }) => text).join("")),
      json: () => undefined,
      remark: (text) => void remarks.push(text),
    },
  );
  return { ended, lines, remarks };
}

/** Over real HTTP, while the clock of the world stands still. */
async function until(world: InspectedWorld, isTrue: () => boolean): Promise<void> {
  while (!isTrue()) {
    await world.settle();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("it says how many messages were too many to be kept, and what an actor has died of", async () => {
  const world = await InspectedWorld.create();
  const { system, inspector } = world;
  const actor = system.spawn(keeper, "first", { id: "keeper" });
  await world.settle();
  const { ended, lines, remarks } = await tracing(world, "keeper", new AbortController().signal);
  await until(world, () => inspector.streams > 0);
  for (let count = 0; count < 999; count += 1) system.send(actor, { type: "keep", text: "" });
  system.send(actor, { type: "crash", text: "" });
  await world.clock.advance(1000);
  await ended;
  expect(lines.length).toBe(200);
  expect(lines.findLast((line) => line.includes(" in "))).toMatch(/ crash$/u);
  const [missed, died] = remarks;
  expect([Number.parseInt(missed ?? "", 10) >= 800, missed?.replace(/^\d+/u, "N"), died]).toEqual([
    true,
    "N more came, and were too many to be kept",
    "the actor has died",
  ]);
});

test("it lets go of an actor when it is ended before that has answered", async () => {
  const world = await InspectedWorld.create();
  const { system, inspector, clock } = world;
  const busy = defineServer<{ info: "work" }>({
    name: "busy",
    init: () => ok(undefined),
    async handleInfo() {
      await new Promise<void>((resolve) => clock.at(clock.now() + 5000, resolve));
      return noreply(undefined);
    },
  });
  const actor = system.spawn(busy, undefined, { id: "busy" });
  await world.settle();
  const id = world.idOf("busy");
  system.send(actor, "work");
  await world.settle();
  const stop = new AbortController();
  const { ended } = await tracing(world, "busy", stop.signal);
  const commands = () => inspector.readings.log({ kind: "command" }).entries;
  await until(world, () => commands().length === 1);
  stop.abort();
  const failed = ended.catch((error: unknown) => error);
  await until(world, () => commands().length === 2);
  await clock.advance(5000);
  await failed;
  expect(inspector.readings.trace(id)?.isTraced).toBe(false);
  system.send(actor, "work");
  await clock.advance(5000);
  expect(inspector.readings.trace(id)?.events).toEqual([]);
});
