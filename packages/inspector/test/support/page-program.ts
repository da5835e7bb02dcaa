import { defineServer, noreply, ok } from "@espalier/actors";
import { child, defineSupervisor } from "@espalier/supervisor";
import { PageWorld, TOKEN } from "./page-world.ts";

// Something to look at: a busy server with so many clients, and a worker that has a bad day every few seconds. After
// `pnpm build`: npx tsx --conditions=espalier-source packages/inspector/test/support/page-program.ts 20000

const CRASH_EVERY_MS = 7000;
const SEND_EVERY_MS = 50;
const SENDERS = 40;

const worker = defineServer<{ args: undefined; state: number; info: { type: string } }>({
  name: "worker",
  init: () => ok(0),
  handleInfo(message, state) {
    if (message.type === "crash") throw new RangeError("a bad day");
    return noreply(state);
  },
});
const workers = defineSupervisor({
  strategy: "oneForOne",
  intensity: 1000,
  children: [
    { id: "unlucky", start: child(worker, undefined, { name: "unlucky" }) },
    { id: "lucky", start: child(worker, undefined) },
  ],
});

const world = await PageWorld.start(Number(process.argv[2] ?? 2000), {
  tickMs: 1000,
  show: { errors: true, messages: true, metadata: true, states: true },
});
world.system.spawn(workers, undefined);

setInterval(() => {
  const pid = world.system.whereis("unlucky");
  if (pid) world.system.send(pid, { type: "crash" });
}, CRASH_EVERY_MS);
setInterval(() => {
  for (let count = 0; count < SENDERS; count += 1) {
    // Some are busier than others.
    const index = Math.floor(Math.random() ** 2 * world.clients.length);
    world.clients[index]?.write(Buffer.alloc(1 + Math.floor(200 * Math.random())));
  }
}, SEND_EVERY_MS);

process.stdout.write(`${world.url}, token ${TOKEN}\n`);
