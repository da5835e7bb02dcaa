import { expect, onTestFinished, test } from "vitest";
import { packetMachine } from "../src/packet-machine.ts";
import { IdleClients } from "./support/idle-clients.ts";
import { useWorld, world } from "./support/server-world.ts";

const WANTED = 18_000;
/** Descriptors for all that is not a connection: pipes, modules, the test runner. */
const RESERVE = 500;

/** How many files this process may open. */
function openFilesLimit(): number {
  const report = process.report.getReport() as { userLimits: { open_files: { soft: number | "unlimited" } } };
  const { soft } = report.userLimits.open_files;
  return soft === "unlimited" ? Infinity : soft;
}

useWorld("tcp");

test("18,000 idle connections are held, and each is answered", { timeout: 60_000 }, async () => {
  const count = Math.min(WANTED, openFilesLimit() - RESERVE);
  const echo = packetMachine({ onData: (connection, data) => void connection.send(data) });
  const listener = await world.open(echo, { maxClients: "infinity", backlog: 4096 });
  const clients = new IdleClients();
  onTestFinished(() => clients.dispose());

  await clients.connect(listener.port, count);
  await world.until(() => listener.currentClients === count);
  expect(listener.stats).toEqual({
    accepted: count,
    closedMaxLimit: 0,
    closedForbidden: 0,
    closedRateLimited: 0,
    closedOverloaded: 0,
    closedSysLimit: 0,
    closedOther: 0,
    discarded: 0,
  });
  expect(await clients.echo()).toBe(count);
  expect(listener.currentClients).toBe(count);

  await clients.leave();
  await world.until(() => listener.currentClients === 0);
  expect(listener.shutdownCounts).toEqual({ peerClosed: count });
});
