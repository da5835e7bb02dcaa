import { describe } from "vitest";
import { memoryTransport } from "../src/testing/memory-transport.ts";
import { tcpTransport } from "../src/transports/tcp.ts";
import { transportLaws } from "./support/transport-parity.ts";
import { type Subject } from "./support/transport-world.ts";

function tcp(): Subject {
  return {
    transport: tcpTransport(),
    openHandles: () => process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP")).length,
  };
}

function memory(): Subject {
  const transport = memoryTransport();
  return { transport, openHandles: () => transport.openSockets + transport.openListeners };
}

describe.each([
  ["tcp", tcp],
  ["memory", memory],
])("%s", (_name, create) => {
  transportLaws(create());
});
