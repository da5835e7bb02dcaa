import type { Call, MachineRef, Pid } from "@espalier/actors";
import { type Connection, type ConnectionInput, connectionMachine, type Listener } from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import { type AnyStateMachine, assign, createActor, fromPromise, toPromise } from "xstate";
import { transports, useWorld, world } from "./support/server-world.ts";

interface Kick {
  readonly type: "kick";
  readonly by: string;
}

const lookUp = fromPromise(async () => "somebody");

/** The context of a machine that has nothing of its own. */
const start = ({ input }: { readonly input: ConnectionInput }): { connection: Connection } => ({
  connection: input.connection,
});

describe("the machine is one of XState", () => {
  const finding = connectionMachine<{ context: { name?: string } }>()
    .extend({ actors: { lookUp: fromPromise(async () => "wrong") }, guards: { isKnown: () => true } })
    .extend({ actors: { lookUp }, actions: { note: assign({ name: "unknown" }) } })
    .createMachine({
      context: ({ input }) => ({ connection: input.connection }),
      entry: "note",
      initial: "asking",
      states: {
        asking: {
          invoke: {
            src: "lookUp",
            onDone: { guard: "isKnown", target: "done", actions: assign({ name: ({ event }) => event.output }) },
          },
        },
        done: { type: "final" },
      },
    });

  test("which XState runs by itself, with the actors, actions and guards that were added", async () => {
    const actor = createActor(finding, { input: {} as ConnectionInput }).start();
    expect(actor.getSnapshot().context.name).toBe("unknown");
    await toPromise(actor);
    expect(actor.getSnapshot().context.name).toBe("somebody");
  });

  test("and what one machine adds, others do not have", () => {
    const others = connectionMachine().createMachine({ context: start });
    expect(Object.keys(others.implementations.actions)).not.toContain("note");
    expect(others.implementations).toMatchObject({ actors: {}, guards: {}, delays: {} });
  });
});

/** An actor behind the machine of a connection, by whose type it is spoken to. */
async function refOf<Machine extends AnyStateMachine>(listener: Listener, _machine: Machine) {
  const [pid] = (await listener.connections()) as [Pid];
  return pid as unknown as MachineRef<Machine>;
}

