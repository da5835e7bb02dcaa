import {
  type ActorRef,
  type Call,
  type Context,
  createSystem,
  defineServer,
  noreply,
  ok,
  reply,
  type ServerRef,
  type System,
  type TraceEvent,
} from "@espalier/actors";
import { ManualClock } from "@espalier/actors/testing";
import { openTelemetry } from "@espalier/inspector/opentelemetry";
import type { ConnectionDefinition, ConnectionEvent, ConnectionInput } from "@espalier/sockets";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Recorded, recorder } from "./support/spans.ts";
import { InspectedWorld } from "./support/world.ts";

type Asked = Call<"ask", string, { readonly secret?: string }>;
type Store = ServerRef<{ call: Asked | Call<"hang", string> }>;

/** Answers what it is asked, and is silent at `hang`. */
const store = defineServer<{ call: Asked | Call<"hang", string> }>({
  name: "store",
  init: () => ok(undefined),
  handleCall: (request) => (request.type === "hang" ? noreply(undefined) : reply("answer-secret", undefined)),
});

/** Asks the next one, both before and after it has waited for something of its own, and once more when it has answered. */
const front = defineServer<{ args: Store; state: Store; call: Asked; cast: { readonly type: "later" } }>({
  name: "front",
  init: (next) => ok(next),
  async handleCall(_request, from, next, self) {
    await self.call(next, { type: "ask" });
    await Promise.resolve();
    await self.call(next, { type: "ask" });
    from.reply("done");
    self.sendRequest(next, { type: "ask" });
    return noreply(next);
  },
  handleCast(_message, next, self) {
    self.sendRequest(next, { type: "ask" });
    return noreply(next);
  },
});

type Order = (self: Context) => void;

/** Does what it is told. */
const puppet = defineServer<{ info: unknown }>({
  name: "puppet",
  init: () => ok(undefined),
  handleInfo(order, _state, self) {
    if (typeof order === "function") (order as Order)(self);
    return noreply(undefined);
  },
});

function createWorld() {
  const clock = new ManualClock();
  const system = createSystem({ host: clock, name: "shop" });
  return { clock, system, ...recorder() };
}

function endingOf({ attributes, isError, lengths }: Recorded) {
  return { ending: attributes["espalier.call.ending"], isError, lengths };
}

function tell(system: System, ref: ActorRef<unknown>, order: Order): Promise<void> {
  system.send(ref, order);
  return system.idle();
}

