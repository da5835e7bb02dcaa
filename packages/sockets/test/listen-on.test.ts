import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvalidOptionError } from "../src/errors.ts";
import { formatAddress, type ListenAddress, type ListenOn, parseListenOn } from "../src/listen-on.ts";
import { unixAddress } from "../src/transport.ts";

const port = fc.nat(65_535);
const host = fc.oneof(
  fc.ipV4(),
  fc.ipV6().filter((text) => !text.includes(".")),
  fc.domain(),
  fc.constantFrom("localhost", "my_host", "fe80::1%eth0"),
);

/** What the error for a value says. */
function faultOf(value: ListenOn): unknown {
  try {
    return parseListenOn(value);
  } catch (error) {
    return error;
  }
}

describe("reading", () => {
  test.each<[ListenOn, ListenAddress]>([
    [0, { port: 0 }],
    [65_535, { port: 65_535 }],
    ["6000", { port: 6000 }],
    [":6000", { port: 6000 }],
    ["127.0.0.1:6000", { host: "127.0.0.1", port: 6000 }],
    ["0.0.0.0:0", { host: "0.0.0.0", port: 0 }],
    ["[::1]:6000", { host: "::1", port: 6000 }],
    ["[fe80::1%eth0]:6000", { host: "fe80::1%eth0", port: 6000 }],
    ["localhost:6000", { host: "localhost", port: 6000 }],
    ["db-1.example.org:6000", { host: "db-1.example.org", port: 6000 }],
    ["unix:6000", { host: "unix", port: 6000 }],
    ["unix:/run/app.sock", unixAddress("/run/app.sock")],
    ["unix:./app.sock", unixAddress("./app.sock")],
    [{ path: "/run/app.sock" }, unixAddress("/run/app.sock")],
    [{ path: "app.sock" }, unixAddress("./app.sock")],
    [
      { path: "/run/app.sock", mode: 0o660 },
      { ...unixAddress("/run/app.sock"), mode: 0o660 },
    ],
    [unixAddress("/run/app.sock"), unixAddress("/run/app.sock")],
    [{ port: 6000 }, { port: 6000 }],
    [
      { host: "::1", port: 6000 },
      { host: "::1", port: 6000 },
    ],
  ])("%j is understood", (value, address) => {
    expect(parseListenOn(value)).toEqual(address);
  });

  test.each<ListenOn>([
    -1,
    65_536,
    1.5,
    Number.NaN,
    "",
    ":",
    "65536",
    "+6000",
    "6000 ",
    "::1:6000",
    "::1",
    "[127.0.0.1]:6000",
    "[::1]6000",
    "[]:6000",
    "300.0.0.1:6000",
    "10.1:6000",
    "a b:6000",
    "localhost",
    "localhost:",
    "http://localhost:6000",
  ])("%j is refused, and the message says what is allowed", (value) => {
    const fault = faultOf(value);
    expect(fault).toBeInstanceOf(InvalidOptionError);
    expect(String(fault)).toContain(
      `listenOn must be a port from 0 to 65535, "host:port", "[IPv6]:port", { host, port }, "unix:/path" or { path }`,
    );
    expect(String(fault)).toContain(`got ${typeof value === "number" ? value : JSON.stringify(value)}`);
  });

  test("an object with several faults is told all of them", () => {
    const address = { host: "[::1]", port: 70_000, prot: 1 };
    expect(String(faultOf(address))).toBe(
      [
        "InvalidOptionError: 3 invalid options:",
        "listenOn.prot is not an option (did you mean port?)",
        "listenOn.port must be a port from 0 to 65535, got 70000",
        'listenOn.host must be an IP address or a host name, got "[::1]"',
      ].join("\n  "),
    );
  });
});

describe("a unix socket", () => {
  test("with several faults is told all of them", () => {
    const address = { path: "", mode: 0o1777, mod: 0o660 };
    expect(String(faultOf(address))).toBe(
      [
        "InvalidOptionError: 3 invalid options:",
        "listenOn.mod is not an option (did you mean mode?)",
        'listenOn.path must be a path of 1 to 107 bytes, got ""',
        "listenOn.mode must be permissions from 0 to 0o777, got 1023",
      ].join("\n  "),
    );
  });

  test("has a path that the system does not cut off: at most 107 bytes, whatever they are in letters", () => {
    expect(parseListenOn({ path: `/${"x".repeat(106)}` }).path).toHaveLength(107);
    for (const path of [`/${"x".repeat(107)}`, `/${"ü".repeat(54)}`, "/tmp/a\0b"])
      expect(faultOf({ path })).toBeInstanceOf(InvalidOptionError);
  });

  test("printed is read as the same, and one without a name is printed as no place to listen on", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[\w./-]{1,90}$/u), (path) => {
        const address = parseListenOn({ path });
        expect(parseListenOn(formatAddress(address))).toEqual(address);
      }),
    );
    expect(formatAddress(unixAddress(""))).toBe("unix:");
    expect(faultOf("unix:")).toBeInstanceOf(InvalidOptionError);
  });
});

describe("printing", () => {
  test("an address printed is read as the same address", () => {
    fc.assert(
      fc.property(host, port, (name, number) => {
        expect(parseListenOn(formatAddress({ host: name, port: number }))).toEqual({ host: name, port: number });
      }),
    );
    fc.assert(
      fc.property(port, (number) => {
        expect(parseListenOn(formatAddress({ port: number }))).toEqual({ port: number });
      }),
    );
  });

  test.each([
    [{ address: "127.0.0.1", family: "IPv4", port: 5000 }, "127.0.0.1:5000"],
    [{ address: "::1", family: "IPv6", port: 5000 }, "[::1]:5000"],
    [{ address: "::ffff:127.0.0.1", family: "IPv6", port: 5000 }, "127.0.0.1:5000"],
    [{ address: "::ffff:7f00:1", family: "IPv6", port: 5000 }, "127.0.0.1:5000"],
    [{ host: "localhost", port: 5000 }, "localhost:5000"],
    [{ port: 5000 }, ":5000"],
  ])("%j is printed as %s", (address, text) => {
    expect(formatAddress(address)).toBe(text);
  });
});
