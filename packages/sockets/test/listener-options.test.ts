import { CallExitError, sys } from "@espalier/actors";
import type { ListenerOptions } from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import { echo, fragileEcho } from "./support/handlers.ts";
import { transports, useWorld, world } from "./support/server-world.ts";
import type { SocketRecorder } from "./support/socket-recorder.ts";

async function echoes(client: SocketRecorder, text = "alive"): Promise<boolean> {
  const before = client.receivedBytes;
  client.write(text);
  await client.until(() => client.isClosed || client.receivedBytes === before + text.length);
  return !client.isClosed;
}

describe.each(transports)("%s", (transport) => {
  useWorld(transport);

  describe("setOptions", () => {
    test("changes what is given and leaves the rest; connections are not touched", async () => {
      const listener = await world.open(echo, { maxClients: 1, acceptors: 2, packet: "line" });
      const first = await world.connect(listener);
      await listener.setOptions({ maxClients: 2, packet: "raw" });
      expect(listener.info.options).toMatchObject({ maxClients: 2, acceptors: 2, packet: "raw" });
      const second = await world.connect(listener);
      expect(await echoes(second, "no line")).toBe(true);
      expect(await echoes(first, "a line\n")).toBe(true);
      expect(await world.startConnecting(listener).next("closed")).toBe("ECONNRESET");
      expect(listener.stats).toMatchObject({ accepted: 2, closedMaxLimit: 1 });
    });

    test("a limit that is lowered ends nobody, and lets in nobody until there is a place", async () => {
      const listener = await world.open(echo, { maxClients: 3 });
      const clients = await world.connectMany(listener, 3);
      await listener.setOptions({ maxClients: 1 });
      expect(await Promise.all(clients.map((client) => echoes(client)))).toEqual([true, true, true]);
      for (const client of clients.slice(1)) client.end();
      await world.until(() => listener.currentClients === 1);
      expect(await world.startConnecting(listener).next("closed")).toBe("ECONNRESET");
    });

    test("access rules count from the next connection on", async () => {
      const listener = await world.open(echo);
      const client = await world.connect(listener);
      await listener.setOptions({ accessRules: [{ deny: "127.0.0.1" }] });
      expect(await world.startConnecting(listener).next("closed")).toBe("ECONNRESET");
      expect(await echoes(client)).toBe(true);
      expect(listener.accessRules).toEqual([{ deny: "127.0.0.1/32" }].map(() => expect.anything() as unknown));
      expect(listener.stats.closedForbidden).toBe(1);
    });

    test("there are as many acceptors as it says, and they serve", async () => {
      const listener = await world.open(echo, { acceptors: 4 });
      for (const acceptors of [9, 1, 3]) {
        await listener.setOptions({ acceptors });
        expect(await listener.acceptors()).toHaveLength(acceptors);
        expect(await echoes(await world.connect(listener))).toBe(true);
      }
    });

    test("a restart of the acceptors keeps to the new number", async () => {
      const listener = await world.open(echo, { acceptors: 4 });
      await listener.setOptions({ acceptors: 2 });
      await world.kill(world.pidOf(listener, "listener"));
      expect(world.logged.splice(0)).toHaveLength(1);
      expect(await listener.acceptors()).toHaveLength(2);
      expect(await echoes(await world.connect(listener))).toBe(true);
    });

    test("with any fault changes nothing, and names each", async () => {
      const listener = await world.open(echo, { maxClients: 7 });
      const before = listener.info.options;
      const bad = { maxClients: 0, acceptors: 5, nonsense: true } as never;
      await expect(listener.setOptions(bad)).rejects.toMatchObject({
        code: "ERR_INVALID_OPTION",
        issues: [{ option: "maxClients" }, { option: "nonsense" }],
      });
      expect(listener.info.options).toEqual(before);
      expect(await listener.acceptors()).toHaveLength(16);
    });

    test("socket options are those of the next connection", async () => {
      const listener = await world.open(echo, { noDelay: true, keepAlive: false });
      await listener.setOptions({ noDelay: false, keepAlive: true });
      await world.connect(listener);
      await world.until(() => world.socketOptions.length === 1);
      expect(world.socketOptions).toEqual([{ noDelay: false, keepAlive: true }]);
    });

    test("a new handler is that of the next connection, and others keep theirs", async () => {
      const listener = await world.open(echo);
      const before = await world.connect(listener);
      expect(await echoes(before)).toBe(true);
      listener.setHandler(fragileEcho);
      const after = await world.connect(listener);
      expect([await echoes(before), await echoes(after)]).toEqual([true, true]);
      for (const client of [before, after]) client.write("boom");
      await after.next("closed");
      expect(await echoes(before)).toBe(true);
      expect(listener.shutdownCounts).toEqual({ error: 1 });
      expect(world.logged.splice(0).length).toBeGreaterThan(0);
    });

    test("undefined is not given: such an option has its default again", async () => {
      const listener = await world.open(echo, { maxClients: 7, acceptors: 3 });
      await listener.setOptions({ maxClients: undefined } as unknown as ListenerOptions);
      expect(listener.info.options).toMatchObject({ maxClients: 1024, acceptors: 3 });
    });

    test("what was set outlives reopening, and a second open that is refused changes nothing of it", async () => {
      const listener = await world.open(echo, { maxClients: 7, acceptors: 3, backlog: 5 });
      await listener.setOptions({ maxClients: 2 });
      await expect(world.open(echo, { maxClients: 9 })).rejects.toMatchObject({ code: "ERR_LISTENER_EXISTS" });
      const again = await world.sockets.reopen("echo", "127.0.0.1:0");
      world.listeners.push(again);
      expect(again.info.options).toEqual(listener.info.options);
      expect(again.info.options).toMatchObject({ maxClients: 2, acceptors: 3, backlog: 5 });
      expect(await again.acceptors()).toHaveLength(3);
    });

    test("resetOptions begins with the defaults", async () => {
      const listener = await world.open(echo, { maxClients: 7, acceptors: 3 });
      await listener.resetOptions({ acceptors: 2 });
      expect(listener.info.options).toMatchObject({ maxClients: 1024, acceptors: 2 });
      expect(await listener.acceptors()).toHaveLength(2);
    });
  });

  describe("suspend and resume", () => {
    test("a suspended listener takes nobody, keeps its connections, and comes back on its port", async () => {
      const listener = await world.open(echo);
      const { port } = listener;
      const client = await world.connect(listener);
      await listener.suspend();
      expect(listener.status).toBe("suspended");
      expect(await world.startConnecting(port).next("closed")).toBe("ECONNREFUSED");
      expect(await echoes(client)).toBe(true);
      await listener.resume();
      expect([listener.status, listener.port]).toEqual(["running", port]);
      expect(await echoes(await world.connect(listener))).toBe(true);
      expect(await echoes(client)).toBe(true);
    });

    test("doing it twice changes nothing", async () => {
      const listener = await world.open(echo);
      await listener.suspend();
      await listener.suspend();
      await listener.resume();
      await listener.resume();
      expect(await echoes(await world.connect(listener))).toBe(true);
    });

    test("one that was opened paused begins when it is resumed", async () => {
      const listener = await world.open(echo, { paused: true });
      expect([listener.status, listener.isRunning]).toEqual(["suspended", true]);
      await listener.resume();
      expect(await echoes(await world.connect(listener))).toBe(true);
    });

    test("while the address is taken it cannot be resumed, says so, and can be later", async () => {
      const listener = await world.open(echo);
      await listener.suspend();
      const other = await world.open(echo, { name: "other", on: `127.0.0.1:${listener.port}` });
      await expect(listener.resume()).rejects.toMatchObject({ code: "ERR_LISTEN", reason: "EADDRINUSE" });
      expect(listener.status).toBe("suspended");
      await other.close();
      await listener.resume();
      expect(await echoes(await world.connect(listener))).toBe(true);
    });

    test("a crash of the suspended listener does not wake it", async () => {
      const listener = await world.open(echo);
      await listener.suspend();
      await world.kill(world.pidOf(listener, "listener"));
      expect(world.logged.splice(0)).toHaveLength(1);
      expect(listener.status).toBe("suspended");
      await listener.resume();
      expect(await echoes(await world.connect(listener))).toBe(true);
    });

    test("closing a suspended one is closing", async () => {
      const listener = await world.open(echo);
      await listener.suspend();
      await listener.close();
      expect(listener.status).toBe("down");
      await expect(listener.resume()).rejects.toMatchObject({ code: "ERR_UNKNOWN_LISTENER" });
    });
  });
});

