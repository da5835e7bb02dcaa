import {
  type Call,
  CrashReport,
  defineServer,
  failure,
  fromAsync,
  noreply,
  ok,
  type Pid,
  silentLogger,
  sys,
} from "@espalier/actors";
import { collectTrace, createProbe } from "@espalier/actors/testing";
import { describe, expect, test } from "vitest";
import { counter, crashOn } from "./support/actors.ts";
import { createWorld } from "./support/world.ts";

/** Passes every text on to the actor with that name. */
function forwarder(to: string) {
  return defineServer<{ state: undefined; info: string }>({
    name: "forwarder",
    init: () => ok(undefined),
    handleInfo(message, _state, self) {
      if (typeof message === "string") self.send(to, message);
      return noreply(undefined);
    },
  });
}

describe("getStatus", () => {
  test("shows what inspect shows of this actor, while it is suspended too", async () => {
    const { system } = createWorld();
    const ref = system.spawn(counter, 5, { name: "five", label: "a counter" });
    await sys.suspend(system, ref);
    await expect(sys.getStatus(system, ref)).resolves.toMatchObject({
      pid: ref,
      name: "five",
      label: "a counter",
      status: "suspended",
      state: 5,
      log: [],
    });
  });
});

describe("statistics", () => {
  test("count messages in and out from when they are switched on", async () => {
    const { system, clock } = createWorld();
    const probe = createProbe(system);
    probe.self.register("sink");
    const ref = system.spawn(forwarder("sink"));
    system.send(ref, "not counted");
    await clock.advance(10);
    await sys.countStatistics(system, ref, true);
    for (const text of ["a", "b", "c"]) system.send(ref, text);
    await clock.advance(20);
    await expect(sys.getStatistics(system, ref)).resolves.toMatchObject({
      startTime: 10,
      currentTime: 30,
      // The question itself is one of them.
      messagesIn: 4,
      messagesOut: 3,
    });
    await sys.countStatistics(system, ref, false);
    await expect(sys.getStatistics(system, ref)).resolves.toBeUndefined();
  });
});

describe("log", () => {
  test("keeps the last events, in order, and no more than asked for", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    probe.self.register("sink");
    const ref = system.spawn(forwarder("sink"));
    await sys.log(system, ref, 4);
    for (const text of ["a", "b", "c"]) system.send(ref, text);
    await system.idle();
    const log = await sys.getLog(system, ref);
    expect(log.slice(0, 3).map(({ type, message }) => [type, message])).toEqual([
      ["out", "b"],
      ["in", "c"],
      ["out", "c"],
    ]);
    expect(log).toHaveLength(4);
    await sys.log(system, ref, 0);
    await expect(sys.getLog(system, ref)).resolves.toEqual([]);
  });

  test("has a limit that makes sense", async () => {
    const { system } = createWorld();
    const ref = system.spawn(counter, 0);
    await expect(sys.log(system, ref, -1)).rejects.toThrow("limit is -1; expected an integer of at least 0");
  });
});

function isText(message: unknown): boolean {
  return typeof message === "string";
}

describe("trace", () => {
  test("shows every message of this one actor until it is switched off", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    probe.self.register("sink");
    const ref = system.spawn(forwarder("sink"));
    const other = system.spawn(forwarder("sink"));
    const seen: string[] = [];
    await sys.trace(system, ref, ({ type, message }) => {
      if (typeof message === "string") seen.push(`${type} ${message}`);
    });
    system.send(ref, "a");
    system.send(other, "b");
    await system.idle();
    await sys.trace(system, ref, undefined);
    system.send(ref, "c");
    await system.idle();
    expect(seen).toEqual(["in a", "out a"]);
  });

  test("ends with a handler that throws, which is logged and harms nobody", async () => {
    const logged: string[] = [];
    const error = (_fields: object, text: string): void => void logged.push(text);
    const { system } = createWorld({ logger: { ...silentLogger, error } });
    createProbe(system).self.register("sink");
    const ref = system.spawn(forwarder("sink"));
    const seen: unknown[] = [];
    await sys.trace(system, ref, ({ message }) => {
      seen.push(message);
      throw new Error("boom");
    });
    for (const text of ["a", "b"]) system.send(ref, text);
    await system.idle();
    expect(seen).toEqual(["a"]);
    expect(system.isAlive(ref)).toBe(true);
    expect(logged).toEqual(["a debug function has thrown, and sees nothing any more"]);
  });

  test("that another one has taken the place of is not ended by untrace", async () => {
    const { system } = createWorld();
    createProbe(system).self.register("sink");
    const ref = system.spawn(forwarder("sink"));
    const first: unknown[] = [];
    const second: unknown[] = [];
    const see = ({ message }: { message: unknown }) => void first.push(message);
    const seeToo = ({ message }: { message: unknown }) => void second.push(message);
    await sys.trace(system, ref, see);
    await sys.trace(system, ref, seeToo);
    await sys.untrace(system, ref, see);
    system.send(ref, "a");
    await sys.untrace(system, ref, seeToo);
    system.send(ref, "b");
    await system.idle();
    expect(first.filter(isText)).toEqual([]);
    // In and out.
    expect(second.filter(isText)).toEqual(["a", "a"]);
  });
});

