import {
  type Call,
  defineServer,
  type Definition,
  Exit,
  type ExitReason,
  failure,
  ignore,
  type Logger,
  type Next,
  noreply,
  normal,
  ok,
  type Pid,
  reply,
  type ServerRef,
  shutdown,
  silentLogger,
  stop,
  stopReply,
  Timeout,
} from "@espalier/actors";
import { createProbe } from "@espalier/actors/testing";
import { describe, expect, test } from "vitest";
import { counter, echo, nameOf, puppet, tell } from "./support/actors.ts";
import { defer, errorOf } from "./support/promises.ts";
import { createWorld, endOf, type World } from "./support/world.ts";

type LogTypes = {
  state: string[];
  info: "info" | "stop" | "stop with a new state" | "throw";
  cast: "cast" | "stop";
  call: Call<"call", string> | Call<"stopReply", string> | Call<"stop", never>;
  continue: "continue";
};

/** Notes every callback in an array that is its state. */
function logging(log: string[], next?: Next<"continue">): Definition<void, ServerRef<LogTypes>> {
  return defineServer<LogTypes>({
    name: "logging",
    init() {
      log.push("init");
      return ok(log, next);
    },
    handleCall(request, _from, state) {
      state.push(`handleCall ${request.type}`);
      if (request.type === "stopReply") return stopReply(normal, "bye", state);
      if (request.type === "stop") return stop(shutdown("asked"), state);
      return reply("answer", state);
    },
    handleCast(message, state) {
      state.push("handleCast");
      return message === "stop" ? stop(shutdown("asked"), state) : noreply(state);
    },
    handleInfo(message, state) {
      state.push(`handleInfo ${nameOf(message)}`);
      if (message === "stop") return stop(shutdown("asked"), state);
      if (message === "stop with a new state") return stop(normal, [...state, "new"]);
      if (message === "throw") throw new Error("boom");
      return noreply(state);
    },
    handleContinue(value, state) {
      state.push(`handleContinue ${value}`);
      return noreply(state);
    },
    terminate: (reason) => void log.push(`terminate ${reason.type}`),
  });
}

