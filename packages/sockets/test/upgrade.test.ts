import { type MachineState, sys } from "@espalier/actors";
import { type Connection, type ConnectionEvent, type ConnectionInput, connectionMachine } from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import { type AnyStateMachine, setup } from "xstate";
import { puppetry, typesOf } from "./support/handlers.ts";
import { transports, useWorld, world } from "./support/server-world.ts";

interface Versioned {
  readonly connection: Connection;
  /** What it says before each packet that it sends back. */
  readonly mark: string;
}

/** Sends back each packet behind a mark. Its states have names of their version's own. */
function version(mark: string, states: { readonly waiting: string; readonly open: string }): AnyStateMachine {
  return setup({
    types: typesOf<{ context: Versioned; events: ConnectionEvent; input: ConnectionInput }>(),
    actions: {
      answer({ context, event }) {
        if (event.type === "data") context.connection.send(`${context.mark}${Buffer.from(event.data).toString()}`);
      },
      activate: ({ context }) => context.connection.activate(),
    },
  }).createMachine({
    id: "versioned",
    version: mark,
    context: ({ input }) => ({ connection: input.connection, mark }),
    initial: states.waiting,
    states: {
      [states.waiting]: { on: { socketReady: { target: states.open, actions: "activate" } } },
      [states.open]: {
        on: { data: { target: states.open, reenter: true, actions: ["answer", "activate"] } },
        after: { 10_000: "quiet" },
      },
      quiet: { type: "final" },
    },
  });
}

const first = version("1", { waiting: "waiting", open: "open" });
const second = version("2", { waiting: "starting", open: "serving" });

/** What the second version makes of the first one's states. */
const migrate = ({ value, context }: { readonly value: unknown; readonly context: unknown }) => ({
  value: value === "waiting" ? "starting" : "serving",
  context: { ...(context as Versioned), mark: "2" },
});

/** And back. */
const back = ({ context }: { readonly context: unknown }) => ({
  value: "open",
  context: { ...(context as Versioned), mark: "1" },
});

/** Answers each packet; told to end, it says so and waits for one more. */
function dawdler(mark: string): AnyStateMachine {
  return connectionMachine<{ context: { mark: string } }>()
    .extend({
      actions: {
        answer: ({ context, event }) => {
          if (event.type !== "data") return;
          context.connection.send(`${context.mark}${Buffer.from(event.data).toString()}`);
          context.connection.activate();
        },
      },
    })
    .createMachine({
      context: ({ input }) => ({ connection: input.connection, mark }),
      initial: "open",
      states: {
        open: {
          on: {
            socketReady: { actions: "activate" },
            data: { actions: "answer" },
            shutdown: { target: "leaving", actions: { type: "send", params: ({ context }) => `${context.mark}bye\n` } },
          },
        },
        leaving: { on: { data: { target: "gone", actions: "answer" } } },
        gone: { type: "final" },
      },
    });
}

