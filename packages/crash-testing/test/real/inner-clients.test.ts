import { once } from "node:events";
import { createConnection } from "node:net";
import {
  type Address,
  connect,
  fromConnection,
  type Listener,
  type ListenSocket,
  type SocketEvents,
  startSockets,
} from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import { standard } from "../../src/invariants/standard.ts";
import type { Plan } from "../../src/plan.ts";
import { ObservedTransport } from "../../src/real/observed-transport.ts";
import { replayOnSockets } from "../../src/real/replay-on-sockets.ts";
import type { Target } from "../../src/target.ts";
import { echoMachine, script, wholeLines } from "../support/targets.ts";

const SILENT: SocketEvents = { connected() {}, data() {}, end() {}, drain() {}, closed() {} };

/** An echo server, with a client of its own that knows it by the address in the simulation, and what that one has heard. */
function talkingToItself(heard: string[]): Target<Listener> {
  const client = fromConnection(async (connection) => {
    connection.send("hello\n");
    for await (const bytes of connection) heard.push(new TextDecoder().decode(bytes));
  });
  return {
    async start({ system, transport }) {
      const sockets = await startSockets(system, { transport });
      const listener = await sockets.open("echo", 5000, { packet: "line" }, echoMachine);
      await connect(system, "10.0.0.254:5000", { transport, localHost: "10.0.0.253", packet: "line" }, client);
      return listener;
    },
  };
}

test("a client of the server itself finds it on sockets, beside those of the plan", async () => {
  const plan: Plan = { peers: [script(0, "10.0.0.1", "one\n", { type: "end" })], operations: [], deviations: [] };
  const heard: string[] = [];
  const { failure, peers } = await replayOnSockets(talkingToItself(heard), plan, {
    invariants: standard({ model: wholeLines }),
  });
  expect(failure).toBeUndefined();
  expect(heard).toEqual(["hello\n"]);
  expect(peers.map(({ isDone }) => isDone)).toEqual([true, true]);
});

interface Door {
  readonly transport: ObservedTransport;
  readonly address: Address;
  /** Where those came from that it has taken, when there are as many as were expected. */
  readonly taken: Promise<ReadonlyArray<Address | undefined>>;
  readonly socket: ListenSocket;
}

async function doorFor(count: number): Promise<Door> {
  const transport = new ObservedTransport(() => {});
  const options = { port: 5000, backlog: 8, noDelay: false, keepAlive: false } as const;
  return new Promise((opened, failed) => {
    const peers: Array<Address | undefined> = [];
    const taken = new Promise<typeof peers>((resolve) => {
      const socket = transport.listen(options, {
        listening: (address) => opened({ transport, address, taken, socket }),
        failed,
        accepted(from) {
          from.setEvents(SILENT);
          if (peers.push(from.peer) === count) resolve(peers);
        },
        closed() {},
      });
    });
  });
}

describe("a connection that has come through no proxy", () => {
  test("is accepted as what it is", async () => {
    const { address, taken, socket } = await doorFor(1);
    const client = createConnection(address);
    await once(client, "connect");
    expect(await taken).toEqual([{ host: "127.0.0.1", port: client.localPort }]);
    client.destroy();
    socket.close();
  });

  test.each([
    ["has connected", "10.0.0.1"],
    ["has come to nothing", "127.0.0.1"],
  ])("while a proxy connects, it is when that one %s", async (what, host) => {
    const { transport, address, taken, socket } = await doorFor(2);
    const settle = transport.announce({ name: ">10.0.0.1#1", host: "10.0.0.1" });
    const client = createConnection(address);
    const proxy = createConnection(address);
    await Promise.all([once(client, "connect"), once(proxy, "connect")]);
    settle(what === "has connected" ? proxy.localPort : undefined);
    const peers = await taken;
    expect(peers).toContainEqual({ host: "127.0.0.1", port: client.localPort });
    expect(peers).toContainEqual({ host, port: proxy.localPort });
    client.destroy();
    proxy.destroy();
    socket.close();
  });
});
