import {
  type ActorRef,
  type Behaviour,
  defineServer,
  type Definition,
  Down,
  failure,
  fromAsync,
  MailboxFullError,
  type Match,
  noreply,
  ok,
  type Process,
  sys,
} from "@espalier/actors";
import { collectTrace, createProbe } from "@espalier/actors/testing";
import { describe, expect, test } from "vitest";
import { counter, mute, puppet, tell } from "./support/actors.ts";
import { defer } from "./support/promises.ts";
import { createWorld, endOf } from "./support/world.ts";

/** Keeps every message it handles. */
function recorder(log: string[]) {
  return defineServer<{ state: undefined; info: string; cast: string }>({
    init: () => ok(undefined),
    handleInfo(message) {
      if (typeof message === "string") log.push(message);
      return noreply(undefined);
    },
    handleCast(message) {
      log.push(message);
      return noreply(undefined);
    },
  });
}

describe("a mailbox with a limit", () => {
  test("drops what comes when it is full, counts that, and keeps the rest in order", async () => {
    const { system } = createWorld();
    const log: string[] = [];
    const trace = collectTrace(system);
    const ref = system.spawn(recorder(log), undefined, { mailbox: { capacity: 2, whenFull: "drop" } });
    for (const message of ["a", "b", "c", "d"]) system.send(ref, message);
    await system.idle();
    system.send(ref, "e");
    await system.idle();
    expect(log).toEqual(["a", "b", "e"]);
    expect(trace.of("drop").map(({ message }) => message)).toEqual(["c", "d"]);
  });

  test("ends its actor with an error that says so, if that is the policy", async () => {
    const { system } = createWorld();
    const log: string[] = [];
    const ref = system.spawn(recorder(log), undefined, { id: "r", mailbox: { capacity: 1, whenFull: "exit" } });
    const end = endOf(system, ref);
    system.send(ref, "a");
    system.cast(ref, "b");
    await system.idle();
    expect(log).toEqual([]);
    expect(end.reason).toEqual(failure(new MailboxFullError("r", 1)));
    expect(String(new MailboxFullError("r", 1))).toBe(
      "MailboxFullError: the mailbox of r is full: 1 messages wait already",
    );
  });

  test("lets a sender that offers wait for room, first come first served", async () => {
    const { system } = createWorld();
    const log: string[] = [];
    const ref = system.spawn(recorder(log), undefined, { mailbox: { capacity: 1, whenFull: "block" } });
    await sys.suspend(system, ref);
    const sent: string[] = [];
    for (const name of ["x", "y", "z"]) {
      system.spawn(
        fromAsync(async (self) => {
          await self.offer(ref, name);
          sent.push(name);
        }),
      );
    }
    await system.idle();
    expect(sent).toEqual(["x"]);
    system.send(ref, "dropped");
    await sys.resume(system, ref);
    await system.idle();
    expect(sent).toEqual(["x", "y", "z"]);
    expect(log).toEqual(["x", "y", "z"]);
  });

  test("lets the next sender in while its actor is busy, and the message waits", async () => {
    const { system } = createWorld();
    const gate = defer();
    const log: string[] = [];
    const definition = defineServer<{ info: string }>({
      init: () => ok(undefined),
      async handleInfo(message, state) {
        if (typeof message === "string") log.push(`begin ${message}`);
        await gate.promise;
        if (typeof message === "string") log.push(`end ${message}`);
        return noreply(state);
      },
    });
    const ref = system.spawn(definition, undefined, { mailbox: { capacity: 1, whenFull: "block" } });
    system.spawn(fromAsync(async (self) => void (await Promise.all(["a", "b"].map((name) => self.offer(ref, name))))));
    await system.idle();
    expect(log).toEqual(["begin a"]);
    gate.resolve();
    await system.idle();
    expect(log).toEqual(["begin a", "end a", "begin b", "end b"]);
  });

  test.each<[string, (process: Process, match: Match) => void]>([
    ["one by one", (process, match) => [1, 2].forEach(() => process.takeMessage(match))],
    ["together", (process, match) => process.takeMessages(match, () => undefined)],
  ])(
    "lets them in also for messages that its actor takes out %s, before any that are sent then",
    async (_how, clear) => {
      const { system } = createWorld();
      const log: unknown[] = [];
      const behaviour: Behaviour<void> = {
        kind: "tidy",
        start: () => undefined,
        receive(process, message) {
          log.push(message);
          if (message !== "clear") return;
          clear(process, (candidate) => candidate === "a" || candidate === "b");
          process.send<string>(process.pid, "too late");
        },
      };
      const tidy: Definition<void, ActorRef<string>> = { name: "tidy", behaviour };
      const ref = system.spawn(tidy, undefined, { mailbox: { capacity: 2, whenFull: "block" } });
      for (const message of ["clear", "a"]) system.send(ref, message);
      const sender = createProbe(system);
      const offers = Promise.all(["b", "c", "d"].map((message) => sender.self.offer(ref, message)));
      await system.idle();
      expect(log).toEqual(["clear", "c", "d"]);
      await offers;
    },
  );

  test("keeps nobody waiting for a dead actor", async () => {
    const { system } = createWorld();
    const ref = system.spawn(recorder([]), undefined, { mailbox: { capacity: 1, whenFull: "block" } });
    await sys.suspend(system, ref);
    const sender = system.spawn(
      fromAsync(async (self) => {
        for (const message of ["a", "b", "c"]) await self.offer(ref, message);
      }),
    );
    await system.idle();
    expect(system.isAlive(sender)).toBe(true);
    system.kill(ref);
    await system.idle();
    expect(system.isAlive(sender)).toBe(false);
  });

  test("never refuses a signal", async () => {
    const { system } = createWorld();
    const victim = system.spawn(counter, 0);
    const downs: unknown[] = [];
    const watcher = system.spawn(
      defineServer<{ state: undefined; info: string }>({
        init(_args, self) {
          self.monitor(victim);
          return ok(undefined);
        },
        handleInfo(message) {
          if (message instanceof Down) downs.push(message.reason.type);
          return noreply(undefined);
        },
      }),
      undefined,
      { mailbox: { capacity: 1, whenFull: "drop" } },
    );
    await system.idle();
    system.send(watcher, "fills it");
    system.kill(victim);
    await system.idle();
    expect(downs).toEqual(["killed"]);
  });

  test("gives no place to signals, nor to its actor's own timers, however many wait", async () => {
    const { system, clock } = createWorld();
    const received: unknown[] = [];
    const watcher = system.spawn(puppet({ trapExit: true, received }), undefined, {
      mailbox: { capacity: 2, whenFull: "exit" },
    });
    const others = [1, 2, 3].map(() => system.spawn(mute));
    await tell(system, watcher, (self) => {
      for (const other of others) {
        self.monitor(other);
        self.link(other);
        self.sendRequest(other, { type: "unanswered" });
      }
      self.sendAfter(self.ref, "timer", 1);
    });
    await sys.suspend(system, watcher);
    for (const other of others) system.kill(other);
    await clock.advance(1);
    expect(system.inspect(watcher)?.mailboxLength).toBe(10);
    system.send(watcher, "a");
    system.send(watcher, "b");
    await sys.resume(system, watcher);
    await system.idle();
    expect(received.filter((message) => typeof message === "string")).toEqual(["timer", "a", "b"]);
  });

  test.each(["drop", "exit", "block"] as const)("never refuses its actor's own timers: %s", async (whenFull) => {
    const { system, clock } = createWorld();
    const log: string[] = [];
    const reader = fromAsync<string>(async (self) => {
      const message = await self.receive({ match: (candidate) => candidate === "wanted", timeoutMs: 10 });
      log.push(`received ${String(message)}`);
    });
    const ref = system.spawn(reader, undefined, { mailbox: { capacity: 2, whenFull } });
    await system.idle();
    for (const message of ["a", "b"]) system.send(ref, message);
    await clock.advance(10);
    expect(log).toEqual(["received undefined"]);
    expect(system.isAlive(ref)).toBe(false);
  });

  test("obeys it when a timer of another actor sends", async () => {
    const { system, clock } = createWorld();
    const log: string[] = [];
    const ref = system.spawn(recorder(log), undefined, { mailbox: { capacity: 1, whenFull: "drop" } });
    await sys.suspend(system, ref);
    const other = system.spawn(puppet());
    await tell(system, other, (self) => {
      self.sendAfter(ref, "a", 1);
      self.sendAfter(ref, "b", 2);
    });
    await clock.advance(2);
    await sys.resume(system, ref);
    await system.idle();
    expect(log).toEqual(["a"]);
  });

  test.each([
    [{ capacity: 0, whenFull: "drop" }, "mailbox.capacity is 0; expected an integer of at least 1"],
    [{ capacity: 1, whenFull: "wait" }, 'mailbox.whenFull is "wait"; expected "drop", "exit" or "block"'],
  ])("cannot be %j", (mailbox, message) => {
    const { system } = createWorld();
    // What TypeScript would refuse, JavaScript may still pass.
    const options = { mailbox: mailbox as { capacity: number; whenFull: "drop" } };
    expect(() => system.spawn(counter, 0, options)).toThrow(message);
    expect(createProbe(system).messages).toEqual([]);
  });
});
