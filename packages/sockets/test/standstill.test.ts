import { expect, test } from "vitest";
import { puppetry } from "./support/handlers.ts";
import { useWorld, world } from "./support/server-world.ts";

useWorld("tcp");

/** Nothing of the program runs for so long, as when it is stopped, or one of its callbacks does not come to an end. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

test.for(["idleTimeoutMs", "keepalive"] as const)(
  "a client that spoke while the program stood still was not silent: %s",
  async (limit) => {
    const { handler, one } = puppetry();
    const listener = await world.open(handler, { idleTimeoutMs: limit === "idleTimeoutMs" ? 200 : "infinity" });
    const client = await world.connect(listener);
    const { connection, heard } = await one();
    connection.activate(true);
    if (limit === "keepalive") connection.keepalive(200);
    client.write("still there");
    standStill(450);
    await world.until(() => heard.length > 1);
    expect(heard).toEqual(["socketReady", "data still there"]);
  },
);
