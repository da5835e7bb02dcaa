import { inspect } from "node:util";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  BadFrameError,
  ConnectError,
  FrameTooLargeError,
  InvalidOptionError,
  ListenError,
  ListenerExistsError,
  PostListenError,
  NotConnectedError,
  ReceiveError,
  SocketsError,
  UnknownListenerError,
  unknownOption,
} from "../src/errors.ts";

const cause = new Error("underneath");
const errors: readonly [SocketsError, string, string][] = [
  [
    new InvalidOptionError([{ option: "acceptors", value: 0, expected: "an integer from 1 to 1024" }], { cause }),
    "ERR_INVALID_OPTION",
    "InvalidOptionError: invalid option: acceptors must be an integer from 1 to 1024, got 0",
  ],
  [
    new ListenError({ host: "127.0.0.1", port: 5000 }, "EADDRINUSE", { cause }),
    "ERR_LISTEN",
    "ListenError: cannot listen on 127.0.0.1:5000: address already in use (EADDRINUSE)",
  ],
  [
    new ConnectError({ host: "127.0.0.1", port: 5000 }, "ECONNREFUSED", 3, { cause }),
    "ERR_CONNECT",
    "ConnectError: cannot connect to 127.0.0.1:5000: connection refused (ECONNREFUSED), attempt 3",
  ],
  [new NotConnectedError("pool db", { cause }), "ERR_NOT_CONNECTED", "NotConnectedError: pool db is not connected"],
  [
    new FrameTooLargeError(300, 255, { cause }),
    "ERR_FRAME_TOO_LARGE",
    "FrameTooLargeError: frame of 300 bytes is larger than the limit of 255 bytes",
  ],
  [new BadFrameError("not one of ours", { cause }), "ERR_BAD_FRAME", "BadFrameError: bad frame: not one of ours"],
  [new ReceiveError("timeout", { cause }), "ERR_RECEIVE", "ReceiveError: nothing can be received: timeout"],
  [
    new UnknownListenerError("mqtt", { cause }),
    "ERR_UNKNOWN_LISTENER",
    'UnknownListenerError: there is no listener named "mqtt"',
  ],
  [
    new PostListenError("echo:5000", cause),
    "ERR_POST_LISTEN",
    `PostListenError: postListen of echo:5000 has failed: ${String(cause)}`,
  ],
  [
    new ListenerExistsError("echo:5000", { cause }),
    "ERR_LISTENER_EXISTS",
    "ListenerExistsError: listener echo:5000 is open already",
  ],
];

describe("every error", () => {
  test.each(errors)("%s has a code, its class as its name, and its cause", (error, code, text) => {
    expect(error).toBeInstanceOf(SocketsError);
    expect(error.code).toBe(code);
    expect(String(error)).toBe(text);
    expect(error.cause).toBe(cause);
  });

  test("the facts of the message are fields too", () => {
    expect(new ListenError({ host: "::1", port: 80 }, "EACCES")).toMatchObject({
      host: "::1",
      port: 80,
      reason: "EACCES",
    });
    expect(new FrameTooLargeError(300, 255)).toMatchObject({ size: 300, limit: 255 });
    expect(new UnknownListenerError("mqtt")).toMatchObject({ listener: "mqtt" });
    expect(new ListenerExistsError("echo:5000")).toMatchObject({ listener: "echo:5000" });
  });
});

describe("listening", () => {
  test.each([
    [new ListenError({ host: "::1", port: 80 }, "EACCES"), "cannot listen on [::1]:80: permission denied (EACCES)"],
    [new ListenError({ port: 80 }, "EADDRINUSE"), "cannot listen on port 80: address already in use (EADDRINUSE)"],
    [new ListenError({ host: "localhost", port: 80 }, "EOTHER"), "cannot listen on localhost:80: EOTHER"],
    [
      new ListenError({ port: 0, path: "/run/app.sock" }, "ENOENT"),
      "cannot listen on unix:/run/app.sock: no such directory (ENOENT)",
    ],
  ])("%s is one clear line", (error, message) => {
    expect(error.message).toBe(message);
  });
});

describe("connecting", () => {
  test.each([
    [{ host: "::1", port: 80 }, "EOTHER", "cannot connect to [::1]:80: EOTHER, attempt 1"],
    [
      { host: "unix:", port: 0, path: "/run/app.sock" },
      "connectTimeout",
      "cannot connect to unix:/run/app.sock: no answer in time (connectTimeout), attempt 1",
    ],
  ])("to %j: %s is one clear line", (address, reason, message) => {
    const error = new ConnectError(address, reason, 1);
    expect(error.message).toBe(message);
    expect(error).toMatchObject({ host: address.host, port: address.port, reason, attempt: 1 });
  });
});

describe("invalid options", () => {
  test("all faults are listed, one to a line", () => {
    const error = new InvalidOptionError([
      { option: "acceptors", value: "16", expected: "an integer" },
      unknownOption("maxClient", 7, ["maxClients", "acceptors"]),
    ]);
    expect(error.message).toBe(
      '2 invalid options:\n  acceptors must be an integer, got "16"\n  maxClient is not an option (did you mean maxClients?)',
    );
    expect(error.issues).toHaveLength(2);
  });

  test.each([
    [undefined, "undefined"],
    [null, "null"],
    [Number.NaN, "NaN"],
    [5n, "5n"],
    ["x".repeat(100), `"${"x".repeat(60)}…"`],
    [[1, 2], "an array of 2"],
    [{ key: "secret" }, "an object"],
    [() => "secret", "a function"],
    [Symbol("s"), "Symbol(s)"],
  ])("the value %s is shown as %s", (value, shown) => {
    const error = new InvalidOptionError([{ option: "it", value, expected: "else" }]);
    expect(error.message).toBe(`invalid option: it must be else, got ${shown}`);
  });

  test("the value of an unknown option is in no log line", () => {
    const error = new InvalidOptionError([unknownOption("passphrase", "hunter2", ["acceptors"])]);
    expect(inspect(error)).not.toContain("hunter2");
    expect(error.issues[0]?.value).toBe("hunter2");
  });
});

describe("suggestions", () => {
  const known = ["acceptors", "maxClients", "maxPacketSize", "noDelay"];

  test.each([
    ["acceptor", "did you mean acceptors?"],
    ["maxclients", "did you mean maxClients?"],
    ["tcp.nodelay", "did you mean noDelay?"],
    ["maxPaketSise", "did you mean maxPacketSize?"],
    ["certificate", "known: acceptors, maxClients, maxPacketSize, noDelay"],
  ])("%s: %s", (option, expected) => {
    expect(unknownOption(option, 1, known).expected).toBe(expected);
  });

  test("a name with one letter lost is always found", () => {
    fc.assert(
      fc.property(fc.constantFrom(...known), fc.nat(), (name, place) => {
        const index = place % name.length;
        const misspelt = name.slice(0, index) + name.slice(index + 1);
        expect(unknownOption(misspelt, 1, known).expected).toBe(`did you mean ${name}?`);
      }),
    );
  });
});
