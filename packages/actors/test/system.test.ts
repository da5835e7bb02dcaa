import {
  createSystem,
  type Deadline,
  defineServer,
  formatTree,
  InvalidOptionError,
  kill,
  noreply,
  normal,
  ok,
  type Pid,
  type Process,
  shutdown,
  stop,
  SystemStoppedError,
} from "@espalier/actors";
import { collectTrace, createProbe, ManualClock } from "@espalier/actors/testing";
import { afterEach, describe, expect, test } from "vitest";
import { ask, counter, echo, mute, puppet, refuseToStop, tell } from "./support/actors.ts";
import { HandCranked } from "./support/hand-cranked.ts";
import { defer, errorOf } from "./support/promises.ts";
import { createWorld } from "./support/world.ts";

const crankers: HandCranked[] = [];
afterEach(() => {
  for (const host of crankers.splice(0)) host.letGo();
});

/** A world that works only when the crank is turned, until the test is over. */
function cranked(budget: { signals?: number; ms?: number } = {}) {
  const host = new HandCranked();
  crankers.push(host);
  return { host, ...createWorld({ clock: host, budget }) };
}

describe("a system", () => {
  test("shares nothing with another one", async () => {
    const one = createWorld();
    const two = createWorld();
    const ref = one.system.spawn(counter, 1, { name: "counter" });
    expect(two.system.whereis("counter")).toBeUndefined();
    const other = two.system.spawn(counter, 2, { name: "counter" });
    expect(String(other)).toBe(String(ref));
    await one.clock.advance(100);
    expect(two.system.now()).toBe(0);
    await one.system.shutdown();
    await expect(two.system.call("counter", { type: "get" })).resolves.toBe(2);
  });

  test("that is empty holds nothing of its host", async () => {
    const { system, clock } = createWorld();
    await system.idle();
    expect(clock.timers).toBe(0);
    expect(system.inspect()).toMatchObject({
      processes: [],
      timers: 0,
      nextTimer: Infinity,
      runQueue: 0,
      tasks: 0,
      steps: 0,
    });
  });

  test("refuses a budget that lets nothing be done", () => {
    const host = new ManualClock();
    for (const signals of [0, -1, Number.NaN]) {
      expect(() => createSystem({ host, budget: { signals } })).toThrow(InvalidOptionError);
    }
    for (const ms of [0, -1, Number.NaN]) {
      expect(() => createSystem({ host, budget: { ms } })).toThrow(InvalidOptionError);
    }
  });

  test("delivers one signal a step", () => {
    const { system } = cranked();
    const received: unknown[] = [];
    const ref = system.spawn(puppet({ received }));
    system.send(ref, 1);
    system.send(ref, 2);
    expect(system.step()).toBe(true);
    expect(received).toEqual([]);
    expect(system.step()).toBe(true);
    expect(received).toEqual([1]);
    expect(system.step()).toBe(true);
    expect(received).toEqual([1, 2]);
    expect(system.step()).toBe(false);
    expect(system.inspect().steps).toBe(3);
  });

  test("gives each actor that has work one step, in turn", async () => {
    const { system } = createWorld();
    const log: string[] = [];
    const [a, b, c] = [system.spawn(puppet()), system.spawn(puppet()), system.spawn(puppet())];
    await system.idle();
    for (const name of ["a1", "a2", "a3"]) system.send(a, () => log.push(name));
    system.send(b, () => log.push("b1"));
    for (const name of ["c1", "c2"]) system.send(c, () => log.push(name));
    await system.idle();
    expect(log).toEqual(["a1", "b1", "c1", "a2", "c2", "a3"]);
  });
});

