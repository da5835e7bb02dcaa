import {
  type AsyncContext,
  CallMessage,
  Exit,
  failure,
  fromAsync,
  killed,
  normal,
  shutdown,
  sys,
} from "@espalier/actors";
import { createProbe } from "@espalier/actors/testing";
import { describe, expect, test } from "vitest";
import { counter, puppet } from "./support/actors.ts";
import { defer } from "./support/promises.ts";
import { createWorld, endOf } from "./support/world.ts";

function is<Wanted>(wanted: Wanted): (message: unknown) => message is Wanted {
  return (message): message is Wanted => message === wanted;
}

/** Receives messages one by one, in this order, and ends. */
function receiving(log: unknown[], ...wanted: string[]) {
  return fromAsync<string>(async (self) => {
    for (const each of wanted) log.push(await self.receive({ match: is(each) }));
  });
}

describe("an actor that is an async function", () => {
  test("ends as normal when the function returns", async () => {
    const { system } = createWorld();
    const ref = system.spawn(fromAsync(async () => undefined));
    await expect(system.exited(ref)).resolves.toEqual(normal);
  });

  test("crashes with what the function throws", async () => {
    const { system } = createWorld();
    const boom = new Error("boom");
    const early = system.spawn(fromAsync(() => Promise.reject(boom)));
    await expect(system.exited(early)).resolves.toEqual(failure(boom));
    const late = system.spawn(
      fromAsync<string>(async (self) => {
        await self.receive();
        throw boom;
      }),
    );
    const ended = system.exited(late);
    system.send(late, "go");
    await expect(ended).resolves.toEqual(failure(boom));
  });

  test("ends with the reason of an exit from within", async () => {
    const { system } = createWorld();
    const ref = system.spawn(
      fromAsync<string>(async (self) => {
        await self.receive();
        self.exit(shutdown("enough"));
      }),
    );
    const ended = system.exited(ref);
    system.send(ref, "go");
    await expect(ended).resolves.toEqual(shutdown("enough"));
  });

  test("is given its arguments and named after the function", async () => {
    const { system } = createWorld();
    const args: number[] = [];
    const definition = fromAsync(async function adder(_self: AsyncContext<never>, first: number) {
      args.push(first);
    });
    expect(definition.name).toBe("adder");
    await expect(system.start(definition, 7)).resolves.toMatchObject({ ok: true });
    await system.idle();
    expect(args).toEqual([7]);
  });

  test("receives its messages in order", async () => {
    const { system } = createWorld();
    const log: unknown[] = [];
    const ref = system.spawn(
      fromAsync<number>(async (self) => {
        for (;;) log.push(await self.receive());
      }),
    );
    for (let message = 0; message < 20; message += 1) system.send(ref, message);
    await system.idle();
    expect(log).toEqual(Array.from({ length: 20 }, (_, index) => index));
  });

  test("takes the first message that matches and leaves the others in order", async () => {
    const { system } = createWorld();
    const log: unknown[] = [];
    const ref = system.spawn(receiving(log, "c", "a", "b", "d"));
    for (const message of ["a", "b", "c", "d"]) system.send(ref, message);
    await system.idle();
    expect(log).toEqual(["c", "a", "b", "d"]);
    expect(system.isAlive(ref)).toBe(false);
  });

  test("waits for a message that matches, whatever else comes", async () => {
    const { system } = createWorld();
    const log: unknown[] = [];
    const ref = system.spawn(receiving(log, "late", "early"));
    system.send(ref, "early");
    await system.idle();
    expect(log).toEqual([]);
    expect(system.inspect().processes[0]).toMatchObject({ mailboxLength: 1, state: "receiving" });
    system.send(ref, "late");
    await system.idle();
    expect(log).toEqual(["late", "early"]);
  });

  test("receives calls, casts, exits and downs as messages", async () => {
    const { system } = createWorld();
    const log: string[] = [];
    const ref = system.spawn(
      fromAsync<string>(
        async (self) => {
          const { ref: child } = self.spawnMonitor(puppet());
          self.link(child);
          self.exit(child, shutdown());
          for (;;) {
            const message = await self.receive();
            log.push(typeof message === "string" ? message : message.type);
            if (message instanceof CallMessage) message.from.reply("answer");
          }
        },
        { trapExit: true },
      ),
    );
    await system.idle();
    system.send(ref, "message");
    system.cast(ref, "cast");
    await expect(system.call(ref, { type: "x" })).resolves.toBe("answer");
    expect(log.toSorted()).toEqual(["call", "cast", "down", "exit", "message"]);
  });

  test("calls others and goes on with the answer", async () => {
    const { system } = createWorld();
    const log: unknown[] = [];
    const target = system.spawn(counter, 1);
    system.spawn(
      fromAsync(async (self) => {
        log.push(await self.call(target, { type: "add", by: 1 }));
        log.push(await self.call(target, { type: "get" }));
      }),
    );
    await system.idle();
    expect(log).toEqual([2, 2]);
  });

  test("goes on with a promise of its own and keeps its mail meanwhile", async () => {
    const { system } = createWorld();
    const gate = defer<string>();
    const log: unknown[] = [];
    const ref = system.spawn(
      fromAsync<string>(async (self) => {
        log.push(await gate.promise);
        log.push(await self.receive());
      }),
    );
    system.send(ref, "message");
    await system.idle();
    expect(log).toEqual([]);
    gate.resolve("own");
    await system.idle();
    expect(log).toEqual(["own", "message"]);
  });

  test("that returns with mail unread ends all the same", async () => {
    const { system } = createWorld();
    const gate = defer();
    const ref = system.spawn(fromAsync<string>(() => gate.promise));
    const end = endOf(system, ref);
    system.send(ref, "unread");
    await system.idle();
    system.send(ref, "unread, too");
    gate.resolve();
    await system.idle();
    expect(end.reason).toEqual(normal);
  });

  test("that flushes a Down it had passed over, and returns, ends all the same", async () => {
    const { system } = createWorld();
    const gate = defer();
    const watched = system.spawn(puppet());
    const ref = system.spawn(
      fromAsync(async (self) => {
        const monitor = self.monitor(watched);
        await gate.promise;
        self.demonitor(monitor, { flush: true });
      }),
    );
    const end = endOf(system, ref);
    await system.idle();
    system.kill(watched);
    await system.idle();
    gate.resolve();
    await system.idle();
    expect(end.reason).toEqual(normal);
  });
});