describe("changes of options at the same time", () => {
  useWorld("memory");

  test("count one behind the other, and there are as many acceptors as the last says", async () => {
    const listener = await world.open(echo, { acceptors: 2 });
    const counts = [6, 4, 9, 3].map((acceptors) => listener.setOptions({ acceptors, backlog: acceptors }));
    await Promise.all(counts);
    expect(listener.info.options).toMatchObject({ acceptors: 3, backlog: 3 });
    expect(await listener.acceptors()).toHaveLength(3);
  });

  test("each are undone alone when they fail, whatever has come meanwhile", async () => {
    const listener = await world.open(echo, { maxClients: 7, acceptors: 2 });
    const acceptors = world.pidOf(listener, "acceptor_sup");
    await sys.suspend(world.system, acceptors);
    const first = listener.setOptions({ acceptors: 5, backlog: 9 }).catch((error: unknown) => error);
    const second = listener.setOptions({ maxClients: 8 });
    const rules = [listener.deny("10.0.0.1"), listener.deny("10.0.0.2"), listener.deny("10.0.0.1")];
    await world.settle();
    await world.kill(acceptors);
    expect(world.logged.splice(0)).toHaveLength(1);
    expect(await first).toBeInstanceOf(CallExitError);
    await second;
    expect(await Promise.all(rules)).toEqual([true, true, false]);
    expect(listener.info.options).toMatchObject({ maxClients: 8, acceptors: 2, backlog: 1024 });
    expect(listener.accessRules).toEqual([{ deny: "10.0.0.2/32" }, { deny: "10.0.0.1/32" }, { allow: "all" }]);
    expect(await listener.acceptors()).toHaveLength(2);
  });
});