describe("a server", () => {
  test("gives each kind of message to its callback", async () => {
    const { system } = createWorld();
    const log: string[] = [];
    const ref = system.spawn(logging(log));
    system.send(ref, "info");
    system.cast(ref, "cast");
    await expect(system.call(ref, { type: "call" })).resolves.toBe("answer");
    expect(log).toEqual(["init", "handleInfo info", "handleCast", "handleCall call"]);
  });

  test("keeps the state that the callback answered", async () => {
    const { system } = createWorld();
    const ref = system.spawn(counter, 0);
    const answers = await Promise.all([1, 2, 3].map((by) => system.call(ref, { type: "add", by })));
    expect(answers).toEqual([1, 3, 6]);
  });

  test("runs handleContinue before the next message, from init and from a callback", async () => {
    const { system } = createWorld();
    const log: string[] = [];
    const ref = system.spawn(logging(log, { continue: "continue" }));
    system.send(ref, "info");
    await system.idle();
    expect(log).toEqual(["init", "handleContinue continue", "handleInfo info"]);
  });

  test("has started before the continuation of init runs, however long that takes", async () => {
    const { system } = createWorld();
    const gate = defer();
    const log: string[] = [];
    const result = await system.start(
      defineServer<{ continue: "go"; info: string }>({
        init: () => ok(undefined, { continue: "go" }),
        async handleContinue() {
          await gate.promise;
          log.push("continued");
          return noreply(undefined);
        },
        handleInfo(message) {
          log.push(nameOf(message));
          return noreply(undefined);
        },
      }),
    );
    if (!result.ok) throw new Error("it should start");
    system.send(result.ref, "message");
    await system.idle();
    expect(log).toEqual([]);
    gate.resolve();
    await system.idle();
    expect(log).toEqual(["continued", "message"]);
  });

  test("runs the continuation of an asynchronous init before the messages that came meanwhile", async () => {
    const { system } = createWorld();
    const gate = defer();
    const log: string[] = [];
    const ref = system.spawn(
      defineServer<{ continue: "go"; info: string }>({
        async init() {
          await gate.promise;
          return ok(undefined, { continue: "go" });
        },
        handleContinue() {
          log.push("continued");
          return noreply(undefined);
        },
        handleInfo(message) {
          log.push(nameOf(message));
          return noreply(undefined);
        },
      }),
    );
    system.send(ref, "early");
    await system.idle();
    gate.resolve();
    await system.idle();
    expect(log).toEqual(["continued", "early"]);
  });

  test("runs continuations one after the other before the next message", async () => {
    const { system } = createWorld();
    const log: string[] = [];
    const ref = system.spawn(
      defineServer<{ continue: number; info: string; state: string[] }>({
        init: () => ok(log, { continue: 3 }),
        handleContinue(value, state) {
          state.push(`continue ${value}`);
          return noreply(state, value > 1 ? { continue: value - 1 } : undefined);
        },
        handleInfo(message, state) {
          state.push(nameOf(message));
          return noreply(state, message === "again" ? { continue: 1 } : undefined);
        },
      }),
    );
    system.send(ref, "again");
    system.send(ref, "last");
    await system.idle();
    expect(log).toEqual(["continue 3", "continue 2", "continue 1", "again", "continue 1", "last"]);
  });

  test("that is asked for a callback it does not have crashes", async () => {
    const { system } = createWorld();
    const bare = defineServer({ name: "bare", init: () => ok(undefined) });
    for (const ask of ["call", "cast"] as const) {
      const ref = system.spawn(bare);
      const end = endOf(system, ref);
      if (ask === "call") system.call(ref as Pid, { type: "x" }).catch(() => undefined);
      else system.cast(ref as Pid, "x");
      await system.idle();
      expect(end.reason).toMatchObject({ type: "error", error: { code: "ERR_MISSING_CALLBACK" } });
    }
  });

  test("without handleInfo drops what nobody expected, with a warning", async () => {
    const warnings: string[] = [];
    const logger: Logger = { ...silentLogger, warn: (_fields, message) => void warnings.push(message) };
    const { system } = createWorld({ logger });
    const ref = system.spawn(echo);
    system.send(ref as Pid, { type: "stray" });
    await system.idle();
    expect(system.isAlive(ref)).toBe(true);
    expect(warnings).toEqual([expect.stringContaining("stray")]);
  });

  test("that answers what no callback may answer crashes", async () => {
    const { system } = createWorld();
    const ref = system.spawn(
      defineServer<{ info: unknown }>({ init: () => ok(undefined), handleInfo: () => "done" as never }),
    );
    const end = endOf(system, ref);
    system.send(ref, 1);
    await system.idle();
    expect(end.reason).toMatchObject({ type: "error", error: { code: "ERR_BAD_RETURN", value: "done" } });
  });

  test("crashes with what its callback throws, whatever it is", async () => {
    const { system } = createWorld();
    for (const thrown of [new Error("boom"), "a string", undefined, null, 0]) {
      const ref = system.spawn(
        defineServer<{ info: unknown }>({
          init: () => ok(undefined),
          handleInfo() {
            throw thrown;
          },
        }),
      );
      const end = endOf(system, ref);
      system.send(ref, 1);
      await system.idle();
      expect(end.reason).toEqual(failure(thrown));
    }
  });

  test("ends with its parent if it traps, for any reason, and hears nothing of it but terminate", async () => {
    const { system } = createWorld();
    const reasons: ExitReason[] = [];
    const received: unknown[] = [];
    const parent = system.spawn(puppet());
    const made = defer();
    system.send(parent, (self: { spawnLink(definition: unknown): unknown }) => {
      self.spawnLink(puppet({ trapExit: true, cleanedUp: reasons, received }));
      made.resolve();
    });
    await made.promise;
    system.send(parent, (self: { exit(reason: ExitReason): never }) => self.exit(normal));
    await system.idle();
    expect(reasons).toEqual([normal]);
    expect(received).toEqual([]);
    expect(system.inspect().processes).toEqual([]);
  });

  test("that traps gets the exit signals of strangers as messages", async () => {
    const { system } = createWorld();
    const received: unknown[] = [];
    const probe = createProbe(system);
    const ref = system.spawn(puppet({ trapExit: true, received }));
    probe.self.exit(ref, shutdown());
    await system.idle();
    expect(received).toEqual([new Exit(probe.ref, shutdown())]);
  });
});