describe.each(transports)("an action of a machine on %s", (transport) => {
  useWorld(transport);

  test("send sends text and bytes, fixed or made of the event", async () => {
    const talker = connectionMachine().createMachine({
      context: start,
      on: {
        socketReady: { actions: [{ type: "send", params: "hello " }, "activate"] },
        data: {
          actions: [
            { type: "send", params: new Uint8Array([62]) },
            { type: "send", params: ({ event }) => event.data },
          ],
        },
      },
    });
    const client = await world.connect(await world.open(talker));
    client.write("you");
    expect(await client.text(10)).toBe("hello >you");
  });

  test("activate lets in one packet, or what it is told", async () => {
    let heard = 0;
    const listening = connectionMachine().extend({ actions: { hear: () => void (heard += 1) } });
    const on = { data: { actions: "hear" } } as const;
    const lettingIn = {
      one: listening.createMachine({ context: start, entry: "activate", on }),
      two: listening.createMachine({ context: start, entry: { type: "activate", params: 2 }, on }),
      all: listening.createMachine({ context: start, entry: { type: "activate", params: true }, on }),
      none: listening.createMachine({ context: start, entry: ["activate", { type: "activate", params: false }], on }),
    };
    const counts: Record<string, number> = {};
    for (const [name, each] of Object.entries(lettingIn)) {
      const client = await world.connect(await world.open(each, { packet: "line", name }));
      client.write("a\nb\nc\nd\n");
      await world.settle();
      counts[name] = heard;
      heard = 0;
    }
    expect(counts).toEqual({ one: 1, two: 2, all: 4, none: 0 });
  });

  test("close sends what is to be sent, and abort does not", async () => {
    const closing = connectionMachine<{ events: Kick }>().createMachine({
      context: start,
      on: {
        socketReady: { actions: [{ type: "send", params: "bye" }, "close"] },
        kick: { actions: "abort" },
      },
    });
    const listener = await world.open(closing);
    const client = await world.connect(listener);
    expect(await client.next("closed")).toBeUndefined();
    expect(client.received.toString()).toBe("bye");
    expect(listener.currentClients).toBe(1);

    const lingering = connectionMachine<{ events: Kick }>().createMachine({
      context: start,
      on: { kick: { actions: "abort" } },
    });
    const other = await world.open(lingering, { name: "lingering" });
    const victim = await world.connect(other);
    await world.until(() => other.currentClients === 1);
    world.system.send(await refOf(other, lingering), { type: "kick", by: "test" });
    expect(await victim.next("closed")).toBe("ECONNRESET");
  });

  test("reply answers the call, with what the machine knows", async () => {
    const counting = connectionMachine<{ context: { packets: number }; calls: Call<"stats", number> }>()
      .extend({ actions: { count: assign({ packets: ({ context }) => context.packets + 1 }) } })
      .createMachine({
        context: ({ input }) => ({ connection: input.connection, packets: 0 }),
        on: {
          socketReady: { actions: "activate" },
          data: { actions: ["count", { type: "send", params: ({ event }) => event.data }, "activate"] },
          call: { actions: { type: "reply", params: ({ context }) => context.packets } },
        },
      });
    const listener = await world.open(counting, { packet: "line" });
    const client = await world.connect(listener);
    client.write("one\ntwo\n");
    await client.text(8);
    const ref = await refOf(listener, counting);
    expect(await world.system.call(ref, { type: "stats" })).toBe(2);
  });

  test("reply where no call is handled crashes the connection", async () => {
    const confused = connectionMachine<{ calls: Call<"stats", number> }>().createMachine({
      context: start,
      on: { socketReady: { actions: { type: "reply", params: 1 } } },
    });
    const client = await world.connect(await world.open(confused));
    expect(await client.next("closed")).toBeUndefined();
    const message = 'the action "reply" answers a call, and this is "socketReady"';
    expect((await world.stopped()).reason).toMatchObject({ type: "error", error: new TypeError(message) });
    expect(world.logged.splice(0)).toHaveLength(2);
  });

  test("setOptions changes the options of this connection", async () => {
    const hasty = connectionMachine().createMachine({
      context: start,
      on: {
        socketReady: { actions: [{ type: "setOptions", params: { noDelay: false } }, "activate"] },
        data: { actions: { type: "setOptions", params: ({ event }) => ({ keepAlive: event.data.length === 1 }) } },
      },
    });
    const listener = await world.open(hasty);
    const client = await world.connect(listener);
    client.write(".");
    await world.until(() => world.socketOptions.length === 2);
    expect(world.socketOptions).toEqual([
      { noDelay: false, keepAlive: false },
      { noDelay: false, keepAlive: true },
    ]);
  });

  test("setOptions with a value that is not allowed crashes the connection, with the option's name", async () => {
    const wrong = connectionMachine().createMachine({
      context: start,
      on: { socketReady: { actions: { type: "setOptions", params: { idleTimeoutMs: 0 } } } },
    });
    const client = await world.connect(await world.open(wrong));
    expect(await client.next("closed")).toBeUndefined();
    expect((await world.stopped()).reason).toMatchObject({ type: "error", error: { code: "ERR_INVALID_OPTION" } });
    expect(world.logged.splice(0).join("\n")).toContain("idleTimeoutMs must be milliseconds from 1");
  });

  test("may be replaced, as in any machine of XState", async () => {
    const polite = connectionMachine().createMachine({
      context: start,
      on: { socketReady: { actions: [{ type: "send", params: "hello" }, "close"] } },
    });
    const loud = polite.provide({
      actions: { send: ({ context }, packet) => void context.connection.send(packet.toString().toUpperCase()) },
    });
    const client = await world.connect(await world.open(loud));
    expect(await client.text(5)).toBe("HELLO");
  });
});

describe("a machine with nothing but data", () => {
  useWorld("memory");

  test("ends with its socket, and the end is counted", async () => {
    const echo = connectionMachine().createMachine({
      context: ({ input }) => ({ connection: input.connection }),
      initial: "waiting",
      states: {
        waiting: { on: { socketReady: { target: "echoing", actions: "activate" } } },
        echoing: { on: { data: { actions: [{ type: "send", params: ({ event }) => event.data }, "activate"] } } },
      },
    });
    const listener = await world.open(echo);
    const client = await world.connect(listener);
    client.write("hello");
    client.end();
    expect(await client.next("closed")).toBeUndefined();
    expect(client.received.toString()).toBe("hello");
    expect(listener.shutdownCounts).toEqual({ peerClosed: 1 });
  });
});