describe("receive with a time limit", () => {
  test("resolves with undefined when nothing came in time", async () => {
    const { system, clock } = createWorld();
    const log: unknown[] = [];
    system.spawn(
      fromAsync<string>(async (self) => {
        log.push(await self.receive({ timeoutMs: 100 }));
      }),
    );
    await clock.advance(99);
    expect(log).toEqual([]);
    await clock.advance(1);
    expect(log).toEqual([undefined]);
  });

  test("is not held up by messages that do not match", async () => {
    const { system, clock } = createWorld();
    const log: unknown[] = [];
    const ref = system.spawn(
      fromAsync<string>(async (self) => {
        log.push(await self.receive({ match: is("wanted"), timeoutMs: 100 }));
        log.push(await self.receive());
      }),
    );
    await clock.advance(60);
    system.send(ref, "other");
    await clock.advance(40);
    expect(log).toEqual([undefined, "other"]);
  });

  test("of no time takes what is there", async () => {
    const { system, clock } = createWorld();
    const log: unknown[] = [];
    const ref = system.spawn(
      fromAsync<string>(async (self) => {
        log.push(await self.receive({ timeoutMs: 0 }));
        log.push(await self.receive({ timeoutMs: 0 }));
      }),
    );
    system.send(ref, "there");
    await clock.advance(0);
    expect(log).toEqual(["there", undefined]);
  });

  test("leaves no timer when the message came first", async () => {
    const { system, clock } = createWorld();
    const ref = system.spawn(
      fromAsync<string>(async (self) => {
        await self.receive({ timeoutMs: 100 });
        await self.receive({ match: is("end") });
      }),
    );
    system.send(ref, "message");
    await system.idle();
    expect(system.inspect().timers).toBe(0);
    expect(system.isAlive(ref)).toBe(true);
    await clock.advance(100);
    expect(system.inspect().processes[0]?.mailboxLength).toBe(0);
  });

  test("that ran out behind the message leaves nothing in the mailbox", async () => {
    const { system, clock } = createWorld();
    const probe = createProbe(system);
    const log: unknown[] = [];
    const ref = system.spawn(
      fromAsync<string>(async (self) => {
        log.push(await self.receive({ timeoutMs: 100 }));
        log.push(await self.receive({ match: is("never") }));
      }),
    );
    // Armed before the function runs, so that it stands in front of the time limit of the same moment.
    probe.self.sendAfter(ref, "message", 100);
    await clock.advance(100);
    expect(log).toEqual(["message"]);
    expect(system.inspect().processes[1]).toMatchObject({ mailboxLength: 0, state: "receiving" });
  });
});

