import { type Logger, silentLogger, type TraceEvent } from "@espalier/actors";
import { InvalidOptionError } from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import { echo, fragileEcho, puppetry } from "./support/handlers.ts";
import { useWorld, world } from "./support/server-world.ts";
import { useUdpWorld, world as udpWorld } from "./support/udp-world.ts";

interface Line {
  readonly level: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** A logger that keeps its lines. With `hasChildren` it is one that knows its bindings itself, as pino. */
function collector(hasChildren = false): { readonly logger: Logger; readonly lines: Line[]; children: number } {
  const kept: { logger: Logger; lines: Line[]; children: number } = { logger: silentLogger, lines: [], children: 0 };
  const make = (bindings: object): Logger => {
    const at = (level: string) => (fields: object, text: string) => {
      // What supervisors say of starts, while somebody traces, is there as well.
      if (text.startsWith("progress")) return;
      kept.lines.push({ level, fields: { ...bindings, ...fields }, text });
    };
    const child = (more: object): Logger => {
      kept.children += 1;
      return make({ ...bindings, ...more });
    };
    const methods = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
    return hasChildren ? { ...methods, child } : methods;
  };
  kept.logger = make({});
  return kept;
}

/** Sends a line that its handler does not survive. */
async function crashOne(to: Parameters<typeof world.connect>[0]): Promise<void> {
  const client = await world.connect(to);
  client.write("boom\n");
  await client.until(() => client.isClosed);
  await world.settle();
}

function isAlarm({ text }: Line): boolean {
  return text.includes("alarm");
}

/** What the system's own logger has got. */
function ofSystem(): readonly string[] {
  return [...world.logged, ...world.told].filter((line) => !line.startsWith("progress: sockets started"));
}

describe("a listener's logger", () => {
  useWorld("memory");

  test.each([false, true])("gets all that is logged of its tree, and nobody else does (child: %s)", async (isPino) => {
    const [one, other] = [collector(isPino), collector(isPino)];
    const lines = { packet: "line" } as const;
    const first = await world.open(fragileEcho, { ...lines, name: "one", logger: one.logger, alarms: ALARMS });
    const second = await world.open(fragileEcho, {
      ...lines,
      name: "other",
      logger: other.logger,
      accessRules: [{ deny: "10.0.0.0/8" }],
    });
    await crashOne(first);
    await world.startConnecting(second, { from: "10.1.2.3" }).next("closed");
    await world.settle();
    const [crash, report] = one.lines.filter((line) => !isAlarm(line));
    expect(crash).toMatchObject({ level: "error", fields: { report: "crash", err: new Error("boom") } });
    expect(report).toMatchObject({ level: "error", fields: { report: "supervisor" } });
    expect(one.lines.filter(isAlarm).map(({ text }) => text.includes("alarm set"))).toEqual([true, false]);
    expect(other.lines).toEqual([
      {
        level: "info",
        fields: expect.objectContaining({ reason: "closedForbidden", peer: expect.stringMatching(/^10\.1\.2\.3:/) }),
        text: expect.stringMatching(/^other:127\.0\.0\.1:0: refused 10\.1\.2\.3:\d+: closedForbidden$/),
      },
    ]);
    expect(new Set(one.lines.map(({ fields }) => fields["listener"]))).toEqual(new Set([first.id]));
    expect(new Set(other.lines.map(({ fields }) => fields["listener"]))).toEqual(new Set([second.id]));
    expect([one.children, other.children]).toEqual(isPino ? [1, 1] : [0, 0]);
    expect(ofSystem()).toEqual([]);
  });

  test("is what handlers log by, too, with fields of their own", async () => {
    const { logger, lines } = collector();
    const { handler } = puppetry({
      init: ({ self }) => {
        self.logger.info({ user: 7 }, "hello");
        self.logger.child?.({ session: 3 }).warn({ user: 8 }, "hello again");
        self.logger.error(new Error("odd"), "an error instead of fields");
      },
    });
    const listener = await world.open(handler, { logger });
    await world.connectMany(listener, 1);
    expect(lines).toEqual([
      { level: "info", fields: { listener: listener.id, user: 7 }, text: "hello" },
      { level: "warn", fields: { listener: listener.id, session: 3, user: 8 }, text: "hello again" },
      { level: "error", fields: { listener: listener.id, err: new Error("odd") }, text: "an error instead of fields" },
    ]);
  });

  test("may be changed: what is logged from then on goes to the new one", async () => {
    const [one, other] = [collector(), collector(true)];
    const listener = await world.open(fragileEcho, { packet: "line", logger: one.logger });
    const early = await world.connect(listener);
    await crashOne(listener);
    await listener.setOptions({ logger: other.logger });
    early.write("boom\n");
    await early.until(() => early.isClosed);
    await world.settle();
    expect([one.lines.length, other.lines.length]).toEqual([2, 2]);
    await listener.setOptions({ logger: "system" });
    await crashOne(listener);
    expect([one.lines.length, other.lines.length, world.logged.splice(0).length]).toEqual([2, 2, 2]);
  });

  test("hurts nobody when it throws", async () => {
    const logger = { debug: fail, info: fail, warn: fail, error: fail, child: fail };
    const listener = await world.open(fragileEcho, {
      packet: "line",
      logger,
      alarms: ALARMS,
      maxClients: 2,
    });
    const [neighbour] = await world.connectMany(listener, 1);
    await crashOne(listener);
    const [second] = await world.connectMany(listener, 1);
    await world.startConnecting(listener).next("closed");
    neighbour?.write("still here\n");
    expect(await neighbour?.text(11)).toBe("still here\n");
    expect(second?.isClosed).toBe(false);
    expect(listener.stats).toMatchObject({ accepted: 3, closedMaxLimit: 1 });
    expect(listener.shutdownCounts).toEqual({ error: 1 });
    const restarts = world.events.filter((event: TraceEvent) => event.subject.incarnation > 1);
    expect(restarts).toEqual([]);
  });

  test("hears that the listener is down", async () => {
    const { logger, lines } = collector();
    const listener = await world.open(echo, { logger });
    for (let restart = 0; restart <= 10; restart += 1) await world.kill(world.pidOf(listener, "listener"));
    await world.until(() => lines.some(({ text }) => text.includes("is down")));
    expect(lines.at(-1)).toMatchObject({ level: "error", fields: { listener: listener.id } });
    expect(listener.status).toBe("down");
  });

  test.each([["debug"], ["info"], ["warn"], ["error"]])("that has no %s is refused", async (level) => {
    const logger = { ...silentLogger, [level]: undefined };
    const error = await world.open(echo, { logger }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect((error as InvalidOptionError).issues.map(({ option }) => option)).toEqual(["logger"]);
  });

  test("is no part of what a listener says of itself", async () => {
    const { logger } = collector();
    const { info } = await world.open(echo, { logger });
    expect(info.options).not.toHaveProperty("logger");
  });
});

describe("a UDP listener's logger", () => {
  useUdpWorld("memory");

  test("gets what is logged of its peers and of those it refuses, until another one does", async () => {
    const [one, other] = [collector(), collector(true)];
    const listener = await udpWorld.open(fragileEcho, { logger: one.logger, accessRules: [{ deny: "10.0.0.0/8" }] });
    const [peer, stranger] = [await udpWorld.client(), await udpWorld.client("10.1.2.3")];
    peer.send(listener, "boom");
    stranger.send(listener, "hello");
    await udpWorld.settle(listener);
    expect(one.lines).toMatchObject([
      {
        level: "info",
        fields: { reason: "closedForbidden" },
        text: expect.stringMatching(/: refused 10\.1\.2\.3:\d+: closedForbidden$/),
      },
      { level: "error", fields: { report: "crash", err: new Error("boom") } },
      { level: "error", fields: { report: "supervisor" } },
    ]);
    await listener.setOptions({ logger: other.logger });
    peer.send(listener, "boom");
    await udpWorld.settle(listener);
    expect([one.lines.length, other.lines.length]).toEqual([3, 2]);
    const named = [...one.lines, ...other.lines].map(({ fields }) => fields["listener"]);
    expect(new Set(named)).toEqual(new Set([listener.id]));
    expect([udpWorld.logged, udpWorld.told.filter((line) => !line.startsWith("progress"))]).toEqual([[], []]);
    expect(listener.info.options).not.toHaveProperty("logger");
  });

  test("has ten lines a minute of those who are refused, however many they are, and then their number", async () => {
    const { logger, lines } = collector();
    const listener = await udpWorld.open(fragileEcho, { logger, accessRules: [{ deny: "all" }] });
    const client = await udpWorld.client();
    client.send(listener, ...Array.from({ length: 14 }, String));
    await udpWorld.settle(listener);
    expect([lines.length, listener.stats.closedForbidden]).toEqual([10, 14]);
    await listener.suspend();
    expect(lines.at(-1)?.text).toBe("4 more of closedForbidden were not logged");
  });
});

const ALARMS = { connections: { high: 1, low: 0 }, cooldownMs: 0 };

function fail(): never {
  throw new Error("the disk is full");
}
