import { child, defineSupervisor } from "@espalier/supervisor";
import { connectionMachine, defineClient, startSockets } from "@espalier/sockets";
import type { MemoryTransport } from "@espalier/sockets/testing";
import { expect, test } from "vitest";
import { replaying } from "../../src/choices.ts";
import type { Deviation } from "../../src/deviation.ts";
import { standard } from "../../src/invariants/standard.ts";
import { run } from "../../src/run.ts";
import type { Target } from "../../src/target.ts";
import { echoMachine } from "../support/targets.ts";

const CLIENT_END = "10.0.1.1#1";
const SERVER_END = `>${CLIENT_END}`;

/** Sends a line, and keeps what comes back. */
const asking = connectionMachine().createMachine({
  context: ({ input }) => ({ connection: input.connection }),
  initial: "waiting",
  states: {
    waiting: { on: { socketReady: "asked" } },
    asked: {
      entry: [{ type: "send", params: "hello\n" }, "activate"],
      on: { data: "answered", closed: "done", error: "done" },
    },
    answered: { entry: "activate", on: { closed: "done", error: "done" } },
    done: { type: "final" },
  },
});

/** A client with TLS, and its server; the client tries once, and once again. */
const target: Target<{ readonly port: number }> = {
  async start({ system, transport, tls, clientTls }) {
    const sockets = await startSockets(system, { transport });
    const { port } = await sockets.open("echo", 5000, { packet: "line", tls }, echoMachine);
    const options = {
      transport: (transport as MemoryTransport).from("10.0.1.1"),
      packet: "line",
      tls: clientTls,
      connectTimeoutMs: 2000,
      backoff: { initialMs: 100, jitter: 0 },
    } as const;
    const client = defineClient(system, { host: "10.0.0.254", port }, options, asking);
    const children = [{ id: "client", start: child(client, undefined, { name: "client" }) }];
    await system.start(defineSupervisor({ children }), undefined, { id: "root" });
    return { port };
  },
};

/** What became of its attempts, and whether its handler got a line back. */
async function performed(deviations: readonly Deviation[]) {
  const attempts: string[] = [];
  let isAnswered = false;
  const { failure } = await run({
    target,
    plan: { peers: [{ at: 5000, host: "10.0.0.1", ops: [{ type: "end" }], tls: true }], operations: [], deviations },
    chooser: replaying(deviations),
    invariants: standard(),
    tracer: (event) => {
      if (event.type === "clientConnected") attempts.push("connected");
      if (event.type === "clientFailed") attempts.push(event.error.reason);
      if (event.type === "deliver" && event.subject.path.startsWith("root/")) isAnswered ||= isData(event.message);
    },
  });
  expect(failure).toBeUndefined();
  return { attempts, isAnswered };
}

function isData(message: unknown): boolean {
  return typeof message === "object" && message !== null && "type" in message && message.type === "data";
}

test("a client has its bytes answered by a server with the same TLS", async () => {
  expect(await performed([])).toEqual({ attempts: ["connected"], isAnswered: true });
});

const FAILS = 1;
const HANGS = 2;
/** By 6 seconds: too late for the client. */
const LATE = 5;

test.each<readonly [what: string, subject: string, value: number, reason: string]>([
  ["a client that does not trust its server", CLIENT_END, FAILS, "DEPTH_ZERO_SELF_SIGNED_CERT"],
  ["a client that hangs", CLIENT_END, HANGS, "connectTimeout"],
  ["a client that is too slow", CLIENT_END, LATE, "connectTimeout"],
  ["a server that refuses", SERVER_END, FAILS, "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE"],
  ["a server that hangs", SERVER_END, HANGS, "connectTimeout"],
])("%s: the attempt fails by its reason, and the next one succeeds", async (_what, subject, value, reason) => {
  const { attempts, isAnswered } = await performed([{ kind: "tls", subject, ordinal: 0, value }]);
  expect(attempts).toEqual([reason, "connected"]);
  expect(isAnswered).toBe(true);
});