describe("an async function whose actor was ended from outside", () => {
  test("runs no further while it waits for a message", async () => {
    const { system } = createWorld();
    const log: string[] = [];
    const ref = system.spawn(
      fromAsync<string>(async (self) => {
        try {
          await self.receive();
          log.push("received");
        } finally {
          log.push("finally");
        }
      }),
    );
    await system.idle();
    system.kill(ref);
    system.send(ref, "too late");
    await system.idle();
    expect(log).toEqual([]);
    expect(system.inspect().tasks).toBe(0);
  });

  test("can do nothing any more when what it awaited of its own settles", async () => {
    const { system } = createWorld();
    const gate = defer();
    const probe = createProbe(system);
    const ref = system.spawn(
      fromAsync(async (self) => {
        await gate.promise;
        self.send(probe.ref, "from the grave");
      }),
    );
    probe.self.link(ref);
    await system.idle();
    system.kill(ref);
    await system.idle();
    gate.resolve();
    await system.idle();
    expect(probe.messages).toEqual([new Exit(ref, killed)]);
    expect(system.inspect()).toMatchObject({ tasks: 0, crashes: 0 });
  });

  test("never hears of the answer to its call", async () => {
    const { system } = createWorld();
    const log: unknown[] = [];
    const callee = createProbe(system);
    const ref = system.spawn(
      fromAsync(async (self) => {
        await self.call(callee.ref, { type: "x" }).finally(() => log.push("settled"));
      }),
    );
    const call = (await callee.receive()) as CallMessage;
    system.kill(ref);
    await system.idle();
    call.from.reply("too late");
    await system.idle();
    expect(log).toEqual([]);
  });
});

describe("a suspended async function", () => {
  test("receives nothing until it is resumed", async () => {
    const { system } = createWorld();
    const log: unknown[] = [];
    const ref = system.spawn(
      fromAsync<string>(async (self) => {
        for (;;) log.push(await self.receive());
      }),
    );
    system.send(ref, "before");
    await system.idle();
    await sys.suspend(system, ref);
    system.send(ref, "while suspended");
    await system.idle();
    expect(log).toEqual(["before"]);
    await expect(sys.getState(system, ref)).resolves.toBe("receiving");
    await sys.resume(system, ref);
    await system.idle();
    expect(log).toEqual(["before", "while suspended"]);
  });
});

test("a second receive while one is waiting is refused", async () => {
  const { system } = createWorld();
  const ref = system.spawn(
    fromAsync(
      async (self) => {
        void self.receive();
        await self.receive();
      },
      { name: "hasty" },
    ),
  );
  await expect(system.exited(ref)).resolves.toMatchObject({
    error: {
      code: "ERR_RECEIVE_IN_PROGRESS",
      message: "hasty-1 is waiting in a receive already; await that one first",
    },
  });
});