describe("idle", () => {
  test("waits for all that follows from a message", async () => {
    const { system } = createWorld();
    const log: number[] = [];
    const ref = system.spawn(
      defineServer<{ info: number }>({
        init: () => ok(undefined),
        handleInfo(left, _state, self) {
          if (typeof left === "number" && left > 0) self.send(self.ref, left - 1);
          log.push(left as number);
          return noreply(undefined);
        },
      }),
    );
    system.send(ref, 100);
    await system.idle();
    expect(log.length).toBe(101);
    expect(system.inspect().runQueue).toBe(0);
  });

  test("waits for promises that go on by themselves", async () => {
    const { system } = createWorld();
    const log: string[] = [];
    const ref = system.spawn(
      defineServer<{ info: string }>({
        init: () => ok(undefined),
        async handleInfo() {
          for (let hop = 0; hop < 50; hop += 1) await Promise.resolve();
          log.push("done");
          return noreply(undefined);
        },
      }),
    );
    system.send(ref, "go");
    system.send(ref, "again");
    await system.idle();
    expect(log).toEqual(["done", "done"]);
  });

  test("does not wait for time, nor for promises that somebody outside must settle", async () => {
    const { system } = createWorld();
    const gate = defer();
    const probe = createProbe(system);
    probe.self.sendAfter(probe.ref, "ding", 1000);
    const ref = system.spawn(
      defineServer<{ info: string }>({
        init: () => ok(undefined),
        async handleInfo() {
          await gate.promise;
          return noreply(undefined);
        },
      }),
    );
    system.send(ref, "go");
    await system.idle();
    expect(system.inspect()).toMatchObject({ timers: 1, tasks: 1 });
    gate.resolve();
  });
});

describe("inspect", () => {
  test("processes, process, figures and inspect of one actor say what inspect says, until the actor is dead", async () => {
    const { system } = createWorld();
    const worker = system.spawn(puppet({ trapExit: true }), undefined, {
      id: "worker",
      name: "joe",
      label: "10.0.0.1",
    });
    await tell(system, worker, (self) => {
      self.sendAfter(self.ref, "later", 1000);
      self.spawn(echo, undefined, { id: "child" });
    });
    const { processes, names: _names, ...figures } = system.inspect();
    expect(system.figures()).toEqual(figures);
    expect(figures.processCount).toBe(processes.length);
    const views = [...system.processes()];
    expect(views.map(({ pid }) => pid)).toEqual(processes.map(({ pid }) => pid));
    for (const [index, view] of views.entries()) {
      const info = processes[index];
      const { pid, path, incarnation, id, name, label, status, summary, mailboxLength, reductions, definition } = view;
      const { name: definitionName, behaviour } = definition;
      expect(info).toMatchObject({
        pid,
        path,
        incarnation,
        id,
        name,
        label,
        status,
        summary,
        mailboxLength,
        reductions,
      });
      expect(info).toMatchObject({ definition: definitionName, behaviour: behaviour.kind, state: view.describe() });
      const kinds: string[] = [];
      view.visitResources(({ kind }) => kinds.push(kind));
      expect(kinds).toEqual(info?.resources.map(({ kind }) => kind));
      expect(views.find((other) => other.pid === view.parentPid)?.pid).toBe(info?.parent);
      expect(system.process(pid)).toBe(view);
      expect(system.inspect(pid)).toEqual(info);
    }
    system.kill(worker);
    await system.idle();
    expect([system.process(worker), system.inspect(worker)]).toEqual([undefined, undefined]);
  });

  test("shows every actor, oldest first, with all that belongs to it", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    const worker = system.spawn(puppet({ trapExit: true }), undefined, {
      id: "worker",
      name: "joe",
      label: "10.0.0.1",
      incarnation: 2,
    });
    await tell(system, worker, (self) => {
      self.link(probe.ref);
      self.monitor(probe.ref);
      self.sendAfter(self.ref, "later", 1000);
      self.spawn(echo, undefined, { id: "child" });
    });
    const { processes, names, timers, nextTimer, name, now, crashes } = system.inspect();
    expect({ name, now, crashes, timers, nextTimer }).toEqual({
      name: "espalier",
      now: 0,
      crashes: 0,
      timers: 1,
      nextTimer: 1000,
    });
    expect(names).toEqual(new Map([["joe", worker]]));
    expect(processes.map(({ path }) => path)).toEqual(["probe-1", "worker", "worker/child"]);
    expect(processes[1]).toMatchObject({
      pid: worker,
      path: "worker",
      incarnation: 2,
      id: "worker",
      parent: undefined,
      name: "joe",
      label: "10.0.0.1",
      definition: "puppet",
      behaviour: "server",
      status: "waiting",
      trapExit: true,
      links: [probe.ref],
      monitors: [probe.ref],
      monitoredBy: [],
      mailboxLength: 0,
      reductions: 1,
    });
    expect(processes[1]?.resources.map(({ kind }) => kind).toSorted()).toEqual(["monitor", "timer"]);
    expect(processes[0]).toMatchObject({ links: [worker], monitoredBy: [worker] });
    expect(processes[2]).toMatchObject({ parent: worker });
  });

  test("changes nothing, however often it is done", async () => {
    const { system } = createWorld();
    const ref = system.spawn(counter, 1);
    system.spawn(mute);
    system.send(ref as Pid, "stray");
    const before = system.inspect();
    const trace = collectTrace(system);
    for (let times = 0; times < 10; times += 1) system.inspect();
    expect(system.inspect()).toEqual(before);
    expect(trace.events).toEqual([]);
    await system.idle();
  });

  test("tells what an actor is doing", async () => {
    const { system } = createWorld();
    const gate = defer();
    const statusOf = (place: number): string | undefined => system.inspect().processes[place]?.status;
    const slow = defineServer<{ info: string }>({
      async init() {
        await gate.promise;
        return ok(undefined);
      },
      handleInfo: () => stop(normal, undefined),
      terminate: () => new Promise<never>(() => undefined),
    });
    const ref = system.spawn(slow);
    await system.idle();
    expect(statusOf(0)).toBe("starting");
    gate.resolve();
    await system.idle();
    expect(statusOf(0)).toBe("waiting");
    system.send(ref, "stop");
    expect(statusOf(0)).toBe("runnable");
    await system.idle();
    expect(statusOf(0)).toBe("terminating");
  });
});

