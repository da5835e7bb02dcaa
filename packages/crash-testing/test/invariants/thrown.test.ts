import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Server } from "node:net";
import { expect, test } from "vitest";
import { replaying } from "../../src/choices.ts";
import type { Invariant, Watch } from "../../src/invariant.ts";
import { replayOnSockets } from "../../src/real/replay-on-sockets.ts";
import { run } from "../../src/run.ts";
import { echo, script } from "../support/targets.ts";

const boom = new Error("boom");
const plan = { peers: [script(0, "10.0.0.1", "one\n")], operations: [], deviations: [] };

function fail(): never {
  throw boom;
}

test.each<readonly [string, Omit<Invariant, "id" | "says">]>([
  ["when it sees something", { watch: () => ({ on: { deliver: fail } }) }],
  ["when all is quiet", { watch: () => ({ quiet: fail }) }],
  ["when a phase is over", { watch: () => ({ after: fail }) }],
])("what an invariant throws is no failure of the server, and the run throws it: %s", async (_when, { watch }) => {
  const invariants: Invariant[] = [{ id: "broken", says: "nothing", watch }];
  await expect(run({ target: echo, plan, chooser: replaying([]), invariants })).rejects.toBe(boom);
});

test.each<readonly [string, Watch]>([
  ["when it sees something", { on: { deliver: fail } }],
  ["when a phase is over", { after: fail }],
  ["at last", { after: (phase) => (phase === "stopped" ? fail() : undefined) }],
])("so does one on sockets, and neither the server nor a proxy is left open: %s", async (_when, watch) => {
  const servers: Server[] = [];
  const note = (message: unknown): void => void servers.push((message as { readonly server: Server }).server);
  const listens = "tracing:net.server.listen:asyncEnd";
  subscribe(listens, note);
  const invariants: Invariant[] = [{ id: "broken", says: "nothing", watch: () => watch }];
  await expect(replayOnSockets(echo, plan, { invariants })).rejects.toBe(boom);
  unsubscribe(listens, note);
  expect(servers.length).toBeGreaterThan(0);
  expect(servers.filter(({ listening }) => listening)).toEqual([]);
});
