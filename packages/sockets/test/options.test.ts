import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileAccessRules, formatAccessRules } from "../src/access-rules.ts";
import { InvalidOptionError } from "../src/errors.ts";
import type { CustomFraming } from "../src/custom-framing.ts";
import type { Framing } from "../src/framing.ts";
import { type ListenerOptions, toListenerConfig } from "../src/options.ts";

/** What is wrong with options as plain JavaScript may give them. */
function faultOf(options: object): InvalidOptionError | undefined {
  try {
    toListenerConfig(options);
    return undefined;
  } catch (error) {
    if (error instanceof InvalidOptionError) return error;
    throw error;
  }
}

const timeout = fc.oneof(fc.constant("infinity" as const), fc.integer({ min: 1, max: 2 ** 31 - 1 }));
const size = fc.integer({ min: 1, max: 2 ** 31 - 1 });

/** Framings of one's own: an object, and one of a class. */
const custom: CustomFraming = { lengthOf: () => 1, maxHeaderBytes: 1 };
class Custom implements CustomFraming {
  readonly name = "one byte each";
  lengthOf(): number {
    return this.name.length === 0 ? 0 : 1;
  }
}

const validOptions: fc.Arbitrary<ListenerOptions> = fc.record(
  {
    acceptors: fc.integer({ min: 1, max: 1024 }),
    maxClients: fc.oneof(fc.constant("infinity" as const), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })),
    shutdown: fc.oneof(fc.constantFrom("infinity" as const, "brutalKill" as const), fc.nat()),
    packet: fc.constantFrom<Framing>("raw", 1, 2, 4, "line", custom, new Custom()),
    maxPacketSize: size,
    idleTimeoutMs: timeout,
    packetTimeoutMs: timeout,
    backlog: fc.integer({ min: 1, max: 65_535 }),
    noDelay: fc.boolean(),
    keepAlive: fc.boolean(),
    noLinger: fc.boolean(),
    reusePort: fc.boolean(),
    postListen: fc.constantFrom(false as const, () => "data"),
    highWaterMark: size,
    sendTimeoutMs: timeout,
    socketReadyTimeoutMs: size,
    overLimit: fc.constantFrom("reject" as const, "queue" as const),
    maxConnectionRate: fc.oneof(
      fc.constant("infinity" as const),
      fc.record({
        capacity: fc.integer({ min: 1, max: 1_000_000 }),
        intervalMs: fc.integer({ min: 1, max: 86_400_000 }),
      }),
    ),
    overload: fc.constantFrom(false as const, () => true),
    alarms: fc.constantFrom(
      false as const,
      { connections: { high: 10, low: 9 }, cooldownMs: 0 },
      { refusals: { high: 1 } },
    ),
    maxBytesPerSecond: size,
    burstBytes: size,
    maxTotalBytesPerSecond: size,
    totalBurstBytes: size,
    maxUnsentBytes: fc.oneof(fc.constant("infinity" as const), size),
  },
  { requiredKeys: [] },
);

describe("defaults", () => {
  test("without options every setting has the value that its documentation names", () => {
    expect(toListenerConfig()).toEqual({
      acceptors: 16,
      reusePort: false,
      listenSockets: 1,
      postListen: false,
      maxClients: 1024,
      accessRules: compileAccessRules([{ allow: "all" }]),
      proxyProtocol: false,
      shutdown: 5000,
      packet: "raw",
      maxPacketSize: 1_048_576,
      idleTimeoutMs: 120_000,
      packetTimeoutMs: 60_000,
      backlog: 1024,
      noDelay: true,
      keepAlive: false,
      noLinger: false,
      highWaterMark: 65_536,
      sendTimeoutMs: 30_000,
      socketReadyTimeoutMs: 15_000,
      overLimit: "reject",
      maxConnectionRate: "infinity",
      overload: false,
      alarms: false,
      maxBytesPerSecond: "infinity",
      burstBytes: "infinity",
      maxTotalBytesPerSecond: "infinity",
      totalBurstBytes: "infinity",
      maxUnsentBytes: 67_108_864,
      logger: "system",
      paused: false,
      startTls: false,
      tls: false,
    });
  });

  test("an option that is undefined has its default", () => {
    const names = Object.keys(toListenerConfig());
    expect(toListenerConfig(Object.fromEntries(names.map((name) => [name, undefined])))).toEqual(toListenerConfig());
  });
});

describe("valid options", () => {
  test("what is given stays, what is not has its default", () => {
    fc.assert(
      fc.property(validOptions, (options) => {
        const { maxBytesPerSecond = "infinity", maxTotalBytesPerSecond = "infinity" } = options;
        // Without a burst of its own, a limit lets in as much at once as in a second.
        const bursts = { burstBytes: maxBytesPerSecond, totalBurstBytes: maxTotalBytesPerSecond };
        expect(toListenerConfig(options)).toEqual({ ...toListenerConfig(), ...bursts, ...options });
      }),
    );
  });

  test("access rules come out parsed", () => {
    const { accessRules } = toListenerConfig({ accessRules: [{ deny: "10.1.2.3/8" }] });
    expect(formatAccessRules(accessRules)).toEqual([{ deny: "10.0.0.0/8" }]);
  });

  test("the config cannot be changed", () => {
    expect(Object.isFrozen(toListenerConfig())).toBe(true);
  });
});

