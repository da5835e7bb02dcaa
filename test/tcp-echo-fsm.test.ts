import { type ActorRef, fromAsync, fromMachine, type Pid, shutdown, sys } from "@espalier/actors";
import { type ConnectionInput, encodeFrame, type Listener } from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import { tcpEchoFsm, UndefinedEventError } from "../examples/tcp-echo-fsm/machine.ts";
import { transports, useWorld, world } from "../packages/sockets/test/support/server-world.ts";
import type { SocketRecorder } from "../packages/sockets/test/support/socket-recorder.ts";

// One test for each thing that the connection of OTP's tutorial does, and one for each that it does wrong. Those begin
// with "unlike the tutorial's".

const packet = 2;

/** The only connection, and its client. */
interface Pair {
  readonly listener: Listener;
  readonly client: SocketRecorder;
  readonly pid: Pid;
}

async function connected(handler: object = tcpEchoFsm): Promise<Pair> {
  const listener = await world.open(handler, { packet });
  const client = await world.connect(listener);
  await world.until(() => listener.stats.accepted === 1);
  await world.settle();
  const [pid] = (await listener.connections()) as [Pid];
  return { listener, client, pid };
}

/** A connection to which nobody hands a socket. */
function withoutSocket(): Pid {
  const connection = { peername: { host: "10.0.0.1", port: 1 } } as ConnectionInput["connection"];
  const config = { socketReadyTimeoutMs: 15_000 } as ConnectionInput["config"];
  return world.system.spawn(fromMachine(tcpEchoFsm, { trapExit: true }), { connection, config });
}

/** Sends what no type would let through. */
function tell(pid: Pid, message: unknown): void {
  world.system.send(pid as unknown as ActorRef<unknown>, message);
}

/** An actor that is linked to this one and then crashes. */
function crashBeside(pid: Pid): void {
  const helper = fromAsync(async (self) => {
    self.link(pid);
    throw new Error("boom");
  });
  world.system.spawn(helper);
}

function stateOf(pid: Pid): string | undefined {
  return world.system.inspect().processes.find((process) => process.pid === pid)?.summary;
}

/** What machines have logged since this was last asked for. */
function said(): string[] {
  return world.told.splice(0).filter((text) => !text.startsWith("progress: "));
}

/** What a client gets back for these packets. */
function echoOf(...texts: readonly string[]): Buffer {
  return Buffer.concat(texts.map((text) => encodeFrame(packet, text)));
}

/** Waits until just before the end, and then until the end. */
async function expectEndAfter(pid: Pid, ms: number): Promise<unknown> {
  const ended = world.system.exited(pid);
  await world.manual.advance(ms - 1);
  expect(world.system.isAlive(pid)).toBe(true);
  await world.manual.advance(1);
  expect(world.system.isAlive(pid)).toBe(false);
  return ended;
}

/** What others may send by mistake, and how the log calls it. */
const strangers: ReadonlyArray<readonly [string, string, (pid: Pid) => void]> = [
  ["an event of somebody else's", "hello", (pid) => tell(pid, { type: "hello" })],
  ["a message that is no event", "info", (pid) => tell(pid, "hello")],
  ["a message that is nothing", "info", (pid) => tell(pid, undefined)],
  ["a cast", "hello", (pid) => world.system.cast(pid as never, { type: "hello" } as never)],
  ["the crash of an actor that is linked to it", "exit", crashBeside],
];

describe("WAIT_FOR_SOCKET", () => {
  useWorld("memory");

  test("is where it begins, with exits trapped", async () => {
    const pid = withoutSocket();
    await world.settle();
    expect(stateOf(pid)).toBe("WAIT_FOR_SOCKET");
    const { trapExit } = await sys.getStatus(world.system, pid);
    expect(trapExit).toBe(true);
  });

  test("unlike the tutorial's, does not wait for ever for a hand-off that was lost: 15 s", async () => {
    expect(await expectEndAfter(withoutSocket(), 15_000)).toEqual(shutdown("handOffTimeout"));
  });

  test("counts that time only until the hand-off", async () => {
    const { pid } = await connected();
    await world.manual.advance(15_000);
    expect(stateOf(pid)).toBe("WAIT_FOR_DATA");
  });

  const early: typeof strangers = [
    ["data", "data", (pid) => tell(pid, { type: "data", data: new Uint8Array(1) })],
    ["a timeout", "timeout", (pid) => tell(pid, { type: "timeout" })],
  ];

  test.for([...early, ...strangers])("logs %s as unexpected, and stays", async ([, name, send]) => {
    const pid = withoutSocket();
    send(pid);
    await world.settle();
    expect(said()).toEqual([`Unexpected message: ${name}`]);
    expect(stateOf(pid)).toBe("WAIT_FOR_SOCKET");
    world.logged.splice(0);
  });

  test("is not prolonged by what comes instead of the socket", async () => {
    const pid = withoutSocket();
    await world.manual.advance(10_000);
    tell(pid, { type: "hello" });
    expect(await expectEndAfter(pid, 5000)).toEqual(shutdown("handOffTimeout"));
  });
});