describe("a server that stops", () => {
  test("runs terminate with the reason and then ends with it", async () => {
    const { system } = createWorld();
    const log: string[] = [];
    const ref = system.spawn(logging(log));
    const end = endOf(system, ref);
    system.cast(ref, "stop");
    await system.idle();
    expect(log).toEqual(["init", "handleCast", "terminate shutdown"]);
    expect(end.reason).toEqual(shutdown("asked"));
  });

  test("reads no further message", async () => {
    const { system } = createWorld();
    const log: string[] = [];
    const ref = system.spawn(logging(log));
    system.send(ref, "stop");
    system.send(ref, "info");
    await system.idle();
    expect(log).toEqual(["init", "handleInfo stop", "terminate shutdown"]);
  });

  test("hands its last state to terminate", async () => {
    const { system } = createWorld();
    const states: number[] = [];
    const ref = system.spawn(
      defineServer<{ state: number; info: "stop" | "just stop" }>({
        init: () => ok(1),
        handleInfo: (message) => (message === "stop" ? stop(normal, 2) : stop(normal)),
        terminate: (_reason, state) => void states.push(state),
      }),
    );
    system.send(ref, "stop");
    await system.idle();
    expect(states).toEqual([2]);
  });

  test("with a reply runs terminate before the answer", async () => {
    const { system } = createWorld();
    const log: string[] = [];
    const ref = system.spawn(logging(log));
    const answer = await system.call(ref, { type: "stopReply" });
    log.push(answer);
    expect(log).toEqual(["init", "handleCall stopReply", "terminate normal", "bye"]);
    expect(system.isAlive(ref)).toBe(false);
  });

  test("with a reply answers even if terminate crashes", async () => {
    const { system } = createWorld();
    const ref = system.spawn(
      defineServer<{ call: Call<"stop", string> }>({
        init: () => ok(undefined),
        handleCall: () => stopReply(normal, "bye", undefined),
        terminate() {
          throw new Error("boom");
        },
      }),
    );
    const end = endOf(system, ref);
    await expect(system.call(ref, { type: "stop" })).resolves.toBe("bye");
    await system.idle();
    expect(end.reason).toEqual(failure(new Error("boom")));
  });

  test("with a reply does not answer if it is killed in terminate", async () => {
    const { system } = createWorld();
    const ref = system.spawn(
      defineServer<{ call: Call<"stop", string> }>({
        init: () => ok(undefined),
        handleCall: () => stopReply(normal, "bye", undefined),
        terminate: () => new Promise<never>(() => undefined),
      }),
    );
    const call = system.call(ref, { type: "stop" });
    const failed = errorOf(call);
    await system.idle();
    system.kill(ref);
    expect(await failed).toMatchObject({ reason: { type: "killed" } });
  });

  test("without a reply fails the call with the reason", async () => {
    const { system } = createWorld();
    const ref = system.spawn(logging([]));
    await expect(system.call(ref, { type: "stop" })).rejects.toMatchObject({ reason: shutdown("asked") });
  });

  test("waits for a terminate that is asynchronous before anybody learns of the end", async () => {
    const { system } = createWorld();
    const gate = defer();
    const ref = system.spawn(
      defineServer<{ info: "stop" }>({
        name: "slow",
        init: () => ok(undefined),
        handleInfo: () => stop(normal, undefined),
        terminate: () => gate.promise,
      }),
    );
    const end = endOf(system, ref);
    system.send(ref, "stop");
    await system.idle();
    expect(end.reason).toBeUndefined();
    gate.resolve();
    await system.idle();
    expect(end.reason).toEqual(normal);
  });

  test("in the continuation of init has been started, and cleans up", async () => {
    const { system } = createWorld();
    const reasons: ExitReason[] = [];
    const result = await system.start(
      defineServer<{ continue: "go" }>({
        init: () => ok(undefined, { continue: "go" }),
        handleContinue: () => stop(shutdown("no")),
        terminate: (reason) => void reasons.push(reason),
      }),
    );
    expect(result.ok).toBe(true);
    await system.idle();
    expect(reasons).toEqual([shutdown("no")]);
    expect(system.inspect().processes).toEqual([]);
  });
});

