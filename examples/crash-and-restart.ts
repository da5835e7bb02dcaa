import { createSystem, defineServer, ok, silentLogger } from "@espalier/actors";
import { child, defineSupervisor, type Strategy } from "@espalier/supervisor";

// Who else is restarted when a child crashes? That is what the strategy of its supervisor says.

const worker = defineServer({ name: "worker", init: () => ok(undefined) });

/** Starts a, b and c under a supervisor, ends b, and answers who was started a second time. */
async function restartedBy(strategy: Strategy): Promise<string> {
  // Crashes are reported, on stderr unless told otherwise. Here they are what we are after.
  const system = createSystem({ logger: silentLogger });
  const supervisor = defineSupervisor({
    strategy,
    children: ["a", "b", "c"].map((id) => ({ id, start: child(worker, undefined, { name: id }) })),
  });
  await system.start(supervisor);

  const b = system.whereis("b");
  if (b !== undefined) system.kill(b);
  await system.idle();

  // The first start of a child is incarnation 1.
  const restarted = system.inspect().processes.filter(({ incarnation }) => incarnation > 1);
  await system.shutdown();
  return restarted.map(({ id }) => id).join(" ");
}

console.log("b is killed; restarted by");
// Siblings that do not need each other.
console.log("  oneForOne: ", await restartedBy("oneForOne"));
// Each needs those before it, as acceptors need their listening socket.
console.log("  restForOne:", await restartedBy("restForOne"));
// All need each other.
console.log("  oneForAll: ", await restartedBy("oneForAll"));
