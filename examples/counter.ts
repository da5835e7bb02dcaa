import { type Call, createSystem, defineServer, noreply, ok, reply } from "@espalier/actors";
import { child, defineSupervisor } from "@espalier/supervisor";

// An actor that crashes, and a supervisor that starts it again.

interface Counter {
  readonly state: number;
  readonly call: Call<"get", number>;
  readonly cast: number;
}

const counter = defineServer<Counter>({
  name: "counter",
  init: () => ok(0),
  handleCall: (_get, _from, count) => reply(count, count),
  handleCast(step, count) {
    // Nobody catches this. A state that should not exist is left behind with the actor that got into it.
    if (!Number.isInteger(step)) throw new Error(`cannot count ${step}`);
    return noreply(count + step);
  },
});

// Found by name, since its pid changes when it is restarted.
const supervisor = defineSupervisor({
  children: [{ id: "counter", start: child(counter, undefined, { name: "counter" }) }],
});

const system = createSystem();
await system.start(supervisor, undefined, { id: "app" });

system.cast("counter", 2);
system.cast("counter", 40);
console.log("counted to", await system.call("counter", { type: "get" }));

// The crash report and the supervisor's report appear on stderr.
system.cast("counter", Number.NaN);
// Not a pause: it is over as soon as nothing is left to do, the restart included.
await system.idle();

console.log("after the crash", await system.call("counter", { type: "get" }));
system.cast("counter", 1);
console.log("and on to", await system.call("counter", { type: "get" }));

await system.shutdown();
