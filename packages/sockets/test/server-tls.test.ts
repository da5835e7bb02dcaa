import {
  InvalidOptionError,
  SecureSocket,
  type ServerTls,
  TlsClientContext,
  type TransportSocket,
} from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import { echo } from "./support/handlers.ts";
import { useWorld, world } from "./support/server-world.ts";

/** Takes each client for one with TLS as soon as it says anything. */
function standIn(secured: TransportSocket[]): ServerTls {
  return {
    handshakeTimeoutMs: 1000,
    secure(socket) {
      secured.push(socket);
      return new SecureSocket(
        socket,
        (stream, outcome) => void stream.once("data", () => outcome.refused("NO_TLS")),
        1000,
      );
    },
  };
}

/** Why the only connection has ended before its handler had it. */
async function detail(): Promise<unknown> {
  await world.until(() => world.of("connectionFailed").length === 1);
  const [failed] = world.of("connectionFailed");
  return failed?.reason.type === "shutdown" ? failed.reason.detail : failed?.reason;
}

describe("what stands in for a TLS context", () => {
  useWorld("memory");

  test("is what each connection of a listener is secured by", async () => {
    const secured: TransportSocket[] = [];
    const listener = await world.open(echo, { tls: standIn(secured) });
    const client = await world.connect(listener);
    client.write("anything");
    expect(await detail()).toEqual({ type: "tlsHandshakeFailed", code: "NO_TLS" });
    expect(secured).toHaveLength(1);
  });

  test("has its own time for a handshake", async () => {
    const listener = await world.open(echo, { tls: standIn([]) });
    await world.connect(listener);
    await world.clock?.advance(1000);
    expect(await detail()).toEqual({ type: "tlsHandshakeTimeout", timeoutMs: 1000 });
  });

  test("is not what a client secures its connections by", async () => {
    const tls = new TlsClientContext() as unknown as ServerTls;
    await expect(world.open(echo, { tls })).rejects.toThrow(InvalidOptionError);
  });
});
