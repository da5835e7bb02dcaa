import type {
  ApiError,
  CommandAnswer,
  ListenersAnswer,
  LogAnswer,
  ProcessAnswer,
  TraceAnswer,
} from "@espalier/inspector";
import { defineServer, ok, type Pid, sys } from "@espalier/actors";
import { child, defineSupervisor } from "@espalier/supervisor";
import { describe, expect, test } from "vitest";
import { InspectedWorld, keeper, pair, TOKEN } from "./support/world.ts";

async function withPair(options = {}) {
  const world = await InspectedWorld.create(options);
  await world.system.start(pair, undefined, { id: "pair", name: "pair" });
  return world;
}

async function processOf(world: InspectedWorld, path: string): Promise<ProcessAnswer> {
  return (await world.ask<ProcessAnswer>(`process?id=${encodeURIComponent(world.idOf(path))}`)).body;
}

async function traceOf(world: InspectedWorld, path: string, after = 0): Promise<TraceAnswer> {
  const id = encodeURIComponent(world.idOf(path));
  return (await world.ask<TraceAnswer>(`trace?id=${id}&after=${after}`)).body;
}

function statusOf(world: InspectedWorld, name: string): string | undefined {
  const pid = world.system.whereis(name);
  return pid && world.system.inspect(pid)?.status;
}

