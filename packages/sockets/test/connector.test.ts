import {
  type ActorRef,
  type Call,
  type Callable,
  type Castable,
  type Exit,
  normal,
  type Pid,
  shutdown,
  sys,
} from "@espalier/actors";
import { connector, type ConnectorMeta, fromConnector, type Listener, type ListenerOptions } from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import { transports, useWorld, world } from "./support/server-world.ts";

const lines: ListenerOptions = { packet: "line" };

async function only(listener: Listener): Promise<Pid> {
  await world.until(() => listener.stats.accepted > 0);
  return (await listener.connections())[0] as Pid;
}

type Calls = Call<"count", number> | Call<"later", string>;

/** All callbacks, each of which notes that it was called. */
function noting() {
  const notes: string[] = [];
  const note = (text: string): void => {
    notes.push(text);
    world.changed();
  };
  const handler = fromConnector<{
    state: number;
    call: Calls;
    cast: string;
    event: string;
    info: { text: string } | Exit;
  }>({
    name: "noting",
    connectorInit({ config, active, lastCallback }) {
      note(`connectorInit ${config.packet as "line"} ${active} ${lastCallback}`);
      return connector.ok({ state: 0, packet: ["welcome", "\n"] });
    },
    handlePacket(packet, state, { lastMessage }) {
      note(`handlePacket ${Buffer.from(packet).toString().trim()} ${state} ${packet === lastMessage}`);
      return connector.ok({ state: state + 1 });
    },
    handleCall(request, from, state) {
      note(`handleCall ${request.type}`);
      if (request.type === "count") return connector.ok({ reply: { from, value: state } });
      return connector.close({ packet: "bye\n", reply: [{ from, value: "closing" }] });
    },
    handleCast(message, state) {
      note(`handleCast ${message} ${state}`);
      return connector.ok({ packet: `${message}\n` });
    },
    async handleEvent(event) {
      note(`handleEvent ${event}`);
      await Promise.resolve();
      return connector.ok({ state: 100 });
    },
    handleInfo(message, state) {
      note(`handleInfo ${"text" in message ? message.text : message.type} ${state}`);
      return connector.ok();
    },
    handleDisconnect(state, { disconnected }) {
      note(`handleDisconnect ${disconnected} ${state}`);
      return connector.ok({ packet: "I have seen you go\n" });
    },
    terminate(reason, state, { lastCallback, connection }) {
      note(`terminate ${reason.type} ${state} ${lastCallback} ${connection.isOpen}`);
    },
  });
  return { notes, handler };
}

function greeting(word: string) {
  return fromConnector<{ state: { word: string } }>({
    connectorInit: () => connector.ok({ state: { word } }),
    handlePacket: (_packet, state) => connector.ok({ packet: `${state.word}\n` }),
    codeChange: (state, extra) => ({ word: `${(state as { word: string }).word}, ${JSON.stringify(extra)}` }),
  });
}

