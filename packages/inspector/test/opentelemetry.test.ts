import { openTelemetry } from "@espalier/inspector/opentelemetry";
import { expect, test } from "vitest";
import { recorder } from "./support/spans.ts";
import { InspectedWorld } from "./support/world.ts";

test("each connection that has ended is one span, as long as its life, with what went over it and how it ended", async () => {
  const world = await InspectedWorld.create();
  const { begun, tracer } = recorder();
  const stop = openTelemetry(world.system, { tracer });
  const listener = await world.open();
  const [first, second] = await world.connect(listener, 3);
  await world.send(first, "hello");
  await world.clock.advance(250);
  first?.end();
  await world.settle();
  await world.clock.advance(750);
  await world.send(second, "boom-secret");
  expect(
    begun.map(({ name, attributes, isError, lengths }) => ({
      name,
      bytes: attributes["espalier.bytes.received"],
      reason: attributes["espalier.exit.reason"],
      isError,
      lengths,
    })),
  ).toEqual([
    { name: `connection ${listener.id}`, bytes: 5, reason: "shutdown: peerClosed", isError: false, lengths: [250] },
    { name: `connection ${listener.id}`, bytes: 11, reason: "error: RangeError", isError: true, lengths: [1000] },
    { name: `connection ${listener.id}`, bytes: undefined, reason: undefined, isError: false, lengths: [] },
  ]);
  // The third one is open, and its span ends with the tracing.
  stop();
  expect(begun.map(({ lengths }) => lengths.length)).toEqual([1, 1, 1]);
  expect(JSON.stringify(begun)).not.toContain("secret");
});