describe("faults", () => {
  test("each is one line with the option, what is allowed and what was given, and all come at once", () => {
    const options = {
      acceptors: 0,
      reusePort: "yes",
      listenSockets: 0,
      postListen: {},
      maxClients: "many",
      shutdown: -1,
      packet: 3,
      maxPacketSize: 1.5,
      idleTimeoutMs: "120s",
      backlog: 65_536,
      noDelay: 1,
      keepAlive: "no",
      noLinger: 0,
      highWaterMark: Number.NaN,
      sendTimeoutMs: 2 ** 31,
      socketReadyTimeoutMs: "infinity",
      overLimit: "wait",
      maxConnectionRate: 100,
      overload: true,
      alarms: { connections: { high: 10, low: 10 } },
      maxBytesPerSecond: 0,
      burstBytes: 0.5,
      maxTotalBytesPerSecond: "1MB",
      totalBurstBytes: -1,
      maxUnsentBytes: 0,
      accessRules: [{ deny: "10.0.0.0/99" }, { alow: "all" }],
      aceptors: 16,
      certificate: "secret",
    };
    expect(faultOf(options)?.message).toBe(
      [
        "29 invalid options:",
        "acceptors must be an integer from 1 to 1024, got 0",
        'reusePort must be true or false, got "yes"',
        "listenSockets must be an integer from 1 to 1024, got 0",
        "postListen must be a function, or false, got an object",
        "backlog must be an integer from 1 to 65535, got 65536",
        'maxClients must be an integer from 1, or "infinity", got "many"',
        'overLimit must be "reject" or "queue", got "wait"',
        'maxConnectionRate must be { capacity: from 1 to 1000000, intervalMs: from 1 to 86400000 }, or "infinity", got 100',
        "overload must be a function, or false, got true",
        "alarms must be false, or { connections: { high, low }, refusals: { high, low }, cooldownMs } with low less than high, got an object",
        'maxBytesPerSecond must be an integer from 1 to 2147483647, or "infinity", got 0',
        'burstBytes must be an integer from 1 to 2147483647, or "infinity", got 0.5',
        'maxTotalBytesPerSecond must be an integer from 1 to 2147483647, or "infinity", got "1MB"',
        'totalBurstBytes must be an integer from 1 to 2147483647, or "infinity", got -1',
        'packet must be "raw", 1, 2, 4, "line" or { lengthOf: a function, maxHeaderBytes?: an integer of bytes from 1 to 2147483647 }, got 3',
        "maxPacketSize must be an integer of bytes from 1 to 2147483647, got 1.5",
        'idleTimeoutMs must be milliseconds from 1 to 2147483647, or "infinity", got "120s"',
        "noDelay must be true or false, got 1",
        'keepAlive must be true or false, got "no"',
        "noLinger must be true or false, got 0",
        "highWaterMark must be an integer of bytes from 1 to 2147483647, got NaN",
        'maxUnsentBytes must be an integer of bytes from 1 to 2147483647, or "infinity", got 0',
        'sendTimeoutMs must be milliseconds from 1 to 2147483647, or "infinity", got 2147483648',
        'socketReadyTimeoutMs must be milliseconds from 1 to 2147483647, got "infinity"',
        'shutdown must be milliseconds from 0 to 2147483647, "infinity" or "brutalKill", got -1',
        'accessRules[0].deny must be "all", "unix:", an address such as "127.0.0.1" or "::1", or a block such as "10.0.0.0/8" or "2001:db8::/32", got "10.0.0.0/99"',
        "accessRules[1].alow is not an option (did you mean allow?)",
        "aceptors is not an option (did you mean acceptors?)",
        "certificate is not an option (known: acceptors, reusePort, listenSockets, postListen, backlog, paused, maxClients, overLimit, maxConnectionRate, overload, alarms, maxBytesPerSecond, burstBytes, maxTotalBytesPerSecond, totalBurstBytes, packet, maxPacketSize, idleTimeoutMs, packetTimeoutMs, noDelay, keepAlive, noLinger, highWaterMark, maxUnsentBytes, sendTimeoutMs, socketReadyTimeoutMs, startTls, shutdown, logger, accessRules, proxyProtocol, tls)",
      ].join("\n  "),
    );
  });

  test.each([
    {},
    { lengthOf: 4 },
    { lengthOf: () => 1, maxHeaderBytes: 0 },
    { lengthOf: () => 1, maxHeaderBytes: "16" },
  ])("%s is no framing of one's own", (packet) => {
    expect(faultOf({ packet })?.issues).toEqual([
      {
        option: "packet",
        value: packet,
        expected:
          '"raw", 1, 2, 4, "line" or { lengthOf: a function, maxHeaderBytes?: an integer of bytes from 1 to 2147483647 }',
      },
    ]);
  });

  test("a bad rule or an unknown option is enough", () => {
    expect(faultOf({ accessRules: [{ deny: "nobody" }] })?.issues).toHaveLength(1);
    expect(faultOf({ maxClient: 10 })?.message).toBe(
      "invalid option: maxClient is not an option (did you mean maxClients?)",
    );
  });

  test("whatever is given, each option has at most one fault, and it names the value", () => {
    const names = Object.keys(toListenerConfig()).filter(
      (name) => !["accessRules", "proxyProtocol", "tls"].includes(name),
    );
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names), fc.anything()), (options) => {
        const issues = faultOf(options)?.issues ?? [];
        expect(new Set(issues.map(({ option }) => option)).size).toBe(issues.length);
        for (const { option, value } of issues) expect(value).toBe(options[option]);
      }),
    );
  });

  test.each([null, 7, "raw"])("%j is no options object", (options) => {
    expect(() => toListenerConfig(options as unknown as ListenerOptions)).toThrow(InvalidOptionError);
  });
});