describe.each(transports)("%s", (transport) => {
  useWorld(transport);

  test("each callback is called for what it is about, with the state of the one before", async () => {
    const { notes, handler } = noting();
    const listener = await world.open(handler, lines);
    const client = await world.connect(listener);
    client.write("one\n");
    await world.until(() => notes.length === 2);
    const pid: Pid = await only(listener);
    world.system.cast<string>(pid as Castable<string>, "cast");
    connector.notify(world.system, pid, "event");
    world.system.send<object>(pid as ActorRef<object>, { text: "info" });
    await world.until(() => notes.length === 5);
    expect(await world.system.call<Calls, { type: "count" }>(pid as Callable<Calls>, { type: "count" })).toBe(100);
    client.write("two\n");
    await world.until(() => notes.length === 7);
    client.end();
    await client.next("closed");
    expect(client.received.toString()).toBe("welcome\ncast\nI have seen you go\n");
    expect((await world.stopped()).reason).toEqual(shutdown("peerClosed"));
    expect(notes).toEqual([
      "connectorInit line true connectorInit",
      "handlePacket one 0 true",
      "handleCast cast 1",
      "handleEvent event",
      "handleInfo info 100",
      "handleCall count",
      "handlePacket two 100 true",
      "handleDisconnect peerClosed 101",
      "terminate shutdown 101 terminate false",
    ]);
  });

  test("close sends, answers, and ends as normal, with the socket open in terminate", async () => {
    const { notes, handler } = noting();
    const listener = await world.open(handler, lines);
    const client = await world.connect(listener);
    const pid = await only(listener);
    expect(await world.system.call<Calls, { type: "later" }>(pid as Callable<Calls>, { type: "later" })).toBe(
      "closing",
    );
    expect(await client.next("closed")).toBeUndefined();
    expect(client.received.toString()).toBe("welcome\nbye\n");
    expect((await world.stopped()).reason).toEqual({ type: "normal" });
    expect(notes.at(-1)).toBe("terminate normal 0 terminate true");
  });

  test("stop ends with its reason, and what it sends goes out", async () => {
    const handler = fromConnector({
      handlePacket: () => connector.stop(shutdown("enough"), { packet: "stop it\n" }),
    });
    const listener = await world.open(handler, lines);
    const client = await world.connect(listener);
    client.write("a\nb\n");
    expect(await client.next("closed")).toBeUndefined();
    expect(client.received.toString()).toBe("stop it\n");
    expect(listener.shutdownCounts).toEqual({ enough: 1 });
  });

  test("a passive one reads nothing, until it says how much", async () => {
    const handler = fromConnector<{ state: string[]; cast: number; call: Call<"seen", string[]> }>({
      active: false,
      connectorInit: () => connector.ok({ state: [] }),
      handlePacket: (packet, seen) =>
        connector.ok({ state: [...seen, Buffer.from(packet).toString()], active: seen.length < 1 }),
      handleCast: (length) => connector.ok({ active: true, length }),
      handleCall: (_request, from, seen) => connector.ok({ reply: { from, value: seen } }),
    });
    const listener = await world.open(handler);
    const client = await world.connect(listener);
    const pid = await only(listener);
    client.write("abcdefghij");
    await world.settle();
    expect(listener.connectionOf(pid)?.bytesReceived).toBe(0);
    type Seen = Call<"seen", string[]>;
    const seen = () => world.system.call<Seen, { type: "seen" }>(pid, { type: "seen" });
    world.system.cast<number>(pid as Castable<number>, 3);
    await world.settle();
    expect(await seen()).toEqual(["abc", "def"]);
    world.system.cast<number>(pid as Castable<number>, 4);
    await world.settle();
    expect(await seen()).toEqual(["abc", "def", "ghij"]);
  });

  test("may have nothing to do, or refuse to begin", async () => {
    const idle = fromConnector({ connectorInit: () => connector.ignore(), handlePacket: () => connector.ok() });
    const unwilling = fromConnector({
      connectorInit: () => connector.stop(shutdown("unwilling")),
      handlePacket: () => connector.ok(),
    });
    for (const [index, handler] of [idle, unwilling].entries()) {
      const listener = await world.open(handler, { name: `refusing ${index}` });
      const client = world.startConnecting(listener);
      await client.next("closed");
      await world.until(() => listener.stats.closedOther === 1);
      expect(listener.stats).toMatchObject({ accepted: 0 });
    }
  });

  test("changes its code while it runs", async () => {
    const listener = await world.open(greeting("hello"), lines);
    const client = await world.connect(listener);
    client.write("?\n");
    await client.text(6);
    expect(await listener.upgrade(greeting("goodbye"))).toEqual({ upgraded: 1, stayed: [] });
    client.write("?\n");
    expect(await client.text(16)).toBe("hello\nhello, {}\n");
    const pid = await only(listener);
    expect(await sys.getState(world.system, pid)).toEqual({ word: "hello, {}" });
    await sys.replaceState(world.system, pid, () => ({ word: "replaced" }));
    client.write("?\n");
    expect(await client.text(25)).toBe("hello\nhello, {}\nreplaced\n");
  });
});

describe("what a callback must not return", () => {
  useWorld("memory");

  type Options = Parameters<typeof connector.ok>[0];
  const bad: ReadonlyArray<readonly [string, unknown, string]> = [
    ["nothing", undefined, "noting.handlePacket returned undefined; expected ok, close or stop"],
    ["a server's return", { type: "noreply", state: 1 }, "noting.handlePacket returned { type, state }; expected ok"],
    ["an unknown option", connector.ok({ packets: "x" } as Options), "packets is not an option (did you mean packet?)"],
    ["a negative time", connector.ok({ timeoutMs: -1 }), "timeoutMs must be milliseconds from 0"],
    ["two faults", connector.close({ srtimeoutMs: "x" as "infinity", active: 1 as never }), "2 invalid options"],
    ["a hint that is none", connector.ok({ hibernate: "soon" as never }), "hibernate must be true or false"],
    ["a packet that is none", connector.ok({ packet: ["one", 2] as never }), "packet must be bytes or text"],
    [
      "a time that is too long",
      connector.ok({ timeoutMs: 2 ** 31 }),
      "timeoutMs must be milliseconds from 0 to 2147483647",
    ],
    ["a length with a framing", connector.ok({ length: 3 }), 'length must be "any", since packets are cut'],
    ["an answer to nobody", connector.ok({ reply: { from: {} as never, value: 1 } }), "reply.from must be the `from`"],
  ];

  test.for(bad)("%s crashes it, and the error names it", async ([, result, message]) => {
    const handler = fromConnector({ name: "noting", handlePacket: () => result as never });
    const client = await world.connect(await world.open(handler, lines));
    client.write("?\n");
    const { reason } = await world.stopped();
    expect(reason).toMatchObject({ type: "error", error: { message: expect.stringContaining(message) } });
    expect(world.logged.splice(0)).toHaveLength(2);
  });

  test("a callback that is missing crashes it when there is something for it", async () => {
    const listener = await world.open(fromConnector({ handlePacket: () => connector.ok() }));
    await world.connectMany(listener, 2);
    const [one, other] = (await listener.connections()) as [Pid, Pid];
    world.system.send<object>(one as ActorRef<object>, { type: "nobody expects this" });
    world.system.cast<object>(other as Castable<object>, {});
    expect((await world.stopped()).reason).toMatchObject({ error: { code: "ERR_MISSING_CALLBACK" } });
    expect(world.system.isAlive(one)).toBe(true);
    expect(world.logged.splice(0)).toHaveLength(3);
  });
});

