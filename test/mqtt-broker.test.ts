import { spawn } from "node:child_process";
import { once } from "node:events";
import { text as textOf } from "node:stream/consumers";
import { type Pid, sys } from "@espalier/actors";
import type { Listener } from "@espalier/sockets";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openBroker } from "../examples/mqtt-broker/broker.ts";
import { isFilter, isTopic, matches } from "../examples/mqtt-broker/topic.ts";
import { missingOf, run } from "../packages/sockets/test/support/programs.ts";
import { ServerWorld, transports, useWorld, world } from "../packages/sockets/test/support/server-world.ts";
import type { SocketRecorder } from "../packages/sockets/test/support/socket-recorder.ts";

// What MQTT 3.1.1 says of a broker, one test for each thing that the example does. The client here knows nothing of the
// broker's code: it makes its bytes itself, and reads them itself.

const word = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);
const field = (value: string): Buffer => Buffer.concat([word(Buffer.byteLength(value)), Buffer.from(value)]);

/** A packet of less than 16 KiB. */
function packet(first: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const size = body.length < 128 ? [body.length] : [(body.length & 127) | 128, body.length >> 7];
  return Buffer.concat([Buffer.from([first, ...size]), body]);
}

interface Greeting {
  readonly id?: string;
  readonly keepAlive?: number;
  readonly isClean?: boolean;
  readonly level?: number;
  readonly will?: {
    readonly topic: string;
    readonly payload: string;
    readonly qos?: number;
    readonly retain?: boolean;
  };
}

function connect({ id = "", keepAlive = 0, isClean = true, level = 4, will }: Greeting = {}): Buffer {
  const wish = will === undefined ? 0 : 4 | ((will.qos ?? 0) << 3) | (will.retain === true ? 32 : 0);
  const last = will === undefined ? [] : [field(will.topic), field(will.payload)];
  const flags = Buffer.from([level, wish | (isClean ? 2 : 0)]);
  return packet(0x10, field("MQTT"), flags, word(keepAlive), field(id), ...last);
}

const subscribe = (id: number, filter: string, qos = 0): Buffer =>
  packet(0x82, word(id), field(filter), Buffer.from([qos]));
const unsubscribe = (id: number, filter: string): Buffer => packet(0xa2, word(id), field(filter));
const PING = packet(0xc0);
const DISCONNECT = packet(0xe0);

/** With an id it is one of QoS 1. */
function publish(topic: string, payload: string, { id = 0, retain = false } = {}): Buffer {
  const first = 0x30 | (id === 0 ? 0 : 2) | (retain ? 1 : 0);
  return packet(first, field(topic), ...(id === 0 ? [] : [word(id)]), Buffer.from(payload));
}

/** What a broker has sent, in words. */
function read(bytes: Buffer): string[] {
  const said: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const [first = 0, low = 0, high = 0] = bytes.subarray(at);
    const begin = low < 128 ? at + 2 : at + 3;
    const end = begin + (low < 128 ? low : (low & 127) + high * 128);
    if (end > bytes.length) break;
    said.push(describePacket(first, bytes.subarray(begin, end)));
    at = end;
  }
  return said;
}

function describePacket(first: number, body: Buffer): string {
  if (first === 0x20) return `connack ${body[0]} ${body[1]}`;
  if (first === 0x40) return `puback ${body.readUInt16BE()}`;
  if (first === 0x90) return `suback ${body.readUInt16BE()}: ${[...body.subarray(2)].join(" ")}`;
  if (first === 0xb0) return `unsuback ${body.readUInt16BE()}`;
  if (first === 0xd0) return "pong";
  const isNumbered = (first & 2) !== 0;
  const size = body.readUInt16BE();
  const topic = body.subarray(2, 2 + size).toString();
  const payload = body.subarray(2 + size + (isNumbered ? 2 : 0)).toString();
  const id = isNumbered ? ` #${body.readUInt16BE(2 + size)}` : "";
  return `${topic}: ${payload}${id}${(first & 1) === 0 ? "" : " retained"}`;
}

