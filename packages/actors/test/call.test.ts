import {
  type Call,
  CallExitError,
  CallingSelfError,
  CallTimeoutError,
  defineServer,
  failure,
  type From,
  InvalidOptionError,
  killed,
  noproc,
  noreply,
  normal,
  ok,
  type Pid,
  reply,
  shutdown,
} from "@espalier/actors";
import { createProbe } from "@espalier/actors/testing";
import { describe, expect, test } from "vitest";
import { counter, crashOn, echo, mute, puppet, tell } from "./support/actors.ts";
import { errorOf } from "./support/promises.ts";
import { createWorld, endOf } from "./support/world.ts";

type Held = { call: Call<"hold", string>; info: "answer" | "answer twice"; state: From | undefined };

/** Keeps who asked, and answers when told to. */
const holder = defineServer<Held>({
  name: "holder",
  init: () => ok(undefined),
  handleCall: (_request, from) => noreply(from),
  handleInfo(message, from) {
    from?.reply("held");
    if (message === "answer twice") from?.reply("again");
    return noreply(from);
  },
});

describe("a call", () => {
  test("resolves with the answer", async () => {
    const { system } = createWorld();
    const ref = system.spawn(counter, 1);
    await expect(system.call(ref, { type: "add", by: 2 })).resolves.toBe(3);
  });

  test("is made by an actor as from outside", async () => {
    const { system } = createWorld();
    const ref = system.spawn(counter, 1);
    const probe = createProbe(system);
    await expect(probe.self.call(ref, { type: "get" })).resolves.toBe(1);
  });

  test("goes to a name, too", async () => {
    const { system } = createWorld();
    system.spawn(counter, 1, { name: "counter" });
    await expect(system.call("counter", { type: "get" })).resolves.toBe(1);
  });

  test("tells the callee who asks", async () => {
    const { system } = createWorld();
    const callers: Array<Pid | undefined> = [];
    const ref = system.spawn(
      defineServer<{ call: Call<"who", void> }>({
        init: () => ok(undefined),
        handleCall(_request, from) {
          callers.push(from.caller);
          return reply(undefined, undefined);
        },
      }),
    );
    const probe = createProbe(system);
    await probe.self.call(ref, { type: "who" });
    await system.call(ref, { type: "who" });
    expect(callers).toEqual([probe.ref, undefined]);
  });

  test("can be answered later, from another callback", async () => {
    const { system } = createWorld();
    const ref = system.spawn(holder);
    const call = system.call(ref, { type: "hold" });
    await system.idle();
    system.send(ref, "answer");
    await expect(call).resolves.toBe("held");
  });

  test("can be answered by another actor", async () => {
    const { system } = createWorld();
    const other = system.spawn(puppet());
    const ref = system.spawn(
      defineServer<{ call: Call<"delegate", string> }>({
        init: () => ok(undefined),
        handleCall(_request, from, _state, self) {
          self.send(other, () => from.reply("by another"));
          return noreply(undefined);
        },
      }),
    );
    await expect(system.call(ref, { type: "delegate" })).resolves.toBe("by another");
  });

  test("is answered once; a second answer is dropped", async () => {
    const { system } = createWorld();
    const ref = system.spawn(holder);
    const call = system.call(ref, { type: "hold" });
    await system.idle();
    system.send(ref, "answer twice");
    await expect(call).resolves.toBe("held");
  });

  test("to a dead actor fails with noproc", async () => {
    const { system } = createWorld();
    const ref = system.spawn(echo);
    system.kill(ref);
    await system.idle();
    await expect(system.call(ref, { type: "echo", value: 1 })).rejects.toMatchObject({
      code: "ERR_CALL_EXIT",
      reason: noproc,
    });
  });

  test("to a name that nobody has fails with noproc", async () => {
    const { system } = createWorld();
    await expect(system.call("nobody", { type: "x" })).rejects.toMatchObject({ reason: noproc, target: "nobody" });
  });

  test("made after one's own exit signal fails with noproc, for the signal came first", async () => {
    const { system } = createWorld();
    const ref = system.spawn(echo);
    const probe = createProbe(system);
    probe.self.exit(ref, shutdown());
    await expect(probe.self.call(ref, { type: "echo", value: 1 })).rejects.toMatchObject({ reason: noproc });
  });

  test("fails with the reason for which the callee dies meanwhile", async () => {
    const { system } = createWorld();
    const ref = system.spawn(mute);
    const byKill = system.call(ref, { type: "x" });
    await system.idle();
    system.kill(ref);
    await expect(byKill).rejects.toMatchObject({ code: "ERR_CALL_EXIT", reason: killed });
    const next = system.spawn(mute);
    const byNormal = system.call(next, { type: "x" });
    await system.idle();
    const probe = createProbe(system);
    probe.self.exit(next, shutdown("gone"));
    await expect(byNormal).rejects.toMatchObject({ reason: shutdown("gone") });
  });

  test("that makes the callee crash fails with the crash, and its cause is what was thrown", async () => {
    const { system } = createWorld();
    const boom = new Error("boom");
    const ref = system.spawn(
      defineServer<{ call: Call<"crash", never> }>({
        init: () => ok(undefined),
        handleCall() {
          throw boom;
        },
      }),
    );
    const error: unknown = await system.call(ref, { type: "crash" }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CallExitError);
    expect((error as CallExitError).reason).toEqual(failure(boom));
    expect((error as CallExitError).cause).toBe(boom);
  });

  test("to oneself fails instead of waiting for ever", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    await expect(probe.self.call(probe.ref, { type: "x" })).rejects.toMatchObject({
      reason: { type: "error", error: expect.any(CallingSelfError) as unknown },
    });
  });

  test("fails after 5 seconds unless told otherwise", async () => {
    const { system, clock } = createWorld();
    const ref = system.spawn(mute);
    const errors: unknown[] = [];
    void system.call(ref, { type: "x" }).catch((error: unknown) => errors.push(error));
    await clock.advance(4999);
    expect(errors).toEqual([]);
    await clock.advance(1);
    expect(errors).toEqual([expect.any(CallTimeoutError)]);
    expect(errors).toMatchObject([{ code: "ERR_CALL_TIMEOUT", timeoutMs: 5000, target: String(ref) }]);
  });

  test("that may take for ever arms no timer", async () => {
    const { system, clock } = createWorld();
    const ref = system.spawn(holder);
    const call = system.call(ref, { type: "hold" }, { timeoutMs: "infinity" });
    await clock.advance(3_600_000);
    expect(clock.timers).toBe(0);
    system.send(ref, "answer");
    await expect(call).resolves.toBe("held");
  });

  test("that was answered leaves no timer", async () => {
    const { system, clock } = createWorld();
    const ref = system.spawn(counter, 1);
    await system.call(ref, { type: "get" });
    await system.idle();
    expect(system.inspect().timers).toBe(0);
    expect(clock.timers).toBe(0);
  });

  test("that was answered is kept by nobody, neither by the caller nor by the callee", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    const ref = system.spawn(counter, 1);
    await probe.self.call(ref, { type: "get" });
    expect(system.inspect().processes[0]?.resources).toEqual([]);
    // Inspection shows watchers by their owners, and this one has none any more.
    expect((ref as unknown as { process: { watchers: unknown } }).process.watchers).toBeNull();
  });

  test("that timed out drops a late answer", async () => {
    const { system, clock } = createWorld();
    const probe = createProbe(system);
    const ref = system.spawn(holder);
    const call = probe.self.call(ref, { type: "hold" }, { timeoutMs: 10 });
    const failed = errorOf(call);
    await clock.advance(10);
    expect(await failed).toBeInstanceOf(CallTimeoutError);
    system.send(ref, "answer");
    await system.idle();
    expect(probe.messages).toEqual([]);
    expect(system.inspect().processes.map(({ resources }) => resources)).toEqual([[], []]);
  });

  test("that timed out fails once, even if the callee dies later", async () => {
    const { system, clock } = createWorld();
    const ref = system.spawn(mute);
    const call = system.call(ref, { type: "x" }, { timeoutMs: 10 });
    const failed = errorOf(call);
    await clock.advance(10);
    expect(await failed).toBeInstanceOf(CallTimeoutError);
    system.kill(ref);
    await system.idle();
    expect(system.inspect().processes).toEqual([]);
  });

  test("with a time limit that is no time is refused before anything is sent", async () => {
    const { system } = createWorld();
    const ref = system.spawn(mute);
    for (const timeoutMs of [-1, Number.NaN]) {
      expect(() => void system.call(ref, { type: "x" }, { timeoutMs })).toThrow(InvalidOptionError);
    }
    await system.idle();
    expect(system.inspect().processes[0]?.reductions).toBe(0);
  });

  test("dies with the caller: the callee's answer goes nowhere, and nothing stays armed", async () => {
    const { system, clock } = createWorld();
    const ref = system.spawn(holder);
    const caller = system.spawn(puppet());
    await tell(system, caller, (self) => void self.call(ref, { type: "hold" }));
    expect(system.inspect().processes.map(({ resources }) => resources.length)).toEqual([0, 1]);
    expect(system.inspect().processes[0]?.monitoredBy).toEqual([caller]);
    system.kill(caller);
    await system.idle();
    expect(clock.timers).toBe(0);
    expect(system.inspect().processes[0]?.monitoredBy).toEqual([]);
    system.send(ref, "answer");
    await system.idle();
    expect(system.isAlive(ref)).toBe(true);
  });

  test("leaves no trace in the caller's mailbox when the callee dies", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    const ref = system.spawn(mute);
    const call = probe.self.call(ref, { type: "x" });
    const failed = errorOf(call);
    system.kill(ref);
    expect(await failed).toMatchObject({ reason: killed });
    expect(probe.messages).toEqual([]);
  });

  test("whose failure nobody catches is the caller's crash", async () => {
    const { system } = createWorld();
    const ref = system.spawn(crashOn("never"));
    system.kill(ref);
    await system.idle();
    const caller = system.spawn(
      defineServer<{ info: string }>({
        init: () => ok(undefined),
        async handleInfo(_message, _state, self) {
          await self.call(ref as Pid, { type: "x" });
          return noreply(undefined);
        },
      }),
    );
    const end = endOf(system, caller);
    system.send(caller, "call");
    await system.idle();
    expect(end.reason).toMatchObject({ type: "error", error: { code: "ERR_CALL_EXIT", reason: noproc } });
  });

  test("to a callee that ends as normal before it answers fails with normal", async () => {
    const { system } = createWorld();
    const ref = system.spawn(
      defineServer<{ call: Call<"leave", never> }>({
        init: () => ok(undefined),
        handleCall: () => ({ type: "stop", reason: normal, state: undefined }),
      }),
    );
    await expect(system.call(ref, { type: "leave" })).rejects.toMatchObject({ reason: normal });
  });
});

describe("a cast", () => {
  test("reaches handleCast and never fails", async () => {
    const { system } = createWorld();
    const ref = system.spawn(counter, 5);
    system.cast(ref, { type: "reset" });
    await expect(system.call(ref, { type: "get" })).resolves.toBe(0);
    system.kill(ref);
    await system.idle();
    expect(() => system.cast(ref, { type: "reset" })).not.toThrow();
  });

  test("from an actor keeps its order with calls and messages of that actor", async () => {
    const { system } = createWorld();
    const kinds: string[] = [];
    const probe = createProbe(system);
    const ref = system.spawn({
      name: "log",
      behaviour: {
        kind: "log",
        start: () => undefined,
        receive: (_process, message) => void kinds.push((message as { type: string }).type),
      },
    });
    probe.self.send(ref, { type: "message" });
    probe.self.cast(ref, {});
    const call = probe.self.call(ref, { type: "x" });
    probe.self.send(ref, { type: "last" });
    await system.idle();
    expect(kinds).toEqual(["message", "cast", "call", "last"]);
    system.kill(ref);
    await expect(call).rejects.toMatchObject({ reason: killed });
  });
});