describe("with time", () => {
  useWorld("memory");

  test("timeout is called after each time of complete silence, until another is given", async () => {
    const notes: string[] = [];
    const handler = fromConnector<{ cast: number | "infinity" }>({
      connectorInit: () => connector.ok({ timeoutMs: 1000 }),
      handlePacket: () => connector.ok(),
      handleCast: (timeoutMs) => connector.ok({ timeoutMs }),
      timeout(_state, { timeoutMs }) {
        notes.push(`${timeoutMs} at ${world.manual.now()}`);
        return connector.ok();
      },
    });
    const listener = await world.open(handler);
    const client = await world.connect(listener);
    const pid = await only(listener);
    await world.manual.advance(900);
    client.write("x");
    await world.manual.advance(999);
    expect(notes).toEqual([]);
    await world.manual.advance(1001);
    expect(notes).toEqual(["1000 at 1900", "1000 at 2900"]);
    world.system.cast<number>(pid as Castable<number>, 50);
    await world.manual.advance(100);
    expect(notes.slice(2)).toEqual(["50 at 2950", "50 at 3000"]);
    world.system.cast<"infinity">(pid as Castable<"infinity">, "infinity");
    await world.manual.advance(10_000);
    expect(notes).toHaveLength(4);
  });

  test("srtimeout is called when a packet does not come, however many messages do", async () => {
    const notes: number[] = [];
    const handler = fromConnector<{ cast: string }>({
      connectorInit: () => connector.ok({ srtimeoutMs: 1000, length: 3 }),
      handlePacket: (packet) => connector.ok({ packet }),
      handleCast: () => connector.ok(),
      srtimeout(_state, meta: ConnectorMeta) {
        notes.push(world.manual.now());
        return notes.length < 2 ? connector.ok() : connector.stop(shutdown(`${meta.lastCallback} ${meta.length}`));
      },
    });
    const listener = await world.open(handler);
    const client = await world.connect(listener);
    const pid = await only(listener);
    for (let beat = 0; beat < 9; beat += 1) {
      await world.manual.advance(100);
      world.system.cast<string>(pid as Castable<string>, "hurry");
    }
    client.write("abc");
    await world.manual.advance(0);
    client.write("de");
    await world.manual.advance(999);
    expect(notes).toEqual([]);
    await world.manual.advance(1);
    client.write("f");
    await world.manual.advance(0);
    expect(client.received.toString()).toBe("abcdef");
    await world.manual.advance(1000);
    expect(notes).toEqual([1900, 2900]);
    expect(listener.shutdownCounts).toEqual({ "srtimeout 3": 1 });
  });

  test("exits of others come to it only if it traps them", async () => {
    const seen: string[] = [];
    const trapping = fromConnector<{ info: Exit }>({
      trapExit: true,
      handlePacket: () => connector.ok(),
      handleInfo(message) {
        seen.push(message.type);
        return connector.ok();
      },
    });
    const ignorant = fromConnector({ handlePacket: () => connector.ok() });
    for (const handler of [trapping, ignorant]) {
      const listener = await world.open(handler, { name: handler === trapping ? "trapping" : "ignorant" });
      await world.connect(listener);
      const pid = await only(listener);
      world.system.exit(pid, shutdown("together"));
      await world.settle();
      expect(world.system.isAlive(pid)).toBe(handler === trapping);
    }
    expect(seen).toEqual(["exit"]);
  });

  test("exits of others are no messages to one that does not trap them, be they normal or its own end", async () => {
    const notes: string[] = [];
    const note = (text: string) => {
      notes.push(text);
      return connector.ok();
    };
    const handler = fromConnector<{ info: Exit }>({
      connectorInit: () => connector.ok({ timeoutMs: 1000 }),
      handlePacket: () => connector.ok(),
      handleInfo: ({ type }) => note(type),
      timeout: () => note("timeout"),
    });
    const listener = await world.open(handler);
    await world.connect(listener);
    const pid = await only(listener);
    await world.manual.advance(999);
    world.system.exit(pid, normal);
    await world.manual.advance(1);
    // It was no sign of life either.
    expect(notes).toEqual(["timeout"]);
    world.system.exit(pid, shutdown("together"));
    await world.settle();
    expect([notes, world.system.isAlive(pid)]).toEqual([["timeout"], false]);
  });
});
