import * as sockets from "@espalier/sockets";
import * as testing from "@espalier/sockets/testing";
import { expect, test } from "vitest";

test("the public surface", () => {
  expect(Object.keys(sockets).toSorted((left, right) => left.localeCompare(right))).toMatchInlineSnapshot(`
    [
      "cidrSize",
      "compileAccessRules",
      "Connection",
      "connectionMachine",
      "createDecoder",
      "encodeFrame",
      "formatAccessRules",
      "formatAddress",
      "formatCidr",
      "FrameTooLargeError",
      "InvalidOptionError",
      "isAllowed",
      "Listener",
      "ListenerExistsError",
      "ListenError",
      "matchesCidr",
      "packetMachine",
      "parseCidr",
      "parseListenOn",
      "Sockets",
      "SocketsError",
      "startSockets",
      "tcpTransport",
      "UnknownListenerError",
    ]
  `);
});

test("the public surface for tests", () => {
  expect(Object.keys(testing)).toEqual(["memoryTransport"]);
});