class Client {
  readonly #socket: SocketRecorder;
  #heard = 0;

  constructor(socket: SocketRecorder) {
    this.#socket = socket;
  }

  send(...packets: readonly Uint8Array[]): void {
    this.#socket.write(Buffer.concat(packets));
  }

  /** The next so many things that the broker says. */
  async hears(count = 1): Promise<readonly string[]> {
    await this.#socket.until(() => read(this.#socket.received).length >= this.#heard + count);
    this.#heard += count;
    return read(this.#socket.received).slice(this.#heard - count, this.#heard);
  }

  /** What it has said beyond that, when everything that was under way has come. */
  async rest(): Promise<readonly string[]> {
    await world.settle();
    return read(this.#socket.received).slice(this.#heard);
  }

  /** The broker has closed the connection. */
  async closed(): Promise<void> {
    await this.#socket.next("closed");
  }

  end(): void {
    this.#socket.end();
  }

  vanish(): void {
    this.#socket.close("reset");
  }

  get isOpen(): boolean {
    return !this.#socket.isClosed;
  }
}

async function open(): Promise<Listener> {
  const on = { host: "127.0.0.1", port: 0 };
  const listener = await openBroker(world.system, world.sockets, on);
  world.listeners.push(listener);
  return listener;
}

/** A client that has said nothing yet. */
async function stranger(listener: Listener): Promise<Client> {
  return new Client(await world.connect(listener));
}

/** A client that is welcome. */
async function guest(listener: Listener, greeting: Greeting = {}): Promise<Client> {
  const client = await stranger(listener);
  client.send(connect(greeting));
  expect(await client.hears()).toEqual(["connack 0 0"]);
  return client;
}

/** A client that gets what is published under the filter from now on. */
async function subscriber(to: Listener, filter: string, qos = 0, greeting: Greeting = {}): Promise<Client> {
  const client = await guest(to, greeting);
  client.send(subscribe(1, filter, qos));
  expect(await client.hears()).toEqual([`suback 1: ${Math.min(qos, 1)}`]);
  return client;
}

function pidOfRouter(): Pid {
  const pid = world.system.whereis("router");
  if (pid === undefined) throw new Error("there is no router");
  return pid;
}

describe.each(transports)("on %s", (transport) => {
  useWorld(transport);

  describe("a client", () => {
    test("that speaks another version is told so, and the connection is closed", async () => {
      const broker = await open();
      const client = await stranger(broker);
      client.send(connect({ id: "new", level: 5 }));
      expect(await client.hears()).toEqual(["connack 0 1"]);
      await client.closed();
      expect(broker.shutdownCounts).toEqual({ refused: 1 });
    });

    test("that has no name is given one, unless it wants to be remembered", async () => {
      const broker = await open();
      const [first, second] = [await subscriber(broker, "news"), await subscriber(broker, "news")];
      first.send(publish("news", "both of us are here"));
      expect([await first.hears(), await second.hears()].flat()).toEqual(Array(2).fill("news: both of us are here"));
      const third = await stranger(broker);
      third.send(connect({ isClean: false }));
      expect(await third.hears()).toEqual(["connack 0 2"]);
      await third.closed();
    });

    test("may say everything at once, or byte by byte", async () => {
      const broker = await open();
      const said = [
        connect({ id: "a" }),
        subscribe(7, "t", 1),
        publish("t", "x".repeat(300), { id: 9 }),
        PING,
        DISCONNECT,
      ];
      const heard = ["connack 0 0", "suback 7: 1", "pong", "puback 9", `t: ${"x".repeat(300)} #1`];
      const hasty = await stranger(broker);
      hasty.send(...said.slice(0, -1));
      expect((await hasty.hears(5)).toSorted()).toEqual(heard.toSorted());
      hasty.send(DISCONNECT);
      await hasty.closed();
      const slow = await stranger(broker);
      for (const byte of Buffer.concat(said.slice(0, -1))) {
        slow.send(Uint8Array.of(byte));
        await world.settle();
      }
      expect((await slow.hears(5)).toSorted()).toEqual(heard.toSorted());
      slow.send(DISCONNECT);
      await slow.closed();
      expect(broker.shutdownCounts).toEqual({ normal: 2 });
    });

    test("that asks whether anybody is there gets an answer", async () => {
      const client = await guest(await open());
      client.send(PING, PING);
      expect(await client.hears(2)).toEqual(["pong", "pong"]);
    });
  });

  describe("a message", () => {
    test("reaches all that have a filter for its topic, once, and nobody else", async () => {
      const broker = await open();
      const [one, level, all, other] = [
        await subscriber(broker, "house/kitchen/light"),
        await subscriber(broker, "house/+/light"),
        await subscriber(broker, "house/#"),
        await subscriber(broker, "garden/#"),
      ];
      all.send(subscribe(2, "house/kitchen/#"));
      expect(await all.hears()).toEqual(["suback 2: 0"]);
      one.send(publish("house/kitchen/light", "on"), publish("house", "sold"));
      expect(await one.hears()).toEqual(["house/kitchen/light: on"]);
      expect(await level.hears()).toEqual(["house/kitchen/light: on"]);
      expect(await all.hears(2)).toEqual(["house/kitchen/light: on", "house: sold"]);
      expect(await Promise.all([one, level, all, other].map((client) => client.rest()))).toEqual([[], [], [], []]);
    });

    test.each([
      [0, 0, "t: hello"],
      [0, 1, "t: hello"],
      [1, 0, "t: hello"],
      [1, 1, "t: hello #1"],
      [1, 2, "t: hello #1"],
    ])(
      "of QoS %i comes to who has asked for %i as %s, and who sends it with QoS 1 is told",
      async (sent, asked, heard) => {
        const broker = await open();
        const reader = await subscriber(broker, "t", asked);
        const writer = await guest(broker);
        writer.send(publish("t", "hello", { id: sent * 5 }));
        expect(await reader.hears()).toEqual([heard]);
        expect(await writer.rest()).toEqual(sent === 0 ? [] : ["puback 5"]);
        reader.send(packet(0x40, word(1)), PING);
        expect(await reader.hears()).toEqual(["pong"]);
      },
    );

    test("does not reach who has unsubscribed", async () => {
      const broker = await open();
      const client = await subscriber(broker, "t");
      client.send(unsubscribe(3, "t"), publish("t", "is anybody there?"), PING);
      expect(new Set([...(await client.hears(2)), ...(await client.rest())])).toEqual(new Set(["unsuback 3", "pong"]));
    });

    test("that is retained comes to all that subscribe later, until one without content is", async () => {
      const broker = await open();
      const witness = await subscriber(broker, "#");
      const writer = await guest(broker);
      writer.send(publish("t", "first", { retain: true }), publish("t", "second", { retain: true, id: 1 }));
      expect(await writer.hears()).toEqual(["puback 1"]);
      // To those who are there it is a message like any other.
      expect(await witness.hears(2)).toEqual(["t: first", "t: second"]);
      const reader = await guest(broker);
      reader.send(subscribe(1, "+", 1));
      expect(await reader.hears(2)).toEqual(["suback 1: 1", "t: second #1 retained"]);
      writer.send(publish("t", "", { retain: true, id: 2 }));
      expect(await writer.hears()).toEqual(["puback 2"]);
      const late = await subscriber(broker, "t");
      expect(await late.rest()).toEqual([]);
    });
  });

  describe("a last will", () => {
    const will = { topic: "wills", payload: "farewell", qos: 1, retain: true };
    const ends: ReadonlyArray<readonly [string, (client: Client, pid: Pid) => void, readonly string[]]> = [
      ["its connection breaks", (client) => client.vanish(), ["wills: farewell #1"]],
      ["it hangs up without a word", (client) => client.end(), ["wills: farewell #1"]],
      ["it breaks the rules", (client) => client.send(connect()), ["wills: farewell #1"]],
      ["its connection is killed", (_client, pid) => world.system.kill(pid), ["wills: farewell #1"]],
      ["it says goodbye", (client) => client.send(DISCONNECT), []],
    ];

    test.for(ends)("when %s", async ([, end, heard]) => {
      const broker = await open();
      const client = await guest(broker, { id: "mortal", will });
      const [pid] = (await broker.connections()) as [Pid];
      const heir = await subscriber(broker, "wills", 1);
      end(client, pid);
      await world.stopped();
      expect(await heir.rest()).toEqual(heard);
      const late = await guest(broker);
      late.send(subscribe(1, "wills"));
      expect((await late.rest()).slice(1)).toEqual(heard.length === 0 ? [] : ["wills: farewell retained"]);
    });
  });

  test("who comes under the name of another one takes its place", async () => {
    const broker = await open();
    const heir = await subscriber(broker, "wills");
    const will = { topic: "wills", payload: "I was here first" };
    const old = await subscriber(broker, "t", 0, { id: "twin", will });
    const young = await subscriber(broker, "t", 0, { id: "twin" });
    await old.closed();
    expect(await heir.hears()).toEqual(["wills: I was here first"]);
    heir.send(publish("t", "who is it?"));
    expect(await young.hears()).toEqual(["t: who is it?"]);
    expect(broker.shutdownCounts).toEqual({ takenOver: 1 });
    expect(await heir.rest()).toEqual([]);
  });

  test("a router that crashes costs nobody a connection, a subscription or a retained message", async () => {
    const broker = await open();
    const reader = await subscriber(broker, "t/#", 1);
    const writer = await guest(broker);
    writer.send(publish("t/kept", "before", { retain: true, id: 1 }));
    expect([...(await writer.hears()), ...(await reader.hears())]).toEqual(["puback 1", "t/kept: before #1"]);
    const before = pidOfRouter();
    world.system.kill(before);
    // What comes while there is no router, or one that knows nobody, waits.
    writer.send(publish("t/live", "after", { id: 2 }), PING);
    await world.until(() => ![undefined, before].includes(world.system.whereis("router")));
    await world.clock?.advance(1000);
    expect(await writer.hears(2)).toEqual(["pong", "puback 2"]);
    // The reader may have come back behind the writer, and then it has missed what was said before.
    writer.send(publish("t/live", "now", { id: 3 }));
    expect(await writer.hears()).toEqual(["puback 3"]);
    await world.settle();
    expect((await reader.rest()).at(-1)).toMatch(/^t\/live: now #\d$/u);
    const late = await guest(broker);
    late.send(subscribe(1, "t/kept"));
    expect(await late.hears(2)).toEqual(["suback 1: 0", "t/kept: before retained"]);
    expect(broker.shutdownCounts).toEqual({});
    world.logged.splice(0);
  });

  describe("what is against the rules", () => {
    const rules: ReadonlyArray<readonly [string, readonly Uint8Array[], string]> = [
      ["a packet before CONNECT", [PING], "protocolViolation"],
      ["a second CONNECT", [connect(), connect()], "protocolViolation"],
      ["a protocol of another name", [packet(0x10, field("MQIsdp"), Buffer.from([3, 2, 0, 0]))], "protocolViolation"],
      ["a packet of no type", [connect(), packet(0xf0)], "protocolViolation"],
      ["flags that are not those of the packet", [connect(), packet(0x80, word(1), field("t"))], "protocolViolation"],
      ["a filter that is none", [connect(), subscribe(1, "a/#/b")], "protocolViolation"],
      ["no filter at all", [connect(), packet(0x82, word(1))], "protocolViolation"],
      ["a topic with a wildcard", [connect(), publish("a/+", "b")], "protocolViolation"],
      ["QoS 2, which was not promised", [connect(), packet(0x34, field("t"), word(1))], "protocolViolation"],
      ["a field that is longer than its packet", [connect(), packet(0x30, word(9))], "protocolViolation"],
      ["text that is no text", [connect(), packet(0x30, word(1), Buffer.from([0xff]))], "protocolViolation"],
      ["a length without an end", [Buffer.from([0x10, 0xff, 0xff, 0xff, 0xff])], "badFrame"],
      ["a packet of 2 MiB", [Buffer.from([0x10, 0x80, 0x80, 0x80, 0x01])], "frameTooLarge"],
    ];

    test.for(rules)("%s ends the connection, and no other", async ([, packets, reason]) => {
      const broker = await open();
      const good = await guest(broker);
      const bad = await stranger(broker);
      bad.send(...packets);
      await bad.closed();
      good.send(PING);
      expect(await good.hears()).toEqual(["pong"]);
      expect(broker.shutdownCounts).toEqual({ [reason]: 1 });
    });
  });
});

describe("time", () => {
  useWorld("memory");

  test("a client may be silent for half as long again as its keep alive says", async () => {
    const broker = await open();
    const client = await guest(broker, { keepAlive: 10 });
    await world.manual.advance(14_999);
    client.send(PING);
    expect(await client.hears()).toEqual(["pong"]);
    await world.manual.advance(14_999);
    expect(client.isOpen).toBe(true);
    await world.manual.advance(1);
    await client.closed();
    expect(broker.shutdownCounts).toEqual({ idleTimeout: 1 });
  });

  test("one that promises nothing may be silent for ever, and one that does not greet may not", async () => {
    const broker = await open();
    const [quiet, rude] = [await guest(broker), await stranger(broker)];
    await world.manual.advance(10_000);
    await rude.closed();
    await world.manual.advance(1e9);
    quiet.send(PING);
    expect(await quiet.hears()).toEqual(["pong"]);
  });
});

test("whenever the router crashes, all that is asked for is done and confirmed", { timeout: 60_000 }, async () => {
  const own = await new ServerWorld("memory").start();
  const broker = await openBroker(own.system, own.sockets, 1883);
  own.listeners.push(broker);
  // A busy one has a message in its mailbox that it never looks at.
  const crash = fc.record({ isBusy: fc.boolean(), pauseMs: fc.integer({ min: 0, max: 120 }) });
  const talk = fc.array(fc.oneof({ weight: 3, arbitrary: fc.constant("publish" as const) }, crash), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(talk, async (steps) => {
      const [reader, writer] = [await own.connect(broker), await own.connect(broker)];
      reader.write(connect());
      writer.write(Buffer.concat([connect(), publish("kept/0", "words", { retain: true, id: 100 })]));
      await own.settle();
      let id = 0;
      // One says it, and the other one wants to hear what was said before.
      const say = (): void => {
        id += 1;
        writer.write(publish(`kept/${id}`, "words", { id, retain: true }));
        reader.write(subscribe(id, `kept/${id - 1}`));
      };
      let crashes = 0;
      for (const step of steps) {
        const router = own.system.whereis("router");
        if (step === "publish" || router === undefined) {
          say();
          continue;
        }
        // One more, and its supervisor would be right to give up.
        crashes += 1;
        if (crashes > 5) break;
        if (step.isBusy) {
          await sys.suspend(own.system, router);
          say();
          await own.settle();
        }
        own.system.kill(router);
        await own.manual.advance(step.pauseMs);
      }
      await own.manual.advance(20_000);
      const ids = Array.from({ length: id }, (_, index) => index + 1);
      const confirmed = ids.map((each) => `puback ${each}`);
      expect(new Set(read(writer.received))).toEqual(new Set(["connack 0 0", "puback 100", ...confirmed]));
      const heard = new Set(read(reader.received).map((line) => line.replace(/ retained$/u, "")));
      const granted = ids.map((each) => `suback ${each}: 0`);
      expect(heard).toEqual(new Set(["connack 0 0", ...granted, ...ids.map((each) => `kept/${each - 1}: words`)]));
      reader.close("now");
      writer.close("now");
      await own.settle();
    }),
  );
  expect(Object.keys(broker.shutdownCounts)).not.toContain("error");
  // What the supervisor says of each crash.
  own.logged.splice(0);
  await own.dispose();
});

test("whatever is sent behind a CONNECT, there is no crash", { timeout: 60_000 }, async () => {
  const broken = fc.tuple(fc.nat(255), fc.uint8Array({ maxLength: 30 })).map(([first, body]) => packet(first, body));
  const sound = fc.constantFrom(PING, subscribe(1, "#", 1), publish("t", "x", { id: 1 }), unsubscribe(1, "#"));
  const own = await new ServerWorld("memory").start();
  const broker = await openBroker(own.system, own.sockets, 1883);
  own.listeners.push(broker);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(broken, sound), { maxLength: 10 }), async (packets) => {
      const client = await own.connect(broker);
      client.write(Buffer.concat([connect(), ...packets]));
      await own.settle();
      expect(read(client.received)[0]).toBe("connack 0 0");
      client.close("reset");
      await own.settle();
    }),
  );
  expect(Object.keys(broker.shutdownCounts)).not.toContain("error");
  await own.dispose();
});

