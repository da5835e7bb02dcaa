import { type ExitReason, formatTree, type Pid, shutdown } from "@espalier/actors";
import { type PacketCallbacks, type ConnectionInput, packetMachine } from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import { toConnectionDefinition } from "../src/handler.ts";
import { toListenerConfig } from "../src/options.ts";
import { echo } from "./support/handlers.ts";
import { useWorld, world } from "./support/server-world.ts";
import type { SocketRecorder } from "./support/socket-recorder.ts";

useWorld("memory");

/** The states of the connections, the oldest first. */
function statesOf(): Array<string | undefined> {
  return world.system
    .inspect()
    .processes.filter(({ definition }) => definition === "connection")
    .map(({ summary }) => summary);
}

/** A connection that nobody hands a socket. */
function withoutSocket(callbacks: PacketCallbacks = { onData() {} }): Pid {
  const connection = {} as ConnectionInput["connection"];
  const config = toListenerConfig({ socketReadyTimeoutMs: 15_000 });
  return world.system.spawn(toConnectionDefinition(packetMachine(callbacks)), { connection, config });
}

/** How a connection ends that is left to what `end` does to it. */
async function endOf(end: (client: SocketRecorder) => unknown) {
  const listener = await world.open(echo, { idleTimeoutMs: 120_000 });
  const client = await world.connect(listener);
  await world.settle();
  await end(client);
  await world.until(() => world.of("connectionStopped").length === 1);
  const [reason] = world.of("connectionStopped").map((stop) => stop.reason);
  return { reason, counts: listener.shutdownCounts };
}

describe("WAIT_FOR_SOCKET", () => {
  test("is where it begins; the hand-off leads to WAIT_FOR_DATA", async () => {
    const pid = withoutSocket();
    await world.settle();
    expect(statesOf()).toEqual(["WAIT_FOR_SOCKET"]);
    world.system.kill(pid);
    await world.connect(await world.open(echo));
    await world.settle();
    expect(statesOf()).toEqual(["WAIT_FOR_DATA"]);
    expect(formatTree(world.system.inspect())).toMatch(/1 <0\.\d+> machine \(127\.0\.0\.1:\d+, WAIT_FOR_DATA\)/);
  });

  test("ends when no socket comes: shutdown handOffTimeout", async () => {
    const ended = world.system.exited(withoutSocket());
    await world.manual.advance(14_999);
    expect(statesOf()).toEqual(["WAIT_FOR_SOCKET"]);
    await world.manual.advance(1);
    expect(await ended).toEqual(shutdown("handOffTimeout"));
  });

  test("ends when it is told to", async () => {
    const pid = withoutSocket();
    await world.settle();
    const ended = world.system.exited(pid);
    world.system.exit(pid, shutdown());
    expect(await ended).toEqual(shutdown());
  });
});

describe("WAIT_FOR_DATA", () => {
  test("greets once, before anything else", async () => {
    const calls: string[] = [];
    const greeter = packetMachine({
      onReady(connection) {
        calls.push("ready");
        connection.send("220 welcome\r\n");
      },
      onData: (_connection, data) => void calls.push(Buffer.from(data).toString()),
    });
    const client = await world.connect(await world.open(greeter, { packet: "line" }));
    client.write("EHLO\nQUIT\n");
    expect(await client.text(13)).toBe("220 welcome\r\n");
    await world.settle();
    expect(calls).toEqual(["ready", "EHLO\n", "QUIT\n"]);
  });

  test("handles one packet after the other, and lets the next in when it is done", async () => {
    const waiting: number[] = [];
    const machine = packetMachine({
      onData(connection, data) {
        const self = world.system.inspect().processes.find(({ definition }) => definition === "connection");
        waiting.push(self?.mailboxLength ?? -1);
        connection.send(data);
      },
    });
    const client = await world.connect(await world.open(machine, { packet: "line" }));
    client.write("1\n2\n3\n4\n");
    expect(await client.text(8)).toBe("1\n2\n3\n4\n");
    expect(waiting).toEqual([0, 0, 0, 0]);
  });

  test("ends with the client's end: shutdown peerClosed", async () => {
    expect(await endOf((client) => client.end())).toEqual({
      reason: shutdown("peerClosed"),
      counts: { peerClosed: 1 },
    });
  });

  test("ends with an error of the socket: shutdown socketError", async () => {
    expect(await endOf((client) => client.close("reset"))).toEqual({
      reason: shutdown("socketError"),
      counts: { socketError: 1 },
    });
  });

  test("ends when the client is silent: shutdown idleTimeout", async () => {
    expect(await endOf(() => world.manual.advance(120_000))).toEqual({
      reason: shutdown("idleTimeout"),
      counts: { idleTimeout: 1 },
    });
  });

  test("ends with its listener: shutdown", async () => {
    const listener = await world.open(echo);
    const client = await world.connect(listener);
    await world.settle();
    await listener.close();
    expect(await client.next("closed")).toBeUndefined();
    expect(world.of("connectionStopped").map(({ reason }) => reason)).toEqual([shutdown()] satisfies ExitReason[]);
    expect(listener.shutdownCounts).toEqual({ shutdown: 1 });
  });

  test.for(["onReady", "onData"] as const)("crashes with what %s throws", async (callback) => {
    const broken = packetMachine({
      onData: () => undefined,
      [callback]: () => {
        throw new Error(`no ${callback}`);
      },
    });
    const client = await world.connect(await world.open(broken));
    client.write("hello");
    expect(await client.next("closed")).toBeUndefined();
    expect(world.of("connectionStopped")).toMatchObject([
      { reason: { type: "error", error: { message: `no ${callback}` } } },
    ]);
    expect(world.logged.splice(0)).toHaveLength(2);
  });
});

test("it is a machine of XState, with the states of the tutorial and one for each end", () => {
  expect(Object.keys(echo.states)).toEqual([
    "WAIT_FOR_SOCKET",
    "WAIT_FOR_DATA",
    "handOffTimeout",
    "peerClosed",
    "closed",
    "idleTimeout",
    "socketError",
    "tooManyUnsentBytes",
    "packetTimeout",
    "shutDown",
  ]);
});

describe("a callback that closes its connection", () => {
  const ways: ReadonlyArray<readonly [string, PacketCallbacks]> = [
    ["close, at a packet", { onData: (connection) => connection.close() }],
    ["abort, at a packet", { onData: (connection) => connection.abort() }],
    ["close, at once", { onReady: (connection) => connection.close(), onData() {} }],
  ];
  test.each(ways)("is through with it: %s", async (_name, callbacks) => {
    const listener = await world.open(packetMachine(callbacks), { maxClients: 1 });
    const client = await world.connect(listener);
    client.write("bye");
    await world.until(() => listener.currentClients === 0);
    expect(listener.shutdownCounts).toEqual({ closed: 1 });
  });

  test("has sent what it sent before", async () => {
    const machine = packetMachine({
      onData(connection, data) {
        connection.send(data);
        connection.close();
      },
    });
    const client = await world.connect(await world.open(machine));
    client.write("bye");
    await client.next("closed");
    expect(client.received.toString()).toBe("bye");
  });
});
