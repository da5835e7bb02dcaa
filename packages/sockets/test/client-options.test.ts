import { type ClientOptions, InvalidOptionError, type PoolConnection, startPool } from "@espalier/sockets";
import { createSystem, shutdown } from "@espalier/actors";
import { describe, expect, test } from "vitest";
import { type ConnectTo, parseConnectTo, toClientConfig } from "../src/client-options.ts";
import { echo } from "./support/handlers.ts";

/** Whatever a program without types may write. */
function untyped(options: unknown): ClientOptions {
  return options as ClientOptions;
}

function faultsOf(check: () => unknown): readonly string[] {
  try {
    check();
  } catch (error) {
    if (error instanceof InvalidOptionError) return error.message.split("\n").map((line) => line.trim());
    throw error;
  }
  return [];
}

describe("the options of a client", () => {
  test("have the defaults that they say", () => {
    const { connection, transport, ...own } = toClientConfig({}, false);
    expect(own).toEqual({
      localHost: undefined,
      connectTimeoutMs: 3000,
      reconnect: "always",
      backoff: { initialMs: 500, maxMs: 30_000, factor: 2, jitter: 0.5 },
      attempts: "infinity",
      stableMs: 10_000,
      plan: undefined,
    });
    expect(transport.name).toBe("tcp");
    expect(connection).toMatchObject({
      idleTimeoutMs: "infinity",
      sendTimeoutMs: 30_000,
      packet: "raw",
      noDelay: true,
    });
  });

  test("are passed on as they are", () => {
    const plan = { closed: "stop", crashed: { stop: shutdown("why") } } as const;
    const given = { reconnect: "onError", attempts: 3, backoff: { initialMs: 60_000 }, plan, packet: 4 } as const;
    const config = toClientConfig({ ...given, idleTimeoutMs: 5, localHost: "::1", name: "db" }, false);
    expect(config).toMatchObject({ reconnect: "onError", attempts: 3, plan, localHost: "::1" });
    expect(config.backoff).toMatchObject({ initialMs: 60_000, maxMs: 60_000 });
    expect(config.connection).toMatchObject({ packet: 4, idleTimeoutMs: 5 });
  });

  const wrong: ReadonlyArray<readonly [unknown, string]> = [
    [{ connectTimeoutMs: 0 }, "connectTimeoutMs must be milliseconds from 1 to 2147483647"],
    [{ reconnect: "sometimes" }, 'reconnect must be "never", "onError" or "always", got "sometimes"'],
    [{ attempts: 0 }, 'attempts must be an integer from 1, or "infinity", got 0'],
    [{ attempts: 1.5 }, "attempts must be"],
    [{ stableMs: -1 }, "stableMs must be"],
    [{ localHost: "here" }, 'localHost must be an IP address, got "here"'],
    [{ transport: {} }, "transport must be a transport, got an object"],
    [{ backoff: { initialMs: 0 } }, "backoff.initialMs must be"],
    [{ backoff: { initialMs: 100, maxMs: 99 } }, "backoff.maxMs must be at least initialMs (100), got 99"],
    [{ backoff: { factor: 0.5 } }, "backoff.factor must be a number of at least 1, got 0.5"],
    [{ backoff: { jitter: Number.NaN } }, "backoff.jitter must be a number from 0 to 1, got NaN"],
    [{ backoff: { jiter: 1 } }, "backoff.jiter is not an option (did you mean jitter?)"],
    [{ backoff: 7 }, "backoff must be { initialMs, maxMs, factor, jitter }, got 7"],
    [{ plan: 7 }, "plan must be a function, or a step for each kind of end, got 7"],
    [{ plan: { closd: "stop" } }, "plan.closd is not an option (did you mean closed?)"],
    [{ plan: { closed: "delete" } }, 'plan.closed must be "default", "reconnect"'],
    [{ plan: { closed: { reconnectAfterMs: -1 } } }, "plan.closed must be"],
    [{ plan: { closed: { stop: "now" } } }, "plan.closed must be"],
    [
      { packet: 3 },
      'packet must be "raw", 1, 2, 4, "line" or { lengthOf: a function, maxHeaderBytes?: an integer of bytes from 1 to 2147483647 }, got 3',
    ],
    [{ maxClients: 3 }, "maxClients is not an option"],
    [{ name: "" }, 'name must be a string that is not empty, got ""'],
    [7, "options must be an object, got 7"],
    [null, "options must be an object, got null"],
  ];

  test.each(wrong)("%j is refused", (options, message) => {
    expect(faultsOf(() => toClientConfig(untyped(options), false)).join("\n")).toContain(message);
  });

  test("all faults are named at once", () => {
    const options = untyped({ packet: 3, attempts: 0, backoff: { factor: 0 }, plan: { nope: 1 }, atempts: 1 });
    expect(faultsOf(() => toClientConfig(options, false))).toHaveLength(6);
  });

  test("of a pool's connections allow what only a pool can do", () => {
    const plan = { closed: "delete", crashed: "stopPool", broken: { stopPool: shutdown() } } as const;
    expect(toClientConfig({ plan }, true).plan).toBe(plan);
    expect(faultsOf(() => toClientConfig(untyped({ plan: { closed: { stopPool: 1 } } }), true))).toHaveLength(1);
    expect(faultsOf(() => toClientConfig(untyped({ name: "db" }), true)).join("")).toContain("name is not an option");
  });
});

describe("where to connect to", () => {
  const right: ReadonlyArray<readonly [ConnectTo, object]> = [
    ["127.0.0.1:6000", { host: "127.0.0.1", port: 6000 }],
    ["[::1]:6000", { host: "::1", port: 6000 }],
    ["example.org:80", { host: "example.org", port: 80 }],
    [6000, { host: "localhost", port: 6000 }],
    [":6000", { host: "localhost", port: 6000 }],
    [
      { host: "::1", port: 1 },
      { host: "::1", port: 1 },
    ],
    ["unix:/run/app.sock", { host: "unix:", port: 0, path: "/run/app.sock" }],
  ];

  test.each(right)("%j", (to, address) => {
    expect(parseConnectTo(to)).toEqual(address);
  });

  test.each([
    [0, "to must be an address with a port from 1, got 0"],
    ["nowhere", "to must be a port"],
    [{ host: "300.1.1.1", port: 5 }, 'to.host must be an IP address or a host name, got "300.1.1.1"'],
  ])("not %j", (to, message) => {
    expect(faultsOf(() => parseConnectTo(to)).join("\n")).toContain(message);
  });
});

describe("the connections of a pool", () => {
  test("are checked with their place, all of them, before anything begins", async () => {
    const system = createSystem();
    const connections = [
      { id: "a", to: "127.0.0.1:1" },
      { id: "a", to: "127.0.0.1:0", options: { attempts: 0 } },
      { id: "", to: "127.0.0.1:1", options: { name: "x" } },
      { id: "a", to: "127.0.0.1:1" },
    ] as PoolConnection[];
    expect(faultsOf(() => startPool(system, connections, {}, echo))).toEqual([
      "5 invalid options:",
      'connections[1].to must be an address with a port from 1, got "127.0.0.1:0"',
      'connections[1].options.attempts must be an integer from 1, or "infinity", got 0',
      'connections[2].id must be a string that is not empty, got ""',
      expect.stringContaining("connections[2].options.name is not an option"),
      'connections[3].id must be an id that no other has, got "a"',
    ]);
    expect(faultsOf(() => startPool(system, connections, { choice: "any", packet: 3 } as never, echo))).toHaveLength(3);
    expect(system.inspect().processes).toEqual([]);
    await system.shutdown();
  });
});
