import { residue } from "@espalier/actors/testing";
import { type ConnectionOptions, InvalidOptionError, type ListenerOptions } from "@espalier/sockets";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toConnectionChanges, toListenerConfig } from "../src/options.ts";
import { puppetry } from "./support/handlers.ts";
import { transports, useWorld, world } from "./support/server-world.ts";

/** More than all buffers between two ends hold, on any transport. */
const BIG = 16 * 1024 * 1024;
const MINUTE = 60_000;

async function puppetWithClient(options: ListenerOptions, reads = true) {
  const { handler, one } = puppetry();
  const client = await world.connect(await world.open(handler, options), { reads });
  const puppet = await one();
  return { client, puppet, connection: puppet.connection };
}

/** One whose client does not read what it was sent. */
async function stuck(options: ListenerOptions) {
  const held = await puppetWithClient({ idleTimeoutMs: "infinity", ...options }, false);
  held.connection.send(Buffer.alloc(BIG));
  await world.settle();
  return held;
}

function faultOf(check: () => unknown): InvalidOptionError | undefined {
  try {
    check();
  } catch (error) {
    if (error instanceof InvalidOptionError) return error;
    throw error;
  }
  return undefined;
}

/** Whatever a program without types may write. */
function untyped(options: unknown): ConnectionOptions {
  return options as ConnectionOptions;
}

describe.each(transports)("%s", (transport) => {
  useWorld(transport);

  test("noDelay and keepAlive are asked of the socket, together with what stays as it is", async () => {
    const { connection } = await puppetWithClient({ noDelay: true, keepAlive: false });
    connection.setOptions({ keepAlive: true });
    connection.setOptions({ noDelay: false });
    connection.setOptions({ ...untyped({ noDelay: undefined }), highWaterMark: 1 });
    expect(world.socketOptions).toEqual([
      { noDelay: true, keepAlive: true },
      { noDelay: false, keepAlive: true },
    ]);
  });

  test("a highWaterMark above what is unsent lets the client in again", async () => {
    const { client, puppet, connection } = await puppetWithClient({ highWaterMark: 1 }, false);
    connection.activate(true);
    expect(connection.send(Buffer.alloc(BIG))).toBe(false);
    client.write("hello");
    await world.settle();
    expect(puppet.heard).toEqual(["socketReady"]);
    connection.setOptions({ highWaterMark: 2 * BIG });
    await world.until(() => puppet.heard.length === 2);
    expect(connection.send("more")).toBe(true);
    expect(puppet.heard).toEqual(["socketReady", "data hello"]);
  });

  test("a highWaterMark below what is unsent keeps the client out until all is sent", async () => {
    const { client, puppet, connection } = await puppetWithClient({ highWaterMark: 2 * BIG }, false);
    connection.activate(true);
    expect(connection.send(Buffer.alloc(BIG))).toBe(true);
    connection.setOptions({ highWaterMark: 1 });
    client.write("hello");
    await world.settle();
    expect(puppet.heard).toEqual(["socketReady"]);
    client.resume();
    await world.until(() => puppet.heard.length === 2);
    expect([puppet.heard[1], connection.unsentBytes]).toEqual(["data hello", 0]);
  });

  test("one fault is enough for nothing to change, and all of them are named", async () => {
    const { connection } = await puppetWithClient({});
    const options = untyped({ noDelay: false, keepAlive: "yes", idleTimeoutMs: 0, packet: 2, highWatermark: 10 });
    expect(() => connection.setOptions(options)).toThrow(
      [
        "4 invalid options:",
        'idleTimeoutMs must be milliseconds from 1 to 2147483647, or "infinity", got 0',
        'keepAlive must be true or false, got "yes"',
        "packet is not an option (known: maxBytesPerSecond, burstBytes, idleTimeoutMs, packetTimeoutMs, noDelay, keepAlive, highWaterMark, maxUnsentBytes, sendTimeoutMs)",
        "highWatermark is not an option (did you mean highWaterMark?)",
      ].join("\n  "),
    );
    expect(world.socketOptions).toEqual([]);
  });

  test("what there is now can be read, all of it and nothing else", async () => {
    const { connection } = await puppetWithClient({ idleTimeoutMs: 5000, maxBytesPerSecond: 1000 });
    connection.setOptions({ highWaterMark: 10 });
    const options = connection.getOptions();
    expect(options).toMatchObject({ idleTimeoutMs: 5000, burstBytes: 1000, highWaterMark: 10, noDelay: true });
    expect(toConnectionChanges(options)).toEqual(options);
  });

  test("after the end they are still checked, and change nothing", async () => {
    const { client, connection } = await puppetWithClient({});
    connection.close();
    connection.setOptions({ noDelay: false, idleTimeoutMs: 1, sendTimeoutMs: 1, highWaterMark: 1 });
    expect(() => connection.setOptions(untyped({ keepAlive: 1 }))).toThrow(InvalidOptionError);
    expect(await client.next("closed")).toBeUndefined();
    connection.setOptions({ noDelay: true });
    expect(world.socketOptions).toEqual([]);
  });
});

