import { networkInterfaces } from "node:os";
import { defineServer, formatTree, noreply, ok, type Pid, sys } from "@espalier/actors";
import { connectionMachine, type ListenOn, type ListenerOptions, startSockets } from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import { fromPromise } from "xstate";
import { echo, puppetry } from "./support/handlers.ts";
import { transports, useWorld, world } from "./support/server-world.ts";
import type { SocketRecorder } from "./support/socket-recorder.ts";

/** Fails unless the client gets back what it sends. */
async function expectEcho(client: SocketRecorder, text = "hello"): Promise<void> {
  const before = client.receivedBytes;
  client.write(text);
  const received = await client.bytes(before + text.length);
  expect(received.subarray(before).toString()).toBe(text);
}

/** The table process, which hears nothing for now. */
async function suspended(): Promise<Pid> {
  const server = world.system.whereis("sockets.server") as Pid;
  await sys.suspend(world.system, server);
  return server;
}

function actorCount(): number {
  return world.system.inspect().processes.length;
}

describe.each(transports)("%s", (transport) => {
  useWorld(transport);

  describe("opening", () => {
    const everywhere: ListenOn[] = [0, "0", ":0", { port: 0 }];
    const here: ListenOn[] = ["127.0.0.1:0", { host: "127.0.0.1", port: 0 }];

    test.for([...everywhere, ...here])("on %j finds a free port, and clients find the server", async (on) => {
      const listener = await world.open(echo, { on });
      expect(listener.port).toBeGreaterThan(0);
      expect(listener.address.host).toBe(here.includes(on) ? "127.0.0.1" : "::");
      await expectEcho(await world.connect(listener));
    });

    test("on a port takes that port", async () => {
      const { port } = await world.open(echo);
      await world.listeners[0]?.close();
      const listener = await world.open(echo, { on: port });
      expect([listener.port, listener.id]).toEqual([port, `echo:${port}`]);
      await expectEcho(await world.connect(port));
    });

    test("asks the transport for what the options say, and for the defaults of what they do not", async () => {
      await world.open(echo, { name: "asking", backlog: 7, noDelay: false, keepAlive: true });
      await world.open(echo, { on: 0 });
      expect(world.listenedOn).toEqual([
        { host: "127.0.0.1", port: 0, backlog: 7, noDelay: false, keepAlive: true },
        { port: 0, backlog: 1024, noDelay: true, keepAlive: false },
      ]);
    });

    test("several listeners serves each with its own handler, options and counts", async () => {
      const { handler, puppets } = puppetry();
      const listeners = [
        await world.open(echo, { name: "first" }),
        await world.open(echo, { name: "second", packet: 2 }),
        await world.open(handler, { name: "third" }),
      ];
      const clients = await Promise.all(listeners.map((listener) => world.connect(listener)));
      const [first, second, third] = clients as [SocketRecorder, SocketRecorder, SocketRecorder];
      await expectEcho(first, "raw");
      await expectEcho(second, "\0\u0003abc");
      third.write("unheard");
      await world.until(() => puppets[0]?.heard.length === 1);
      expect(listeners.map(({ currentClients }) => currentClients)).toEqual([1, 1, 1]);
      expect(listeners.map(({ stats }) => stats.accepted)).toEqual([1, 1, 1]);
      expect(new Set(listeners.map(({ port }) => port)).size).toBe(3);
    });

    test("twice under one name and address is refused: ERR_LISTENER_EXISTS; the first goes on", async () => {
      const listener = await world.open(echo, { on: 0 });
      const client = await world.connect(listener);
      await expect(world.open(echo, { on: 0 })).rejects.toMatchObject({
        code: "ERR_LISTENER_EXISTS",
        listener: "echo:0",
        message: "listener echo:0 is open already; another one on a free port needs a name of its own",
      });
      await expectEcho(client);
      expect(world.sockets.listeners()).toHaveLength(1);
    });

    test("gives the one handle of its listener, whoever asks for it later", async () => {
      const listener = await world.open(echo, { on: 6000 });
      expect(world.sockets.listeners()[0]).toBe(listener);
      expect(world.sockets.listener(listener.name, 6000)).toBe(listener);
    });

    test("on a port in use fails with one clear line, and leaves nothing running: ERR_LISTEN", async () => {
      const listener = await world.open(echo);
      const client = await world.connect(listener);
      await world.settle();
      const actors = actorCount();
      const on = `127.0.0.1:${listener.port}`;
      await expect(world.open(echo, { name: "other", on })).rejects.toMatchObject({
        code: "ERR_LISTEN",
        host: "127.0.0.1",
        port: listener.port,
        reason: "EADDRINUSE",
        message: `cannot listen on ${on}: address already in use (EADDRINUSE)`,
      });
      expect(actorCount()).toBe(actors);
      expect(world.sockets.listeners().map(({ id }) => id)).toEqual([listener.id]);
      expect(world.logged.splice(0).map((text) => /context: +(\w+)/.exec(text)?.[1])).toEqual(["startError"]);
      await expectEcho(client);
      await listener.close();
      const second = await world.open(echo, { name: "other", on });
      await expectEcho(await world.connect(second));
    });

    test("with invalid options names every fault at once, and starts nothing: ERR_INVALID_OPTION", async () => {
      const actors = actorCount();
      const options = {
        acceptors: 0,
        maxClients: "many",
        packet: 3,
        idleTimout: 5,
        accessRules: [{ allow: "all" }, { deny: "nobody" }],
      } as unknown as ListenerOptions;
      const refusal = await world.open(echo, options).catch((error: unknown) => error);
      expect(refusal).toMatchObject({ code: "ERR_INVALID_OPTION" });
      const { issues } = refusal as { issues: ReadonlyArray<{ option: string }> };
      expect(issues.map(({ option }) => option).toSorted((left, right) => left.localeCompare(right))).toEqual([
        "acceptors",
        "accessRules[1].deny",
        "idleTimout",
        "maxClients",
        "packet",
      ]);
      expect(actorCount()).toBe(actors);
    });

    test.for(["127.0.0.1", "[::1", 65_536, "300.0.0.1:0", { host: "127.0.0.1" }] as ListenOn[])(
      "on %j is refused: ERR_INVALID_OPTION",
      async (on) => {
        await expect(world.open(echo, { on })).rejects.toMatchObject({ code: "ERR_INVALID_OPTION" });
        expect(world.sockets.listeners()).toEqual([]);
      },
    );

    test("with a machine that invokes a promise: it is done within the connection, which answers from what it gives", async () => {
      const lookUp = fromPromise(({ input }: { input: string }) => Promise.resolve(`hello ${input}\n`));
      const greeter = connectionMachine()
        .extend({ actors: { lookUp } })
        .createMachine({
          context: ({ input }) => ({ connection: input.connection }),
          initial: "waiting",
          states: {
            waiting: { on: { socketReady: "looking" } },
            looking: {
              invoke: {
                src: "lookUp",
                input: ({ context }) => context.connection.peername.host,
                onDone: { target: "greeted", actions: { type: "send", params: ({ event }) => event.output } },
              },
            },
            greeted: {},
          },
        });
      const listener = await world.open(greeter);
      const client = await world.connect(listener);
      expect((await client.bytes(16)).toString()).toBe("hello 127.0.0.1\n");
    });
  });

  describe("closing", () => {
    test("frees the address, for another listener of the same name", async () => {
      const first = await world.open(echo);
      const on = `127.0.0.1:${first.port}`;
      await first.close();
      expect(await world.startConnecting(first).next("closed")).toBe("ECONNREFUSED");
      const second = await world.open(echo, { on });
      await expectEcho(await world.connect(second));
    });

    test("by name and address is closing by the listener", async () => {
      const listener = await world.open(echo);
      await world.sockets.close("echo", "127.0.0.1:0");
      expect([listener.isRunning, world.sockets.listeners()]).toEqual([false, []]);
    });

    test("a listener that is not open is refused: ERR_UNKNOWN_LISTENER", async () => {
      const listener = await world.open(echo);
      await expect(world.sockets.close("echo", 1)).rejects.toMatchObject({
        code: "ERR_UNKNOWN_LISTENER",
        listener: "echo:1",
        message: 'there is no listener named "echo:1"',
      });
      await listener.close();
      await expect(world.sockets.close("echo", "127.0.0.1:0")).rejects.toMatchObject({ code: "ERR_UNKNOWN_LISTENER" });
    });

    test("twice is closing once, and does not close another that was opened since", async () => {
      const first = await world.open(echo);
      await Promise.all([first.close(), first.close()]);
      const second = await world.open(echo);
      expect(second.id).toBe(first.id);
      await first.close();
      expect([first.isRunning, second.isRunning]).toEqual([false, true]);
      await expectEcho(await world.connect(second));
    });

    test("leaves a listener that answers, and remembers what it counted", async () => {
      const listener = await world.open(echo);
      await expectEcho(await world.connect(listener));
      await listener.close();
      expect(listener.isRunning).toBe(false);
      expect([await listener.connections(), await listener.acceptors(), await listener.children()]).toEqual([
        [],
        [],
        [],
      ]);
      expect([listener.currentClients, listener.stats.accepted, listener.shutdownCounts]).toEqual([
        0,
        1,
        { shutdown: 1 },
      ]);
    });
  });

  describe("a server", () => {
    test("lists its listeners, the oldest first", async () => {
      const names = ["c", "a", "b"];
      for (const name of names) await world.open(echo, { name });
      expect(world.sockets.listeners().map(({ name }) => name)).toEqual(names);
      await world.sockets.close("a", "127.0.0.1:0");
      expect(world.sockets.listeners().map(({ id }) => id)).toEqual(["c:127.0.0.1:0", "b:127.0.0.1:0"]);
    });

    test("may stand beside another in one system, with listeners of the same name", async () => {
      const other = await startSockets(world.system, { name: "other", transport: world.watched });
      const [left, right] = [await world.open(echo), await other.open("echo", "127.0.0.1:0", {}, echo)];
      world.listeners.push(right);
      await expectEcho(await world.connect(left));
      await expectEcho(await world.connect(right));
      await left.close();
      await expectEcho(await world.connect(right));
      await right.close();
      expect(left.id).toBe(right.id);
    });

    test("is refused under a name that is taken", async () => {
      await expect(startSockets(world.system, { transport: world.transport })).rejects.toThrow(
        'cannot start a socket server named "sockets": an actor has that name',
      );
    });

    test("whose table process is killed knows its listeners still", async () => {
      const listener = await world.open(echo);
      const client = await world.connect(listener);
      await world.kill(world.system.whereis("sockets.server") as Pid);
      expect(world.sockets.listeners().map(({ id }) => id)).toEqual([listener.id]);
      await expectEcho(client);
      await world.open(echo, { name: "second" });
      await listener.close();
      expect(world.sockets.listeners().map(({ name }) => name)).toEqual(["second"]);
      world.logged.splice(0);
    });

    test("goes down with its system: every socket is closed, every connection accounted for", async () => {
      const [left, right] = [await world.open(echo), await world.open(echo, { name: "second" })];
      const clients = [...(await world.connectMany(left, 5)), ...(await world.connectMany(right, 5))];
      await world.system.shutdown();
      for (const client of clients) expect(await client.next("closed")).toBeUndefined();
      expect(await world.startConnecting(left).next("closed")).toBe("ECONNREFUSED");
      expect(world.of("connectionStopped").map(({ reason }) => reason.type)).toEqual(Array(10).fill("shutdown"));
    });
  });
});

