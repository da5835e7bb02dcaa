import { InvalidOptionError, type OptionIssue } from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import { toUdpConfig } from "../../src/udp/udp-options.ts";

function issuesOf(options: object): readonly OptionIssue[] {
  try {
    toUdpConfig(options);
  } catch (error) {
    if (error instanceof InvalidOptionError) return error.issues;
    throw error;
  }
  return [];
}

test("what is not given has its default", () => {
  const { listener, ...own } = toUdpConfig({ maxWaiting: undefined as never });
  expect(own).toEqual({
    maxWaiting: 64,
    maxDatagramRate: "infinity",
    healthCheck: undefined,
    identify: undefined,
    receiveBuffer: undefined,
    sendBuffer: undefined,
    transport: undefined,
  });
  expect(listener).toMatchObject({ maxClients: 1024, idleTimeoutMs: 120_000, shutdown: 5000, maxPacketSize: 65_535 });
});

test("texts of a health check are bytes, and the bytes are copied", () => {
  const request = Uint8Array.of(1, 2);
  const { healthCheck } = toUdpConfig({ healthCheck: { request, reply: "ä" } });
  request[0] = 9;
  expect(healthCheck).toEqual({ request: Uint8Array.of(1, 2), reply: Uint8Array.of(0xc3, 0xa4) });
});

describe("refused", () => {
  test.each([
    [{ maxClients: 0 }, "maxClients"],
    [{ accessRules: [{ allow: "nowhere" }] }, "accessRules[0].allow"],
    [{ maxPacketSize: 0 }, "maxPacketSize"],
    [{ maxWaiting: 0 }, "maxWaiting"],
    [{ maxWaiting: 65_537 }, "maxWaiting"],
    [{ maxConnectionRate: 5 }, "maxConnectionRate"],
    [{ maxDatagramRate: { capacity: 0 } }, "maxDatagramRate"],
    [{ maxDatagramRate: { capacity: 1, interval: 1 } }, "maxDatagramRate"],
    [{ maxDatagramRate: { capacity: 1, intervalMs: 0 } }, "maxDatagramRate"],
    [{ healthCheck: "ping" }, "healthCheck"],
    [{ healthCheck: { request: "", reply: "pong" } }, "healthCheck"],
    [{ healthCheck: { request: "ping" } }, "healthCheck"],
    [{ identify: "first byte" }, "identify"],
    [{ receiveBuffer: 0 }, "receiveBuffer"],
    [{ sendBuffer: 1.5 }, "sendBuffer"],
    [{ transport: {} }, "transport"],
    [{ logger: {} }, "logger"],
    [{ acceptors: 4 }, "acceptors"],
    [{ packet: "line" }, "packet"],
  ])("%o", (options, option) => {
    expect(issuesOf(options).map((issue) => issue.option)).toEqual([option]);
  });

  test("all faults are named at once", () => {
    const faults: object = { maxClient: 5, idleTimeoutMs: 0, maxWaiting: 0, healthCheck: 1 };
    expect(() => toUdpConfig(faults)).toThrow("did you mean maxClients?");
    expect(
      issuesOf(faults)
        .map(({ option }) => option)
        .toSorted(),
    ).toEqual(Object.keys(faults).toSorted());
    expect(() => toUdpConfig(null as never)).toThrow(InvalidOptionError);
  });
});
