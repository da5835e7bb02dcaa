import { defineServer, noreply, ok, type System } from "@espalier/actors";
import { type DatagramSocket, packetMachine, startSockets } from "@espalier/sockets";
import { memoryDatagrams } from "@espalier/sockets/testing";
import { child, defineSupervisor } from "@espalier/supervisor";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { findCrash } from "../src/find-crash.ts";
import type { Invariant } from "../src/invariant.ts";
import { standard } from "../src/invariants/standard.ts";
import type { Target } from "../src/target.ts";

/** Writes down each second how many it has seen. */
const clock = defineServer<{ state: number; info: "tick" }>({
  name: "clock",
  init: (_args, self) => {
    self.sendAfter(self.pid, "tick", 1000);
    return ok(0);
  },
  handleInfo: (_tick, seconds, self) => {
    self.sendAfter(self.pid, "tick", 1000);
    return noreply(seconds + 1);
  },
});

const tree = defineSupervisor({ children: [{ id: "clock", start: child(clock) }] });

async function startTree(system: System): Promise<object> {
  const started = await system.start(tree, undefined, { id: "root" });
  if (!started.ok) throw new Error("the tree has not started");
  return { root: started.ref };
}

/** No clock comes as far as this, unless nothing goes on by itself. */
function neverShows(seconds: number): Invariant {
  const id = `never shows ${seconds}`;
  return {
    id,
    says: "it stands still",
    watch: (run) => ({
      quiet() {
        for (const view of run.system.processes()) {
          if (view.path === "root/clock" && view.describe() === seconds) run.violate(id, "it goes on");
        }
      },
    }),
  };
}

const peers = fc.constant([]);

describe("a tree without a port", () => {
  test("is searched without clients, and nobody asks it to serve one", async () => {
    const target: Target = { start: ({ system }) => startTree(system) };
    const { failure, runs } = await findCrash(target, { peers, runs: 50 });
    expect({ failure, runs }).toEqual({ failure: undefined, runs: 50 });
  });

  test.each([
    ["something", (system: System) => startTree(system)],
    ["nothing", async (system: System) => void (await startTree(system))],
  ])("goes on by itself for ten seconds under faults, though its start resolves with %s", async (_what, start) => {
    const target: Target = { start: ({ system }) => start(system) };
    const { failure } = await findCrash(target, { peers, runs: 20, invariants: [neverShows(9)] });
    expect(failure).toMatchObject({ phase: "workload" });
  });

  test("says what it needs where clients come", async () => {
    const target: Target = { start: ({ system }) => startTree(system) };
    await expect(findCrash(target, { runs: 5 })).rejects.toThrow(
      "a target has clients but no port: its start has to resolve with one, or it needs a function `port`; without clients, `peers` is fc.constant([])",
    );
    const silent: Target = { start: async ({ system }) => void (await startTree(system)) };
    await expect(findCrash(silent, { runs: 5 })).rejects.toThrow("a target has clients but no port");
  });
});

interface Shouting {
  readonly client: DatagramSocket;
  readonly answers: string[];
}

/** A server of datagrams, and a client for all that is asked; one in a peer's own life is answered otherwise. */
function shouting(isRight: (count: number) => boolean): Target<Shouting> {
  return {
    async start({ system }) {
      const { host } = system;
      const datagrams = memoryDatagrams({ defer: (run) => void host.at(host.now(), run) });
      const sockets = await startSockets(system, { datagrams });
      const counts = new Map<unknown, number>();
      const shout = packetMachine({
        onData(connection, data) {
          const count = (counts.get(connection) ?? 0) + 1;
          counts.set(connection, count);
          const text = new TextDecoder().decode(data);
          connection.send(isRight(count) ? text.toUpperCase() : text);
        },
      });
      await sockets.openUdp("shout", 5000, {}, shout);
      const answers: string[] = [];
      const client = datagrams.from("10.0.0.1").bind(
        { port: 0 },
        {
          bound: () => {},
          failed: () => {},
          received: (bytes) => void answers.push(new TextDecoder().decode(bytes)),
          sendFailed: () => {},
          ended: () => {},
          closed: () => {},
        },
      );
      return { client, answers };
    },
    operations: {
      ask: ({ client }) => client.send(new TextEncoder().encode("hello"), { host: "127.0.0.1", port: 5000 }),
    },
  };
}

const answersAreLoud: Invariant = {
  id: "loud",
  says: "each answer is in capitals",
  watch: (run) => ({
    after() {
      const { answers = [] } = (run.handle ?? {}) as Partial<Shouting>;
      for (const answer of answers) if (answer !== "HELLO") run.violate("loud", `it answers ${answer}`);
    },
  }),
};

describe("a server of datagrams", () => {
  const options = { peers, invariants: [...standard(), answersAreLoud] };

  test("is searched with a network of the test, whose events come by the system's clock", async () => {
    const { failure, report, summary } = await findCrash(
      shouting(() => true),
      { ...options, runs: 200 },
    );
    expect({ failure, report }).toEqual({ failure: undefined, report: undefined });
    // Its connections are crashed where they answer.
    expect(summary).not.toMatch(/^no failure in 200 runs, 0 crashes/);
  });

  test("is found to be wrong where it takes three datagrams, the same way each time", async () => {
    const [one, other] = await Promise.all(
      [1, 2].map(() =>
        findCrash(
          shouting((count) => count < 3),
          { ...options, runs: 500 },
        ),
      ),
    );
    expect(one?.failure).toMatchObject({ invariant: "loud", message: "it answers hello" });
    expect(one?.plan?.operations).toHaveLength(3);
    expect(other?.line).toBe(one?.line);
  });
});
