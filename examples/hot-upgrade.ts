import { createSystem } from "@espalier/actors";
import { startSockets } from "@espalier/sockets";
import { startLoad } from "./hot-upgrade/load.ts";
import { migrate, version1, version2 } from "./hot-upgrade/versions.ts";

// A server changes its protocol while its clients are talking to it. They keep their connections, and no line is lost.
// Both machines are in hot-upgrade/versions.ts, the clients in hot-upgrade/load.ts.

const system = createSystem();
const sockets = await startSockets(system);
// A client that waits in vain for an answer is not to wait for ever: what is lost is to be seen.
const options = { packet: "line", idleTimeoutMs: 2000 } as const;
const listener = await sockets.open("lines", "127.0.0.1:0", options, version1);

const load = startLoad(listener.port, ["alice", "bob", "carol", "dave", "erin"]);
await load.halfway;

// Each connection changes over between two of its lines; from here on, new ones begin with version 2.
const { upgraded, stayed } = await listener.upgrade(version2, { migrate });

const { sent, byVersion1, byVersion2, lost, outOfOrder } = await load.finished;
console.log(`connections upgraded: ${upgraded}, stayed with version 1: ${stayed.length}`);
for (const { pid, error } of stayed) console.log(`  ${String(pid)} stayed: ${String(error)}`);
console.log(`lines sent: ${sent}, answered by version 1: ${byVersion1}, by version 2: ${byVersion2}`);
console.log(`lost: ${lost}, out of order: ${outOfOrder}`);
if (lost + outOfOrder > 0) process.exitCode = 1;

await system.shutdown();
