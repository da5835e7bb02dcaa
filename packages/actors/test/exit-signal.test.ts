import {
  defineServer,
  Exit,
  type ExitReason,
  failure,
  kill,
  killed,
  noreply,
  normal,
  ok,
  Resource,
  shutdown,
} from "@espalier/actors";
import { collectTrace, createProbe } from "@espalier/actors/testing";
import { describe, expect, test } from "vitest";
import { puppet, tell } from "./support/actors.ts";
import { defer } from "./support/promises.ts";
import { createWorld, endOf } from "./support/world.ts";

const boom = new Error("boom");

describe("an exit signal", () => {
  test("ends an actor that does not trap, with the signal's reason", async () => {
    const { system } = createWorld();
    const actor = system.spawn(puppet());
    const ended = system.exited(actor);
    createProbe(system).self.exit(actor, shutdown("enough"));
    await expect(ended).resolves.toEqual(shutdown("enough"));
  });

  test("runs no clean-up in an actor that does not trap", async () => {
    const { system } = createWorld();
    const cleanedUp: ExitReason[] = [];
    const actor = system.spawn(puppet({ cleanedUp }));
    await system.idle();
    system.exit(actor, shutdown());
    await system.idle();
    expect(system.isAlive(actor)).toBe(false);
    expect(cleanedUp).toEqual([]);
  });

  test("with reason normal is ignored by an actor that does not trap", async () => {
    const { system } = createWorld();
    const actor = system.spawn(puppet());
    createProbe(system).self.exit(actor, normal);
    await system.idle();
    expect(system.isAlive(actor)).toBe(true);
  });

  test.each([normal, shutdown(), failure(boom), killed])(
    "is a message to an actor that traps: $type",
    async (reason) => {
      const { system } = createWorld();
      const received: unknown[] = [];
      const actor = system.spawn(puppet({ trapExit: true, received }));
      const probe = createProbe(system);
      probe.self.exit(actor, reason);
      await system.idle();
      expect(received).toEqual([new Exit(probe.ref, reason)]);
      expect(system.isAlive(actor)).toBe(true);
    },
  );

  test("overtakes unread messages", async () => {
    const { system } = createWorld();
    const received: unknown[] = [];
    const actor = system.spawn(puppet({ received }));
    const probe = createProbe(system);
    await system.idle();
    probe.self.send(actor, "unread");
    probe.self.exit(actor, shutdown());
    await system.idle();
    expect(system.isAlive(actor)).toBe(false);
    expect(received).toEqual([]);
  });

  test("that is trapped keeps its place among the messages of the same sender", async () => {
    const { system } = createWorld();
    const received: unknown[] = [];
    const actor = system.spawn(puppet({ trapExit: true, received }));
    const probe = createProbe(system);
    probe.self.send(actor, "before");
    probe.self.exit(actor, shutdown());
    probe.self.send(actor, "after");
    await system.idle();
    expect(received).toEqual(["before", new Exit(probe.ref, shutdown()), "after"]);
  });

  test("to a dead actor vanishes", async () => {
    const { system } = createWorld();
    const actor = system.spawn(puppet());
    const probe = createProbe(system);
    system.kill(actor);
    await system.idle();
    probe.self.exit(actor, shutdown());
    await system.idle();
    expect(probe.messages).toEqual([]);
  });

  test("to an actor whose resources are being released vanishes", async () => {
    const { system } = createWorld();
    const trace = collectTrace(system);
    const actor = system.spawn({
      name: "owner",
      behaviour: {
        kind: "owner",
        start: (process) => process.own(new SelfSignalling(() => system.exit(process.pid, shutdown()))),
        receive: (process) => process.exit(normal),
      },
    });
    const ended = system.exited(actor);
    await system.idle();
    system.send(actor, "end");
    await expect(ended).resolves.toEqual(normal);
    expect(trace.of("exitSignal")).toEqual([]);
  });

  test("has taken effect for whoever asks after sending it", async () => {
    const { system } = createWorld();
    const actor = system.spawn(puppet());
    const probe = createProbe(system);
    probe.self.exit(actor, kill);
    expect(probe.self.isAlive(actor)).toBe(false);
    expect(system.isAlive(actor)).toBe(false);
  });

  test("is one step, though a message waits that would have been another", async () => {
    const { system } = createWorld();
    const actor = system.spawn(puppet());
    await system.idle();
    system.send(actor, "unread");
    system.exit(actor, shutdown());
    expect([system.step(), system.step()]).toEqual([true, false]);
    expect(system.inspect().processes).toEqual([]);
  });

  test("that came first gives the reason, even if a kill follows before the actor runs", async () => {
    const { system } = createWorld();
    const actor = system.spawn(puppet());
    const end = endOf(system, actor);
    const probe = createProbe(system);
    probe.self.exit(actor, shutdown("first"));
    probe.self.exit(actor, kill);
    await system.idle();
    expect(end.reason).toEqual(shutdown("first"));
  });

  test("ends an actor that waits for a callback's promise, and the callback goes on without effect", async () => {
    const { system } = createWorld();
    const gate = defer();
    const log: string[] = [];
    const probe = createProbe(system);
    const busy = system.spawn(
      defineServer<{ info: string }>({
        name: "busy",
        init: () => ok(undefined),
        async handleInfo(_message, _state, self) {
          await gate.promise;
          log.push("goes on");
          try {
            self.send(probe.ref, "from the grave");
          } catch (error) {
            log.push((error as { code: string }).code);
          }
          return noreply(undefined);
        },
        terminate: () => void log.push("terminate"),
      }),
    );
    const monitor = probe.self.monitor(busy);
    system.send(busy, "work");
    await system.idle();
    probe.self.exit(busy, shutdown());
    await system.idle();
    expect(probe.messages).toMatchObject([{ type: "down", ref: monitor, reason: shutdown() }]);
    gate.resolve();
    await system.idle();
    expect(log).toEqual(["goes on", "ERR_ACTOR_DEAD"]);
    expect(probe.messages.length).toBe(1);
  });
});