describe.each(transports)("%s", (transport) => {
  useWorld(transport);

  test("connections go on with the new machine, on the same socket, and new ones begin with it", async () => {
    const listener = await world.open(first, { packet: "line" });
    const client = await world.connect(listener);
    client.write("a\n");
    await client.bytes(3);
    await expect(listener.upgrade(second, { migrate })).resolves.toEqual({ upgraded: 1, stayed: [] });
    client.write("b\n");
    const other = await world.connect(listener);
    other.write("c\n");
    expect((await client.bytes(6)).toString()).toBe("1a\n2b\n");
    expect((await other.bytes(3)).toString()).toBe("2c\n");
    const [pid] = await listener.connections();
    await expect(sys.getState(world.system, pid as never)).resolves.toMatchObject({ value: "serving" });
  });

  test("no byte is lost on the way: each line is answered once and in order, by the old machine and then by the new", async () => {
    const listener = await world.open(first, { packet: "line" });
    const clients = await world.connectMany(listener, 10);
    const lines = Array.from({ length: 50 }, (_, index) => `line ${index}\n`);
    for (const client of clients) for (const line of lines.slice(0, 25)) client.write(line);
    const upgrading = listener.upgrade(second, { migrate });
    for (const client of clients) for (const line of lines.slice(25)) client.write(line);
    const total = lines.join("").length + lines.length;
    const answers = await Promise.all(clients.map((client) => client.bytes(total)));
    await expect(upgrading).resolves.toEqual({ upgraded: 10, stayed: [] });
    for (const answer of answers) {
      const said = answer.toString();
      expect(said.replaceAll(/^./gmu, "")).toBe(lines.join(""));
      expect(said.replaceAll(/(?<=^.).*\n/gmu, "")).toMatch(/^1*2*$/u);
    }
  });

  test("a connection whose migration fails is named, and goes on as it was; the others change over", async () => {
    const listener = await world.open(first, { packet: "line" });
    const clients = await world.connectMany(listener, 3);
    for (const client of clients) client.write("a\n");
    for (const client of clients) await client.bytes(3);
    const boom = new Error("boom");
    let count = 0;
    const { upgraded, stayed } = await listener.upgrade(second, {
      migrate(state) {
        count += 1;
        if (count === 2) throw boom;
        return migrate(state);
      },
    });
    expect(upgraded).toBe(2);
    expect(stayed).toEqual([{ pid: expect.anything() as unknown, error: boom }]);
    expect(await listener.connections()).toContain(stayed[0]?.pid);
    for (const client of clients) client.write("b\n");
    const answers = await Promise.all(clients.map((client) => client.bytes(6)));
    expect(answers.map(String).toSorted()).toEqual(["1a\n1b\n", "1a\n2b\n", "1a\n2b\n"]);
  });

  test("a state that the new machine does not have leaves the connection with the old one", async () => {
    const listener = await world.open(first, { packet: "line" });
    const client = await world.connect(listener);
    client.write("a\n");
    await client.bytes(3);
    const { upgraded, stayed } = await listener.upgrade(second);
    expect(upgraded).toBe(0);
    expect(String(stayed[0]?.error)).toContain("open");
    client.write("b\n");
    expect((await client.bytes(6)).toString()).toBe("1a\n1b\n");
  });

  test("a handler of another kind is refused by name, and new connections have it", async () => {
    const listener = await world.open(first, { packet: "line" });
    const client = await world.connect(listener);
    client.write("a\n");
    await client.bytes(3);
    const { handler, puppets } = puppetry();
    const { upgraded, stayed } = await listener.upgrade(handler);
    expect(upgraded).toBe(0);
    expect(stayed).toMatchObject([{ error: { code: "ERR_CODE_CHANGE" } }]);
    await world.connect(listener);
    await world.until(() => puppets.length === 1);
    client.write("b\n");
    expect((await client.bytes(6)).toString()).toBe("1a\n1b\n");
  });

  test("a connection may change over many times, and back", async () => {
    const listener = await world.open(first, { packet: "line" });
    const client = await world.connect(listener);
    client.write("a\n");
    await client.bytes(3);
    await listener.upgrade(second, { migrate });
    client.write("b\n");
    await client.bytes(6);
    await listener.upgrade(first, { migrate: back });
    client.write("c\n");
    expect((await client.bytes(9)).toString()).toBe("1a\n2b\n1c\n");
  });

  test("connections that are being drained change over as well", async () => {
    const listener = await world.open(dawdler("1"), { packet: "line" });
    const client = await world.connect(listener);
    client.write("a\n");
    await client.bytes(3);
    const draining = listener.drain({ timeoutMs: "infinity" });
    expect((await client.bytes(3 + 5)).toString()).toBe("1a\n1bye\n");
    const replace = { migrate: ({ context }: MachineState) => ({ context: { ...(context as Versioned), mark: "2" } }) };
    await expect(listener.upgrade(dawdler("2"), replace)).resolves.toEqual({ upgraded: 1, stayed: [] });
    client.write("b\n");
    expect((await client.bytes(3 + 5 + 3)).toString()).toBe("1a\n1bye\n2b\n");
    await expect(draining).resolves.toEqual({ ended: 1, killed: 0 });
    await expect(listener.upgrade(dawdler("3"))).resolves.toEqual({ upgraded: 0, stayed: [] });
  });

  test("without connections only the handler changes", async () => {
    const listener = await world.open(first, { packet: "line" });
    await expect(listener.upgrade(second)).resolves.toEqual({ upgraded: 0, stayed: [] });
    const client = await world.connect(listener);
    client.write("a\n");
    expect((await client.bytes(3)).toString()).toBe("2a\n");
  });
});

describe("time", () => {
  useWorld("memory");

  test("a timeout of a state that both versions have goes on with what was left of it", async () => {
    const old = version("1", { waiting: "waiting", open: "open" });
    const next = version("2", { waiting: "waiting", open: "open" });
    const listener = await world.open(old, { packet: "line" });
    const client = await world.connect(listener);
    client.write("a\n");
    await client.bytes(3);
    await world.manual.advance(6000);
    await listener.upgrade(next);
    await world.manual.advance(3999);
    expect(listener.currentClients).toBe(1);
    await world.manual.advance(1);
    expect(listener.currentClients).toBe(0);
  });
});
