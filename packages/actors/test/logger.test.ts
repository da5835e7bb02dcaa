import {
  type Context,
  defineServer,
  fromMachine,
  type Logger,
  noreply,
  ok,
  type Process,
  silentLogger,
} from "@espalier/actors";
import { describe, expect, test } from "vitest";
import { setup } from "xstate";
import { createWorld } from "./support/world.ts";

/** A logger that keeps its lines, each with its level. */
function collector(): { readonly logger: Logger; readonly lines: string[]; readonly fields: object[] } {
  const lines: string[] = [];
  const fields: object[] = [];
  const at = (level: string) => (given: object, text: string) => {
    fields.push(given);
    lines.push(`${level} ${text}`);
  };
  return { logger: { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") }, lines, fields };
}

function fail(): never {
  throw new Error("the disk is full");
}

type Order = (self: Context<Order>) => void;

/** Does what it is told, as a step of its own. */
const obedient = defineServer<{ state: undefined; info: Order }>({
  name: "obedient",
  init: () => ok(undefined),
  handleInfo(order, state, self) {
    if (typeof order === "function") order(self);
    return noreply(state);
  },
});

const crash: Order = () => {
  throw new Error("boom");
};

describe("what is logged of an actor", () => {
  test("goes to its own logger, or that of the nearest ancestor which has one, or the system's", async () => {
    const [system, outer, inner] = [collector(), collector(), collector()];
    const world = createWorld({ logger: system.logger });
    const seen: Logger[] = [];
    const below = (logger: Logger | undefined, next: Order): Order => {
      return (self) => {
        seen.push(self.logger);
        self.send(self.spawn(obedient, undefined, logger === undefined ? {} : { logger }), next);
      };
    };
    const note: Order = (self) => void seen.push(self.logger);
    const orders = below(outer.logger, below(undefined, below(inner.logger, below(undefined, note))));
    world.system.send(world.system.spawn(obedient), orders);
    await world.system.idle();
    expect(seen).toEqual([system.logger, outer.logger, outer.logger, inner.logger, inner.logger]);
  });

  test("includes its crash, its warnings and its lines, and nothing of that reaches another logger", async () => {
    const [system, own] = [collector(), collector()];
    const world = createWorld({ logger: system.logger });
    const pid = world.system.spawn(obedient, undefined, { logger: own.logger, id: "it" });
    world.system.send(pid, (self) => {
      self.logger.info({ user: 7 }, "hello");
      // Behaviours see the same object as a process.
      const process = self as unknown as Process;
      process.warn("odd");
      process.log("debug", { kind: "fact" }, "fine");
    });
    world.system.send(pid, crash);
    await world.system.idle();
    expect(own.lines.map((line) => line.replace(/<.*/, "…"))).toEqual([
      "info hello",
      "warn odd",
      "debug fine",
      "error crash in it …",
    ]);
    const printed = pid.toString();
    expect(own.fields).toEqual([
      { user: 7 },
      { actor: printed, path: "it" },
      { actor: printed, path: "it", kind: "fact" },
      { report: "crash", actor: printed, path: "it", err: new Error("boom") },
    ]);
    expect(system.lines).toEqual([]);
  });

  test("finds a crash: who and where, in which state and at what, by name alone; and no field is one of pino's own", async () => {
    const own = collector();
    const world = createWorld({ logger: own.logger });
    const types: { events?: { type: "order"; secret: string } } = {};
    const machine = setup({
      types,
      actions: {
        fail: () => {
          throw new Error("boom");
        },
      },
    }).createMachine({ initial: "open", states: { open: { on: { order: { actions: "fail" } } } } });
    const pid = world.system.spawn(fromMachine(machine), undefined, { id: "it", label: "192.0.2.1:5000" });
    world.system.send(pid, { type: "order", secret: "sesame" });
    await world.system.idle();
    const who = { actor: pid.toString(), path: "it", label: "192.0.2.1:5000" };
    expect(own.fields).toEqual([{ report: "crash", ...who, state: "open", message: "order", err: new Error("boom") }]);
    expect(JSON.stringify(own)).not.toContain("sesame");
    const pinos = new Set(["level", "time", "pid", "hostname", "name", "msg"]);
    expect(Object.keys(own.fields[0] ?? {}).filter((key) => pinos.has(key))).toEqual([]);
  });

  test("outlives the ancestor that had the logger", async () => {
    const [system, own] = [collector(), collector()];
    const world = createWorld({ logger: system.logger });
    const parent = world.system.spawn(obedient, undefined, { logger: own.logger });
    const orphan: { pid?: ReturnType<typeof world.system.spawn> } = {};
    world.system.send(parent, (self) => void (orphan.pid = self.spawn(obedient)));
    await world.system.idle();
    world.system.kill(parent);
    await world.system.idle();
    if (orphan.pid !== undefined) world.system.send<Order>(orphan.pid, crash);
    await world.system.idle();
    expect([own.lines.length, system.lines]).toEqual([1, []]);
  });

  test("costs nothing else when the logger throws: the crash is the actor's own, and links are told of it", async () => {
    const logger: Logger = { debug: fail, info: fail, warn: fail, error: fail };
    const world = createWorld({ logger });
    const pid = world.system.spawn(obedient);
    const ended = world.system.exited(pid);
    world.system.send(pid, crash);
    expect(await ended).toEqual({ type: "error", error: new Error("boom") });
  });

  test("is not even put into words where nobody listens", async () => {
    const world = createWorld({ logger: collector().logger });
    let described = 0;
    const shy = new Proxy(silentLogger, {
      get: (target, name) => {
        if (name !== "then") described += 1;
        return Reflect.get(target, name) as unknown;
      },
    });
    const quiet = world.system.spawn(obedient, undefined, { logger: silentLogger });
    const heard = world.system.spawn(obedient, undefined, { logger: shy });
    world.system.send(quiet, crash);
    world.system.send(heard, crash);
    await world.system.idle();
    expect(described).toBe(1);
  });
});

test("a label that may change is asked for each time, unless the actor has given itself one", async () => {
  const world = createWorld();
  const peer = { label: "10.0.0.1" };
  const pid = world.system.spawn(obedient, undefined, { label: peer });
  const labelOf = (): string | undefined => world.system.inspect(pid)?.label;
  expect(labelOf()).toBe("10.0.0.1");
  peer.label = "192.0.2.7";
  expect(labelOf()).toBe("192.0.2.7");
  world.system.send<Order>(pid, (self) => void (self.label = "mine"));
  await world.system.idle();
  peer.label = "192.0.2.8";
  expect(labelOf()).toBe("mine");
});