describe("the time without data", () => {
  useWorld("memory");

  test("begins when it is first given, and comes again and again", async () => {
    const { puppet, connection } = await puppetWithClient({ idleTimeoutMs: "infinity" });
    await world.manual.advance(1e9);
    connection.setOptions({ idleTimeoutMs: MINUTE });
    await world.manual.advance(MINUTE - 1);
    expect(puppet.heard).toEqual(["socketReady"]);
    await world.manual.advance(1);
    expect(puppet.heard).toEqual(["socketReady", "timeout"]);
    await world.manual.advance(MINUTE);
    expect(puppet.heard).toEqual(["socketReady", "timeout", "timeout"]);
  });

  test("ends with infinity, and may begin anew", async () => {
    const { client, puppet, connection } = await puppetWithClient({ idleTimeoutMs: MINUTE });
    connection.activate(true);
    connection.setOptions({ idleTimeoutMs: "infinity" });
    client.write("x");
    await world.manual.advance(1e9);
    expect(puppet.heard).toEqual(["socketReady", "data x"]);
    connection.setOptions({ idleTimeoutMs: 10 });
    await world.manual.advance(10);
    expect(puppet.heard).toEqual(["socketReady", "data x", "timeout"]);
  });

  test.for([10, 10 * MINUTE])("of %i ms counts from the change, and from each of the client's bytes", async (ms) => {
    const { client, puppet, connection } = await puppetWithClient({ idleTimeoutMs: MINUTE });
    connection.activate(true);
    await world.manual.advance(MINUTE - 1);
    connection.setOptions({ idleTimeoutMs: ms });
    await world.manual.advance(ms - 1);
    client.write("x");
    await world.manual.advance(ms - 1);
    expect(puppet.heard).toEqual(["socketReady", "data x"]);
    await world.manual.advance(1);
    expect(puppet.heard).toEqual(["socketReady", "data x", "timeout"]);
  });

  test("is not moved by a change of other options", async () => {
    const { puppet, connection } = await puppetWithClient({ idleTimeoutMs: MINUTE });
    await world.manual.advance(MINUTE - 1);
    connection.setOptions({ noDelay: false, sendTimeoutMs: 1, highWaterMark: 1 });
    await world.manual.advance(1);
    expect(puppet.heard).toEqual(["socketReady", "timeout"]);
  });

  test("is not moved by a change that is refused", async () => {
    const { puppet, connection } = await puppetWithClient({ idleTimeoutMs: MINUTE });
    await world.manual.advance(MINUTE - 1);
    expect(() => connection.setOptions({ idleTimeoutMs: "infinity", sendTimeoutMs: -1 })).toThrow(InvalidOptionError);
    await world.manual.advance(1);
    expect(puppet.heard).toEqual(["socketReady", "timeout"]);
  });

  test("that is set before the socket is handed over counts from then", async () => {
    const opens: Array<() => void> = [];
    const { handler, puppets } = puppetry({
      init({ connection }) {
        connection.setOptions({ idleTimeoutMs: 10 });
        return new Promise((resolve) => void opens.push(resolve));
      },
    });
    await world.connect(await world.open(handler, { idleTimeoutMs: MINUTE }));
    await world.manual.advance(0);
    expect(residue(world.system).timers).toBe(0);
    await world.manual.advance(1000);
    for (const open of opens) open();
    await world.manual.advance(9);
    expect(puppets[0]?.heard).toEqual(["socketReady"]);
    await world.manual.advance(1);
    expect(puppets[0]?.heard).toEqual(["socketReady", "timeout"]);
  });

  test("does not begin once the client has ended", async () => {
    const { client, puppet, connection } = await puppetWithClient({ idleTimeoutMs: MINUTE });
    connection.activate();
    client.end();
    await world.manual.advance(0);
    connection.setOptions({ idleTimeoutMs: 10 });
    await world.manual.advance(1000);
    expect(puppet.heard).toEqual(["socketReady", "closed"]);
  });

  test("of one connection is no business of the others", async () => {
    const { handler, puppets } = puppetry();
    const listener = await world.open(handler, { idleTimeoutMs: MINUTE });
    await world.connectMany(listener, 2);
    await world.settle();
    puppets[0]?.connection.setOptions({ idleTimeoutMs: "infinity" });
    await world.connectMany(listener, 1);
    await world.manual.advance(MINUTE);
    const [calm, before, after] = puppets.map(({ heard }) => heard);
    expect(calm).toEqual(["socketReady"]);
    expect([before, after]).toEqual([
      ["socketReady", "timeout"],
      ["socketReady", "timeout"],
    ]);
  });
});