/** Does something as it is released. */
class SelfSignalling extends Resource {
  readonly kind = "selfSignalling";
  readonly #onRelease: () => void;

  constructor(onRelease: () => void) {
    super();
    this.#onRelease = onRelease;
  }

  release(): void {
    this.#onRelease();
  }
}

describe("trapExit", () => {
  test("answers the setting before", async () => {
    const { system } = createWorld();
    const settings: boolean[] = [];
    const actor = system.spawn(puppet());
    await tell(system, actor, (self) => {
      settings.push(self.trapExit(true), self.trapExit(true), self.trapExit(false), self.trapExit(false));
    });
    expect(settings).toEqual([false, true, true, false]);
  });

  test("that is turned off leaves the exit messages that are in the mailbox", async () => {
    const { system } = createWorld();
    const received: unknown[] = [];
    const actor = system.spawn(puppet({ trapExit: true, received }));
    const probe = createProbe(system);
    await system.idle();
    probe.self.send(actor, (self: { trapExit(on: boolean): boolean }) => void self.trapExit(false));
    probe.self.exit(actor, shutdown());
    await system.idle();
    expect(received).toEqual([new Exit(probe.ref, shutdown())]);
    expect(system.isAlive(actor)).toBe(true);
  });
});

describe("exit to oneself", () => {
  test("with reason normal ends an actor that does not trap", async () => {
    const { system } = createWorld();
    const actor = system.spawn(puppet());
    const ended = system.exited(actor);
    await tell(system, actor, (self) => self.exit(self.pid, normal));
    await expect(ended).resolves.toEqual(normal);
  });

  test("is a message if one traps", async () => {
    const { system } = createWorld();
    const received: unknown[] = [];
    const actor = system.spawn(puppet({ trapExit: true, received }));
    await tell(system, actor, (self) => self.exit(self.pid, normal));
    await tell(system, actor, (self) => self.exit(self.pid, shutdown()));
    expect(received).toEqual([new Exit(actor, normal), new Exit(actor, shutdown())]);
  });

  test("with kill is killed, trapping or not", async () => {
    const { system } = createWorld();
    const actor = system.spawn(puppet({ trapExit: true }));
    const ended = system.exited(actor);
    await tell(system, actor, (self) => self.exit(self.pid, kill));
    await expect(ended).resolves.toEqual(killed);
  });

  test("has taken effect when it returns: nothing of the step is left, and no clean-up runs", async () => {
    const { system } = createWorld();
    const log: string[] = [];
    const cleanedUp: ExitReason[] = [];
    const actor = system.spawn(puppet({ cleanedUp }));
    await tell(system, actor, (self) => {
      self.exit(self.pid, shutdown());
      log.push("still here");
    });
    expect(log).toEqual([]);
    expect(cleanedUp).toEqual([]);
  });
});

describe("exit to another", () => {
  test("returns, even in an actor that has been killed in the same step", async () => {
    const { system } = createWorld();
    const log: string[] = [];
    const other = system.spawn(puppet());
    const ended = system.exited(other);
    const actor = system.spawn(puppet());
    await tell(system, actor, (self) => {
      system.kill(self.pid);
      self.exit(other, shutdown());
      log.push("returned");
    });
    expect(log).toEqual(["returned"]);
    await expect(ended).resolves.toEqual(shutdown());
    expect(system.isAlive(actor)).toBe(false);
  });
});