describe("an asynchronous callback", () => {
  type SlowTypes = { state: string[]; info: "slow" | "quick"; call: Call<"slow", string> };

  function slow(gate: Promise<void>, log: string[]): Definition<void, ServerRef<SlowTypes>> {
    return defineServer<SlowTypes>({
      name: "slow",
      init: () => ok(log),
      async handleCall(_request, _from, state) {
        await gate;
        return reply("at last", state);
      },
      async handleInfo(message, state) {
        state.push(`begin ${nameOf(message)}`);
        if (message === "slow") await gate;
        state.push(`end ${nameOf(message)}`);
        return noreply(state);
      },
    });
  }

  test("keeps the server's other messages waiting", async () => {
    const { system } = createWorld();
    const gate = defer();
    const log: string[] = [];
    const ref = system.spawn(slow(gate.promise, log));
    system.send(ref, "slow");
    system.send(ref, "quick");
    await system.idle();
    expect(log).toEqual(["begin slow"]);
    expect(system.inspect().processes[0]).toMatchObject({ status: "busy", mailboxLength: 1 });
    expect(system.inspect().tasks).toBe(1);
    gate.resolve();
    await system.idle();
    expect(log).toEqual(["begin slow", "end slow", "begin quick", "end quick"]);
    expect(system.inspect().tasks).toBe(0);
  });

  test("keeps messages waiting that the server sends itself before it waits", async () => {
    const { system } = createWorld();
    const [started, gate] = [defer(), defer()];
    const log: string[] = [];
    const ref = system.spawn(
      defineServer<{ info: string }>({
        async init(_args, self) {
          self.send(self.ref, "first");
          await started.promise;
          log.push("started");
          return ok(undefined);
        },
        async handleInfo(message, state, self) {
          log.push(`begin ${nameOf(message)}`);
          if (message === "first") self.send(self.ref, "second");
          await gate.promise;
          log.push(`end ${nameOf(message)}`);
          return noreply(state);
        },
      }),
    );
    await system.idle();
    expect(log).toEqual([]);
    started.resolve();
    await system.idle();
    expect(log).toEqual(["started", "begin first"]);
    expect(system.process(ref)).toMatchObject({ status: "busy", mailboxLength: 1 });
    gate.resolve();
    await system.idle();
    expect(log).toEqual(["started", "begin first", "end first", "begin second", "end second"]);
    expect(system.tasks).toBe(0);
  });

  test("answers the call when it is done", async () => {
    const { system } = createWorld();
    const gate = defer();
    const ref = system.spawn(slow(gate.promise, []));
    const call = system.call(ref, { type: "slow" });
    gate.resolve();
    await expect(call).resolves.toBe("at last");
  });

  test("that rejects is a crash", async () => {
    const { system } = createWorld();
    const gate = defer();
    const ref = system.spawn(slow(gate.promise, []));
    const end = endOf(system, ref);
    system.send(ref, "slow");
    await system.idle();
    gate.reject(new Error("boom"));
    await system.idle();
    expect(end.reason).toEqual(failure(new Error("boom")));
  });

  test("does not keep others waiting", async () => {
    const { system } = createWorld();
    const gate = defer();
    const ref = system.spawn(slow(gate.promise, []));
    const other = system.spawn(counter, 1);
    system.send(ref, "slow");
    await system.idle();
    await expect(system.call(other, { type: "get" })).resolves.toBe(1);
    gate.resolve();
  });

  test("of an actor that was killed meanwhile has no effect, whether it resolves or rejects", async () => {
    for (const outcome of ["resolve", "reject"] as const) {
      const { system } = createWorld();
      const gate = defer();
      const ref = system.spawn(slow(gate.promise, []));
      const probe = createProbe(system);
      probe.self.link(ref);
      system.send(ref, "slow");
      await system.idle();
      system.kill(ref);
      await system.idle();
      expect(system.inspect().tasks).toBe(0);
      if (outcome === "resolve") gate.resolve();
      else gate.reject(new Error("too late"));
      await system.idle();
      expect(probe.messages).toEqual([new Exit(ref, { type: "killed" })]);
      expect(system.inspect().crashes).toBe(0);
    }
  });
});