describe("the tree as text", () => {
  test("has one line an actor, children below their parents", async () => {
    const { system } = createWorld();
    const top = system.spawn(puppet(), undefined, { id: "top", name: "boss" });
    const left = await ask(system, top, (self) => {
      const first = self.spawn(puppet(), undefined, { id: "left" });
      self.spawn(echo, undefined, { id: "right", label: "10.0.0.1" });
      return first;
    });
    await tell(system, left, (self) => void self.spawn(echo, undefined, { id: "leaf" }));
    system.spawn(echo, undefined, { id: "other", name: "other" });
    expect(formatTree(system.inspect())).toBe(
      [
        "top <0.1> server (name boss)",
        "├─ left <0.2> server",
        "│  └─ leaf <0.4> server",
        "└─ right <0.3> server (10.0.0.1)",
        "other <0.5> server",
      ].join("\n"),
    );
  });

  test("keeps the children of a dead parent, at the top", async () => {
    const { system } = createWorld();
    const top = system.spawn(puppet());
    await tell(system, top, (self) => void self.spawn(echo, undefined, { id: "orphan" }));
    system.kill(top);
    await system.idle();
    expect(formatTree(system.inspect())).toBe("orphan <0.2> server");
  });
});

describe("shutdown", () => {
  test("ends what was started last first, each with its tree", async () => {
    const { system } = createWorld();
    const log: string[] = [];
    const noting = (name: string) =>
      defineServer<{ info: "spawn" }>({
        name,
        trapExit: true,
        init: () => ok(undefined),
        handleInfo(_message, _state, self) {
          self.spawnLink(noting(`${name}'s child`));
          return noreply(undefined);
        },
        terminate: (reason) => void log.push(`${name} ${reason.type}`),
      });
    const first = system.spawn(noting("first"));
    system.spawn(noting("second"));
    system.send(first, "spawn");
    await system.idle();
    await system.shutdown();
    expect(log).toEqual(["second shutdown", "first shutdown", "first's child shutdown"]);
    expect(system.inspect().processes).toEqual([]);
  });

  test("waits for a clean-up that is asynchronous", async () => {
    const { system } = createWorld();
    const gate = defer();
    const log: string[] = [];
    system.spawn(
      defineServer({
        trapExit: true,
        init: () => ok(undefined),
        terminate: () => gate.promise.then(() => log.push("cleaned up")),
      }),
    );
    await system.idle();
    const down = system.shutdown().then(() => log.push("down"));
    await system.idle();
    expect(log).toEqual([]);
    gate.resolve();
    await down;
    expect(log).toEqual(["cleaned up", "down"]);
  });

  test("kills an actor that takes more than 5 seconds", async () => {
    const { system, clock } = createWorld();
    const ref = system.spawn(refuseToStop);
    await system.idle();
    const ended = system.exited(ref);
    const down = system.shutdown();
    await clock.advance(4999);
    expect(system.isAlive(ref)).toBe(true);
    await clock.advance(1);
    await down;
    await expect(ended).resolves.toEqual({ type: "killed" });
  });

  test("takes another time limit, or none", async () => {
    const { system, clock } = createWorld();
    system.spawn(refuseToStop);
    await system.idle();
    const down = system.shutdown(20);
    await clock.advance(20);
    await down;
    expect(system.inspect().processes).toEqual([]);
    await expect(system.shutdown("infinity")).resolves.toBeUndefined();
    await expect(system.shutdown(-1)).rejects.toBeInstanceOf(InvalidOptionError);
  });

  test("ends actors that belong to nobody any more", async () => {
    const { system } = createWorld();
    const parent = system.spawn(puppet());
    await tell(system, parent, (self) => {
      self.spawn(echo);
      self.spawn(puppet({ trapExit: true }));
    });
    system.kill(parent);
    await system.idle();
    expect(system.inspect().processes.length).toBe(2);
    await system.shutdown();
    expect(system.inspect().processes).toEqual([]);
  });

  test("ends what is started while it is under way, and lets nothing start afterwards", async () => {
    const { system } = createWorld();
    system.spawn(
      defineServer({
        trapExit: true,
        init: () => ok(undefined),
        terminate: (_reason, _state, self) => void self.spawn(echo),
      }),
    );
    await system.idle();
    await system.shutdown();
    expect(system.inspect().processes).toEqual([]);
    expect(() => system.spawn(echo)).toThrow(SystemStoppedError);
  });

  test("fails the calls that are under way", async () => {
    const { system } = createWorld();
    const ref = system.spawn(mute);
    const failed = errorOf(system.call(ref, { type: "x" }));
    await system.shutdown();
    expect(await failed).toMatchObject({ reason: shutdown() });
  });

  test("leaves nothing armed on the host", async () => {
    const { system, clock } = createWorld();
    const probe = createProbe(system);
    probe.self.sendAfter(probe.ref, "never", 60_000);
    const ref = system.spawn(mute);
    system.call(ref, { type: "x" }).catch(() => undefined);
    await system.idle();
    expect(clock.timers).toBe(1);
    await system.shutdown();
    expect(clock.timers).toBe(0);
  });
});