describe("exit from within", () => {
  test("ends the actor with the reason, after its clean-up", async () => {
    const { system } = createWorld();
    const cleanedUp: ExitReason[] = [];
    const actor = system.spawn(puppet({ cleanedUp }));
    const ended = system.exited(actor);
    await tell(system, actor, (self) => self.exit(shutdown("enough")));
    await expect(ended).resolves.toEqual(shutdown("enough"));
    expect(cleanedUp).toEqual([shutdown("enough")]);
  });

  test("ends an actor that traps, too", async () => {
    const { system } = createWorld();
    const actor = system.spawn(puppet({ trapExit: true }));
    const ended = system.exited(actor);
    await tell(system, actor, (self) => self.exit(normal));
    await expect(ended).resolves.toEqual(normal);
  });

  test("with kill is a plain, trappable kill to its links", async () => {
    const { system } = createWorld();
    const trapping = createProbe(system);
    const actor = trapping.self.spawnLink(puppet());
    const other = system.spawn(puppet());
    await tell(system, other, (self) => self.link(actor));
    const otherEnded = system.exited(other);
    const ended = system.exited(actor);
    await tell(system, actor, (self) => self.exit(kill));
    await expect(ended).resolves.toEqual(kill);
    await expect(otherEnded).resolves.toEqual(kill);
    expect(trapping.messages).toEqual([new Exit(actor, kill)]);
  });

  test("holds even if the code swallows the throw", async () => {
    const { system } = createWorld();
    const actor = system.spawn(puppet());
    const ended = system.exited(actor);
    await tell(system, actor, (self) => {
      try {
        self.exit(shutdown("enough"));
      } catch {
        // Code that catches everything is common in JavaScript.
      }
    });
    await expect(ended).resolves.toEqual(shutdown("enough"));
  });

  test("in an asynchronous callback is the callback's end", async () => {
    const { system } = createWorld();
    const gate = defer();
    const actor = system.spawn(
      defineServer<{ info: string }>({
        init: () => ok(undefined),
        async handleInfo(_message, _state, self) {
          await gate.promise;
          return self.exit(shutdown("enough"));
        },
      }),
    );
    const ended = system.exited(actor);
    system.send(actor, "work");
    await system.idle();
    gate.resolve();
    await expect(ended).resolves.toEqual(shutdown("enough"));
  });
});

describe("a kill", () => {
  test("ends an actor that traps, and the others see killed", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    const actor = system.spawn(puppet({ trapExit: true }));
    probe.self.link(actor);
    const ended = system.exited(actor);
    probe.self.exit(actor, kill);
    await expect(ended).resolves.toEqual(killed);
    expect(probe.messages).toEqual([new Exit(actor, killed)]);
  });

  test("spreads along links as killed, which can be trapped", async () => {
    const { system } = createWorld();
    const first = system.spawn(puppet());
    const second = system.spawn(puppet());
    const third = createProbe(system);
    await tell(system, first, (self) => self.link(second));
    await tell(system, second, (self) => self.link(third.ref));
    system.kill(first);
    await system.idle();
    expect(third.messages).toEqual([new Exit(second, killed)]);
  });

  test("runs none of the actor's code", async () => {
    const { system } = createWorld();
    const log: string[] = [];
    const logging = defineServer<{ info: string }>({
      name: "logging",
      trapExit: true,
      init() {
        log.push("init");
        return ok(undefined);
      },
      handleInfo() {
        log.push("handleInfo");
        return noreply(undefined);
      },
      terminate: () => void log.push("terminate"),
    });
    const fresh = system.spawn(logging);
    system.kill(fresh);
    await system.idle();
    expect(log).toEqual([]);
    const running = system.spawn(logging);
    await system.idle();
    system.send(running, "unread");
    system.kill(running);
    await system.idle();
    expect(log).toEqual(["init"]);
    expect(system.inspect().processes).toEqual([]);
  });

  test("in the middle of a step comes before the exit that the step swallows, and no clean-up runs", async () => {
    const { system } = createWorld();
    const cleanedUp: ExitReason[] = [];
    const actor = system.spawn(puppet({ cleanedUp }));
    const ended = system.exited(actor);
    await tell(system, actor, (self) => {
      system.kill(self.pid);
      try {
        self.exit(shutdown());
      } catch {
        // Code that catches everything is common in JavaScript.
      }
    });
    await expect(ended).resolves.toEqual(killed);
    expect(cleanedUp).toEqual([]);
  });

  test("cuts a clean-up short that is under way", async () => {
    const { system } = createWorld();
    const gate = defer();
    const log: string[] = [];
    const actor = system.spawn(
      defineServer<{ info: string }>({
        init: () => ok(undefined),
        handleInfo: () => ({ type: "stop", reason: normal, state: undefined }),
        async terminate() {
          log.push("terminating");
          await gate.promise;
          log.push("terminated");
        },
      }),
    );
    const ended = system.exited(actor);
    system.send(actor, "stop");
    await system.idle();
    expect(system.inspect().processes[0]?.status).toBe("terminating");
    system.kill(actor);
    await expect(ended).resolves.toEqual(killed);
    gate.resolve();
    await system.idle();
    expect(log).toEqual(["terminating", "terminated"]);
    expect(system.inspect().processes).toEqual([]);
  });
});

