import {
  ActorDeadError,
  BadReturnError,
  type Context,
  defineServer,
  type Definition,
  Down,
  Exit,
  failure,
  ignore,
  killed,
  noproc,
  noreply,
  normal,
  ok,
  type Pid,
  type Process,
  RegistrationError,
  shutdown,
  Started,
  type StartResult,
  stop,
  SystemStoppedError,
} from "@espalier/actors";
import { createProbe } from "@espalier/actors/testing";
import { describe, expect, test } from "vitest";
import { ask, counter, echo, nameOf, puppet, tell } from "./support/actors.ts";
import { defer } from "./support/promises.ts";
import { createWorld } from "./support/world.ts";

const boom = new Error("boom");

/** An actor whose `init` does this. */
function starting(init: (self: Context<never>) => void, log: string[] = []): Definition {
  return defineServer({
    name: "starting",
    init(_args, self) {
      init(self);
      return ok(undefined);
    },
    terminate: () => void log.push("terminate"),
  });
}

const crashing = starting(() => {
  throw boom;
});
const refusing = defineServer({ name: "refusing", init: () => stop(shutdown("no licence")) });
const ignoring = defineServer({ name: "ignoring", init: () => ignore() });

describe("spawn", () => {
  test("answers before any code of the new actor runs", async () => {
    const { system } = createWorld();
    const log: string[] = [];
    system.spawn(starting(() => void log.push("init")));
    log.push("spawned");
    await system.idle();
    expect(log).toEqual(["spawned", "init"]);
  });

  test("by an actor runs nothing of the child within the parent's step", async () => {
    const { system } = createWorld();
    const log: string[] = [];
    const parent = system.spawn(puppet());
    await tell(system, parent, (self) => {
      self.spawn(starting(() => void log.push("child's init")));
      log.push("parent's step ends");
    });
    expect(log).toEqual(["parent's step ends", "child's init"]);
  });

  test("init comes before every message, however early it was sent", async () => {
    const { system } = createWorld();
    const log: string[] = [];
    const actor = system.spawn(
      defineServer<{ info: string }>({
        init() {
          log.push("init");
          return ok(undefined);
        },
        handleInfo(message) {
          log.push(nameOf(message));
          return noreply(undefined);
        },
      }),
    );
    system.send(actor, "early");
    await system.idle();
    expect(log).toEqual(["init", "early"]);
  });

  test("hands its arguments to init", async () => {
    const { system } = createWorld();
    const ref = system.spawn(counter, 7);
    await expect(system.call(ref, { type: "get" })).resolves.toBe(7);
  });

  test("with a name that is taken throws and starts nothing", () => {
    const { system } = createWorld();
    const first = system.spawn(echo, undefined, { name: "echo" });
    expect(() => system.spawn(crashing, undefined, { name: "echo" })).toThrow(RegistrationError);
    expect(system.inspect().processes.map(({ pid }) => pid)).toEqual([first]);
  });

  test("registers the name before init runs", async () => {
    const { system } = createWorld();
    const seen: Array<Pid | undefined> = [];
    const pid = system.spawn(
      starting((self) => void seen.push(self.whereis("me"))),
      undefined,
      { name: "me" },
    );
    await system.idle();
    expect(seen).toEqual([pid]);
  });

  test("in a system that was shut down throws", async () => {
    const { system } = createWorld();
    await system.shutdown();
    expect(() => system.spawn(echo)).toThrow(SystemStoppedError);
  });

  test("shows the label it was given", () => {
    const { system } = createWorld();
    system.spawn(echo, undefined, { label: "10.0.0.1:4711" });
    expect(system.inspect().processes[0]?.label).toBe("10.0.0.1:4711");
  });
});