describe("the span of a call", () => {
  test("goes from the call to its answer, names both actors and the request, and nothing that is in it", async () => {
    const { clock, system, tracer, begun } = createWorld();
    openTelemetry(system, { tracer, calls: 1 });
    const ref = system.spawn(store, undefined, { id: "store", name: "books" });
    const caller = system.spawn(puppet, undefined, { id: "caller" });
    await system.idle();
    system.send(caller, (self: Context) => void self.sendRequest("books", { type: "ask", secret: "my-secret" }));
    await clock.advance(5);
    expect(begun.map(({ name, attributes }) => ({ name, attributes }))).toEqual([
      {
        name: "call ask",
        attributes: {
          "espalier.system": "shop",
          "espalier.request": "ask",
          "espalier.caller.pid": caller.toString(),
          "espalier.caller.path": "caller",
          "espalier.callee.pid": ref.toString(),
          "espalier.callee.path": "store",
          "espalier.callee.name": "books",
          "espalier.call.ending": "replied",
        },
      },
    ]);
    expect(begun.map(endingOf)).toEqual([{ ending: "replied", isError: false, lengths: [0] }]);
    expect(JSON.stringify(begun)).not.toContain("secret");
  });

  test("is an error when the time is up or one of the two dies, and none when the caller has given up", async () => {
    const { clock, system, tracer, begun } = createWorld();
    openTelemetry(system, { tracer, calls: 1 });
    const ref = system.spawn(store);
    const [caller, other] = [system.spawn(puppet), system.spawn(puppet)];
    await tell(system, caller, (self) => void self.sendRequest(ref, { type: "hang" }, { timeoutMs: 20 }));
    await tell(system, caller, (self) => self.abandonRequest(self.sendRequest(ref, { type: "hang" })));
    await tell(system, caller, (self) => void self.sendRequest(ref, { type: "hang" }));
    await tell(system, other, (self) => void self.sendRequest(ref, { type: "hang" }));
    await clock.advance(30);
    system.kill(caller);
    await clock.advance(10);
    system.kill(ref);
    await system.idle();
    await tell(system, other, (self) => void self.sendRequest(ref, { type: "hang" }));
    expect(begun.map(endingOf)).toEqual([
      { ending: "timeout", isError: true, lengths: [20] },
      { ending: "abandoned", isError: false, lengths: [0] },
      { ending: "callerDied", isError: true, lengths: [30] },
      { ending: "calleeDied", isError: true, lengths: [40] },
      { ending: "calleeDied", isError: true, lengths: [0] },
    ]);
    expect(begun.map(({ attributes }) => attributes["espalier.exit.reason"])).toEqual([
      undefined,
      undefined,
      undefined,
      "killed",
      "noproc",
    ]);
  });

  test("is below that of the call which its caller was handling, as long as the handling lasts, and of no other", async () => {
    const { system, tracer, begun } = createWorld();
    openTelemetry(system, { tracer, calls: 1 });
    const ref = system.spawn(front, system.spawn(store));
    await system.call(ref, { type: "ask" });
    await system.idle();
    system.cast(ref, { type: "later" });
    await system.idle();
    const [outer, ...others] = begun;
    expect(outer?.parent).toBeUndefined();
    expect(others.map(({ parent }) => parent)).toEqual([outer, outer, outer, undefined]);
  });

  test("is linked to that of the connection that calls, and not below it", async () => {
    const world = await InspectedWorld.create();
    const { tracer, begun } = recorder();
    openTelemetry(world.system, { tracer, calls: 1 });
    const ref = world.system.spawn(store);
    const asking: ConnectionDefinition = defineServer<{
      args: ConnectionInput;
      state: ConnectionInput;
      info: ConnectionEvent;
    }>({
      init: (input) => ok(input),
      handleInfo(event, state, self) {
        if (event.type === "socketReady") self.sendRequest(ref, { type: "ask" });
        return noreply(state);
      },
    });
    await world.connect(await world.open({}, asking));
    const connection = begun.find(({ name }) => name.startsWith("connection"));
    const call = begun.find(({ attributes }) => attributes["espalier.callee.pid"] === ref.toString());
    expect(call).toMatchObject({ parent: undefined, links: [connection] });
    expect(connection).toBeDefined();
  });

  test("is there for one that a behaviour blocks for, as the starter of a listener does for each acceptor", async () => {
    const world = await InspectedWorld.create();
    const { tracer, begun } = recorder();
    openTelemetry(world.system, { tracer, calls: 1 });
    await world.open({ acceptors: 2 });
    const asked = begun.filter(({ attributes }) => String(attributes["espalier.caller.path"]).endsWith("/starter"));
    expect(asked.map(({ name }) => name)).toEqual(["call countChildren", "call startDynamic", "call startDynamic"]);
    for (const span of asked) {
      expect(span.attributes["espalier.callee.path"]).toMatch(/\/acceptor_sup$/u);
      expect(endingOf(span)).toEqual({ ending: "replied", isError: false, lengths: [0] });
    }
  });

  test("is made for none unless that is asked for, and then no event of a message is made either", async () => {
    const { system, tracer, begun } = createWorld();
    openTelemetry(system, { tracer });
    const ids: number[] = [];
    system.trace(({ id }: TraceEvent) => ids.push(id), { detail: "life", types: ["spawn"] });
    const ref = system.spawn(store);
    await system.idle();
    for (let left = 10; left > 0; left -= 1) await system.call(ref, { type: "ask" });
    system.spawn(store);
    expect(begun).toEqual([]);
    // Between the two is that the first one has started.
    expect(ids).toEqual([1, 3]);
  });

  test("is made for the share that is asked for, and then for all calls within such a one", async () => {
    const { system, tracer, begun } = createWorld();
    openTelemetry(system, { tracer, calls: 0.25 });
    const ref = system.spawn(front, system.spawn(store));
    for (let left = 400; left > 0; left -= 1) {
      await system.call(ref, { type: "ask" });
      await system.idle();
    }
    const roots = begun.filter(({ parent }) => parent === undefined);
    expect(roots.length).toBeGreaterThan(60);
    expect(roots.length).toBeLessThan(140);
    for (const root of roots) expect(begun.filter(({ parent }) => parent === root)).toHaveLength(3);
    expect(begun).toHaveLength(4 * roots.length);
  });

  test("refuses a share that is none, by its name", () => {
    const { system, tracer } = createWorld();
    for (const calls of [-1, 2, Number.NaN]) {
      expect(() => openTelemetry(system, { tracer, calls })).toThrow(/calls must be a number from 0 to 1/u);
    }
  });
});

test("every span of a call ends exactly once, whatever becomes of caller, callee and tracing", async () => {
  const what = fc.constantFrom("ask", "hang", "outside", "wait", "killCallee", "killCaller");
  const ops = fc.array(fc.tuple(what, fc.nat(20)), { minLength: 1, maxLength: 30, size: "max" });
  await fc.assert(
    fc.asyncProperty(ops, fc.constantFrom(0.5, 1), fc.boolean(), async (run, calls, isShutDown) => {
      const { clock, system, tracer, begun } = createWorld();
      const stop = openTelemetry(system, { tracer, calls });
      let ref = system.spawn(store);
      let caller = system.spawn(puppet);
      for (const [name, amount] of run) {
        if (name === "outside") system.call(ref, { type: "hang" }, { timeoutMs: amount }).catch(() => undefined);
        else if (name === "wait") await clock.advance(amount);
        else if (name === "killCallee") system.kill(ref);
        else if (name === "killCaller") system.kill(caller);
        else system.send(caller, (self: Context) => void self.sendRequest(ref, { type: name }));
        if (amount > 5) await system.idle();
        if (!system.isAlive(ref) && amount > 10) ref = system.spawn(store);
        if (!system.isAlive(caller)) caller = system.spawn(puppet);
      }
      if (isShutDown) await Promise.all([system.shutdown(0), clock.advance(0)]);
      stop();
      for (const { lengths } of begun) expect(lengths).toHaveLength(1);
      await Promise.all([system.shutdown(0), clock.advance(0)]);
      for (const { lengths } of begun) expect(lengths).toHaveLength(1);
    }),
    { numRuns: 100 },
  );
});
