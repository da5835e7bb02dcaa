import { residue } from "@espalier/actors/testing";
import type { ListenerOptions } from "@espalier/sockets";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Puppet, puppetry } from "./support/handlers.ts";
import { ServerWorld, transports, useWorld, world } from "./support/server-world.ts";
import type { SocketRecorder } from "./support/socket-recorder.ts";
import { pattern } from "./support/transport-world.ts";

/** What a handler gets, and when. */
interface Read {
  readonly at: number;
  readonly data: Uint8Array;
}

function reading() {
  const reads: Array<Read[]> = [];
  const { handler, puppets, one } = puppetry({
    init: () => void reads.push([]),
    react(event, puppet) {
      if (event.type === "socketReady") puppet.connection.activate(true);
      if (event.type !== "data") return;
      reads[puppets.indexOf(puppet)]?.push({ at: world.system.now(), data: event.data });
    },
  });
  const bytesOf = (index: number): number => (reads[index] ?? []).reduce((sum, { data }) => sum + data.length, 0);
  return { handler, puppets, one, reads, bytesOf };
}

async function limited(options: ListenerOptions) {
  const made = reading();
  const listener = await world.open(made.handler, { idleTimeoutMs: "infinity", ...options });
  const client = await world.connect(listener);
  const puppet = await made.one();
  return { ...made, listener, client, puppet };
}

/** Many clients of one listener. */
async function crowd(count: number, options: ListenerOptions) {
  const made = reading();
  const listener = await world.open(made.handler, { idleTimeoutMs: "infinity", ...options });
  const clients = await world.connectMany(listener, count);
  await world.settle();
  const total = (): number => made.reads.reduce((sum, _, index) => sum + made.bytesOf(index), 0);
  return { ...made, listener, clients, total };
}

/** As many as may be, so that there is always more to read. */
function flood(client: SocketRecorder): void {
  while (client.write(Buffer.alloc(65_536)));
}

