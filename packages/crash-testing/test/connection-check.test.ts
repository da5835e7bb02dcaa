import { actorOf, type Call, defineServer, ok, reply, type Response, type System } from "@espalier/actors";
import { type Connection, connectionMachine, fromConnection } from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import { checkConnection } from "../src/connection-check.ts";
import { standard } from "../src/invariants/standard.ts";

const invariants = standard();
const conversations = ["a\n"];
const options = { packet: "line", acceptors: 1 } as const;

/** A connection for each packet of which this is done. */
function handling(act: (connection: Connection, packet: Uint8Array) => void) {
  return fromConnection(async (connection) => {
    for await (const packet of connection) act(connection, packet);
  });
}

/** Asks an actor by its name for the answer to each packet. */
const asking = connectionMachine<{ events: Response<string> }>()
  .extend({
    actions: {
      ask: ({ self }) => void actorOf(self).sendRequest<Call<"answer", string>>("oracle", { type: "answer" }),
    },
  })
  .createMachine({
    context: ({ input }) => ({ connection: input.connection }),
    on: {
      socketReady: { actions: "activate" },
      data: { actions: "ask" },
      response: {
        actions: [
          {
            type: "send",
            params: ({ event: { outcome } }) => (outcome.ok ? outcome.value : fail("there is no oracle")),
          },
          "activate",
        ],
      },
    },
  });

const oracle = defineServer<{ call: Call<"answer", string> }>({
  name: "oracle",
  init: () => ok(undefined),
  handleCall: (_request, _from, state) => reply("42\n", state),
});

function startOracle(system: System): Promise<unknown> {
  return system.start(oracle, undefined, { name: "oracle" });
}

function fail(message: string): never {
  throw new Error(message);
}

describe("what nothing has gone wrong around", () => {
  test("does not crash: a handler that always does fails, with its reason", async () => {
    const handler = handling(() => fail("it cannot be done"));
    const { fault, runs } = await checkConnection(handler, { conversations, options, invariants });
    expect(fault?.failure).toMatchObject({ invariant: "crash", message: expect.stringContaining("it cannot be done") });
    expect(runs).toBe(1);
  });

  test("may crash where that is said", async () => {
    const handler = handling(() => fail("it cannot be done"));
    const result = await checkConnection(handler, { conversations, options, invariants, mayCrash: true });
    expect(result.fault).toBeUndefined();
    expect(result.runs).toBeGreaterThan(20);
  });

  test("has what it needs beside it", async () => {
    const alone = await checkConnection(asking, { conversations, options, invariants });
    expect(alone.fault?.failure).toMatchObject({ invariant: "crash", message: expect.stringContaining("no oracle") });
    const { fault, runs, tried } = await checkConnection(asking, {
      conversations,
      options,
      invariants,
      start: startOracle,
    });
    expect(fault?.failure).toBeUndefined();
    expect(runs).toBeGreaterThan(20);
    expect(tried.get("crash")).toBeGreaterThan(5);
  });
});
