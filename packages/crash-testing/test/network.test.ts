import { execFileSync } from "node:child_process";
import { tcpTransport } from "@espalier/sockets";
import { afterEach, describe, expect, test } from "vitest";
import type { Reaction, SocketRecorder } from "../../sockets/test/support/socket-recorder.ts";
import { type Subject, World as SocketWorld } from "../../sockets/test/support/transport-world.ts";
import { Choices, replaying } from "../src/choices.ts";
import type { Deviation } from "../src/deviation.ts";
import { type SimNetwork, simNetwork } from "../src/network.ts";
import { World } from "../src/world.ts";
import { deviation } from "./support/chooser.ts";

const CLIENT = "127.0.0.1#1";
const SERVER = ">127.0.0.1#1";

/** What is to be disposed of after a test. */
const open: SocketWorld[] = [];

afterEach(async () => {
  for (const world of open.splice(0)) await world.dispose();
});

function worldOf(subject: Subject): SocketWorld {
  const world = new SocketWorld(subject);
  open.push(world);
  return world;
}

interface Simulated {
  readonly world: World;
  readonly network: SimNetwork;
  readonly sockets: SocketWorld;
}

function simulated(...deviations: readonly Deviation[]): Simulated {
  const world = new World(new Choices(replaying(deviations)));
  const network = simNetwork(world);
  const sockets = worldOf({
    transport: network,
    beyondBuffers: 200_000,
    openHandles: () => network.openSockets + network.openListeners,
    time: { pass: () => world.advance(Number.MAX_VALUE) },
  });
  return { world, network, sockets };
}

function real(): SocketWorld {
  return worldOf({ transport: tcpTransport(), beyondBuffers: 16 * 1024 * 1024, openHandles: () => 0 });
}

/** What an end has been told, and how it is over. */
async function fate(end: SocketRecorder): Promise<unknown> {
  return { code: await end.next("closed"), log: end.log, unsent: end.socket.unsentBytes };
}

describe("as on real sockets", () => {
  test("a client is refused", async () => {
    const { sockets } = simulated(deviation("connect", CLIENT, 1));
    const listener = await sockets.listen();
    const client = sockets.startConnecting(listener.port);
    const world = real();
    const gone = await world.listen();
    gone.close();
    await gone.next("closed");
    expect(await fate(client)).toEqual(await fate(world.startConnecting(gone.port)));
    await sockets.settle();
    expect(listener.accepted).toEqual([]);
  });

  test("an address is taken", async () => {
    const { sockets } = simulated(deviation("bind", ":1883", 1));
    const world = real();
    const { port } = await world.listen();
    const [here, there] = [sockets.startListening({ port: 1883 }), world.startListening({ port })];
    expect([await here.next("failed"), here.log]).toEqual([await there.next("failed"), there.log]);
    // The next who asks gets it.
    expect((await sockets.listen({ port: 1883 })).port).toBe(1883);
  });

  test("a connection is gone before it is accepted", async () => {
    const { sockets } = simulated(deviation("accept", SERVER, 1));
    const here = await sockets.pair();
    here.client.resume();
    here.server.resume();
    const world = real();
    const listener = await world.listen();
    const resetting = `const s = require("node:net").connect(${listener.port}, "127.0.0.1", () => s.resetAndDestroy())`;
    // This process is blocked until the other one is over, and accepts only then.
    execFileSync(process.execPath, ["-e", resetting]);
    const there = await listener.connection(0);
    there.resume();
    expect([here.server.socket.peer, await fate(here.server)]).toEqual([there.socket.peer, await fate(there)]);
    expect(await here.client.next("closed")).toBe("ECONNRESET");
  });

  test("a connection is reset as soon as it is accepted", async () => {
    const { sockets } = simulated(deviation("accept", SERVER, 2));
    const [here, there] = [await sockets.pair(), await real().pair()];
    there.client.close("reset");
    for (const { server } of [here, there]) server.resume();
    here.client.resume();
    expect(await fate(here.server)).toEqual(await fate(there.server));
    expect(await here.client.next("closed")).toBe("ECONNRESET");
  });

  test("a connection is closed instead of being accepted", async () => {
    const { sockets } = simulated(deviation("accept", SERVER, 3));
    const listener = await sockets.listen();
    const client = await sockets.connect(listener.port);
    const there = await real().pair();
    there.server.close("now");
    for (const end of [client, there.client]) {
      end.resume();
      await end.next("end");
      end.close("flush");
    }
    expect(await fate(client)).toEqual(await fate(there.client));
    expect(listener.accepted).toEqual([]);
  });

  test("a connection is reset: each end is told what one is whose peer resets", async () => {
    const { sockets } = simulated(deviation("reset", SERVER, 1));
    const [here, there] = [await sockets.pair(), await real().pair()];
    for (const { client, server } of [here, there]) {
      client.resume();
      server.resume();
    }
    here.client.write("never read");
    there.client.close("reset");
    const expected = await fate(there.server);
    expect(await fate(here.server)).toEqual(expected);
    expect(here.client.log).toEqual(["connected", "closed"]);
    expect(await here.client.next("closed")).toBe("ECONNRESET");
  });

  test("an end that has heard of its peer's end, and is reset then, is told when it goes on writing", async () => {
    const { sockets } = simulated(deviation("reset", CLIENT, 1));
    const world = real();
    const [here, there] = [await sockets.pair(), await world.pair()];
    for (const { client, server } of [here, there]) {
      client.end();
      server.resume();
      await server.next("end");
    }
    here.client.resume();
    here.server.write("reset instead of being read");
    expect(await here.client.next("closed")).toBe("ECONNRESET");
    there.client.close("reset");
    for (const { server } of [here, there]) {
      while (!server.isClosed) {
        server.write("anybody there?");
        await sockets.settle();
        await world.settle();
      }
    }
    expect(await fate(here.server)).toEqual(await fate(there.server));
  });
});

