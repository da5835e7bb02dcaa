import { type Call, defineServer, fromAsync, noreply, ok, reply } from "@espalier/actors";
import { residue } from "@espalier/actors/testing";
import {
  clientOf,
  connect,
  ConnectError,
  type Connection,
  type ConnectionEvent,
  type ConnectionInput,
  connectionMachine,
  connector,
  defineClient,
  FrameTooLargeError,
  fromConnector,
  NotConnectedError,
  startPool,
} from "@espalier/sockets";
import { child, defineSupervisor, terminateChild } from "@espalier/supervisor";
import { describe, expect, test } from "vitest";
import { addressOf, listening, order, tap, useClients } from "./support/client-world.ts";
import { echo, polite, puppetry } from "./support/handlers.ts";
import { transports, world } from "./support/server-world.ts";

describe.each(transports)("%s", (transport) => {
  useClients(transport);

  describe("a handler of a client", () => {
    test("may be a machine, whose calls are answered", async () => {
      const server = await world.open(echo, { packet: "line" });
      const machine = connectionMachine<{ context: { lines: number }; calls: Call<"count", number> }>().createMachine({
        context: ({ input }) => ({ connection: input.connection, lines: 0 }),
        initial: "waiting",
        states: {
          waiting: { on: { socketReady: { target: "asking", actions: { type: "send", params: "one\n" } } } },
          asking: { entry: "activate", on: { data: "answered" } },
          answered: { on: { call: { actions: { type: "reply", params: ({ event }) => event.request.type.length } } } },
        },
      });
      const { transport: own } = tap();
      const client = await connect(world.system, addressOf(server), { transport: own, packet: "line" }, machine);
      await world.until(() => world.of("connectionStarted").length === 1);
      await world.settle();
      expect(await client.call({ type: "count" })).toBe(5);
    });

    test("may be a connector, the same one as on the server, in a pool too", async () => {
      const both = fromConnector<{ state: string[]; call: { readonly type: "heard" } }>({
        connectorInit: ({ config }) => connector.ok({ state: [], timeoutMs: config.idleTimeoutMs, hibernate: true }),
        handlePacket(packet, state) {
          const text = Buffer.from(packet).toString().trim();
          const answer = text.startsWith("echo ") ? [] : [`echo ${text}\n`];
          world.changed();
          return connector.ok({ state: [...state, text], packet: answer });
        },
        handleCall: (_request, from, state) => connector.ok({ reply: { from, value: state } }),
      });
      const server = await world.open(both, { packet: "line" });
      const options = { transport: tap(2).transport, packet: "line" } as const;
      const client = await connect(world.system, addressOf(server), options, both);
      await client.send("one\n");
      const pool = startPool(world.system, [{ id: "a", to: addressOf(server) }], options, both);
      await pool.connected();
      await pool.send("two\n");
      await world.settle();
      expect([await client.call({ type: "heard" }), await pool.call({ type: "heard" })]).toEqual([
        ["echo one"],
        ["echo two"],
      ]);
      await pool.close();
    });

    test("may be a server", async () => {
      const server = await world.open(echo);
      const answers: string[] = [];
      const handler = defineServer<{ args: ConnectionInput; state: Connection; info: ConnectionEvent }>({
        init: ({ connection }) => ok(connection),
        handleInfo(event, connection) {
          if (event.type === "socketReady") connection.send("hello");
          if (event.type === "data") answers.push(Buffer.from(event.data).toString());
          connection.activate();
          world.changed();
          return noreply(connection);
        },
      });
      await connect(world.system, addressOf(server), { transport: tap().transport }, handler);
      await world.until(() => answers.join("") === "hello");
      expect(answers.join("")).toBe("hello");
    });

    test("may be an async function, whose end ends the client that is not to reconnect", async () => {
      const server = await world.open(echo, { packet: 2 });
      const dialogue = fromAsync<ConnectionEvent, ConnectionInput>(async (self, { connection, config }) => {
        await self.receive({ match: (event) => event.type === "socketReady" });
        connection.send(`framed by ${config.packet as number}`);
        connection.activate();
        const event = await self.receive({ match: (message) => message.type === "data" });
        if (event.type === "data") connection.send(event.data);
        connection.activate();
        await self.receive({ match: (message) => message.type === "data" });
      });
      const options = { transport: tap().transport, packet: 2, reconnect: "never" } as const;
      const client = await connect(world.system, addressOf(server), options, dialogue);
      await world.until(() => world.of("connectionStopped").length === 1);
      await world.settle();
      expect(world.of("clientDisconnected")).toMatchObject([{ kind: "finished", bytesSent: 26, bytesReceived: 26 }]);
      expect(await client.send("too late")).toEqual({ ok: false, error: "stopped" });
    });
  });

  describe("connecting", () => {
    test("to nobody is an error with all that is to be known, and leaves nothing", async () => {
      const server = await world.open(echo);
      await server.close();
      const before = residue(world.system);
      const { handler, connections } = listening();
      const error = await connect(world.system, addressOf(server), { transport: tap().transport }, handler).catch(
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(ConnectError);
      const { port } = server;
      const facts = { code: "ERR_CONNECT", host: "127.0.0.1", port, reason: "ECONNREFUSED", attempt: 1 };
      expect(error).toMatchObject(facts);
      expect(String(error)).toBe(
        `ConnectError: cannot connect to 127.0.0.1:${port}: connection refused (ECONNREFUSED), attempt 1`,
      );
      expect([connections, residue(world.system)]).toEqual([[], before]);
    });

    test("with a handler that does not start is what it has thrown", async () => {
      const server = await world.open(echo);
      const broken = defineServer<{ args: ConnectionInput }>({
        init() {
          throw new Error("no configuration");
        },
      });
      await expect(connect(world.system, addressOf(server), { transport: tap().transport }, broken)).rejects.toThrow(
        "no configuration",
      );
      expect(world.of("clientConnected")).toEqual([]);
      expect(world.logged.splice(0)).not.toEqual([]);
    });

    test("comes from the address that was asked for", async () => {
      const server = await world.open(echo);
      const options = { transport: tap().transport, localHost: "127.0.0.9" };
      await connect(world.system, addressOf(server), options, listening().handler);
      await world.until(() => world.of("connectionStarted").length === 1);
      expect(world.of("connectionStarted")[0]?.peer.host).toBe("127.0.0.9");
    });

    test("passes the options of the socket on", async () => {
      const server = await world.open(echo);
      const { transport: own, asked, sockets } = tap();
      const set: object[] = [];
      const spying = {
        ...own,
        hasRoom: true,
        connect: (...args: Parameters<typeof own.connect>) => {
          const socket = own.connect(...args);
          const setOptions = socket.setOptions.bind(socket);
          socket.setOptions = (options) => {
            set.push(options);
            setOptions(options);
          };
          return socket;
        },
      };
      const options = { transport: spying, noDelay: false, keepAlive: true };
      await connect(world.system, addressOf(server), options, listening().handler);
      expect(asked).toEqual([{ host: "127.0.0.1", port: server.port, noDelay: false }]);
      expect([set, sockets.length]).toEqual([[{ noDelay: false, keepAlive: true }], 1]);
    });
  });

  describe("sending", () => {
    test("goes out behind what the handler has sent, framed", async () => {
      const { handler, connections } = listening();
      const server = await world.open(handler, { packet: "line" });
      const mine = listening();
      const client = await connect(world.system, addressOf(server), { transport: tap().transport }, mine.handler);
      mine.last().connection.send("first\n");
      expect(await client.send("second\n")).toEqual({ ok: true, isFull: false });
      await world.until(() => connections[0]?.text === "first\nsecond\n");
      expect(await client.info()).toMatchObject({ state: "connected", connections: 1, attempt: 1 });
    });

    test("a packet that does not fit throws, and hurts nobody", async () => {
      const server = await world.open(echo, { packet: 1 });
      const options = { transport: tap().transport, packet: 1 } as const;
      const client = await connect(world.system, addressOf(server), options, listening().handler);
      await expect(client.send("x".repeat(256))).rejects.toThrow(FrameTooLargeError);
      expect(await client.send("short")).toEqual({ ok: true, isFull: false });
    });

    test("tells when more is unsent than should be", async () => {
      const deaf = puppetry();
      const server = await world.open(deaf.handler);
      const options = { transport: tap().transport, highWaterMark: 1000 };
      const client = await connect(world.system, addressOf(server), options, listening().handler);
      expect(await client.send(Buffer.alloc(16 * 1024 * 1024))).toEqual({ ok: true, isFull: true });
      expect((await client.info()).unsentBytes).toBeGreaterThan(1000);
      world.system.kill(client.ref as never);
    });

    test("that is waited for is answered when the system has it", async () => {
      const server = await world.open(echo, { packet: 2 });
      const heard = listening();
      const own = tap();
      const client = await connect(
        world.system,
        addressOf(server),
        { transport: own.transport, packet: 2 },
        heard.handler,
      );
      expect(await client.sendSync("hello")).toEqual({ ok: true });
      await world.until(() => heard.last().text === "hello");
      await expect(client.sendSync(Buffer.alloc(65_536))).rejects.toThrow(FrameTooLargeError);
      await expect(client.sendSync("x", { timeoutMs: -1 })).rejects.toThrow("timeoutMs must be");
      await server.close();
      await world.until(() => own.open === 0);
      expect(await client.sendSync("late")).toMatchObject({ ok: false, error: "notConnected" });
      await client.close();
      expect(await client.sendSync("too late")).toEqual({ ok: false, error: "stopped" });
      world.logged.length = 0;
    });

    test("more than may be unsent breaks the connection, and is not called sent", async () => {
      const server = await world.open(puppetry().handler);
      const options = { transport: tap().transport, maxUnsentBytes: 1000, reconnect: "never" } as const;
      const client = await connect(world.system, addressOf(server), options, listening().handler);
      expect(await client.send(Buffer.alloc(32 * 1024 * 1024))).toMatchObject({ ok: false, error: "notConnected" });
      await world.until(() => world.of("clientDisconnected").length === 1);
      expect(world.of("clientDisconnected")).toMatchObject([{ kind: "broken" }]);
    });

    test("while there is no connection is refused, and nothing of it comes later", async () => {
      const { handler, connections } = listening();
      const server = await world.open(handler);
      const { port } = server;
      const options = { transport: tap().transport, backoff: { initialMs: 1, jitter: 0 } };
      const client = await connect(world.system, addressOf(server), options, listening().handler);
      await server.close();
      await world.until(() => world.of("clientDisconnected").length === 1);
      const { state } = await client.info();
      expect(await client.send("lost?")).toMatchObject({ ok: false, error: "notConnected" });
      expect(["waiting", "connecting"]).toContain(state);
      await expect(client.call({ type: "any" })).rejects.toThrow(NotConnectedError);
      await world.open(handler, { on: `127.0.0.1:${port}` });
      const connected = client.connected();
      await world.clock?.advance(60_000);
      await connected;
      expect(await client.send("here")).toEqual({ ok: true, isFull: false });
      await world.until(() => connections.at(-1)?.text === "here");
      world.logged.length = 0;
    });
  });

  describe("calling", () => {
    test("reaches the handler, and fails with it", async () => {
      const server = await world.open(echo);
      const stubborn = defineServer<{ args: ConnectionInput; call: { type: string } }>({
        init: () => ok(undefined),
        handleCall({ type }, _from, state) {
          if (type === "crash") throw new Error("as you wish");
          return reply(`${type}?`, state);
        },
        handleInfo: (_event, state) => noreply(state),
      });
      const options = { transport: tap().transport, name: "backend" };
      const client = await connect(world.system, addressOf(server), options, stubborn);
      expect(await client.call<string>({ type: "ping" })).toBe("ping?");
      await expect(client.call({ type: "crash" })).rejects.toMatchObject({ code: "ERR_CALL_EXIT" });
      await client.close();
      await expect(client.call({ type: "ping" })).rejects.toThrow("client backend is not connected");
      expect(world.logged.splice(0).length).toBeGreaterThan(0);
    });
  });

  describe("closing", () => {
    test("lets the handler say goodbye, and what was sent goes out", async () => {
      const { handler, connections } = listening((text, { connection }) => {
        if (text === "goodbye") connection.send("and to you");
      });
      const server = await world.open(handler);
      const client = await connect(world.system, addressOf(server), { transport: tap().transport }, polite);
      await client.close();
      await world.until(() => world.of("connectionStopped").length === 1);
      expect(connections[0]?.text).toBe("goodbye");
      expect(world.of("clientDisconnected")).toMatchObject([{ kind: "finished", bytesReceived: 10 }]);
    });

    test("waits until everything is sent", async () => {
      const theirs = puppetry();
      const server = await world.open(theirs.handler);
      const client = await connect(
        world.system,
        addressOf(server),
        { transport: tap().transport },
        listening().handler,
      );
      await client.send(Buffer.alloc(4 * 1024 * 1024));
      const closed = client.close();
      const { self, connection } = await theirs.one();
      expect(world.of("clientDisconnected").length).toBeLessThanOrEqual(1);
      world.system.send(self.ref, () => connection.activate(true));
      await world.until(() => theirs.puppets[0]?.heard.includes("closed") === true);
      world.system.send(self.ref, () => connection.close());
      await closed;
      expect(connection.bytesReceived).toBe(4 * 1024 * 1024);
    });

    test("during an attempt gives it up", async () => {
      const server = await world.open(echo);
      const own = tap();
      own.isSilent = true;
      const definition = defineClient(
        world.system,
        addressOf(server),
        { transport: own.transport },
        listening().handler,
      );
      const client = clientOf(world.system, world.system.spawn(definition));
      expect(await client.info()).toMatchObject({ state: "connecting", attempt: 1, handler: undefined });
      await client.close();
      await world.until(() => own.open === 0);
      expect(world.of("clientFailed")).toEqual([]);
    });
  });

  describe("in one's own tree", () => {
    test("a client comes up with the tree while its server is down, is found by its name, and ends with the tree", async () => {
      const server = await world.open(echo);
      const { port } = server;
      await server.close();
      const own = tap();
      const mine = listening();
      const options = { transport: own.transport, backoff: { initialMs: 1, maxMs: 5 } };
      const definition = defineClient(world.system, addressOf({ port }), options, mine.handler);
      const tree = defineSupervisor({ children: [{ id: "db", start: child(definition, undefined, { name: "db" }) }] });
      const started = await world.system.start(tree, undefined, { name: "tree" });
      expect(started.ok).toBe(true);
      const client = clientOf(world.system, "db");
      await world.open(echo, { on: `127.0.0.1:${port}` });
      const connected = client.connected();
      await world.clock?.advance(1000);
      await connected;
      await client.send("hello");
      await world.until(() => mine.last().text === "hello");

      // The client itself is killed: its supervisor starts it anew, and the name leads to the new one.
      await world.kill(world.system.whereis("db") as never);
      await client.connected();
      expect(mine.connections).toHaveLength(2);
      expect(await terminateChild(world.system, "tree", "db")).toEqual({ ok: true });
      await world.until(() => own.open === 0);
      world.logged.length = 0;
    });

    test("one that is killed before its first step keeps nobody waiting", async () => {
      const server = await world.open(echo);
      const options = { transport: tap().transport, name: "killed" };
      const connected = connect(world.system, addressOf(server), options, listening().handler);
      world.system.kill(world.system.whereis("killed") as never);
      await expect(connected).rejects.toThrow("ended before it was connected: killed");
    });

    test("a name that is taken is refused before anything begins", async () => {
      const server = await world.open(echo);
      const own = tap();
      const options = { transport: own.transport, name: "sockets" };
      await expect(connect(world.system, addressOf(server), options, listening().handler)).rejects.toMatchObject({
        code: "ERR_REGISTRATION",
      });
      expect(own.sockets).toEqual([]);
    });
  });

  test("nothing is sent to a peer that has closed, though the handler lives on", async () => {
    const theirs = listening();
    const server = await world.open(theirs.handler);
    const mine = puppetry({ react: (_event, { connection }) => connection.activate() });
    const client = await connect(world.system, addressOf(server), { transport: tap().transport }, mine.handler);
    await world.until(() => theirs.connections[0]?.events.includes("socketReady") === true);
    order(theirs.last(), "finish");
    await world.until(() => mine.puppets[0]?.heard.includes("closed") === true);
    expect(await client.send("?")).toEqual({ ok: false, error: "notConnected", state: "connected" });
  });

  test("a connection that is lost is made anew, and the old handler is gone", async () => {
    const theirs = listening();
    const server = await world.open(theirs.handler);
    const mine = listening();
    const options = { transport: tap().transport, backoff: { initialMs: 1, jitter: 0 } };
    const client = await connect(world.system, addressOf(server), options, mine.handler);
    await world.until(() => theirs.connections[0]?.events.includes("socketReady") === true);
    order(theirs.last(), "finish");
    await world.until(() => world.of("clientWaiting").length === 1);
    await world.clock?.advance(1);
    await client.connected();
    expect(mine.connections.map(({ events }) => events)).toEqual([["socketReady", "closed"], ["socketReady"]]);
    expect(world.of("clientDisconnected")).toMatchObject([{ kind: "closed", reason: { detail: "peerClosed" } }]);
  });
});