describe("a pid", () => {
  test("is printed as Erlang prints it", () => {
    const { system } = createWorld();
    const pid = system.spawn(echo);
    expect(String(pid)).toBe("<0.1>");
    expect(JSON.stringify({ pid })).toBe('{"pid":"<0.1>"}');
  });

  test("is never given out twice", async () => {
    const { system } = createWorld();
    const pids = new Set<string>();
    for (let round = 0; round < 200; round += 1) {
      const pid = system.spawn(echo);
      pids.add(pid.toString());
      system.kill(pid);
      await system.idle();
    }
    expect(pids.size).toBe(200);
  });

  test("outlives its actor and takes messages that vanish", async () => {
    const { system } = createWorld();
    const pid = system.spawn(puppet());
    system.kill(pid);
    await system.idle();
    expect(() => system.send(pid, "hello")).not.toThrow();
    expect(system.isAlive(pid)).toBe(false);
  });
});

describe("a path", () => {
  test("is the parent's path and the child's id", async () => {
    const { system } = createWorld();
    const top = system.spawn(puppet(), undefined, { id: "top" });
    await tell(system, top, (self) => {
      self.spawn(echo, undefined, { id: "left" });
      self.spawn(echo, undefined, { id: "right" });
    });
    expect(system.inspect().processes.map(({ path }) => path)).toEqual(["top", "top/left", "top/right"]);
  });

  test("counts within the parent where no id is given", async () => {
    const { system } = createWorld();
    const first = system.spawn(puppet());
    const second = system.spawn(puppet());
    await tell(system, first, (self) => void self.spawn(echo));
    await tell(system, second, (self) => void self.spawn(echo));
    await tell(system, second, (self) => void self.spawn(echo));
    expect(system.inspect().processes.map(({ path }) => path)).toEqual([
      "puppet-1",
      "puppet-2",
      "puppet-1/echo-1",
      "puppet-2/echo-1",
      "puppet-2/echo-2",
    ]);
  });

  test("stays when the parent dies before the child", async () => {
    const { system } = createWorld();
    const parent = system.spawn(puppet(), undefined, { id: "parent" });
    await tell(system, parent, (self) => void self.spawn(echo, undefined, { id: "child" }));
    system.kill(parent);
    await system.idle();
    expect(system.inspect().processes.map(({ path }) => path)).toEqual(["parent/child"]);
  });

  test("comes with an incarnation that is 1 unless the starter says otherwise", () => {
    const { system } = createWorld();
    system.spawn(echo);
    system.spawn(echo, undefined, { incarnation: 3 });
    expect(system.inspect().processes.map(({ incarnation }) => incarnation)).toEqual([1, 3]);
  });
});

describe("start", () => {
  test("resolves when init is done", async () => {
    const { system } = createWorld();
    const log: string[] = [];
    const result = await system.start(starting(() => void log.push("init")));
    log.push("started");
    expect(result.ok).toBe(true);
    expect(log).toEqual(["init", "started"]);
  });

  test("waits for an init that is asynchronous", async () => {
    const { system } = createWorld();
    const gate = defer();
    const results: StartResult[] = [];
    const slow = defineServer({
      async init() {
        await gate.promise;
        return ok("ready");
      },
    });
    void system.start(slow).then((result) => results.push(result));
    await system.idle();
    expect(results).toEqual([]);
    gate.resolve();
    await system.idle();
    expect(results).toMatchObject([{ ok: true }]);
  });

  test("answers ignored when init has nothing to do, and the actor ends as normal", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    await expect(system.start(ignoring)).resolves.toEqual({ ok: false, error: "ignored" });
    const { monitor, ref } = probe.self.spawnMonitor(ignoring);
    await system.idle();
    expect(probe.messages).toEqual([new Down(monitor, ref, undefined, normal)]);
  });

  test("fails with the reason for which init stops", async () => {
    const { system } = createWorld();
    const result = await system.start(refusing);
    expect(result).toEqual({ ok: false, error: "failed", reason: shutdown("no licence") });
    expect(system.inspect().processes).toEqual([]);
  });

  test("fails with what init throws", async () => {
    const { system } = createWorld();
    await expect(system.start(crashing)).resolves.toEqual({ ok: false, error: "failed", reason: failure(boom) });
  });

  test("fails with the reason of an exit from within init", async () => {
    const { system } = createWorld();
    const result = await system.start(starting((self) => self.exit(shutdown("early"))));
    expect(result).toEqual({ ok: false, error: "failed", reason: shutdown("early") });
  });

  test("fails when init returns what no init may return", async () => {
    const { system } = createWorld();
    const result = await system.start(defineServer({ init: () => "ready" as never }));
    expect(result).toMatchObject({
      ok: false,
      error: "failed",
      reason: { error: expect.any(BadReturnError) as unknown },
    });
  });

  test("fails as killed when the actor is killed during init", async () => {
    const { system } = createWorld();
    const gate = defer();
    const result = system.start(defineServer({ init: () => gate.promise.then(() => ok(undefined)) }), undefined, {
      name: "slow",
    });
    await system.idle();
    system.kill(system.whereis("slow") as Pid);
    await expect(result).resolves.toEqual({ ok: false, error: "failed", reason: killed });
    gate.resolve();
    await system.idle();
    expect(system.inspect().processes).toEqual([]);
  });

  test("that failed ran no clean-up", async () => {
    const { system } = createWorld();
    const log: string[] = [];
    await system.start(
      starting(() => {
        throw boom;
      }, log),
    );
    expect(log).toEqual([]);
  });

  test("with a name that is taken answers whose it is and runs no init", async () => {
    const { system } = createWorld();
    const log: string[] = [];
    const first = system.spawn(echo, undefined, { name: "echo" });
    const result = await system.start(
      starting(() => void log.push("init")),
      undefined,
      { name: "echo" },
    );
    expect(result).toEqual({ ok: false, error: "alreadyStarted", pid: first });
    expect(log).toEqual([]);
  });

  test("that failed leaves the name free by the time it answers", async () => {
    const { system } = createWorld();
    await system.start(crashing, undefined, { name: "unlucky" });
    expect(system.whereis("unlucky")).toBeUndefined();
    await expect(system.start(echo, undefined, { name: "unlucky" })).resolves.toMatchObject({ ok: true });
  });
});