/** A server whose count goes by its version. */
function versioned(version: number) {
  return defineServer<{ state: { version: number; count: number }; info: "count"; args: number }>({
    init: (count) => ok({ version, count }),
    handleInfo: (_message, state) => noreply({ version, count: state.count + version }),
    codeChange(old, extra) {
      if (extra === "fail") throw new Error("cannot migrate");
      return { version, count: (old as { count: number }).count };
    },
  });
}

describe("a change of a server's code", () => {
  test("keeps its state, as codeChange makes it, its mail and its identity", async () => {
    const { system } = createWorld();
    const ref = system.spawn(versioned(1), 10);
    system.send(ref, "count");
    await sys.suspend(system, ref);
    system.send(ref, "count");
    await sys.changeCode(system, ref, versioned(100));
    await sys.resume(system, ref);
    await expect(sys.getState(system, ref)).resolves.toEqual({ version: 100, count: 111 });
  });

  test("that fails leaves the old code running", async () => {
    const { system } = createWorld();
    const ref = system.spawn(versioned(1), 10);
    await sys.suspend(system, ref);
    await expect(sys.changeCode(system, ref, versioned(2), "fail")).rejects.toThrow("cannot migrate");
    await sys.resume(system, ref);
    system.send(ref, "count");
    await expect(sys.getState(system, ref)).resolves.toEqual({ version: 1, count: 11 });
  });

  test("needs an actor that is suspended, and code of its kind", async () => {
    const { system } = createWorld();
    const ref = system.spawn(versioned(1), 10, { id: "server" });
    await expect(sys.changeCode(system, ref, versioned(2))).rejects.toThrow(
      "cannot change the code of server: it is not suspended",
    );
    await sys.suspend(system, ref);
    await expect(
      sys.changeCode(
        system,
        ref,
        fromAsync(async () => undefined),
      ),
    ).rejects.toThrow("cannot change the code of server: it is of kind server, the new code of kind async");
  });
});

describe("a crash report", () => {
  test("names those who go down with the actor, its last message and its state as formatStatus shows it", async () => {
    const { system } = createWorld();
    const trace = collectTrace(system);
    const fragile = defineServer<{ args: Pid; state: { password: string }; info: "crash" }>({
      init(companion, self) {
        self.link(companion);
        return ok({ password: "secret" });
      },
      handleInfo() {
        throw new Error("boom");
      },
      formatStatus: () => "redacted",
    });
    const probe = createProbe(system);
    const linked = system.spawn(crashOn("never"), undefined, { id: "linked" });
    const victim = probe.self.spawnLink(fragile, linked, { id: "victim" });
    system.send(victim, "crash");
    await system.idle();
    const [report] = trace.of("report").map((event) => event.report);
    expect(report).toBeInstanceOf(CrashReport);
    expect(report).toMatchObject({
      reason: failure(new Error("boom")),
      lastMessage: "crash",
      state: "redacted",
      neighbours: [{ path: "linked" }],
    });
    expect(report?.text).toBe(`crash in probe-1/victim ${victim.toString()}: error: boom`);
  });

  test("shows the last message as formatMessage does, and so do log and trace", async () => {
    const { system } = createWorld();
    const trace = collectTrace(system);
    const login = defineServer<{ state: undefined; call: Call<"login", never, { password: string }>; cast: string }>({
      init: () => ok(undefined),
      handleCall() {
        throw new Error("boom");
      },
      handleCast: () => noreply(undefined),
      formatMessage: (message) =>
        typeof message === "string" ? "a text" : { ...(message as object), password: "***" },
    });
    const ref = system.spawn(login);
    await sys.log(system, ref);
    system.cast(ref, "secret");
    await expect(sys.getLog(system, ref)).resolves.toMatchObject([{ message: "a text" }, {}]);
    await system.call(ref, { type: "login", password: "secret" }).catch(() => undefined);
    const [report] = trace.of("report").map((event) => event.report);
    expect(report).toMatchObject({ lastMessage: { type: "login", password: "***" } });
  });

  test("is made all the same when formatMessage throws", async () => {
    const { system } = createWorld();
    const trace = collectTrace(system);
    const ref = system.spawn(
      defineServer<{ state: undefined; info: string }>({
        name: "shy",
        init: () => ok(undefined),
        handleInfo() {
          throw new Error("boom");
        },
        formatMessage() {
          throw new Error("not even that");
        },
      }),
    );
    system.send(ref, "secret");
    await system.idle();
    const [report] = trace.of("report").map((event) => event.report);
    expect(report).toMatchObject({ lastMessage: expect.stringMatching(/^shy.formatMessage threw /) });
  });
});