/** Sends itself the next message whenever it gets one. */
const busy = {
  name: "busy",
  behaviour: {
    kind: "busy",
    start: (process: Process) => process.send(process.pid, 1),
    receive: (process: Process) => process.send(process.pid, 1),
  },
};

describe("the budget", () => {
  test("gives the host its turn after so many signals", () => {
    const { host, system } = cranked({ signals: 10 });
    const ref = system.spawn(busy);
    expect(host.crank()).toBe(true);
    expect(system.inspect().steps).toBe(10);
    expect(host.crank()).toBe(true);
    expect(system.inspect().steps).toBe(20);
    system.exit(ref, kill);
    expect(host.crank()).toBe(false);
  });

  test("gives the host its turn after so many milliseconds", () => {
    const { host, system } = cranked({ ms: 5 });
    host.tick = 1;
    const ref = system.spawn(busy);
    expect(host.crank()).toBe(true);
    expect(system.inspect().steps).toBeLessThan(1000);
    host.tick = 0;
    system.exit(ref, kill);
    expect(host.crank()).toBe(false);
  });

  test("lets timers fire between the signals of a busy actor", () => {
    const { host, system } = cranked({ ms: 1000 });
    const probe = createProbe(system);
    host.crank();
    probe.self.sendAfter(probe.ref, "ding", 3);
    const ref = system.spawn({
      name: "busyUntilTheBell",
      behaviour: {
        kind: "busy",
        start: (process: Process) => process.send(process.pid, 1),
        receive(process: Process) {
          if (probe.messages.length === 0) process.send(process.pid, 1);
        },
      },
    });
    host.tick = 0.1;
    expect(host.crank()).toBe(false);
    expect(probe.messages).toEqual(["ding"]);
    expect(system.isAlive(ref)).toBe(true);
  });

  test("lets I/O go before timers that are late since the program stood still", async () => {
    const { host, system } = cranked();
    const probe = createProbe(system);
    host.crank();
    probe.self.sendAfter(probe.ref, "silence", 50);
    host.tick = 500;
    host.now();
    host.tick = 0;
    // The first packet is only the beginning of what has come.
    for (const packet of ["first", "second"]) {
      system.send(probe.ref, packet);
      host.crank();
      expect(probe.messages).not.toContain("silence");
      await host.turn();
    }
    await host.turn();
    host.crank();
    expect(probe.messages).toEqual(["first", "second", "silence"]);
  });

  test("holds for code outside, too, that awaits one call after the other", async () => {
    const system = createSystem();
    const ref = system.spawn(echo);
    let calls = 0;
    const turned: number[] = [];
    setImmediate(() => turned.push(calls));
    for (; calls < 5000; calls += 1) await system.call(ref, { type: "echo", value: calls });
    expect(turned).toEqual([expect.any(Number)]);
    // Sooner where the processor is busy.
    expect(turned[0]).toBeLessThan(1100);
    await system.shutdown();
  });

  test("asks the host once for one lot of work", () => {
    const { host, system } = cranked();
    const ref = system.spawn(puppet());
    system.send(ref, 1);
    system.send(ref, 2);
    expect(host.wakes).toEqual([false]);
    expect(host.crank()).toBe(false);
    system.send(ref, 3);
    expect(host.wakes).toEqual([false, false]);
  });
});

