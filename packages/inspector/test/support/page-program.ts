import { defineServer, noreply, ok } from "@espalier/actors";
import { child, defineSupervisor } from "@espalier/supervisor";
import { PageWorld, TOKEN } from "./page-world.ts";

// Something to look at: a busy server with so many clients, and a worker that has a bad day every few seconds. After
// `pnpm build`: npx tsx --conditions=espalier-source packages/inspector/test/support/page-program.ts 20000

const CRASH_AFTER_MS = 7000;
const SEND_EVERY_MS = 50;
const SENDERS = 40;

const world = await PageWorld.start(Number(process.argv[2] ?? 2000), {
  tickMs: 1000,
  show: { errors: true, messages: true, metadata: true, states: true },
});
/** Throws every few seconds, if it is one that does. */
const worker = defineServer<{ args: { readonly crashAfterMs?: number }; state: number; info: "crash" }>({
  name: "worker",
  init({ crashAfterMs }, self) {
    if (crashAfterMs !== undefined) self.sendAfter(self.pid, "crash", crashAfterMs);
    return ok(0);
  },
  handleInfo(message, state) {
    if (message === "crash") throw new RangeError("a bad day");
    return noreply(state);
  },
});
/** Has the clients send. Some are busier than others. */
const traffic = defineServer<{ args: undefined; state: number; info: "send" }>({
  name: "traffic",
  init(_args, self) {
    self.sendAfter(self.pid, "send", SEND_EVERY_MS);
    return ok(0);
  },
  handleInfo(message, sent, self) {
    if (message !== "send") return noreply(sent);
    for (let count = 0; count < SENDERS; count += 1) {
      const index = Math.floor(self.random() ** 2 * world.clients.length);
      world.clients[index]?.write(Buffer.alloc(1 + Math.floor(200 * self.random())));
    }
    self.sendAfter(self.pid, "send", SEND_EVERY_MS);
    return noreply(sent + SENDERS);
  },
});
const workers = defineSupervisor({
  strategy: "oneForOne",
  intensity: 1000,
  children: [
    { id: "unlucky", start: child(worker, { crashAfterMs: CRASH_AFTER_MS }, { name: "unlucky" }) },
    { id: "lucky", start: child(worker, {}) },
    { id: "traffic", start: child(traffic, undefined) },
  ],
});

world.system.spawn(workers, undefined);

process.stdout.write(`${world.url}, token ${TOKEN}\n`);