describe.each(transports)("the hand-off on %s", (transport) => {
  useWorld(transport);

  test("leads to WAIT_FOR_DATA, and lets in one packet of bytes behind a length of two", async () => {
    const packets: Array<Uint8Array | string> = [];
    const keeping = tcpEchoFsm.provide({
      actions: { send: (_, data) => void packets.push(data), activate: ({ context }) => activateOnce(context) },
    });
    let isFirst = true;
    function activateOnce({ connection }: ConnectionInput): void {
      if (isFirst) connection.activate("once");
      isFirst = false;
    }
    const { client, pid } = await connected(keeping);
    expect(stateOf(pid)).toBe("WAIT_FOR_DATA");
    client.write(Buffer.from([0, 2, 104, 105, 0, 1, 33]));
    await world.settle();
    expect(packets).toEqual([Buffer.from("hi")]);
  });

  test("loses nothing that was sent before it: that waits in the socket", async () => {
    const listener = await world.open(tcpEchoFsm, { packet, acceptors: 1 });
    const [acceptor] = (await listener.acceptors()) as [Pid];
    await sys.suspend(world.system, acceptor);
    const client = await world.connect(listener);
    client.write(echoOf("early", "bird"));
    await world.settle();
    expect([listener.currentClients, client.receivedBytes]).toEqual([0, 0]);
    await sys.resume(world.system, acceptor);
    expect(await client.bytes(13)).toEqual(echoOf("early", "bird"));
  });

  test("unlike the tutorial's, does not crash over a peer that is gone, and knows who it was", async () => {
    const listener = await world.open(tcpEchoFsm, { packet, acceptors: 1 });
    const [acceptor] = (await listener.acceptors()) as [Pid];
    await sys.suspend(world.system, acceptor);
    const client = await world.connect(listener);
    const port = world.portOf(client);
    await world.settle();
    client.close("reset");
    await client.next("closed");
    await world.settle();
    await sys.resume(world.system, acceptor);
    const { peer, reason } = await world.stopped();
    expect([peer, reason]).toEqual([{ host: "127.0.0.1", port }, shutdown("socketError")]);
    expect(said()).toEqual([`127.0.0.1:${port}: error`]);
    expect(world.system.inspect().crashes).toBe(0);
  });
});

describe("a peer that is gone before its address is known", () => {
  useWorld("memory");

  test("unlike the tutorial's, is counted and starts nothing that could crash", async () => {
    const listener = await world.open(tcpEchoFsm, { packet });
    const client = world.startConnecting(listener, {
      react: (name, self) => name === "connected" && self.close("reset"),
    });
    await client.next("closed");
    await world.settle();
    expect(listener.stats).toMatchObject({ accepted: 0, closedOther: 0, discarded: 1 });
    expect(world.of("connectionStarted")).toEqual([]);
    expect(world.system.inspect().crashes).toBe(0);
  });
});

describe.each(transports)("data on %s", (transport) => {
  useWorld(transport);

  test("goes back as it came, packet by packet, the empty one too", async () => {
    const { client, pid } = await connected();
    const texts = ["hello", "", "x".repeat(65_535), "bye"];
    client.write(echoOf(...texts));
    const echo = echoOf(...texts);
    expect((await client.bytes(echo.length)).equals(echo)).toBe(true);
    expect(stateOf(pid)).toBe("WAIT_FOR_DATA");
  });

  test("goes back also when something was ignored between two packets", async () => {
    const { client, pid } = await connected();
    client.write(echoOf("one"));
    await client.bytes(5);
    for (const [, , send] of strangers) send(pid);
    client.write(echoOf("two"));
    expect(await client.bytes(10)).toEqual(echoOf("one", "two"));
    expect(said()).toHaveLength(strangers.length);
    world.logged.splice(0);
  });

  test("unlike the tutorial's, is asked for when the packet before it has been answered, and not before", async () => {
    const steps: string[] = [];
    const noting = tcpEchoFsm.provide({
      actions: {
        send({ context: { connection } }, data) {
          steps.push(`answer ${Buffer.from(data).toString()}`);
          connection.send(data);
        },
        activate({ context: { connection } }) {
          steps.push("ask");
          connection.activate("once");
        },
      },
    });
    const { client } = await connected(noting);
    client.write(echoOf("one", "two"));
    await client.bytes(10);
    expect(steps).toEqual(["ask", "answer one", "ask", "answer two", "ask"]);
  });

  test("unlike the tutorial's, waits in the socket and not in the mailbox of a machine that is slow", async () => {
    const { client, pid } = await connected();
    await sys.suspend(world.system, pid);
    const texts = Array.from({ length: 100 }, (_, index) => `packet ${index}`);
    client.write(echoOf(...texts));
    await world.settle();
    expect((await sys.getStatus(world.system, pid)).mailboxLength).toBe(1);
    await sys.resume(world.system, pid);
    const echo = echoOf(...texts);
    expect((await client.bytes(echo.length)).equals(echo)).toBe(true);
  });
});

