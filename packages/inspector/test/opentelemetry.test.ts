import { openTelemetry } from "@espalier/inspector/opentelemetry";
import type { Attributes, Span, SpanOptions, SpanStatus, Tracer } from "@opentelemetry/api";
import { expect, test } from "vitest";
import { InspectedWorld } from "./support/world.ts";

/** A span that has ended. */
interface Recorded {
  readonly name: string;
  readonly attributes: Attributes;
  readonly isError: boolean;
  readonly ms: number;
}

/** What OpenTelemetry asks of a span, as far as it is used here. Its SDK does not load under Vite's conditions. */
function recorder() {
  const recorded: Recorded[] = [];
  const tracer = {
    startSpan(name: string, { startTime, attributes: given }: SpanOptions) {
      const attributes: Attributes = { ...given };
      let isError = false;
      return {
        setAttribute: (key: string, value: string) => void (attributes[key] = value),
        setAttributes: (more: Attributes) => void Object.assign(attributes, more),
        setStatus: ({ code }: SpanStatus) => void (isError = `${code}` === "2"),
        end: (at: number) => void recorded.push({ name, attributes, isError, ms: at - (startTime as number) }),
      } as unknown as Span;
    },
  } as unknown as Tracer;
  return { recorded, tracer };
}

async function withSpans() {
  const world = await InspectedWorld.create();
  const { recorded, tracer } = recorder();
  return { world, stop: openTelemetry(world.system, { tracer }), recorded };
}

test("each connection that has ended is one span, as long as its life, with what went over it and how it ended", async () => {
  const { world, stop, recorded } = await withSpans();
  const listener = await world.open();
  const [first, second] = await world.connect(listener, 3);
  await world.send(first, "hello");
  await world.clock.advance(250);
  first?.end();
  await world.settle();
  await world.clock.advance(750);
  await world.send(second, "boom-secret");
  expect(
    recorded.map(({ name, attributes, isError, ms }) => ({
      name,
      bytes: attributes["espalier.bytes.received"],
      reason: attributes["espalier.exit.reason"],
      isError,
      ms,
    })),
  ).toEqual([
    { name: `connection ${listener.id}`, bytes: 5, reason: "shutdown: peerClosed", isError: false, ms: 250 },
    { name: `connection ${listener.id}`, bytes: 11, reason: "error: RangeError", isError: true, ms: 1000 },
  ]);
  // The third one is open, and its span ends with the tracing.
  stop();
  expect(recorded.length).toBe(3);
  expect(JSON.stringify(recorded)).not.toContain("secret");
});
