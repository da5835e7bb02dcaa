import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvalidOptionError } from "../src/errors.ts";
import { toListenerConfig } from "../src/options.ts";
import {
  formatProxyProtocol,
  isTrusted,
  type ProxyProtocolConfig,
  type ProxyProtocolOptions,
} from "../src/proxy-options.ts";

function configOf(proxyProtocol: false | ProxyProtocolOptions | undefined): false | ProxyProtocolConfig {
  return toListenerConfig({ ...(proxyProtocol !== undefined && { proxyProtocol }) }).proxyProtocol;
}

function faultsOf(proxyProtocol: unknown): string | undefined {
  try {
    toListenerConfig({ proxyProtocol } as object);
    return undefined;
  } catch (error) {
    if (error instanceof InvalidOptionError) return error.message;
    throw error;
  }
}

describe("proxyProtocol", () => {
  test("is off unless it is asked for", () => {
    expect([configOf(undefined), configOf(false)]).toEqual([false, false]);
  });

  test("has the defaults that its documentation names", () => {
    expect(configOf({})).toEqual({
      versions: [1, 2],
      trusted: [],
      required: true,
      timeoutMs: 3000,
      maxHeaderSize: 4096,
    });
  });

  test("comes out as it was given, blocks in their canonical form", () => {
    const given = {
      versions: [2],
      trusted: ["10.1.2.3/8", "::1", "unix:"],
      required: false,
      timeoutMs: 1,
      maxHeaderSize: 65_551,
    } as const;
    expect(formatProxyProtocol(configOf(given))).toEqual({ ...given, trusted: ["10.0.0.0/8", "::1/128", "unix:"] });
    expect(formatProxyProtocol(false)).toBe(false);
    expect(formatProxyProtocol(configOf({}))).toMatchObject({ trusted: "all" });
  });

  test("trusts everybody, or those of a block", () => {
    const [all, some, nobody] = [configOf({}), configOf({ trusted: ["10.0.0.0/8"] }), configOf({ trusted: [] })];
    fc.assert(
      fc.property(fc.ipV4(), (host) => {
        const trusts = [all, some, nobody].map((config) => config !== false && isTrusted(config, host));
        expect(trusts).toEqual([true, host.startsWith("10."), false]);
      }),
    );
    const local = configOf({ trusted: ["unix:"] });
    expect([all, some, nobody, local].map((config) => config !== false && isTrusted(config, "unix:"))).toEqual([
      true,
      false,
      false,
      true,
    ]);
  });

  test.each([
    [true, "invalid option: proxyProtocol must be false or an object, got true"],
    [{ timeout: 3 }, "invalid option: proxyProtocol.timeout is not an option (did you mean timeoutMs?)"],
    [{ versions: [] }, "invalid option: proxyProtocol.versions must be [1], [2] or [1, 2], got an array of 0"],
    [{ versions: [3] }, "invalid option: proxyProtocol.versions must be [1], [2] or [1, 2], got an array of 1"],
    [{ required: 1 }, "invalid option: proxyProtocol.required must be true or false, got 1"],
    [
      { timeoutMs: "3s" },
      'invalid option: proxyProtocol.timeoutMs must be milliseconds from 1 to 2147483647, got "3s"',
    ],
    [
      { timeoutMs: Number.NaN },
      "invalid option: proxyProtocol.timeoutMs must be milliseconds from 1 to 2147483647, got NaN",
    ],
    [
      { maxHeaderSize: 106 },
      "invalid option: proxyProtocol.maxHeaderSize must be an integer of bytes from 107 to 65551, got 106",
    ],
    [
      { trusted: "10.0.0.0/8" },
      'invalid option: proxyProtocol.trusted must be "all" or an array of addresses and blocks, got "10.0.0.0/8"',
    ],
    [
      { trusted: ["10.0.0.0/99"] },
      'invalid option: proxyProtocol.trusted[0] must be "unix:", an address such as "127.0.0.1" or "::1", or a block such as "10.0.0.0/8" or "2001:db8::/32", got "10.0.0.0/99"',
    ],
    [
      { trusted: ["all"], required: false },
      'invalid option: proxyProtocol.trusted[0] must be "unix:", an address such as "127.0.0.1" or "::1", or a block such as "10.0.0.0/8" or "2001:db8::/32", got "all"',
    ],
    [
      { required: false },
      "invalid option: proxyProtocol.trusted must be a list where required is false, or all could claim to be anybody, got undefined",
    ],
  ])("%j is a fault", (options, message) => {
    expect(faultsOf(options)).toBe(message);
  });

  test("all its faults come at once, with those of other options", () => {
    const options = { acceptors: 0, proxyProtocol: { versions: [], timeoutMs: 0, trusted: ["nobody"] } };
    expect(() => toListenerConfig(options)).toThrow(
      /^4 invalid options:\n {2}acceptors .*\n {2}proxyProtocol\.versions .*\n {2}proxyProtocol\.trusted\[0\] .*\n {2}proxyProtocol\.timeoutMs .*$/,
    );
  });
});
