import type { Pid, TraceEvent } from "@espalier/actors";
import { connectionMachine, type Listener, startSockets, type Transport } from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import type { Invariant } from "../../src/invariant.ts";
import { buffersAreBounded } from "../../src/invariants/backpressure.ts";
import { connectionsAreCounted } from "../../src/invariants/connection-count.ts";
import { statsAreTrue } from "../../src/invariants/listener-stats.ts";
import { clientsGet } from "../../src/invariants/model.ts";
import { socketsAreOwned } from "../../src/invariants/owners.ts";
import { probeIsServed } from "../../src/invariants/probe-served.ts";
import { nothingIsLeft } from "../../src/invariants/residue.ts";
import type { Target } from "../../src/target.ts";
import { deviation } from "../support/chooser.ts";
import { doubling, failureOf, losing, showing } from "../support/plant.ts";
import { echo, echoPlan, script, wholeLines } from "../support/targets.ts";

const noKnobs = { maxClients: 100, highWaterMark: 65_536 };

/** The echo server with another listener in place of its own. */
function wrapped(wrap: (listener: Listener) => object): Target<object> {
  return {
    port: (handle) => (handle as { port: number }).port,
    start: async (surroundings) => wrap(await echo.start({ ...surroundings, knobs: noKnobs })),
  };
}

/** As the listener, with other answers. */
function lying(listener: Listener, lies: object): object {
  const truth = ["id", "supervisor", "currentClients", "stats", "shutdownCounts", "info", "port"] as const;
  const facts = truth.map(
    (name) => [name, { get: () => listener[name], enumerable: true, configurable: true }] as const,
  );
  const twin = Object.defineProperties({}, Object.fromEntries(facts));
  const connectionOf = (pid: Pid) => listener.connectionOf(pid);
  return Object.defineProperties(twin, Object.getOwnPropertyDescriptors({ connectionOf, ...lies }));
}

function failure<Handle>(invariant: Invariant, target: Target<Handle>) {
  return failureOf(invariant, target, [], echoPlan);
}

/** What becomes of a law when the trace of the echo server is altered. */
function shown(invariant: Invariant, alter: (event: TraceEvent) => readonly TraceEvent[]) {
  return failureOf(showing(invariant, alter), echo, [], echoPlan);
}

/** A connection's handler crashes. */
const CRASH = [deviation("crash", "sockets/listener_sup:echo:5000/connection_sup/1", 1, 4)];

describe.each([
  connectionsAreCounted(),
  probeIsServed(),
  socketsAreOwned(),
  nothingIsLeft(),
  buffersAreBounded(),
  clientsGet(wholeLines),
  statsAreTrue(),
])("$id", (invariant) => {
  test.each([
    ["an ordinary run", []],
    ["a run with a crash", CRASH],
  ])("holds in %s", async (_what, deviations) => {
    expect(await failureOf(invariant, echo, deviations, echoPlan)).toBeUndefined();
  });

  test("holds when the client does not read", async () => {
    const plan = {
      ...echoPlan,
      peers: [script(0, "10.0.0.1", { type: "pause" }, ...Array.from({ length: 40 }, () => `${"x".repeat(9000)}\n`))],
    };
    const small = [deviation("knob", "highWaterMark", 2)];
    expect(await failureOf(invariant, echo, small, plan)).toBeUndefined();
  });
});

describe("I4 sees", () => {
  test("a listener that counts one too many", async () => {
    const target = wrapped((listener) =>
      Object.defineProperty(lying(listener, {}), "currentClients", { get: () => listener.currentClients + 1 }),
    );
    expect(await failure(connectionsAreCounted(), target)).toMatchObject({
      invariant: "I4-connections",
      message: "echo:5000 counts 1 connections, and has 0 handlers",
    });
  });

  test("a connection whose end is not told", async () => {
    const lost = losing(({ type }) => type === "connectionStopped");
    expect(await shown(connectionsAreCounted(), lost)).toMatchObject({
      invariant: "I4-connections",
      message: expect.stringContaining("is over, and that was not told"),
    });
  });

  test("a connection that starts twice", async () => {
    const twice = doubling(({ type }) => type === "connectionStarted");
    expect(await shown(connectionsAreCounted(), twice)).toMatchObject({
      message: expect.stringContaining("starts twice"),
    });
  });

  test("a connection that ends and was never started", async () => {
    const lost = losing(({ type }) => type === "connectionStarted");
    expect(await shown(connectionsAreCounted(), lost)).toMatchObject({
      message: expect.stringContaining("had not started"),
    });
  });
});

const machines = connectionMachine();

/** Listens, and answers nothing. */
const mute = machines.createMachine({
  context: ({ input }) => ({ connection: input.connection }),
  initial: "open",
  states: {
    open: { entry: "activate", on: { data: { actions: "activate" }, closed: "done" } },
    done: { type: "final" },
  },
});

/** Answers each line with another one. */
const wrong = machines.createMachine({
  context: ({ input }) => ({ connection: input.connection }),
  initial: "open",
  states: {
    open: {
      entry: "activate",
      on: { data: { actions: [{ type: "send", params: () => "?\n" }, "activate"] }, closed: "done" },
    },
    done: { type: "final" },
  },
});