describe("a limit on the bytes of a connection", () => {
  useWorld("memory");

  test("lets the burst in at once, and of what comes then, each part only when the one before is paid for", async () => {
    const { client, bytesOf } = await limited({ maxBytesPerSecond: 1000, burstBytes: 500 });
    client.write(Buffer.alloc(500));
    await world.settle();
    client.write(Buffer.alloc(100));
    await world.settle();
    expect(bytesOf(0)).toBe(600);
    client.write(Buffer.alloc(1));
    await world.manual.advance(99);
    expect(bytesOf(0)).toBe(600);
    await world.manual.advance(1);
    expect(bytesOf(0)).toBe(601);
  });

  test("without a burst of its own lets a second's worth in", async () => {
    const { client, bytesOf } = await limited({ maxBytesPerSecond: 1000 });
    client.write(Buffer.alloc(1000));
    await world.settle();
    client.write(Buffer.alloc(2500));
    await world.settle();
    client.write(Buffer.alloc(1));
    await world.manual.advance(2499);
    expect(bytesOf(0)).toBe(3500);
    await world.manual.advance(1);
    expect(bytesOf(0)).toBe(3501);
  });

  test("is that of each connection, and of none other", async () => {
    const { client, listener, bytesOf } = await limited({ maxBytesPerSecond: 1000, burstBytes: 1 });
    const other = await world.connect(listener);
    client.write(Buffer.alloc(50_000));
    await world.settle();
    other.write(Buffer.alloc(10));
    await world.settle();
    expect([bytesOf(0), bytesOf(1)]).toEqual([50_000, 10]);
  });

  test("brings the writes of the client to a halt, and to exactly its rate", async () => {
    const { client, bytesOf, reads } = await limited({ maxBytesPerSecond: 65_536, burstBytes: 1 });
    client.write(Buffer.alloc(65_536));
    await world.settle();
    for (let second = 1; second <= 20; second += 1) {
      flood(client);
      // The bucket held what comes in a millisecond at first.
      await world.manual.advance(998);
      expect(bytesOf(0)).toBe(65_536 * second);
      await world.manual.advance(2);
    }
    // One wake for each read: nobody looks in between.
    expect(reads[0]).toHaveLength(21);
    client.close("now");
  });

  test("does not let the idle timeout run while nobody listens", async () => {
    const { client, puppet } = await limited({ maxBytesPerSecond: 10, burstBytes: 1, idleTimeoutMs: 1000 });
    client.write(Buffer.alloc(101));
    await world.manual.advance(10_999);
    expect(puppet.heard.filter((what) => what === "timeout")).toEqual([]);
    await world.manual.advance(1);
    expect(puppet.heard.filter((what) => what === "timeout")).toEqual(["timeout"]);
  });

  test("leaves nothing behind when the connection ends in debt", async () => {
    const { client, puppet, listener } = await limited({ maxBytesPerSecond: 1, maxTotalBytesPerSecond: 1 });
    client.write(Buffer.alloc(1000));
    await world.settle();
    expect(residue(world.system).timers).toBe(1);
    await world.kill(puppet.self.pid);
    await world.until(() => listener.currentClients === 0);
    client.close("now");
    await world.settle();
    expect(residue(world.system).timers).toBe(0);
    world.logged.length = 0;
  });

  test("can be changed by the connection, at once: what it owes is forgiven", async () => {
    const { client, puppet, bytesOf } = await limited({ maxBytesPerSecond: 1 });
    client.write(Buffer.alloc(1000));
    await world.settle();
    client.write("x");
    await world.manual.advance(1000);
    expect(bytesOf(0)).toBe(1000);
    puppet.connection.setOptions({ maxBytesPerSecond: "infinity" });
    await world.settle();
    expect(bytesOf(0)).toBe(1001);
    puppet.connection.setOptions({ maxBytesPerSecond: 10 });
    client.write(Buffer.alloc(110));
    await world.settle();
    client.write("x");
    await world.manual.advance(9999);
    expect(bytesOf(0)).toBe(1111);
    await world.manual.advance(1);
    expect(bytesOf(0)).toBe(1112);
  });

  test("changed by setOptions of the listener is that of new connections", async () => {
    const { client, listener, bytesOf } = await limited({});
    await listener.setOptions({ maxBytesPerSecond: 10 });
    const limitedClient = await world.connect(listener);
    for (const each of [client, limitedClient]) each.write(Buffer.alloc(1000));
    await world.settle();
    for (const each of [client, limitedClient]) each.write("x");
    await world.settle();
    expect([bytesOf(0), bytesOf(1)]).toEqual([1001, 1000]);
  });

  test("holds for packets too, and for what comes behind one", async () => {
    const { client, puppet } = await limited({ packet: "line", maxBytesPerSecond: 10, burstBytes: 1 });
    client.write("one\ntwo\nth");
    await world.settle();
    client.write("ree\n");
    await world.manual.advance(899);
    expect(puppet.heard).toEqual(["socketReady", "data one\n", "data two\n"]);
    await world.manual.advance(1);
    expect(puppet.heard.at(-1)).toBe("data three\n");
  });
});

describe("a limit on the bytes of a listener", () => {
  useWorld("memory");

  test("is kept by all together: the rate, the burst, and one read of each; and they take turns", async () => {
    const rate = 100_000;
    const { clients, reads, total } = await crowd(5, { maxTotalBytesPerSecond: rate, totalBurstBytes: 1000 });
    for (let tenth = 0; tenth <= 300; tenth += 1) {
      for (const client of clients) flood(client);
      await world.manual.advance(100);
      const seconds = (tenth + 1) / 10;
      expect(total()).toBeLessThanOrEqual(1000 + rate * seconds + 5 * 65_536);
      expect(total()).toBeGreaterThanOrEqual(rate * seconds - 65_536);
    }
    const counts = reads.map(({ length }) => length);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    for (const client of clients) client.close("now");
  });

  test("set or lifted by setOptions counts at once, for connections that are there", async () => {
    const { clients, listener, total } = await crowd(3, {});
    await listener.setOptions({ maxTotalBytesPerSecond: 1 });
    for (const client of clients) client.write(Buffer.alloc(1000));
    await world.settle();
    for (const client of clients) client.write("x");
    await world.manual.advance(60_000);
    expect(total()).toBe(3000);
    await listener.setOptions({ maxTotalBytesPerSecond: "infinity" });
    await world.settle();
    expect([total(), residue(world.system).timers]).toEqual([3003, 0]);
  });

  test("that is not changed by setOptions keeps its debts", async () => {
    const { clients, listener, total } = await crowd(1, { maxTotalBytesPerSecond: 100, totalBurstBytes: 1 });
    clients[0]?.write(Buffer.alloc(101));
    await world.settle();
    clients[0]?.write("x");
    await listener.setOptions({ maxClients: 5 });
    await world.manual.advance(999);
    expect(total()).toBe(101);
    await world.manual.advance(1);
    expect(total()).toBe(102);
  });

  test("and one on each connection hold both", async () => {
    const { clients, bytesOf } = await crowd(2, {
      maxTotalBytesPerSecond: 1000,
      maxBytesPerSecond: 100,
      burstBytes: 1,
    });
    clients[0]?.write(Buffer.alloc(101));
    clients[1]?.write(Buffer.alloc(1101));
    await world.settle();
    for (const client of clients) client.write("x");
    await world.manual.advance(999);
    expect([bytesOf(0), bytesOf(1)]).toEqual([101, 1101]);
    await world.manual.advance(1);
    expect([bytesOf(0), bytesOf(1)]).toEqual([102, 1101]);
    await world.manual.advance(10_000);
    expect(bytesOf(1)).toBe(1102);
  });
});

