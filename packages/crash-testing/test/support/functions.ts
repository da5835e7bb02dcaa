import { type Call, defineServer, noreply, ok, reply } from "@espalier/actors";
import { fromConnection, type Listener, startSockets } from "@espalier/sockets";
import type { Target } from "../../src/target.ts";

type LedgerTypes = { state: number; call: Call<"count", number>; info: "begun" | "done" };

/** Counts what is begun and not done. It looks at nobody, so what somebody has begun who is dead is never done. */
const ledger = defineServer<LedgerTypes>({
  name: "ledger",
  init: () => ok(0),
  handleCall: (_request, _from, count) => reply(count, count),
  handleInfo: (message, count) => noreply(message === "begun" ? count + 1 : count - 1),
});

/** Echoes lines with an async function that does something between any two awaits. */
const handler = fromConnection(
  async (connection, self) => {
    for await (const line of connection) {
      self.send("ledger", "begun");
      await self.call<Call<"count", number>, { type: "count" }>("ledger", { type: "count" });
      const timer = self.sendAfter(self.pid, "late", 1000);
      await Promise.resolve();
      connection.send(line);
      self.cancelTimer(timer);
      await Promise.resolve();
      self.send("ledger", "done");
    }
    await Promise.resolve();
    connection.send("bye\n");
    connection.close();
  },
  { name: "lines" },
);

/** A server of which the connections are async functions. */
export const functions: Target<Listener> = {
  async start({ system, transport }) {
    const started = await system.start(ledger, undefined, { id: "ledger", name: "ledger" });
    if (!started.ok) throw new Error("the ledger has not started");
    const sockets = await startSockets(system, { transport });
    return sockets.open("lines", 5000, { packet: "line" }, handler);
  },
  probe: { ops: [], receives: "" },
};