describe("spawnLink", () => {
  test("links from the first moment: a child that fails in init takes its parent along", async () => {
    const { system } = createWorld();
    const parent = system.spawn(puppet());
    const ended = system.exited(parent);
    await tell(system, parent, (self) => void self.spawnLink(crashing));
    await expect(ended).resolves.toEqual(failure(boom));
  });

  test("gives a trapping parent one exit message", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    const child = probe.self.spawnLink(crashing);
    await system.idle();
    expect(probe.messages).toEqual([new Exit(child, failure(boom))]);
  });
});

describe("spawnMonitor", () => {
  test("watches from the first moment: a child that fails in init is one Down", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    const { ref, monitor } = probe.self.spawnMonitor(crashing);
    await system.idle();
    expect(probe.messages).toEqual([new Down(monitor, ref, undefined, failure(boom))]);
  });
});

describe("startLink", () => {
  test("resolves with a child that is linked", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    const result = await probe.self.startLink(puppet());
    if (!result.ok) throw new Error("it should start");
    system.kill(result.ref);
    await system.idle();
    expect(probe.messages).toEqual([new Exit(result.ref, killed)]);
  });

  test("that fails signals a trapping parent and answers with the reason", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    await expect(probe.self.startLink(crashing)).resolves.toEqual({
      ok: false,
      error: "failed",
      reason: failure(boom),
    });
    await system.idle();
    expect(probe.messages).toMatchObject([{ type: "exit", reason: failure(boom) }]);
  });

  test("that fails ends a parent that does not trap", async () => {
    const { system } = createWorld();
    const parent = system.spawn(puppet());
    const ended = system.exited(parent);
    await tell(system, parent, (self) => void self.startLink(crashing));
    await expect(ended).resolves.toEqual(failure(boom));
  });
});

/** What the parent gets for `startChild` of this. */
async function messagesFor(child: Definition): Promise<readonly unknown[]> {
  const { system } = createWorld();
  const messages: unknown[] = [];
  const parent = system.spawn({
    name: "parent",
    trapExit: true,
    behaviour: {
      kind: "parent",
      start: (process) => void process.startChild(child, undefined),
      receive: (_process, message) => void messages.push(message),
    },
  });
  await system.idle();
  system.kill(parent);
  return messages;
}