describe("a server's timeout", () => {
  type TimedTypes = { state: string[]; info: string; args: string[] };

  /** Asks for a timeout of 100 ms after init and after every message, and notes what comes. */
  const timed = defineServer<TimedTypes>({
    name: "timed",
    init: (log) => ok(log, { timeoutMs: 100 }),
    handleInfo(message, log) {
      log.push(nameOf(message));
      return message === "enough" ? noreply(log) : noreply(log, { timeoutMs: 100 });
    },
  });

  async function start({ system }: World, log: string[]): Promise<ServerRef<TimedTypes>> {
    const ref = system.spawn(timed, log);
    await system.idle();
    return ref;
  }

  test("comes when no message did", async () => {
    const world = createWorld();
    const log: string[] = [];
    await start(world, log);
    await world.clock.advance(99);
    expect(log).toEqual([]);
    await world.clock.advance(1);
    expect(log).toEqual(["timeout"]);
  });

  test("is cancelled by any message", async () => {
    const world = createWorld();
    const log: string[] = [];
    const ref = await start(world, log);
    await world.clock.advance(60);
    world.system.send(ref, "message");
    await world.clock.advance(60);
    expect(log).toEqual(["message"]);
    await world.clock.advance(40);
    expect(log).toEqual(["message", "timeout"]);
  });

  test("is asked for anew each time", async () => {
    const world = createWorld();
    const log: string[] = [];
    const ref = await start(world, log);
    world.system.send(ref, "enough");
    await world.clock.advance(1000);
    expect(log).toEqual(["enough"]);
    expect(world.system.inspect().timers).toBe(0);
  });

  test("is cancelled by a message that is in the mailbox when the time has come", async () => {
    const world = createWorld();
    const log: string[] = [];
    const probe = createProbe(world.system);
    const ref = world.system.spawn(timed, log);
    // Armed before the server's `init` has run, so that it stands in front of the timeout of the same moment.
    probe.self.sendAfter(ref, "enough", 100);
    await world.clock.advance(100);
    expect(log).toEqual(["enough"]);
    expect(world.system.inspect().timers).toBe(0);
  });

  test("of no time comes only if the mailbox is empty", async () => {
    const world = createWorld();
    const log: string[] = [];
    const ref = world.system.spawn(
      defineServer<TimedTypes>({
        init: (own) => ok(own, { timeoutMs: 0 }),
        handleInfo(message, own) {
          own.push(nameOf(message));
          return message instanceof Timeout ? noreply(own) : noreply(own, { timeoutMs: 0 });
        },
      }),
      log,
    );
    world.system.send(ref, "first");
    world.system.send(ref, "second");
    await world.clock.advance(0);
    expect(log).toEqual(["first", "second", "timeout"]);
  });
});