describe("the time for sending", () => {
  useWorld("memory");

  test("begins for what is unsent already, when it is first given", async () => {
    const { puppet, connection } = await stuck({ sendTimeoutMs: "infinity" });
    await world.manual.advance(1e9);
    connection.setOptions({ sendTimeoutMs: MINUTE });
    await world.manual.advance(MINUTE - 1);
    expect(puppet.heard).toEqual(["socketReady"]);
    await world.manual.advance(1);
    expect(puppet.heard).toEqual(["socketReady", "error sendTimeout"]);
  });

  test("ends with infinity", async () => {
    const { client, puppet, connection } = await stuck({ sendTimeoutMs: MINUTE });
    connection.setOptions({ sendTimeoutMs: "infinity" });
    await world.manual.advance(1e9);
    expect(puppet.heard).toEqual(["socketReady"]);
    client.resume();
    await client.bytes(BIG);
  });

  test.for([10, 10 * MINUTE])("of %i ms counts from the change", async (ms) => {
    const { puppet, connection } = await stuck({ sendTimeoutMs: MINUTE });
    await world.manual.advance(MINUTE - 1);
    connection.setOptions({ sendTimeoutMs: ms });
    await world.manual.advance(ms - 1);
    expect(puppet.heard).toEqual(["socketReady"]);
    await world.manual.advance(1);
    expect(puppet.heard).toEqual(["socketReady", "error sendTimeout"]);
  });

  test("does not begin when nothing is unsent", async () => {
    const { puppet, connection } = await puppetWithClient({ idleTimeoutMs: "infinity" });
    connection.setOptions({ sendTimeoutMs: 10 });
    await world.manual.advance(1e9);
    expect(puppet.heard).toEqual(["socketReady"]);
  });

  test("bounds the end of a connection that is closed after the change", async () => {
    const { client, connection } = await stuck({ sendTimeoutMs: MINUTE });
    connection.setOptions({ sendTimeoutMs: 10 });
    connection.close();
    await world.manual.advance(10);
    client.resume();
    expect(await client.next("closed")).toBe("ECONNRESET");
  });
});

describe("what is allowed", () => {
  const names = [
    "idleTimeoutMs",
    "noDelay",
    "keepAlive",
    "highWaterMark",
    "sendTimeoutMs",
    "packetTimeoutMs",
    "maxUnsentBytes",
    "maxBytesPerSecond",
    "burstBytes",
  ] as const;

  test("is what a listener may be given, in the same words", () => {
    const value = fc.oneof(fc.anything(), fc.integer(), fc.boolean(), fc.constant("infinity"));
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names), value), (options) => {
        const fault = faultOf(() => toConnectionChanges(untyped(options)));
        expect(fault?.message).toBe(faultOf(() => toListenerConfig(untyped(options)))?.message);
      }),
    );
  });

  test("comes out as it was given, without what is undefined", () => {
    expect(toConnectionChanges({ idleTimeoutMs: "infinity", noDelay: false })).toEqual({
      idleTimeoutMs: "infinity",
      noDelay: false,
    });
    const undefineds = Object.fromEntries(names.map((name) => [name, undefined]));
    expect(Object.keys(toConnectionChanges(untyped(undefineds)))).toEqual([]);
  });

  test("does not contain what only a listener has", () => {
    const listenerOnly = Object.keys(toListenerConfig()).filter((name) => !names.some((known) => known === name));
    const issues = faultOf(() =>
      toConnectionChanges(untyped(Object.fromEntries(listenerOnly.map((name) => [name, 1])))),
    )?.issues;
    expect(issues?.map(({ option, isUnknown }) => [option, isUnknown])).toEqual(
      listenerOnly.map((name) => [name, true]),
    );
  });

  test.for([null, undefined, 7])("%j is no options object", (options) => {
    expect(() => toConnectionChanges(untyped(options))).toThrow(InvalidOptionError);
  });
});