describe("120 s without an event", () => {
  useWorld("memory");

  test("after the hand-off end the connection in order, with a line in the log", async () => {
    const { listener, client, pid } = await connected();
    const port = world.portOf(client);
    expect(await expectEndAfter(pid, 120_000)).toEqual(shutdown("idleTimeout"));
    expect(said()).toEqual([`127.0.0.1:${port}: timeout`]);
    expect(listener.shutdownCounts).toEqual({ idleTimeout: 1 });
    expect(await client.next("closed")).toBeUndefined();
  });

  test("begin anew with each packet", async () => {
    const { client, pid } = await connected();
    for (let beat = 1; beat <= 3; beat += 1) {
      await world.manual.advance(119_999);
      client.write(echoOf("beat"));
      await client.bytes(6 * beat);
    }
    expect(await expectEndAfter(pid, 120_000)).toEqual(shutdown("idleTimeout"));
  });

  test("do not begin anew with half a packet, which is no event", async () => {
    const { client, pid } = await connected();
    await world.manual.advance(60_000);
    client.write(echoOf("hello").subarray(0, 4));
    expect(await expectEndAfter(pid, 60_000)).toEqual(shutdown("idleTimeout"));
  });

  test.for(strangers)("begin anew with %s, which is logged as ignored", async ([, name, send]) => {
    const { pid } = await connected();
    await world.manual.advance(119_999);
    send(pid);
    await world.settle();
    expect(said()).toEqual([`Ignoring data: ${name}`]);
    expect(stateOf(pid)).toBe("WAIT_FOR_DATA");
    expect(await expectEndAfter(pid, 120_000)).toEqual(shutdown("idleTimeout"));
    world.logged.splice(0);
  });

  test("begin anew with a second hand-off, which is ignored and lets nothing in", async () => {
    const { pid } = await connected();
    await world.manual.advance(119_999);
    tell(pid, { type: "socketReady" });
    await world.settle();
    expect(said()).toEqual(["Ignoring data: socketReady"]);
    expect(await expectEndAfter(pid, 120_000)).toEqual(shutdown("idleTimeout"));
  });
});

describe.each(transports)("the end of the socket on %s", (transport) => {
  useWorld(transport);

  test("by its client ends the connection in order, after the last answer, with a line in the log", async () => {
    const { listener, client } = await connected();
    const port = world.portOf(client);
    client.write(echoOf("last"));
    client.end();
    expect((await world.stopped()).reason).toEqual(shutdown("peerClosed"));
    expect(await client.next("closed")).toBeUndefined();
    expect(client.received).toEqual(echoOf("last"));
    expect(said()).toEqual([`127.0.0.1:${port}: closed`]);
    expect(listener.shutdownCounts).toEqual({ peerClosed: 1 });
  });

  test("unlike the tutorial's, by an error ends the connection in order, too", async () => {
    const { listener, client } = await connected();
    const port = world.portOf(client);
    client.close("reset");
    expect((await world.stopped()).reason).toEqual(shutdown("socketError"));
    expect(said()).toEqual([`127.0.0.1:${port}: error`]);
    expect(listener.shutdownCounts).toEqual({ socketError: 1 });
    expect(world.system.inspect().crashes).toBe(0);
  });
});