describe("the clean-up", () => {
  test("runs after a crash, with its reason", async () => {
    const { system } = createWorld();
    const cleanedUp: ExitReason[] = [];
    const actor = system.spawn(puppet({ cleanedUp }));
    await tell(system, actor, () => {
      throw boom;
    });
    expect(cleanedUp).toEqual([failure(boom)]);
  });

  test("runs on the parent's signal if the actor traps, for every reason", async () => {
    for (const reason of [normal, shutdown(), failure(boom)]) {
      const { system } = createWorld();
      const cleanedUp: ExitReason[] = [];
      const received: unknown[] = [];
      const parent = createProbe(system);
      const child = parent.self.spawn(puppet({ trapExit: true, cleanedUp, received }));
      const ended = system.exited(child);
      parent.self.exit(child, reason);
      await expect(ended).resolves.toEqual(reason);
      expect(cleanedUp).toEqual([reason]);
      expect(received).toEqual([]);
    }
  });

  test("that crashes replaces the reason", async () => {
    const { system } = createWorld();
    const actor = system.spawn(
      defineServer<{ info: string }>({
        init: () => ok(undefined),
        handleInfo: () => ({ type: "stop", reason: normal, state: undefined }),
        terminate() {
          throw boom;
        },
      }),
    );
    const ended = system.exited(actor);
    system.send(actor, "stop");
    await expect(ended).resolves.toEqual(failure(boom));
  });

  test("that exits replaces the reason", async () => {
    const { system } = createWorld();
    const actor = system.spawn(
      defineServer<{ info: string }>({
        init: () => ok(undefined),
        handleInfo() {
          throw boom;
        },
        terminate: (_reason, _state, self) => self.exit(shutdown("calm")),
      }),
    );
    const ended = system.exited(actor);
    system.send(actor, "crash");
    await expect(ended).resolves.toEqual(shutdown("calm"));
  });

  test("runs once, whatever goes wrong in it", async () => {
    const { system } = createWorld();
    let runs = 0;
    const actor = system.spawn(
      defineServer<{ info: string }>({
        init: () => ok(undefined),
        handleInfo() {
          throw boom;
        },
        terminate() {
          runs += 1;
          return Promise.reject(new Error("worse"));
        },
      }),
    );
    const ended = system.exited(actor);
    system.send(actor, "crash");
    await expect(ended).resolves.toEqual(failure(new Error("worse")));
    expect(runs).toBe(1);
  });
});

class Door extends Resource {
  readonly kind = "door";
  readonly #log: string[];

  constructor(log: string[]) {
    super();
    this.#log = log;
  }

  release(): void {
    this.#log.push("door closed");
  }
}

describe("a death", () => {
  test.each(["kill", "crash", "signal", "exit"])(
    "releases what the actor owned before anybody learns of it: by %s",
    async (way) => {
      const { system } = createWorld();
      const log: string[] = [];
      const trace = collectTrace(system);
      const probe = createProbe(system);
      const actor = probe.self.spawnLink({
        name: "owner",
        behaviour: {
          kind: "owner",
          start: (process) => process.own(new Door(log)),
          receive(process) {
            if (way === "crash") throw boom;
            process.exit(shutdown());
          },
        },
      });
      void system.exited(actor).then(() => log.push("told"));
      probe.self.monitor(actor);
      await system.idle();
      if (way === "kill") system.kill(actor);
      else if (way === "signal") probe.self.exit(actor, shutdown());
      else system.send(actor, "go");
      await system.idle();
      expect(log).toEqual(["door closed", "told"]);
      expect(probe.messages.length).toBe(2);
      const released = trace.of("release").find(({ subject }) => subject.pid === actor);
      const signalled = trace.of("exitSignal").find(({ to }) => to === probe.ref);
      expect(released?.id).toBeLessThan(signalled?.id ?? 0);
      expect(trace.of("exit").map(({ subject }) => subject.pid)).toEqual([actor]);
    },
  );

  test("ends what the actor's clean-up started no less than the rest", async () => {
    const { system } = createWorld();
    const log: string[] = [];
    const actor = system.spawn({
      name: "owner",
      behaviour: {
        kind: "owner",
        start: () => undefined,
        receive: (process) => process.stop(normal),
        terminate: (process) => process.own(new Door(log)),
      },
    });
    system.send(actor, "go");
    await system.idle();
    expect(log).toEqual(["door closed"]);
  });
});
