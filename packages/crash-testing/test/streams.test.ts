import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { audit } from "../src/audit.ts";
import { clientsGet } from "../src/invariants/model.ts";
import { probeIsServed } from "../src/invariants/probe-served.ts";
import { arbPeers } from "../src/peer-arbitrary.ts";
import type { Target } from "../src/target.ts";
import { failureOf } from "./support/plant.ts";
import { script } from "./support/targets.ts";

/** Sends back what has come through a stream of Node, which hands it on behind the stack. */
const streaming: Target<{ readonly port: number }> = {
  hasStreams: true,
  start({ transport }) {
    transport.listen(
      { port: 5000, backlog: 511, noDelay: true, keepAlive: false },
      {
        listening() {},
        failed() {},
        closed() {},
        accepted(socket) {
          const stream = new PassThrough({ highWaterMark: 4 });
          stream.on("data", (bytes: Uint8Array) => void socket.write(bytes));
          stream.on("end", () => socket.end());
          socket.setEvents({
            connected() {},
            data: (bytes) => void stream.write(bytes),
            end: () => void stream.end(),
            drain() {},
            closed() {},
          });
          socket.resume();
        },
      },
    );
    return { port: 5000 };
  },
  probe: { ops: [{ type: "send", bytes: new TextEncoder().encode("hello") }], receives: "hello" },
};

test("a server on streams of Node is run as it is, and the same way each time", async () => {
  const invariants = [probeIsServed(), clientsGet(({ sent }) => sent)];
  const { differences, hashes } = await audit({ target: streaming, peers: arbPeers(), invariants, plans: 50 });
  expect(differences).toEqual([]);
  expect(new Set(hashes).size).toBeGreaterThan(25);
  const plan = { peers: [script(0, "10.0.0.1", "one", "two", { type: "end" })], operations: [], deviations: [] };
  for (const law of invariants) expect(await failureOf(law, streaming, [], plan)).toBeUndefined();
});
