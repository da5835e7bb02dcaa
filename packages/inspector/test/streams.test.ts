import { type Cancel, createSystem, silentLogger } from "@espalier/actors";
import { ManualClock, residue } from "@espalier/actors/testing";
import { inspector, type Inspector } from "@espalier/inspector";
import type { LogAnswer, StreamEvents, TraceAnswer, TreeAnswer } from "@espalier/inspector";
import { describe, expect, test } from "vitest";
import { InspectedWorld, pair } from "./support/world.ts";

/** A client of a stream, who takes what has come when it is told to. */
class Listening {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  private constructor(body: ReadableStream<Uint8Array>) {
    this.#reader = body.getReader();
  }

  static async to(
    world: { readonly inspector: Inspector },
    query: string,
    headers: Record<string, string> = {},
  ): Promise<Listening> {
    const answer = await world.inspector.app.request(`/api/v1/events?${query}`, { headers });
    const type = answer.headers.get("content-type");
    if (type !== "text/event-stream; charset=utf-8") throw new Error(`no stream but ${type}`);
    return new Listening(answer.body as ReadableStream<Uint8Array>);
  }

  /** The next tick's events; undefined at the end. */
  async next(): Promise<ReadonlyArray<readonly [string, unknown]> | undefined> {
    const { value } = await this.#reader.read();
    if (value === undefined) return undefined;
    const events = new TextDecoder().decode(value).split("\n\n").slice(0, -1);
    return events.flatMap((event) => {
      const [, name = "", data = ""] = /event: (\w+)\ndata: (.*)$/u.exec(event) ?? [];
      return name === "" ? [] : [[name, JSON.parse(data) as unknown] as const];
    });
  }

  cancel(): Promise<void> {
    return this.#reader.cancel();
  }
}

/** The numbers of the entries of the log that came with these events. */
function numbers(events: ReadonlyArray<readonly [string, unknown]> = []): number[] {
  return events.flatMap(([, answer]) => (answer as LogAnswer).entries.map(({ number }) => number));
}

async function withPair(options = {}) {
  const world = await InspectedWorld.create(options);
  await world.system.start(pair, undefined, { id: "pair" });
  return world;
}

/** A clock on which reading takes time. */
class SlowClock extends ManualClock {
  /** So long takes each reading. */
  slowness = 0;
  /** So long have all of them taken. */
  lateness = 0;
  readings = 0;

  read(): void {
    this.readings += 1;
    this.lateness += this.slowness;
  }

  override now(): number {
    return super.now() + this.lateness;
  }

  override at(time: number, run: () => void): Cancel {
    return super.at(time - this.lateness, run);
  }
}

