import type { Invariant, RunView } from "../invariant.ts";
import { countOwned } from "./inspection.ts";

const ID = "I9-owner";

/** Every socket of the server has an owner who lives. */
export function socketsAreOwned(): Invariant {
  return {
    id: ID,
    says: "every open socket of the server belongs to a living actor",
    watch: (run) => ({
      after(phase) {
        // Before that, some are still on their way to be accepted or closed.
        if ((phase === "healed" || phase === "probe") && run.world.signalsInFlight === 0) check(run);
      },
    }),
  };
}

function check(run: RunView): void {
  const open = run.network.openSockets - clientsOf(run);
  let owned = 0;
  for (const process of run.system.processes()) owned += countOwned(process, "socket");
  if (open > owned) run.violate(ID, `${open} sockets of the server are open, and ${owned} have an owner`);
}

/** Ends of connections that are the peers'. */
function clientsOf({ peers }: RunView): number {
  return peers.filter(({ state, closedAt }) => state !== "waiting" && closedAt === undefined).length;
}