describe("commands to actors", () => {
  test("suspend lets the mail wait, and resume has it handled", async () => {
    const world = await withPair();
    const id = world.idOf("pair/one");
    expect((await world.tell("suspend", { id })).status).toBe(200);
    world.system.send("one", { type: "keep", text: "later" });
    await world.settle();
    expect(await processOf(world, "pair/one")).toMatchObject({ status: "suspended", mailbox: 1 });
    expect((await world.tell("resume", { id })).status).toBe(200);
    expect(await processOf(world, "pair/one")).toMatchObject({ status: "waiting", mailbox: 0 });
    expect(await sys.getState(world.system, "one")).toEqual(["first", "later"]);
  });

  test("restartChild starts a child anew in order, and leaves its siblings alone", async () => {
    const world = await withPair();
    const sibling = world.idOf("pair/two");
    const before = world.idOf("pair/one");
    const { body } = await world.tell<CommandAnswer>("restartChild", { id: world.idOf("pair"), child: "one" });
    expect(body.id).toBe(world.idOf("pair/one"));
    expect(body.id).not.toBe(before);
    expect(world.idOf("pair/two")).toBe(sibling);
    expect(world.system.inspect().crashes).toBe(0);
  });

  test("restartChild answers in time when a child takes long to end, and the child is started anew when it has", async () => {
    const world = await withPair();
    const { system, clock } = world;
    const slow = defineServer({
      name: "slow",
      trapExit: true,
      init: () => ok(undefined),
      terminate: () => new Promise<void>((resolve) => clock.at(clock.now() + 50_000, resolve)),
    });
    const children = [{ id: "slow", start: child(slow, undefined, { name: "slow" }), shutdown: 60_000 }];
    await system.start(defineSupervisor({ strategy: "oneForOne", children }), undefined, { id: "patient" });
    const before = system.whereis("slow");
    const told = world.tell<ApiError>("restartChild", { id: world.idOf("patient"), child: "slow" });
    await clock.advance(30_000);
    const { status, body } = await told;
    expect(`${status} ${body.error.message}`).toBe(
      "504 the child has not ended in time; it is started anew as soon as it has",
    );
    await clock.advance(20_000);
    const after = system.whereis("slow");
    expect([after === undefined, after === before]).toEqual([false, false]);
  });

  test("restartChild is refused for what is no child of a supervisor", async () => {
    const world = await withPair();
    const listener = await world.open({ acceptors: 1 });
    await world.connect(listener);
    const supervisor = world.idOf(`sockets/listener_sup:${listener.id}/connection_sup`);
    const statuses = [
      await world.tell("restartChild", { id: world.idOf("pair"), child: "three" }),
      await world.tell("restartChild", { id: world.idOf("pair/one"), child: "one" }),
      await world.tell("restartChild", { id: supervisor, child: "1" }),
      await world.tell("restartChild", { id: "1.1.gone", child: "one" }),
    ].map(({ status }) => status);
    expect(statuses).toEqual([404, 409, 404, 404]);
    expect(listener.currentClients).toBe(1);
  });

  test("trace shows the types of messages, numbered, until it is switched off", async () => {
    const world = await withPair();
    const id = world.idOf("pair/one");
    await world.tell("trace", { id, on: true });
    for (const text of ["a", "b", "c"]) world.system.send("one", { type: "keep", text });
    await world.settle();
    const { events, isTraced } = await traceOf(world, "pair/one");
    expect(isTraced).toBe(true);
    expect(events.map(({ number, direction, type }) => [number, direction, type])).toEqual([
      [1, "in", "keep"],
      [2, "in", "keep"],
      [3, "in", "keep"],
    ]);
    expect((await traceOf(world, "pair/one", 2)).events.map(({ number }) => number)).toEqual([3]);
    await world.tell("trace", { id, on: false });
    world.system.send("one", { type: "keep", text: "d" });
    await world.settle();
    expect(await traceOf(world, "pair/one")).toMatchObject({ isTraced: false, events: [] });
  });

  test("trace ends by itself when an actor has had 10,000 messages", async () => {
    const world = await withPair();
    await world.tell("trace", { id: world.idOf("pair/one"), on: true });
    for (let index = 0; index < 10_500; index += 1) world.system.send("one", { type: "keep", text: "" });
    await world.settle();
    await world.settle();
    const { isTraced, events } = await traceOf(world, "pair/one");
    expect([isTraced, events.at(-1)?.number, events.length]).toEqual([false, 10_000, 200]);
    expect(await sys.getStatus(world.system, "one")).toMatchObject({ log: [] });
  });

  test("trace takes eight actors at once, of which those that have died or have had their share make room", async () => {
    const world = await InspectedWorld.create();
    const { system } = world;
    for (let index = 0; index < 11; index += 1) {
      system.spawn(keeper, "first", { id: `actor-${index}`, name: `actor-${index}` });
    }
    await world.settle();
    const trace = async (index: number): Promise<number> =>
      (await world.tell("trace", { id: world.idOf(`actor-${index}`), on: true })).status;
    for (let index = 0; index < 8; index += 1) expect(await trace(index)).toBe(200);
    expect(await trace(8)).toBe(503);
    await world.tell("kill", { id: world.idOf("actor-2") });
    for (let count = 0; count < 10_000; count += 1) system.send("actor-3", { type: "keep", text: "" });
    await world.settle();
    await world.settle();
    // What they have heard can be read until somebody else needs the place.
    expect((await traceOf(world, "actor-3")).events.length).toBe(200);
    expect([await trace(8), await trace(9), await trace(10)]).toEqual([200, 200, 503]);
    expect((await traceOf(world, "actor-3")).events).toEqual([]);
    expect((await traceOf(world, "actor-0")).isTraced).toBe(true);
  });

  test("name an actor by its id or its pid, however that is written, and by one of the two", async () => {
    const world = await withPair();
    const id = world.idOf("pair/one");
    const pid = world.system.whereis("one");
    for (const given of [{ id }, { pid: String(pid) }, { pid: String(pid?.id) }, { pid: pid?.id }]) {
      expect((await world.tell("suspend", given)).status).toBe(200);
      expect(statusOf(world, "one")).toBe("suspended");
      expect((await world.tell("resume", given)).status).toBe(200);
    }
    expect((await world.tell("kill", { pid: pid?.id })).status).toBe(200);
    await world.settle();
    expect(world.system.isAlive(pid as Pid)).toBe(false);
    const bad = [{}, { id, pid: 1 }, { pid: "one" }, { pid: 1.5 }, { pid: -1 }, { pid: null }, { pid: 999_999 }];
    const answers = [];
    for (const body of bad) answers.push(await world.tell<ApiError>("kill", body));
    expect(answers.map(({ status, body }) => `${status} ${body.error.message}`)).toEqual([
      "400 either id or pid is needed",
      "400 either id or pid is needed",
      ...Array<string>(4).fill("400 pid must be a pid such as <0.84>, or its number"),
      "404 there is no such actor; it may have died",
    ]);
  });

  test("each is a line in the log of the program, a warning unless it takes nothing from anybody, without the token", async () => {
    const lines: string[] = [];
    const at = (level: string) => (fields: object, text: string) =>
      void lines.push(`${level} ${text} ${JSON.stringify(fields)}`);
    const logger = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
    const world = await InspectedWorld.create({}, logger);
    await world.system.start(pair, undefined, { id: "pair", name: "pair" });
    const listener = (await world.open()).id;
    const id = world.idOf("pair/one");
    const own = (): string[] => lines.splice(0).filter((line) => line.includes("inspector"));
    await world.tell("suspend", { id });
    await world.tell("resume", { id });
    await world.tell("trace", { id, on: true });
    await world.tell("suspendListener", { listener });
    await world.tell("resumeListener", { listener });
    await world.tell("setMaxClients", { listener, maxClients: 7 });
    await world.tell("deny", { listener, peers: "10.0.0.0/8" });
    await world.tell("removeRule", { listener, rule: "deny 10.0.0.0/8" });
    const said = own();
    expect(said.join()).not.toContain(TOKEN);
    expect(said.map((line) => line.replaceAll(/<0\.\d+>| \{.*/gu, "").replaceAll(listener, "L"))).toEqual([
      "warn inspector, by http: pair/one: suspend ",
      "info inspector, by http: pair/one: resume ",
      "info inspector, by http: pair/one: trace  on",
      "warn inspector, by http: L: suspended",
      "info inspector, by http: L: resumed",
      "warn inspector, by http: L: maxClients 7",
      "warn inspector, by http: L: deny 10.0.0.0/8",
      "warn inspector, by http: L: remove rule deny 10.0.0.0/8",
    ]);
    const pid = String(world.system.whereis("one"));
    await world.tell("kill", { pid });
    const fields = JSON.stringify({ path: "pair/one", command: `kill ${pid}`, by: "http" });
    expect(own()).toEqual([`warn inspector, by http: pair/one: kill ${pid} ${fields}`]);
    // Nobody has a hand in what is refused for want of the token.
    await world.tell("kill", { id: world.idOf("pair/two") }, { authorization: "Bearer wrong" });
    expect(own()).toEqual([]);
  });

  test("each command stands in the log", async () => {
    const world = await withPair();
    await world.tell("suspend", { id: world.idOf("pair/one") });
    await world.tell("resume", { id: world.idOf("pair/one") });
    await world.tell("kill", { id: world.idOf("pair/one") });
    const { body } = await world.ask<LogAnswer>("log?kind=command");
    expect(body.entries.map(({ path, text }) => [path, text.split(" ")[0]])).toEqual([
      ["pair/one", "suspend"],
      ["pair/one", "resume"],
      ["pair/one", "kill"],
    ]);
  });
});

describe("an inspector that is closed", () => {
  test("has the actors go on that were suspended through it, and traces nobody", async () => {
    const world = await withPair();
    await world.tell("suspend", { id: world.idOf("pair/one") });
    await world.tell("trace", { id: world.idOf("pair/two"), on: true });
    world.system.send("one", { type: "keep", text: "later" });
    await world.settle();
    await world.inspector.close();
    expect(await sys.getState(world.system, "one")).toEqual(["first", "later"]);
    const [one, two] = ["one", "two"].map((name) => statusOf(world, name));
    expect([one, two]).toEqual(["waiting", "waiting"]);
  });

  test("has an actor go on that was resumed and suspended at the same time, whichever was told first", async () => {
    for (const commands of [
      ["resume", "suspend"],
      ["suspend", "resume"],
    ]) {
      const world = await withPair();
      const id = world.idOf("pair/one");
      await world.tell("suspend", { id });
      await Promise.all(commands.map((command) => world.tell(command, { id })));
      expect(statusOf(world, "one")).toBe(commands[1] === "suspend" ? "suspended" : "waiting");
      await world.inspector.close();
      expect(statusOf(world, "one")).toBe("waiting");
    }
  });

  test("leaves suspended whom somebody else has suspended too, whoever was first", async () => {
    for (const isFirst of [true, false]) {
      const world = await withPair();
      if (isFirst) await sys.suspend(world.system, "one");
      await world.tell("suspend", { id: world.idOf("pair/one") });
      if (!isFirst) await sys.suspend(world.system, "one");
      await world.inspector.close();
      expect(statusOf(world, "one")).toBe("suspended");
    }
  });

  test("leaves suspended whom it has resumed, or somebody else has, and somebody has suspended since", async () => {
    const world = await withPair();
    for (const id of [world.idOf("pair/one"), world.idOf("pair/two")]) await world.tell("suspend", { id });
    await world.tell("resume", { id: world.idOf("pair/one") });
    await sys.resume(world.system, "two");
    for (const name of ["one", "two"]) await sys.suspend(world.system, name);
    await world.inspector.close();
    expect(["one", "two"].map((name) => statusOf(world, name))).toEqual(["suspended", "suspended"]);
  });

  test("leaves on the trace of somebody else, who has taken its place, and tells nobody who has died", async () => {
    const world = await withPair();
    const seen: unknown[] = [];
    await world.tell("trace", { id: world.idOf("pair/one"), on: true });
    await world.tell("suspend", { id: world.idOf("pair/two") });
    await world.tell("kill", { id: world.idOf("pair/two") });
    await sys.trace(world.system, "one", ({ message }) => void seen.push(message));
    await world.inspector.close();
    world.system.send("one", { type: "keep", text: "a" });
    await world.settle();
    expect(seen).toContainEqual({ type: "keep", text: "a" });
    expect(statusOf(world, "two")).toBe("waiting");
  });
});

describe("commands to listeners", () => {
  test("suspend, resume, limit and rules do what the listener's own functions do", async () => {
    const world = await withPair();
    const listener = await world.open();
    const { id } = listener;
    await world.tell("suspendListener", { listener: id });
    expect(listener.status).toBe("suspended");
    await world.tell("resumeListener", { listener: id });
    expect(listener.status).toBe("running");
    await world.tell("setMaxClients", { listener: id, maxClients: 2 });
    expect(listener.maxClients).toBe(2);
    await world.connect(listener, 5);
    expect(listener.stats).toMatchObject({ accepted: 2, closedMaxLimit: 3 });
    await world.tell("setMaxClients", { listener: id, maxClients: "infinity" });
    await world.tell("deny", { listener: id, peers: "127.0.0.1" });
    await world.connect(listener);
    expect(listener.stats.closedForbidden).toBe(1);
    await world.tell("allow", { listener: id, peers: "127.0.0.0/8" });
    await world.connect(listener);
    expect(listener.currentClients).toBe(3);
    expect(listener.accessRules[0]).toEqual({ allow: "127.0.0.0/8" });
  });

  test("removeRule takes out the one rule that is named, and the others decide from then on", async () => {
    const world = await withPair();
    const listener = await world.open({ accessRules: [{ deny: "127.0.0.1" }, { deny: "10.0.0.0/8" }] });
    const { id } = listener;
    await world.connect(listener);
    expect(listener.stats.closedForbidden).toBe(1);
    const { body: before } = await world.ask<ListenersAnswer>("listeners");
    const [rule, other] = before.listeners[0]?.accessRules ?? [];
    expect((await world.tell("removeRule", { listener: id, rule })).status).toBe(200);
    expect(listener.accessRules).toEqual([{ deny: "10.0.0.0/8" }]);
    await world.connect(listener);
    expect(listener.currentClients).toBe(1);
    expect((await world.tell("removeRule", { listener: id, rule })).status).toBe(404);
    expect((await world.tell("removeRule", { listener: id, rule: other })).status).toBe(200);
    expect(listener.accessRules).toEqual([]);
    const { body } = await world.ask<LogAnswer>("log?kind=command");
    expect(body.entries.map(({ text }) => text)).toEqual([rule, other].map((gone) => `remove rule ${gone}`));
  });

  test("say what was given and what is allowed, by the names that the command has for it", async () => {
    const world = await withPair();
    const listener = (await world.open()).id;
    const { body: limit } = await world.tell<ApiError>("setMaxClients", { listener, maxClients: 0 });
    expect(limit.error.message).toBe('maxClients must be an integer from 1, or "infinity"');
    const { body: rule } = await world.tell<ApiError>("deny", { listener, peers: "everybody" });
    expect(rule.error.message).toMatch(/^peers must be "all", .* or a block such as .*; got "everybody"$/u);
  });

  test("drain answers at once, and the log tells what came of it", async () => {
    const world = await withPair();
    const listener = await world.open();
    await world.connect(listener, 3);
    const { status } = await world.tell("drainListener", { listener: listener.id, timeoutMs: 1000 });
    expect(status).toBe(200);
    await world.clock.advance(5000);
    expect(listener.status).toBe("down");
    const { body } = await world.ask<LogAnswer>("log?kind=command");
    expect(body.entries.at(-1)?.text).toMatch(/^drained: \d connections ended, \d were killed$/u);
  });

  test("are refused with what is wrong with them", async () => {
    const world = await withPair();
    const listener = (await world.open()).id;
    const statuses = [
      await world.tell("setMaxClients", { listener, maxClients: 0 }),
      await world.tell("setMaxClients", { listener, maxClients: "many" }),
      await world.tell("setMaxClients", { listener }),
      await world.tell("deny", { listener, peers: "everybody" }),
      await world.tell("deny", { listener }),
      await world.tell("drainListener", { listener, timeoutMs: -1 }),
      await world.tell("suspendListener", { listener: "nobody:1" }),
    ].map(({ status }) => status);
    expect(statuses).toEqual([400, 400, 400, 400, 400, 400, 404]);
  });
});