describe("a stream", () => {
  test("begins with a tick, and sends one of each topic at each tick", async () => {
    const world = await withPair();
    const stream = await Listening.to(world, "topics=overview,tree,listeners,rates,log");
    const names = ["overview", "tree", "listeners", "rates", "log"];
    expect((await stream.next())?.map(([name]) => name)).toEqual(names);
    await world.clock.advance(1000);
    // There is nothing new in the log.
    expect((await stream.next())?.map(([name]) => name)).toEqual(names.slice(0, -1));
  });

  test("pauses for 250 times as long as a tick took, where that is more than usual, and for 4 s at most", async () => {
    const host = new SlowClock();
    const system = createSystem({ host });
    const listeners = () => {
      host.read();
      return [];
    };
    const inspected = inspector(system, { sockets: { listeners } });
    const { body } = await inspected.app.request("/api/v1/events?topics=overview");
    const reader = (body as ReadableStream<Uint8Array>).getReader();
    const pauses: number[] = [];
    for (const slowness of [0, 3, 15, 90, 0, 0]) {
      host.slowness = slowness;
      const next = host.readings + 1;
      const begin = host.now() - host.lateness;
      await reader.read();
      while (host.readings < next) await host.advance(10);
      pauses.push(host.now() - host.lateness - begin);
    }
    // Each follows the tick before it.
    expect(pauses).toEqual([1000, 1000, 1000, 3750, 4000, 1000]);
    await reader.cancel();
    await inspected.close();
  });

  test("sends what the questions answer", async () => {
    const world = await withPair();
    const stream = await Listening.to(world, "topics=tree");
    const [[, tree] = []] = (await stream.next()) ?? [];
    expect(tree).toEqual((await world.ask<TreeAnswer>("tree")).body);
  });

  test("sends each entry of the log once, also to a client that comes again", async () => {
    const world = await withPair();
    const crash = async () => {
      world.system.send("one", { type: "crash", text: "" });
      await world.clock.advance(1000);
    };
    const stream = await Listening.to(world, "topics=log");
    const seen = numbers(await stream.next());
    for (let round = 0; round < 3; round += 1) {
      await crash();
      seen.push(...numbers(await stream.next()));
    }
    await stream.cancel();
    await crash();
    const again = await Listening.to(world, "topics=log", { "last-event-id": String(seen.at(-1)) });
    seen.push(...numbers(await again.next()));
    const { body } = await world.ask<LogAnswer>("log?limit=500");
    expect(seen).toEqual(body.entries.map(({ number }) => number));
    expect(seen.length).toBeGreaterThanOrEqual(8);
  });

  test("follows one actor, and says once that it is gone", async () => {
    const world = await withPair();
    const id = world.idOf("pair/one");
    const stream = await Listening.to(world, `topics=process,trace&id=${encodeURIComponent(id)}`);
    expect((await stream.next())?.map(([name]) => name)).toEqual(["process", "trace"]);
    await world.tell("kill", { id });
    await world.clock.advance(1000);
    expect(await stream.next()).toEqual([["gone", { id } satisfies StreamEvents["gone"]]]);
    await world.clock.advance(1000);
    expect(await stream.next()).toEqual([]);
  });

  test("tells what a traced actor has heard last, the message that it has died of included, before it is gone", async () => {
    const world = await withPair();
    const id = world.idOf("pair/one");
    await world.tell("trace", { id, on: true });
    const stream = await Listening.to(world, `topics=process,trace&id=${encodeURIComponent(id)}`);
    await stream.next();
    for (const type of ["keep", "crash"]) world.system.send("one", { type, text: "" });
    await world.clock.advance(1000);
    const [[name, answer] = [], gone] = (await stream.next()) ?? [];
    expect([name, gone]).toEqual(["trace", ["gone", { id }]]);
    const { events, isTraced } = answer as TraceAnswer;
    const heard = events.filter(({ direction }) => direction === "in").map(({ type }) => type);
    expect([heard, isTraced]).toEqual([["keep", "crash"], false]);
    await world.clock.advance(1000);
    expect(await stream.next()).toEqual([]);
  });

  test("passes over a client that takes nothing, and ends it in the end", async () => {
    const world = await withPair();
    const stream = await Listening.to(world, "topics=overview");
    await world.clock.advance(29_000);
    expect(world.inspector.streams).toBe(1);
    await world.clock.advance(2000);
    expect(world.inspector.streams).toBe(0);
    expect((await stream.next())?.length).toBe(1);
    expect(await stream.next()).toBeUndefined();
  });

  test("that cannot be read ends alone, as a line in the log of the program; the others go on", async () => {
    const failures: unknown[] = [];
    const error = ({ err }: { readonly err?: unknown }) => void failures.push(err);
    const clock = new ManualClock({ logger: { ...silentLogger, error } });
    const system = createSystem({ host: clock });
    let isDown = false;
    const trouble = new Error("not there any more");
    const listeners = () => {
      if (isDown) throw trouble;
      return [];
    };
    const inspected = inspector(system, { sockets: { listeners }, maxStreams: 3 });
    const world = { inspector: inspected };
    const failing = await Listening.to(world, "topics=listeners");
    const going = await Listening.to(world, "topics=log,tree");
    for (const stream of [failing, going]) await stream.next();
    isDown = true;
    await clock.advance(1000);
    expect(await failing.next()).toBeUndefined();
    for (const _ of [1, 2, 3]) {
      expect((await going.next())?.map(([name]) => name)).toEqual(["tree"]);
      await clock.advance(1000);
    }
    expect(failures).toEqual([trouble]);
    // One that fails as it is opened is none.
    for (const _ of [1, 2, 3])
      expect((await inspected.app.request("/api/v1/events?topics=listeners")).status).toBe(500);
    expect(inspected.streams).toBe(1);
    isDown = false;
    expect((await (await Listening.to(world, "topics=listeners")).next())?.length).toBe(1);
    await inspected.close();
  });

  test("is refused beyond so many", async () => {
    const world = await withPair({ maxStreams: 2 });
    const [first] = [await Listening.to(world, "topics=log"), await Listening.to(world, "topics=log")];
    expect((await world.ask("events?topics=log")).status).toBe(503);
    await first?.cancel();
    await (await Listening.to(world, "topics=log")).cancel();
    expect(world.inspector.streams).toBe(1);
  });
});

describe("no timer is armed", () => {
  test("while nobody listens", async () => {
    const world = await InspectedWorld.create();
    const before = world.clock.timers;
    await world.ask("rates");
    await world.ask("tree");
    expect(world.clock.timers).toBe(before);
    const stream = await Listening.to(world, "topics=tree");
    expect(world.clock.timers).toBe(before + 1);
    await stream.cancel();
    expect(world.clock.timers).toBe(before);
  });
});

test("nothing is left in the system when the inspector is closed", async () => {
  const world = await withPair();
  const timers = world.clock.timers;
  const before = residue(world.system);
  const stream = await Listening.to(world, "topics=tree,log");
  await world.tell("trace", { id: world.idOf("pair/one"), on: true });
  const closed = world.inspector.close();
  await world.settle();
  await closed;
  await stream.next();
  expect(await stream.next()).toBeUndefined();
  expect(residue(world.system)).toEqual(before);
  expect(world.clock.timers).toBe(timers);
  expect(world.inspector.streams).toBe(0);
  expect((await world.ask("tree")).status).toBe(404);
  // It hears of nothing any more, and nobody makes events for it.
  const heard = world.inspector.readings.log().entries.length;
  world.system.send("one", { type: "crash", text: "" });
  world.system.send("two", { type: "crash", text: "" });
  await world.settle();
  expect(world.inspector.readings.log().entries.length).toBe(heard);
  await world.inspector.close();
});
