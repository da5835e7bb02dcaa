import type { TraceEvent } from "@espalier/actors";
import { type Client, clientOf, connectionMachine, defineClient, startSockets } from "@espalier/sockets";
import { child, defineSupervisor } from "@espalier/supervisor";
import { expect, test } from "vitest";
import type { Deviation } from "../../src/deviation.ts";
import { clientsHaveOne } from "../../src/invariants/clients.ts";
import type { Plan } from "../../src/plan.ts";
import type { Target } from "../../src/target.ts";
import { deviation } from "../support/chooser.ts";
import { doubling, failureOf, losing, showing } from "../support/plant.ts";
import { quietPlan } from "../support/targets.ts";

/** Stays for as long as it can. */
const idler = connectionMachine().createMachine({
  context: ({ input }) => ({ connection: input.connection }),
  initial: "open",
  states: {
    open: { entry: "activate", on: { closed: "over", error: "over" } },
    over: { type: "final", entry: "close" },
  },
});

/** A client, and the server that it connects to. */
const target: Target<Client> = {
  async start({ system, transport }) {
    const sockets = await startSockets(system, { transport });
    await sockets.open("server", 5000, {}, idler);
    const options = { transport, backoff: { initialMs: 20, jitter: 0 }, reconnect: "always" } as const;
    const definition = defineClient(system, { host: "10.0.0.254", port: 5000 }, options, idler);
    const start = child(definition, undefined, { name: "client" });
    await system.start(defineSupervisor({ children: [{ id: "client", start }] }), undefined, { id: "root" });
    return clientOf(system, "client");
  },
  port: () => 5000,
  operations: { reconnect: (client) => client.reconnect() },
};

/** It connects anew twice. */
const plan: Plan = { ...quietPlan, operations: [20, 40].map((at) => ({ at, name: "reconnect" })) };

function isOfType(type: TraceEvent["type"]): (event: TraceEvent) => boolean {
  return (event) => event.type === type;
}

test.each<readonly [string, readonly Deviation[]]>([
  ["is well", []],
  ["is killed", [deviation("crash", "root/client", 2, 12)]],
  ["crashes", [deviation("crash", "root/client", 1, 12)]],
  ["has a handler that crashes as it starts", [deviation("crash", "root/client/1", 1)]],
])("I21 holds for a client that %s", async (_how, deviations) => {
  expect(await failureOf(clientsHaveOne(), target, deviations, plan)).toBeUndefined();
});

test.each([
  ["makes a second attempt meanwhile", doubling(isOfType("clientConnecting"))],
  ["is connected twice", doubling(isOfType("clientConnected"))],
  ["is connected, and has never tried", losing(isOfType("clientConnecting"))],
  ["tells nothing of the end of a connection", losing(isOfType("clientDisconnected"))],
])("I21 sees a client that %s", async (_what, alter) => {
  const failure = await failureOf(showing(clientsHaveOne(), alter), target, [], plan);
  expect(failure).toMatchObject({ invariant: "I21-client" });
});
