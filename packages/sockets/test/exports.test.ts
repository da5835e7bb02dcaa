import * as sockets from "@espalier/sockets";
import * as testing from "@espalier/sockets/testing";
import { expect, test } from "vitest";

test("the public surface", () => {
  expect(Object.keys(sockets).toSorted((left, right) => left.localeCompare(right))).toMatchInlineSnapshot(`
    [
      "BadFrameError",
      "buildProxyHeader",
      "cidrSize",
      "clientOf",
      "ClientTls",
      "compileAccessRules",
      "connect",
      "ConnectError",
      "Connection",
      "connectionMachine",
      "connector",
      "createDecoder",
      "defineClient",
      "definePool",
      "drainOnSignal",
      "embedListener",
      "embedUdpListener",
      "encodeFrame",
      "fastTransport",
      "formatAccessRules",
      "formatAddress",
      "formatCidr",
      "FrameTooLargeError",
      "fromConnection",
      "fromConnector",
      "fromStart",
      "InvalidOptionError",
      "isAllowed",
      "Listener",
      "ListenerExistsError",
      "ListenError",
      "matchesCidr",
      "NotConnectedError",
      "packetMachine",
      "parseCidr",
      "parseListenOn",
      "PostListenError",
      "ProxyParser",
      "Received",
      "ReceiveError",
      "SecureSocket",
      "Sent",
      "Sockets",
      "SocketsError",
      "startPool",
      "startSockets",
      "StartTlsError",
      "tcpTransport",
      "TlsClientContext",
      "TlsContext",
      "tlsTransport",
      "UdpListener",
      "udpTransport",
      "unixTransport",
      "UnknownListenerError",
    ]
  `);
});

test("the public surface for tests", () => {
  expect(Object.keys(testing)).toEqual(["memoryDatagrams", "memoryTransport"]);
});