describe("startChild", () => {
  test("gives one Started when init is done", async () => {
    const messages = await messagesFor(starting(() => undefined));
    expect(messages).toMatchObject([{ type: "started", result: { ok: true } }]);
  });

  test("gives one Started, and then the link's exit message, when init fails", async () => {
    const messages = await messagesFor(crashing);
    expect(messages).toMatchObject([
      { type: "started", result: { ok: false, error: "failed", reason: failure(boom) } },
      { type: "exit", reason: failure(boom) },
    ]);
    expect((messages[0] as Started).pid).toBe((messages[1] as Exit).from);
  });

  test("gives one Started, and then a normal exit message, when init ignores", async () => {
    const messages = await messagesFor(ignoring);
    expect(messages).toMatchObject([
      { type: "started", result: { ok: false, error: "ignored" } },
      { type: "exit", reason: normal },
    ]);
  });

  test("gives the one Started to whoever asked for the start, though another has become the parent", async () => {
    const { system } = createWorld();
    const { promise, resolve } = defer();
    const messages: unknown[] = [];
    const pids: Pid[] = [];
    const family = (name: string, start: (process: Process) => unknown): Definition => ({
      name,
      behaviour: {
        kind: name,
        start: (process) => void start(process),
        receive: (_process, message) => void messages.push([name, message]),
      },
    });
    const slow: Definition = {
      name: "slow",
      behaviour: { kind: "slow", start: () => promise, receive: () => undefined },
    };
    system.spawn(family("parent", (process) => pids.push(process.startChild(slow, undefined))));
    await system.idle();
    const [child] = pids as [Pid];
    system.spawn(family("adopter", (process) => process.adopt(child, "adopted")));
    resolve();
    await system.idle();
    expect(messages).toEqual([["parent", new Started(child, { ok: true, ref: child })]]);
    expect(system.inspect().processes.find(({ pid }) => pid === child)?.path).toBe("adopter-2/adopted");
  });

  test("gives one Started and no exit message when the name is taken", async () => {
    const { system } = createWorld();
    const messages: unknown[] = [];
    const first = system.spawn(echo, undefined, { name: "echo" });
    const pids: Pid[] = [];
    system.spawn({
      name: "parent",
      trapExit: true,
      behaviour: {
        kind: "parent",
        start: (process) => void pids.push(process.startChild(echo, undefined, { name: "echo" })),
        receive: (_process, message) => void messages.push(message),
      },
    });
    await system.idle();
    expect(messages).toEqual([new Started(pids[0] as Pid, { ok: false, error: "alreadyStarted", pid: first })]);
  });
});

describe("a context", () => {
  test("that outlives its actor throws at every use", async () => {
    const { system } = createWorld();
    const actor = system.spawn(puppet());
    const self = await ask(system, actor, (context) => context);
    system.kill(actor);
    await system.idle();
    const uses: Array<() => unknown> = [
      () => self.send(actor, 1),
      () => self.cast(actor, 1),
      () => self.call("nobody", { type: "x" }),
      () => self.spawn(echo),
      () => self.spawnLink(echo),
      () => self.spawnMonitor(echo),
      () => self.start(echo),
      () => self.startLink(echo),
      () => self.link(actor),
      () => self.unlink(actor),
      () => self.monitor(actor),
      () => self.demonitor({ kind: "monitor" }),
      () => self.exit(normal),
      () => self.exit(actor, normal),
      () => self.trapExit(true),
      () => self.register("name"),
      () => self.unregister("name"),
      () => self.sendAfter(actor, 1, 1),
      () => self.cancelTimer({ kind: "timer" }),
    ];
    for (const use of uses) expect(use).toThrow(ActorDeadError);
  });
});

describe("the end of an actor that was started from outside", () => {
  test("is told to whoever waits, and is noproc to whoever comes too late", async () => {
    const { system } = createWorld();
    const pid = system.spawn(echo);
    const ended = system.exited(pid);
    system.exit(pid, shutdown());
    await expect(ended).resolves.toEqual(shutdown());
    await expect(system.exited(pid)).resolves.toEqual(noproc);
  });
});