test("whatever is sent, and however it is cut, arrives whole and no faster than it may", async () => {
  const pieces = fc.array(fc.tuple(fc.integer({ min: 1, max: 5000 }), fc.nat(500)), { minLength: 1, maxLength: 8 });
  const size = fc.integer({ min: 1, max: 30_000 });
  const chunks = fc.integer({ min: 100, max: 10_000 });
  await fc.assert(
    fc.asyncProperty(pieces, size, size, size, chunks, async (all, perSecond, burst, perSecondTotal, chunk) => {
      const alone = await new ServerWorld("memory", { memory: { chunk: (bytes) => Math.min(bytes, chunk) } }).start();
      try {
        const reads: Read[] = [];
        const react = (event: { readonly type: string; readonly data?: Uint8Array }, { connection }: Puppet): void => {
          if (event.type === "socketReady") connection.activate(true);
          if (event.data !== undefined) reads.push({ at: alone.system.now(), data: event.data });
        };
        const { handler } = puppetry({ react });
        const limits = { maxBytesPerSecond: perSecond, burstBytes: burst, maxTotalBytesPerSecond: perSecondTotal };
        const listener = await alone.open(handler, { ...limits, idleTimeoutMs: "infinity" });
        const client = alone.startConnecting(listener);
        await alone.settle();
        const sent = pattern(all.reduce((sum, [length]) => sum + length, 0));
        let offset = 0;
        for (const [length, pause] of all) {
          client.write(Uint8Array.from(sent.subarray(offset, offset + length)));
          offset += length;
          await alone.manual.advance(pause);
        }
        // At a byte per second it takes its time.
        await alone.manual.advance(1000 * sent.length + 1000);
        expect(Buffer.concat(reads.map(({ data }) => data)).equals(sent)).toBe(true);
        let total = 0;
        for (const { at, data } of reads) {
          // What was read before this was paid for when this was read.
          expect(total).toBeLessThanOrEqual(Math.max(burst, perSecond / 1000) + (perSecond * at) / 1000);
          expect(total).toBeLessThanOrEqual(perSecondTotal + (perSecondTotal * at) / 1000);
          total += data.length;
        }
      } finally {
        await alone.dispose();
      }
    }),
    { numRuns: 30 },
  );
});

describe.each(transports)("%s", (transport) => {
  useWorld(transport);

  test("what is limited comes in order and whole, and takes its time", async () => {
    const size = 400_000;
    const { client, bytesOf, reads } = await limited({ maxBytesPerSecond: 1_000_000, burstBytes: 100_000 });
    const begin = world.system.now();
    client.write(pattern(size));
    if (world.clock === undefined) await world.until(() => bytesOf(0) === size);
    else await world.manual.advance(1000);
    const all = reads[0] ?? [];
    expect(Buffer.concat(all.map(({ data }) => data)).equals(pattern(size))).toBe(true);
    const last = all.at(-1);
    // Everything but the last read was paid for by then.
    const owed = size - (last?.data.length ?? 0) - 100_000;
    expect((last?.at ?? 0) - begin).toBeGreaterThanOrEqual(owed / 1000);
  });
});
