import { type ActorRef, defineServer, ignore, type Pid, shutdown, stop, sys } from "@espalier/actors";
import type { Connection, ConnectionEvent, ConnectionInput } from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import { createMachine } from "xstate";
import { type AcceptorEvent, acceptorMachine } from "../src/acceptor-machine.ts";
import type { ConnectionDefinition } from "../src/handler.ts";
import { echo, puppetry } from "./support/handlers.ts";
import { transports, useWorld, world } from "./support/server-world.ts";

/** Handlers that cannot be started, and what the log has of each. */
const failures: ReadonlyArray<readonly [string, ConnectionDefinition | object, number]> = [
  [
    "throws",
    defineServer<{ args: ConnectionInput }>({
      init() {
        throw new Error("no");
      },
    }),
    1,
  ],
  ["stops", defineServer<{ args: ConnectionInput }>({ init: () => stop(shutdown("not today")) }), 0],
  ["ignores", defineServer<{ args: ConnectionInput }>({ init: () => ignore() }), 0],
  ["rejects", defineServer<{ args: ConnectionInput }>({ init: () => Promise.reject(new Error("no")) }), 1],
  [
    "throws in a machine",
    createMachine({
      context: () => {
        throw new Error("no");
      },
    }),
    1,
  ],
];

describe.each(transports)("%s", (transport) => {
  useWorld(transport);

  test("a listener has as many acceptors as it was asked for, each with one accept outstanding", async () => {
    const listener = await world.open(echo, { acceptors: 3 });
    const acceptors = await listener.acceptors();
    const states = world.system.inspect().processes.filter(({ pid }) => acceptors.includes(pid));
    expect(states.map(({ summary }) => summary)).toEqual(["accepting", "accepting", "accepting"]);
    const socket = world.system.inspect().processes.find(({ pid }) => pid === world.pidOf(listener, "listener"));
    expect(socket?.resources).toMatchObject([{ kind: "listeningSocket", description: `127.0.0.1:${listener.port}` }]);
  });

  test("one acceptor is enough for many clients at once", async () => {
    const listener = await world.open(echo, { acceptors: 1 });
    const clients = Array.from({ length: 100 }, () => world.startConnecting(listener));
    for (const [index, client] of clients.entries()) client.write(`client ${index}`);
    for (const [index, client] of clients.entries()) {
      expect(await client.text(`client ${index}`.length)).toBe(`client ${index}`);
    }
    expect(listener.stats.accepted).toBe(100);
  });

  describe("a handler whose start", () => {
    test.for(failures)("%s closes its socket, is counted once, and costs nobody else", async ([, failing, lines]) => {
      const listener = await world.open(failing, { name: "failing", acceptors: 1 });
      const acceptors = await listener.acceptors();
      const clients = Array.from({ length: 3 }, () => world.startConnecting(listener));
      for (const client of clients) expect(await client.next("closed")).toBe("ECONNRESET");
      expect(listener.stats).toEqual({
        accepted: 0,
        closedMaxLimit: 0,
        closedForbidden: 0,
        closedRateLimited: 0,
        closedOverloaded: 0,
        closedSysLimit: 0,
        closedOther: 3,
        discarded: 0,
      });
      expect(world.of("connectionRefused").map(({ counter }) => counter)).toEqual(Array(3).fill("closedOther"));
      expect([listener.currentClients, listener.shutdownCounts]).toEqual([0, {}]);
      expect(await listener.acceptors()).toEqual(acceptors);
      expect(world.logged.splice(0)).toHaveLength(3 * lines);
    });

    test("fails only now and then is asked again for the next client, by the same acceptor", async () => {
      let starts = 0;
      const { handler, puppets } = puppetry({
        init() {
          starts += 1;
          if (starts % 2 === 1) throw new Error("odd");
        },
      });
      const listener = await world.open(handler, { acceptors: 1 });
      for (let round = 1; round <= 3; round += 1) {
        expect(await world.startConnecting(listener).next("closed")).toBe("ECONNRESET");
        await world.connect(listener);
        await world.until(() => listener.stats.accepted === round);
      }
      expect(listener.stats).toMatchObject({ accepted: 3, closedOther: 3 });
      expect(puppets.filter(({ heard }) => heard.length > 0)).toHaveLength(3);
      expect(world.logged.splice(0)).toHaveLength(3);
    });

    test("takes long holds up one acceptor, and nobody else", async () => {
      const { handler, puppets } = puppetry({
        init: () => (puppets.length === 1 ? new Promise<void>(() => undefined) : undefined),
      });
      const listener = await world.open(handler, { acceptors: 2, shutdown: "brutalKill" });
      await world.connect(listener);
      await world.until(() => puppets.length === 1);
      await world.connectMany(listener, 5);
      expect(puppets.slice(1).map(({ heard }) => heard.join())).toEqual(Array(5).fill("socketReady"));
      const states = world.system.inspect().processes.filter(({ definition }) => definition === "acceptor");
      expect(states.map(({ summary }) => summary)).toEqual(["waiting", "accepting"]);
    });
  });

  test("an acceptor that dies is replaced, and nobody loses a connection", async () => {
    const listener = await world.open(echo, { acceptors: 2 });
    const clients = await world.connectMany(listener, 4);
    const [first, second] = (await listener.acceptors()) as [Pid, Pid];
    await world.kill(first);
    const after = await listener.acceptors();
    expect(after).toHaveLength(2);
    expect(after).toContain(second);
    expect(after).not.toContain(first);
    for (const client of [...clients, ...(await world.connectMany(listener, 4))]) {
      client.write("alive");
      expect(await client.text(5)).toBe("alive");
    }
    world.logged.splice(0);
  });
});