describe("where no real network is at hand", () => {
  test("an attempt without an answer is told nothing until the system gives up", async () => {
    const { world, sockets } = simulated(deviation("connect", CLIENT, 2));
    const listener = await sockets.listen();
    const client = sockets.startConnecting(listener.port);
    expect(await fate(client)).toEqual({ code: "ETIMEDOUT", log: ["closed"], unsent: 0 });
    expect(world.now()).toBe(127_000);
    expect(listener.accepted).toEqual([]);
  });

  test("an attempt without an answer can be given up before", async () => {
    const { world, sockets } = simulated(deviation("connect", CLIENT, 2));
    const listener = await sockets.listen();
    const client = sockets.startConnecting(listener.port);
    client.write("never sent");
    world.advance(0);
    client.close("now");
    expect(await fate(client)).toEqual({ code: undefined, log: ["closed"], unsent: 0 });
    await sockets.settle();
    expect(world.now()).toBe(0);
  });

  test("a lost connection is up for its client, and nobody hears of it", async () => {
    const { world, network, sockets } = simulated(deviation("accept", SERVER, 4));
    const listener = await sockets.listen();
    const client = await sockets.connect(listener.port);
    client.resume();
    await sockets.settle();
    expect([client.log, listener.accepted, network.openSockets, world.now()]).toEqual([["connected"], [], 1, 0]);
    client.close("now");
    expect(await client.next("closed")).toBeUndefined();
  });

  test("what is sent into silence is taken until there is no room, and the system gives up in the end", async () => {
    const { world, sockets } = simulated(deviation("reset", SERVER, 2, 1));
    const { client, server } = await sockets.pair();
    server.resume();
    client.write("heard");
    await server.bytes(5);
    const before = server.count("data");
    client.write("arrived, and told");
    await server.bytes(22);
    expect(server.count("data")).toBe(before + 1);
    expect(client.write(new Uint8Array(65_536))).toBe(true);
    expect(client.write("more")).toBe(false);
    expect(await fate(client)).toEqual({ code: "ETIMEDOUT", log: ["connected", "closed"], unsent: 0 });
    expect([world.now(), server.isClosed]).toEqual([924_600, false]);
  });

  test("a host that vanishes takes what has not arrived along, and what has is told", async () => {
    const { network, sockets } = simulated();
    const { client, server } = await sockets.pair();
    client.write("arrived");
    network.sever(client.socket);
    client.write("lost");
    server.resume();
    server.write("lost, too");
    client.resume();
    expect(await server.text(7)).toBe("arrived");
    client.close("reset");
    server.close("flush");
    expect([await client.next("closed"), await server.next("closed")]).toEqual([undefined, "ETIMEDOUT"]);
    expect(client.receivedBytes).toBe(0);
  });
});

describe("what TCP itself may do", () => {
  test("the system takes a part of a write, and the rest in an event of its own", async () => {
    const { sockets } = simulated(deviation("write", CLIENT, 3), deviation("write", CLIENT, 1, 1));
    const { client, server } = await sockets.pair();
    server.resume();
    expect([client.write("abcde"), client.socket.unsentBytes]).toEqual([false, 3]);
    expect([client.write("fg"), client.socket.unsentBytes]).toEqual([false, 5]);
    await client.next("drain");
    expect([client.write("h"), client.socket.unsentBytes]).toEqual([false, 1]);
    expect(await server.text(8)).toBe("abcdefgh");
    await sockets.settle();
    expect(client.count("drain")).toBe(2);
  });

  test("a read brings a part, and the next one the rest", async () => {
    const { sockets } = simulated(deviation("chunk", SERVER, 2));
    const chunks: string[] = [];
    const note: Reaction = (name, _recorder, bytes) => {
      if (name === "data") chunks.push(Buffer.from(bytes).toString());
    };
    const { client, server } = await sockets.pair({ server: note });
    client.write("abcde");
    server.resume();
    await server.bytes(5);
    expect(chunks).toEqual(["ab", "cde"]);
  });

  test("an event that is late holds up those behind it on the same end, and nobody else", async () => {
    // The second event of the server's end is its first read: the first tells of the connection.
    const { world, sockets } = simulated(deviation("net", SERVER, 7, 1));
    const times: Array<readonly [string, number]> = [];
    const timing =
      (who: string): Reaction =>
      (name) =>
        times.push([`${who} ${name}`, world.now()]);
    const { client, server } = await sockets.pair({ client: timing("client"), server: timing("server") });
    client.resume();
    server.resume();
    server.write("at once");
    client.write("late");
    client.end();
    server.end();
    await Promise.all([client.next("closed"), server.next("closed")]);
    expect(times).toEqual([
      ["client connected", 0],
      ["client data", 0],
      ["client end", 0],
      ["client closed", 0],
      ["server data", 300],
      ["server end", 300],
      ["server closed", 300],
    ]);
    expect(world.injectedMs).toBe(300);
  });

  test("nothing is out of the ordinary once the world is healed", async () => {
    const { world, sockets } = simulated(
      deviation("connect", CLIENT, 1),
      deviation("net", SERVER, 8),
      deviation("write", SERVER, 1),
      deviation("reset", CLIENT, 1),
    );
    world.choices.isHealed = true;
    const { client, server } = await sockets.pair();
    client.resume();
    expect(server.write("well")).toBe(true);
    expect(await client.text(4)).toBe("well");
    expect([world.now(), world.choices.deviations]).toEqual([0, []]);
  });
});
