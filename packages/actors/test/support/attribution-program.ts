import { createSystem, defineServer, formatReason, noreply, ok, silentLogger } from "@espalier/actors";

/*
 * A program of its own, since its errors are the process's: an actor sets off errors that come when none of its
 * callbacks runs any more. Prints how each ends; with `nobody` an error that is no actor's comes last. The timers are
 * Node's, since they are the subject: code that sets them behind the kernel's back. Nothing waits for them by time.
 */

const boom = (what: string): never => {
  throw new Error(what);
};

const careless = defineServer<{ state: undefined; info: "timer" | "promise" | "chain" }>({
  init: () => ok(undefined),
  handleInfo(message) {
    if (message === "timer") setTimeout(() => boom("in a timer"), 0);
    if (message === "promise") void Promise.reject(new Error("in a promise"));
    if (message === "chain") setTimeout(() => void Promise.resolve().then(() => boom("in a chain")), 0);
    return noreply(undefined);
  },
});

const system = createSystem({ attributeAsyncErrors: true, logger: silentLogger });
const bystander = system.spawn(careless);
for (const how of ["timer", "promise", "chain"] as const) {
  const actor = system.spawn(careless);
  const ended = system.exited(actor);
  system.send(actor, how);
  process.stdout.write(`${how}: ${formatReason(await ended)}\n`);
}
process.stdout.write(`bystander: ${system.isAlive(bystander) ? "alive" : "dead"}\n`);
if (process.argv.includes("nobody")) setTimeout(() => boom("nobody's"), 0);
else await system.shutdown();