describe("a crash report", () => {
  test("tells who, why, at which message, and in which state", async () => {
    const errors: string[] = [];
    const logger: Logger = { ...silentLogger, error: (_fields, message) => void errors.push(message) };
    const { system } = createWorld({ logger });
    const reports: unknown[] = [];
    system.trace((event) => event.type === "report" && reports.push(event.report));
    const ref = system.spawn(logging(["state"]), undefined, { id: "unlucky", name: "joe", label: "10.0.0.1" });
    system.send(ref, "throw");
    await system.idle();
    expect(reports).toMatchObject([
      {
        type: "crash",
        level: "error",
        subject: { pid: ref, path: "unlucky", incarnation: 1 },
        behaviour: "server",
        label: "10.0.0.1",
        registeredName: "joe",
        reason: { type: "error", error: new Error("boom") },
        lastMessage: "throw",
        mailboxLength: 0,
      },
    ]);
    expect(errors).toEqual([expect.stringMatching(/unlucky.*10\.0\.0\.1.*boom/)]);
    expect(system.inspect().crashes).toBe(1);
  });

  test("says of one that traps exits that it ended with its parent, unless that has told it to and lives on", async () => {
    const errors: string[] = [];
    const logger: Logger = { ...silentLogger, error: (_fields, message) => void errors.push(message) };
    const { system } = createWorld({ logger });
    const ends: [string, boolean][] = [];
    system.trace((event) => {
      if (event.type !== "report" || event.report.type !== "crash") return;
      ends.push([event.report.subject.path, event.report.endedWithParent]);
    });
    const trapping = puppet({ trapExit: true });
    const parent = system.spawn(trapping, undefined, { id: "parent" });
    const children: Pid[] = [];
    await tell(system, parent, (self) => {
      for (const id of ["told", "left"]) children.push(self.spawnLink(trapping, undefined, { id }));
      self.spawnLink(puppet(), undefined, { id: "in silence" });
    });
    const [told = parent] = children;
    await tell(system, parent, (self) => self.exit(told, { type: "noconnection" }));
    await system.idle();
    system.kill(parent);
    await system.idle();
    expect(ends).toEqual([
      ["parent/told", false],
      ["parent/left", true],
    ]);
    expect(errors).toEqual([
      expect.stringMatching(/^crash in parent\/told <0\.\d>: noconnection$/u),
      expect.stringMatching(/^crash in parent\/left <0\.\d>: killed \(it ended with its parent\)$/u),
    ]);
    expect(system.inspect().processes).toEqual([]);
  });

  test("is not made for an expected end, nor for a kill", async () => {
    const { system } = createWorld();
    const reports: unknown[] = [];
    system.trace((event) => event.type === "report" && reports.push(event.report));
    for (const reason of [normal, shutdown(), shutdown("peerClosed")]) {
      const ref = system.spawn(puppet());
      system.send(ref, (self: { exit(reason: ExitReason): never }) => self.exit(reason));
    }
    const killed = system.spawn(puppet());
    await system.idle();
    system.kill(killed);
    await system.idle();
    expect(reports).toEqual([]);
    expect(system.inspect().crashes).toBe(0);
  });

  test("shows the state as formatStatus does", async () => {
    const { system } = createWorld();
    const states: unknown[] = [];
    system.trace(
      (event) => event.type === "report" && event.report.type === "crash" && states.push(event.report.state),
    );
    const ref = system.spawn(
      defineServer<{ state: { password: string }; info: "crash" }>({
        init: () => ok({ password: "hunter2" }),
        handleInfo() {
          throw new Error("boom");
        },
        formatStatus: () => "password withheld",
      }),
    );
    await system.idle();
    expect(system.inspect().processes[0]?.state).toBe("password withheld");
    system.send(ref, "crash");
    await system.idle();
    expect(states).toEqual(["password withheld"]);
  });

  test("survives a formatStatus that throws, and so does everybody else", async () => {
    const { system } = createWorld();
    const ref = system.spawn(
      defineServer<{ info: "crash" }>({
        name: "secretive",
        init: () => ok(undefined),
        handleInfo() {
          throw new Error("boom");
        },
        formatStatus() {
          throw new Error("worse");
        },
      }),
    );
    const other = system.spawn(counter, 1);
    const end = endOf(system, ref);
    await system.idle();
    expect(() => system.inspect()).not.toThrow();
    system.send(ref, "crash");
    await system.idle();
    expect(end.reason).toEqual(failure(new Error("boom")));
    await expect(system.call(other, { type: "get" })).resolves.toBe(1);
  });
});

describe("init", () => {
  test("that ignores leaves nothing behind", async () => {
    const { system } = createWorld();
    const result = await system.start(defineServer({ init: () => ignore() }), undefined, { name: "x" });
    expect(result).toEqual({ ok: false, error: "ignored" });
    expect(system.whereis("x")).toBeUndefined();
  });

  test("that is asynchronous may ignore and stop, too", async () => {
    const { system } = createWorld();
    await expect(system.start(defineServer({ init: () => Promise.resolve(ignore()) }))).resolves.toMatchObject({
      error: "ignored",
    });
    await expect(
      system.start(defineServer({ init: () => Promise.resolve(stop(shutdown("no"))) })),
    ).resolves.toMatchObject({ error: "failed", reason: shutdown("no") });
  });

  test("that rejects fails the start", async () => {
    const { system } = createWorld();
    const broken = defineServer({ init: () => Promise.reject(new Error("boom")) });
    await expect(system.start(broken)).resolves.toMatchObject({ reason: failure(new Error("boom")) });
  });
});

/** What a callback may only answer that was called. */
function answersNobody(): never {
  return reply("to whom?", undefined) as never;
}

test.each(["handleCast", "handleInfo"] as const)(
  "an answer from %s is a bad return, since nobody waits for one",
  async (callback) => {
    const { system } = createWorld();
    const ref = system.spawn(
      defineServer<{ state: undefined; cast: string; info: string }>({
        init: () => ok(undefined),
        [callback]: answersNobody,
      }),
    );
    const ended = system.exited(ref);
    if (callback === "handleCast") system.cast(ref, "x");
    else system.send(ref, "x");
    await expect(ended).resolves.toMatchObject({ error: { code: "ERR_BAD_RETURN" } });
  },
);