describe("in both states", () => {
  useWorld("memory");
  const states = ["WAIT_FOR_SOCKET", "WAIT_FOR_DATA"] as const;

  async function actorIn(state: (typeof states)[number]): Promise<Pid> {
    const pid = state === "WAIT_FOR_SOCKET" ? withoutSocket() : (await connected()).pid;
    await world.settle();
    expect(stateOf(pid)).toBe(state);
    return pid;
  }

  test.for([
    ["closed", "peerClosed"],
    ["error", "socketError"],
  ])("%s ends it: shutdown %s", async ([type, detail]) => {
    for (const state of states) {
      const pid = await actorIn(state);
      const ended = world.system.exited(pid);
      tell(pid, { type, reason: "ECONNRESET" });
      expect(await ended).toEqual(shutdown(detail));
    }
  });

  test.for(states)(
    "%s: an event for all states crashes it, with the state and the event as the cause",
    async (state) => {
      const pid = await actorIn(state);
      const ended = world.system.exited(pid);
      tell(pid, { type: "allState", event: "dance" });
      const error = { state, event: { type: "allState", event: "dance" } };
      expect(await ended).toMatchObject({ type: "error", error: expect.any(UndefinedEventError) as unknown });
      expect(await ended).toMatchObject({ error });
      expect(world.logged.splice(0).join("\n")).toContain(`allState in ${state} is undefined`);
    },
  );

  test.for(states)("%s: a call crashes it as well, and the caller hears of that", async (state) => {
    const pid = await actorIn(state);
    const reason = { type: "error", error: { state, event: { type: "call", request: { type: "dance" } } } };
    await expect(world.system.call(pid as never, { type: "dance" } as never)).rejects.toMatchObject({ reason });
    expect(world.logged.splice(0).join("\n")).toContain(`call in ${state} is undefined`);
  });

  test.for(states)("%s: unlike the tutorial's, a message that is no event crashes nobody", async (state) => {
    const pid = await actorIn(state);
    tell(pid, ["no", "event"]);
    await world.settle();
    expect([stateOf(pid), world.system.inspect().crashes]).toEqual([state, 0]);
  });

  test.for(states)("%s: unlike the tutorial's, the crash of a linked actor crashes nobody else", async (state) => {
    const pid = await actorIn(state);
    crashBeside(pid);
    await world.settle();
    expect([stateOf(pid), world.system.inspect().crashes]).toEqual([state, 1]);
    expect(world.logged.splice(0)).toHaveLength(1);
  });

  test("the exit of its parent ends it at once, though it traps exits", async () => {
    const waiting = await actorIn("WAIT_FOR_SOCKET");
    const ended = world.system.exited(waiting);
    world.system.exit(waiting, shutdown());
    expect(await ended).toEqual(shutdown());

    const { listener, pid } = await connected();
    const stopped = world.system.exited(pid);
    await listener.close();
    expect(await stopped).toEqual(shutdown());
    expect(said()).toEqual([]);
  });
});

describe.each(transports)("however it ends on %s", (transport) => {
  useWorld(transport);

  const ends: ReadonlyArray<readonly [string, (pair: Pair) => void]> = [
    ["killed", ({ pid }) => world.system.kill(pid)],
    ["crashed", ({ pid }) => tell(pid, { type: "allState", event: "dance" })],
    ["timed out", ({ pid }) => tell(pid, { type: "timeout" })],
    ["with its listener", ({ listener }) => void listener.close()],
  ];

  test.for(ends)("%s: the socket is closed behind what was sent", async ([, end]) => {
    const pair = await connected();
    pair.client.write(echoOf("hello"));
    await pair.client.bytes(7);
    end(pair);
    expect(await pair.client.next("closed")).toBeUndefined();
    expect(pair.client.received).toEqual(echoOf("hello"));
    await world.stopped();
    await world.settle();
    world.logged.splice(0);
  });
});

describe("a change of its code to the same", () => {
  useWorld("memory");

  test("leaves it as it was: its state, its socket, and what is left of its time", async () => {
    const { listener, client, pid } = await connected();
    await world.manual.advance(60_000);
    const before = await sys.getState(world.system, pid);
    await expect(listener.upgrade(tcpEchoFsm)).resolves.toEqual({ upgraded: 1, stayed: [] });
    expect(await sys.getState(world.system, pid)).toEqual(before);
    expect(await expectEndAfter(pid, 60_000)).toEqual(shutdown("idleTimeout"));
    expect(await client.next("closed")).toBeUndefined();
  });

  test("costs it no packet", async () => {
    const { listener, client } = await connected();
    client.write(echoOf("one"));
    await client.bytes(5);
    await listener.upgrade(tcpEchoFsm);
    client.write(echoOf("two"));
    expect(await client.bytes(10)).toEqual(echoOf("one", "two"));
  });
});