describe("a table process that is busy", () => {
  useWorld("memory");

  test("and is killed then, does not make a listener fail that has been opened, nor one that nobody can close", async () => {
    const server = await suspended();
    const opening = world.open(echo);
    await world.settle();
    await world.kill(server);
    const listener = await opening;
    expect(world.sockets.listeners().map(({ id }) => id)).toEqual([listener.id]);
    await world.sockets.close("echo");
    expect(listener.isRunning).toBe(false);
    world.logged.splice(0);
  });

  test("does not make a close so late that it hits the next listener of that name", async () => {
    const endless = defineServer<{ state: undefined }>({
      trapExit: true,
      init: () => ok(undefined),
      handleInfo: (_message, state) => noreply(state),
      terminate: () => new Promise<void>(() => undefined),
    });
    const first = await world.open(endless, { shutdown: 1000 });
    await world.connectMany(first, 1);
    const closed = first.close();
    await world.settle();
    const server = await suspended();
    const closedAgain = first.close();
    await world.manual.advance(1000);
    await closed;
    const opening = world.open(echo);
    await world.settle();
    await sys.resume(world.system, server);
    await closedAgain;
    expect((await opening).isRunning).toBe(true);
    world.logged.splice(0);
  });
});

describe("the tree", () => {
  useWorld("memory");

  test("is that of eSockd", async () => {
    const listener = await world.open(echo, { acceptors: 2 });
    await world.connectMany(listener, 1);
    expect(formatTree(world.system.inspect())).toMatchInlineSnapshot(`
      "sockets <0.1> supervisor
      ├─ server <0.2> server (name sockets.server)
      └─ listener_sup:echo:127.0.0.1:0 <0.3> supervisor
         ├─ connection_sup <0.4> supervisor
         │  └─ 1 <0.10> machine (127.0.0.1:49153, WAIT_FOR_DATA)
         ├─ listener <0.5> listener (127.0.0.1:49152)
         └─ acceptor_sup <0.6> supervisor (name acceptor_sup:echo:127.0.0.1:0)
            ├─ 1 <0.8> machine (accepting)
            └─ 2 <0.9> machine (accepting)"
    `);
    const children = await listener.children();
    expect(children.map(({ id, type, child }) => [id, type, typeof child])).toEqual([
      ["starter", "worker", "undefined"],
      ["acceptor_sup", "supervisor", "object"],
      ["listener", "worker", "object"],
      ["connection_sup", "supervisor", "object"],
    ]);
    expect(await listener.connections()).toHaveLength(1);
    expect(String(listener)).toBe(`echo on 127.0.0.1:${listener.port}`);
  });
});

const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === "::1"));

describe("IPv6", () => {
  useWorld("tcp");

  test("is listened on; a machine that has none says so clearly", async () => {
    const opened = world.open(echo, { on: "[::1]:0" }).then(async (listener) => {
      await expectEcho(await world.connect(listener, { host: "::1" }));
      return String(listener);
    });
    const outcome = await opened.catch(String);
    world.logged.length = 0;
    expect(outcome).toMatch(
      hasIpv6 ? /^echo on \[::1\]:\d+$/ : /^ListenError: cannot listen on \[::1\]:0: .*\(E\w+\)$/,
    );
  });

  test("and IPv4 come in by one door that is open to all; an IPv4 peer is shown as one", async () => {
    const other = hasIpv6 ? "::1" : "127.0.0.1";
    const listener = await world.open(echo, { on: 0 });
    await expectEcho(await world.connect(listener));
    await expectEcho(await world.connect(listener, { host: other }));
    expect(world.of("connectionStarted").map(({ peer }) => peer.host)).toEqual(["127.0.0.1", other]);
  });
});