describe("a message from an I/O callback", () => {
  test("tells the host that it may be handled at once", () => {
    const { host, system } = cranked();
    const ref = system.spawn(puppet());
    host.crank();
    host.wakes.length = 0;
    system.sendIo(ref, "packet");
    system.sendIo(ref, "packet");
    expect(host.wakes).toEqual([true]);
    host.crank();
    system.send(ref, "message");
    expect(host.wakes).toEqual([true, false]);
  });

  test("to a dead actor wakes nobody", () => {
    const { host, system } = cranked();
    const ref = system.spawn(puppet());
    host.crank();
    system.kill(ref);
    host.crank();
    host.wakes.length = 0;
    system.sendIo(ref, "packet");
    expect(host.wakes).toEqual([]);
  });

  test("reads the clock once for all that it does, and anew once a step has run", () => {
    const { host, system } = cranked();
    const deadlines: Deadline[] = [];
    const ref = system.spawn({
      name: "patient",
      behaviour: {
        kind: "patient",
        start: (process: Process) => {
          for (let count = 0; count < 3; count += 1) deadlines.push(process.deadline(() => undefined));
        },
        receive: () => deadlines[0]?.arm(100),
      },
    });
    host.crank();
    host.tick = 1;
    const readings = (run: () => void): number => {
      const before = host.now();
      run();
      return host.now() - before - 1;
    };
    const armAll = (): void => deadlines.forEach((deadline) => deadline.arm(100));
    expect(readings(armAll)).toBe(3);
    expect(readings(() => system.io(armAll, undefined, undefined))).toBe(1);
    system.send(ref, "arm");
    const andCrank = (): void => {
      armAll();
      host.crank();
      armAll();
    };
    expect(readings(() => system.io(andCrank, undefined, undefined))).toBe(1 + 1 + 3);
  });
});