describe("sockets that nobody takes", () => {
  useWorld("memory");

  test("wait for an acceptor, up to 1024; the others are refused, and all are counted in the end", async () => {
    const { handler, puppets } = puppetry({ init: () => new Promise<void>(() => undefined) });
    const listener = await world.open(handler, { acceptors: 1 });
    const clients = Array.from({ length: 1 + 1024 + 3 }, () => world.startConnecting(listener));
    await world.settle();
    expect([puppets.length, listener.stats.closedOther]).toEqual([1, 3]);
    expect(clients.filter(({ isClosed }) => isClosed)).toHaveLength(3);
    await listener.close();
    await world.settle();
    expect(clients.filter(({ isClosed }) => isClosed)).toHaveLength(1028);
    expect(listener.stats).toMatchObject({ accepted: 0, closedOther: 1028 });
    expect(world.of("connectionRefused")).toHaveLength(1028);
  });

  test("because their acceptor is killed are closed and counted, and its successor takes the next", async () => {
    const listener = await world.open(echo, { acceptors: 1 });
    const [acceptor] = (await listener.acceptors()) as [Pid];
    await sys.suspend(world.system, acceptor);
    const lost = await world.connect(listener);
    await world.settle();
    expect(listener.stats).toMatchObject({ accepted: 0, closedOther: 0 });
    await world.kill(acceptor);
    expect(await lost.next("closed")).toBeUndefined();
    await world.connectMany(listener, 1);
    expect(listener.stats).toMatchObject({ accepted: 1, closedOther: 1 });
    world.logged.length = 0;
  });
});

interface Hands {
  readonly calls: string[];
  readonly tell: (event: AcceptorEvent) => Promise<void>;
  readonly state: () => string | undefined;
}

/** The machine alone, with hands that only note what they are told to do. */
async function started(): Promise<Hands> {
  const calls: string[] = [];
  const actions = {
    accept: () => void calls.push("accept"),
    handOff: () => void calls.push("handOff"),
    refuse: () => void calls.push("refuse"),
  };
  const ref: ActorRef<AcceptorEvent> = world.system.spawn(acceptorMachine, { actions, cooldownMs: 1000 });
  await world.settle();
  return {
    calls,
    tell: async (event) => {
      world.system.send(ref, event);
      await world.settle();
    },
    state: () => world.system.inspect().processes.find((process) => process.pid === ref)?.summary,
  };
}

describe("the machine of an acceptor", () => {
  useWorld("memory");

  const accepted: AcceptorEvent = { type: "accepted", connection: {} as Connection };
  const handedOff: AcceptorEvent = { type: "handedOff" };
  const exhausted: AcceptorEvent = { type: "exhausted" };

  test("asks for one connection at a time, and for the next when the last is handed off", async () => {
    const { calls, tell, state } = await started();
    expect([calls.splice(0), state()]).toEqual([["accept"], "accepting"]);
    await tell(accepted);
    expect([calls.splice(0), state()]).toEqual([["handOff"], "waiting"]);
    await tell(handedOff);
    expect([calls.splice(0), state()]).toEqual([["accept"], "accepting"]);
  });

  test("refuses while it is suspended, without pause, and goes on after the cool-down", async () => {
    const { calls, tell, state } = await started();
    await tell(accepted);
    calls.length = 0;
    await tell(exhausted);
    expect([calls.splice(0), state()]).toEqual([["accept"], "suspended"]);
    await tell(accepted);
    await tell(accepted);
    expect([calls.splice(0), state()]).toEqual([["refuse", "accept", "refuse", "accept"], "suspended"]);
    await world.manual.advance(999);
    expect(state()).toBe("suspended");
    await world.manual.advance(1);
    expect([calls.splice(0), state()]).toEqual([["accept"], "accepting"]);
    await tell(accepted);
    expect([calls, state()]).toEqual([["handOff"], "waiting"]);
  });

  test("does not mind what it does not expect", async () => {
    const { calls, tell, state } = await started();
    for (const event of [handedOff, exhausted, { type: "closed" } satisfies ConnectionEvent]) {
      await tell(event as AcceptorEvent);
    }
    expect([calls, state()]).toEqual([["accept"], "accepting"]);
  });
});