function serving(machine: typeof mute | typeof wrong): Target<Listener> {
  return {
    async start({ system, transport }) {
      const sockets = await startSockets(system, { transport });
      return sockets.open("wrong", 5000, { packet: "line" }, machine as typeof mute);
    },
    ...(echo.probe !== undefined && { probe: echo.probe }),
  };
}

/** A server made of nothing but a transport, so that it can do what no connection does. */
function bare(
  accept: (socket: Parameters<Parameters<Transport["listen"]>[1]["accepted"]>[0]) => void,
  isClosed = true,
) {
  const target: Target<{ readonly port: number }> = {
    start({ system, transport }) {
      const listening = transport.listen(
        { port: 5000, backlog: 10, noDelay: true, keepAlive: true },
        { listening() {}, failed() {}, accepted: accept, closed() {} },
      );
      system.spawn({
        name: "closer",
        behaviour: {
          kind: "server",
          start: () => undefined,
          receive: () => undefined,
          terminate: () => void (isClosed && listening.close()),
        },
      });
      return { port: 5000 };
    },
  };
  return target;
}

describe("I8 sees", () => {
  test("a server that does not answer", async () => {
    expect(await failure(probeIsServed(), serving(mute))).toMatchObject({
      invariant: "I8-probe",
      message: 'all is well again, and a new client receives "" instead of "hello\\n" (open)',
    });
  });

  test("a server that is gone, though nobody has given up", async () => {
    expect(
      await failure(
        probeIsServed(),
        bare((socket) => socket.close("reset")),
      ),
    ).toMatchObject({
      message: "all is well again, and a new client is turned away (ECONNRESET)",
    });
  });

  test("nothing wrong in a tree whose top was killed", async () => {
    const kill = [deviation("crash", "sockets", 2, 4)];
    expect(await failureOf(probeIsServed(), echo, kill, echoPlan)).toBeUndefined();
  });
});

test("I9 sees a socket that nobody owns", async () => {
  expect(
    await failure(
      socketsAreOwned(),
      bare(() => undefined),
    ),
  ).toMatchObject({
    invariant: "I9-owner",
    message: expect.stringMatching(/sockets of the server are open, and 0 have an owner$/),
  });
});

test("I10 sees a listening socket that was not closed", async () => {
  const target = bare((socket) => socket.close("reset"), false);
  expect(await failure(nothingIsLeft(), target)).toMatchObject({
    invariant: "I10-residue",
    phase: "stopped",
    message: "after the stop there is still 1 open listening socket",
  });
});

test("I14 sees a server that reads from a client that does not", async () => {
  const target = wrapped((listener) =>
    lying(listener, {
      // As if nothing of what it has sent had gone out.
      connectionOf(pid: Pid) {
        const connection = listener.connectionOf(pid);
        if (connection === undefined) return undefined;
        const { bytesReceived, bytesSent } = connection;
        return { bytesReceived, bytesSent: bytesSent + 100_000, unsentBytes: bytesSent + 100_000 };
      },
    }),
  );
  expect(await failure(buffersAreBounded(), target)).toMatchObject({
    invariant: "I14-buffer",
    message: expect.stringContaining("bytes more from a client that does not read"),
  });
});

describe("I15 sees", () => {
  test("an answer that is not what the model says", async () => {
    expect(await failure(clientsGet(wholeLines), serving(wrong))).toMatchObject({
      invariant: "I15-model",
      message: expect.stringContaining('has received "?\\n'),
    });
  });

  test("an answer that is missing, where nothing was done to the client", async () => {
    expect(await failure(clientsGet(wholeLines), serving(mute))).toMatchObject({
      invariant: "I15-model",
      phase: "healed",
      message: expect.stringContaining("has received no more than"),
    });
  });

  test("nothing wrong in an answer that is missing, where the handler was killed", async () => {
    const plan = { ...echoPlan, peers: echoPlan.peers.slice(0, 1) };
    expect(await failureOf(clientsGet(wholeLines), serving(mute), [], plan)).toBeDefined();
    const crash = [deviation("crash", "sockets/listener_sup:wrong:5000/connection_sup/1", 2, 3)];
    expect(await failureOf(clientsGet(wholeLines), serving(mute), crash, plan)).toBeUndefined();
  });
});

describe("I17 sees", () => {
  test("a counter that is wrong", async () => {
    const target = wrapped((listener) =>
      Object.defineProperty(lying(listener, {}), "stats", {
        get: () => ({ ...listener.stats, closedForbidden: 1 }),
      }),
    );
    expect(await failure(statsAreTrue(), target)).toMatchObject({
      invariant: "I17-stats",
      message: "echo:5000 counts 1 closedForbidden, and 0 were told of",
    });
  });

  test("an end that was not counted", async () => {
    const target = wrapped((listener) => Object.defineProperty(lying(listener, {}), "shutdownCounts", { value: {} }));
    expect(await failure(statsAreTrue(), target)).toMatchObject({
      message: expect.stringContaining("counts 0 ends, and"),
    });
  });
});