describe("recovery", () => {
  useWorld("memory");

  test("one that cannot listen when it is started anew recovers as soon as it can", async () => {
    const listener = await world.open(echo);
    const client = await world.connect(listener);
    const { port } = listener;
    const actor = world.pidOf(listener, "listener");
    const squatter = await new Promise<{ close(): void }>((resolve) => {
      world.listening.findLast(() => true)?.close();
      const socket = world.transport.listen(
        { host: "127.0.0.1", port, backlog: 1, noDelay: true, keepAlive: false },
        {
          listening: () => resolve(socket),
          failed: () => resolve({ close: () => undefined }),
          accepted: () => undefined,
          closed: () => undefined,
        },
      );
    });
    await world.settle();
    expect(world.system.isAlive(actor)).toBe(false);
    expect(listener.status).toBe("recovering");
    expect(await echoes(client)).toBe(true);
    await world.manual.advance(100 + 200 + 400);
    expect(listener.status).toBe("recovering");
    squatter.close();
    await world.settle();
    await world.manual.advance(799);
    expect(listener.status).toBe("recovering");
    await world.manual.advance(1);
    expect([listener.status, listener.port]).toEqual(["running", port]);
    expect(await echoes(await world.connect(listener))).toBe(true);
    expect(await echoes(client)).toBe(true);
    // The loss is a crash of the listener. That it cannot listen is said once, and not at each try.
    expect(world.logged.splice(0).slice(2)).toEqual([
      expect.stringMatching(/^warn listener echo:127.0.0.1:0 cannot listen any more, and goes on trying: /u),
    ]);
  });
});
