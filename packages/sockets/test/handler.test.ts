import { defineServer, fromAsync, noreply, ok } from "@espalier/actors";
import {
  type Connection,
  type ConnectionEvent,
  type ConnectionInput,
  packetMachine,
  type ListenerConfig,
  type Sockets,
} from "@espalier/sockets";
import { describe, expect, expectTypeOf, test } from "vitest";
import { createMachine, setup } from "xstate";
import { typesOf } from "./support/handlers.ts";
import { useWorld, world } from "./support/server-world.ts";

/** What `open` says of a handler while it is compiled. None of it is run. */
type Opening = (sockets: Sockets) => unknown;

describe("a machine can be a connection", () => {
  test("whose input is a ConnectionInput and whose events are a ConnectionEvent", () => {
    const machine = setup({
      types: typesOf<{ context: ConnectionInput; events: ConnectionEvent; input: ConnectionInput }>(),
    }).createMachine({ context: ({ input }) => input });
    const opening: Opening = (sockets) => sockets.open("a", 0, {}, machine);
    expect(opening).toBeTypeOf("function");
  });

  test("that has events of its own as well", () => {
    const machine = setup({
      types: typesOf<{ events: ConnectionEvent | { type: "kick"; by: string }; input: ConnectionInput }>(),
    }).createMachine({});
    const opening: Opening = (sockets) => sockets.open("a", 0, {}, machine);
    expect(opening).toBeTypeOf("function");
  });

  test("that takes a part of the input, or none", () => {
    const part = setup({
      types: typesOf<{
        context: { connection: Connection };
        events: ConnectionEvent;
        input: { connection: Connection };
      }>(),
    }).createMachine({ context: ({ input }) => ({ connection: input.connection }) });
    const none = setup({ types: typesOf<{ events: ConnectionEvent }>() }).createMachine({});
    const opening: Opening = (sockets) => [sockets.open("a", 0, {}, part), sockets.open("b", 0, {}, none)];
    expect(opening).toBeTypeOf("function");
  });

  test("that says nothing of its types", () => {
    const machine = createMachine({});
    const opening: Opening = (sockets) => [
      sockets.open("a", 0, {}, machine),
      sockets.open("b", 0, {}, packetMachine({ onData() {} })),
    ];
    expect(opening).toBeTypeOf("function");
  });

  test("and its actions see a typed connection, config and data", () => {
    const machine = setup({
      types: typesOf<{ context: ConnectionInput; events: ConnectionEvent; input: ConnectionInput }>(),
    }).createMachine({
      id: "typed",
      context: ({ input }) => {
        expectTypeOf(input.connection).toEqualTypeOf<Connection>();
        expectTypeOf(input.config).toEqualTypeOf<ListenerConfig>();
        return input;
      },
      on: {
        data: { actions: ({ event }) => expectTypeOf(event.data).toEqualTypeOf<Uint8Array>() },
        error: { actions: ({ event }) => expectTypeOf(event.reason).toEqualTypeOf<string>() },
      },
    });
    expect(machine.id).toBe("typed");
  });
});

describe("a machine cannot be a connection", () => {
  test("whose events lack one of a connection's", () => {
    const machine = setup({
      types: typesOf<{ events: Exclude<ConnectionEvent, { type: "timeout" }>; input: ConnectionInput }>(),
    }).createMachine({});
    // @ts-expect-error -- it does not know `timeout`
    const opening: Opening = (sockets) => sockets.open("a", 0, {}, machine);
    expect(opening).toBeTypeOf("function");
  });

  test("whose data is something else than bytes", () => {
    type Events = Exclude<ConnectionEvent, { type: "data" }> | { type: "data"; data: string };
    const machine = setup({ types: typesOf<{ events: Events; input: ConnectionInput }>() }).createMachine({});
    // @ts-expect-error -- `data` would be taken for a string
    const opening: Opening = (sockets) => sockets.open("a", 0, {}, machine);
    expect(opening).toBeTypeOf("function");
  });

  test("whose input asks for more than there is", () => {
    const machine = setup({
      types: typesOf<{ events: ConnectionEvent; input: ConnectionInput & { user: string } }>(),
    }).createMachine({});
    // @ts-expect-error -- nobody gives it a `user`
    const opening: Opening = (sockets) => sockets.open("a", 0, {}, machine);
    expect(opening).toBeTypeOf("function");
  });
});

describe("a definition can be a connection", () => {
  test("of a server or an async function that is started with a ConnectionInput", () => {
    const server = defineServer<{ args: ConnectionInput; state: Connection; info: ConnectionEvent }>({
      init: ({ connection }) => ok(connection),
      handleInfo: (_event, connection) => noreply(connection),
    });
    const body = fromAsync<ConnectionEvent, ConnectionInput>(async (self, { connection }) => {
      expectTypeOf(connection).toEqualTypeOf<Connection>();
      await self.receive();
    });
    const opening: Opening = (sockets) => [sockets.open("a", 0, {}, server), sockets.open("b", 0, {}, body)];
    expect(opening).toBeTypeOf("function");
  });

  test("but not one that is started with something else", () => {
    const server = defineServer<{ args: { port: number }; state: number }>({ init: ({ port }) => ok(port) });
    // @ts-expect-error -- its `init` asks for a port
    const opening: Opening = (sockets) => sockets.open("a", 0, {}, server);
    expect(opening).toBeTypeOf("function");
  });
});

describe("a connection runs", () => {
  useWorld("memory");

  test("as a server: callbacks with a state", async () => {
    const counting = defineServer<{
      args: ConnectionInput;
      state: { connection: Connection; lines: number };
      info: ConnectionEvent;
    }>({
      init: ({ connection }) => ok({ connection, lines: 0 }),
      handleInfo(event, { connection, lines }) {
        if (event.type === "data") connection.send(`${lines + 1}\n`);
        connection.activate();
        return noreply({ connection, lines: event.type === "data" ? lines + 1 : lines });
      },
    });
    const client = await world.connect(await world.open(counting, { packet: "line" }));
    client.write("a\nb\nc\n");
    expect(await client.text(6)).toBe("1\n2\n3\n");
  });

  test("as an async function: a dialogue in the order in which it is written", async () => {
    const dialogue = fromAsync<ConnectionEvent, ConnectionInput>(async (self, { connection }) => {
      const line = async (): Promise<string> => {
        connection.activate();
        const event = await self.receive({ match: (message) => message.type === "data" });
        return event.type === "data" ? Buffer.from(event.data).toString().trim() : "";
      };
      connection.send("name? ");
      const name = await line();
      connection.send("town? ");
      connection.send(`${name} of ${await line()}\n`);
    });
    const listener = await world.open(dialogue, { packet: "line" });
    const client = await world.connect(listener);
    client.write("Ada\nLondon\n");
    expect(await client.next("closed")).toBeUndefined();
    expect(client.received.toString()).toBe("name? town? Ada of London\n");
    expect(listener.shutdownCounts).toEqual({ normal: 1 });
  });

  test.each([undefined, {}, () => {}])("but not as %o, which nobody can start: ERR_INVALID_OPTION", async (handler) => {
    await expect(world.open(handler as never)).rejects.toMatchObject({
      code: "ERR_INVALID_OPTION",
      message: expect.stringContaining(
        "handler must be an XState machine, or the definition of a server or an async function",
      ),
    });
    expect(world.sockets.listeners()).toEqual([]);
  });
});
