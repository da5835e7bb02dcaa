import { TlsClientContext } from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import { createAuthority } from "./support/certificates.ts";
import { echo, puppetry } from "./support/handlers.ts";
import { transports, useWorld, world } from "./support/server-world.ts";
import { pattern } from "./support/transport-world.ts";

const authority = createAuthority();
const tls = authority.issue("server", "DNS:localhost");
const trust = new TlsClientContext({ ca: authority.cert });

describe.each(transports)("%s", (transport) => {
  useWorld(transport);

  test.for([
    [true, "ECONNRESET"],
    [false, undefined],
  ] as const)("noLinger: %s: a client whose connection is closed gets %s", async ([noLinger, code]) => {
    const { handler, one } = puppetry();
    const listener = await world.open(handler, { noLinger });
    const client = await world.connect(listener);
    (await one()).connection.close();
    expect(await client.next("closed")).toBe(code);
  });

  test("a connection whose handler ends is reset too, and so are those of a listener that closes", async () => {
    const { handler, puppets } = puppetry();
    const listener = await world.open(handler, { noLinger: true });
    const [first, second] = await world.connectMany(listener, 2);
    await world.until(() => puppets.every(({ heard }) => heard.length === 1));
    const [puppet] = puppets;
    if (puppet !== undefined) world.system.send(puppet.self.pid, () => puppet.self.exit({ type: "normal" }));
    await world.until(() => listener.currentClients === 1);
    await listener.close();
    expect([await first?.next("closed"), await second?.next("closed")]).toEqual(["ECONNRESET", "ECONNRESET"]);
  });

  test("what was not sent is lost, and nobody waits for it", async () => {
    const { handler, one } = puppetry();
    const listener = await world.open(handler, { noLinger: true, maxUnsentBytes: "infinity" });
    const client = await world.connect(listener, { reads: false });
    const { connection } = await one();
    connection.send(pattern(20_000_000));
    await listener.close();
    client.resume();
    await client.next("closed");
    expect(client.receivedBytes).toBeLessThan(20_000_000);
  });

  test("it counts for those who come after a change", async () => {
    const listener = await world.open(echo);
    const [before] = await world.connectMany(listener, 1);
    await listener.setOptions({ noLinger: true });
    const [after] = await world.connectMany(listener, 1);
    await listener.close();
    expect([await before?.next("closed"), await after?.next("closed")]).toEqual([undefined, "ECONNRESET"]);
  });

  test.for([
    ["from the start", false],
    ["that is started in the middle", true],
  ] as const)("with TLS %s a connection that is closed is reset too", async ([_when, startTls]) => {
    const { handler, one } = puppetry();
    const listener = await world.open(handler, { noLinger: true, tls, startTls });
    const client = await world.connect(listener);
    if (startTls) (await one()).connection.startTls();
    const secure = trust.secure(client.socket, { host: "localhost", port: 0 });
    secure.setEvents(client.events);
    client.attach(secure);
    client.resume();
    await new Promise<void>((secured) => secure.handshake([], { secured, failed: () => {} }));
    const { connection } = await one();
    await world.until(() => connection.tls !== undefined);
    connection.close();
    expect(await client.next("closed")).toBe("ECONNRESET");
  });
});