describe("topics", () => {
  // Those of section 4.7 of the specification.
  test.each([
    ["sport/tennis/player1/#", "sport/tennis/player1", true],
    ["sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true],
    ["sport/#", "sport", true],
    ["#", "sport/tennis", true],
    ["sport/tennis/+", "sport/tennis/player1", true],
    ["sport/tennis/+", "sport/tennis/player1/ranking", false],
    ["sport/+", "sport", false],
    ["sport/+", "sport/", true],
    ["+/+", "/finance", true],
    ["/+", "/finance", true],
    ["+", "/finance", false],
    ["#", "$SYS/monitor", false],
    ["+/monitor", "$SYS/monitor", false],
    ["$SYS/#", "$SYS/monitor", true],
    ["accounts", "Accounts", false],
  ])("%s and %s: %s", (filter, topic, isMatch) => {
    expect([isFilter(filter), isTopic(topic), matches(filter, topic)]).toEqual([true, true, isMatch]);
  });

  test.each(["", "sport/tennis#", "sport/tennis/#/ranking", "sport+", "a\0b"])("%j is no filter", (filter) => {
    expect(isFilter(filter)).toBe(false);
  });

  test("a topic is a filter that matches itself alone", () => {
    const topic = fc.array(fc.constantFrom("a", "b", "", "cc"), { minLength: 1 }).map((levels) => levels.join("/"));
    fc.assert(
      fc.property(topic.filter(isTopic), topic.filter(isTopic), (one, other) => {
        expect(isFilter(one)).toBe(true);
        expect(matches(one, other)).toBe(one === other);
        expect(matches(`${one}/#`, other)).toBe(`${other}/`.startsWith(`${one}/`));
      }),
    );
  });
});

const [PUBLISHER, SUBSCRIBER] = ["mosquitto_pub", "mosquitto_sub"] as const;
const missing = missingOf(PUBLISHER, SUBSCRIBER);

describe.skipIf(missing !== "")(`the clients of Mosquitto${missing}`, () => {
  useWorld("tcp");

  test("publish and subscribe, with both sorts of QoS, and get what is retained", async () => {
    const { port } = await open();
    const where = ["-h", "127.0.0.1", "-p", `${port}`];
    const say = (...args: readonly string[]) => run(PUBLISHER, [...where, "-k", "5", ...args]);
    expect(await say("-t", "house/door", "-m", "shut", "-r", "-q", "1")).toMatchObject({ status: 0, err: "" });

    const sub = spawn(SUBSCRIBER, [...where, "-t", "house/#", "-q", "1", "-C", "3", "-W", "20", "-v"]);
    const heard = textOf(sub.stdout);
    await once(sub.stdout, "readable");
    expect(await say("-t", "house/door", "-m", "open", "-q", "1")).toMatchObject({ status: 0, err: "" });
    expect(await say("-t", "house", "-m", "cold")).toMatchObject({ status: 0, err: "" });
    expect(await heard).toBe("house/door shut\nhouse/door open\nhouse cold\n");
  });
});
