import {
  type Call,
  type CallEnding,
  CallExitError,
  CallMessage,
  CallTimeoutError,
  defineServer,
  type Definition,
  type From,
  noproc,
  noreply,
  ok,
  type Outcome,
  type Pid,
  type Process,
  reply,
  request as block,
  type RequestId,
  Response,
  type ServerRef,
  sys,
  type Waiting,
} from "@espalier/actors";
import { collectTrace, type Trace } from "@espalier/actors/testing";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { counter, mute, puppet, tell } from "./support/actors.ts";
import { createWorld, leavesNothing, type World } from "./support/world.ts";

/** Each call that was seen, with all the ends that it had. */
function callsOf(trace: Trace) {
  return trace.of("call").map((began) => ({
    began,
    ends: trace.of("callEnded").filter(({ call }) => call === began.id),
  }));
}

type RelayTypes = {
  args: ServerRef<{ call: Call<"get", number> }>;
  state: ServerRef<{ call: Call<"get", number> }>;
  call: Call<"get", number>;
};

/** Keeps the right to answer each call. */
function keeper(kept: From[]) {
  return defineServer<{ call: Call<"ask", string> }>({
    init: () => ok(undefined),
    handleCall(_request, from) {
      kept.push(from);
      return noreply(undefined);
    },
  });
}

/** Answers what another one answers, once it has waited for something of its own. */
const relay = defineServer<RelayTypes>({
  name: "relay",
  init: (next) => ok(next),
  async handleCall(_request, _from, next, self) {
    await Promise.resolve();
    return reply(await self.call(next, { type: "get" }), next);
  },
});

/** Asks as it starts, and blocks until it knows what has become of that. */
function blocked(target: Pid, request: object, heard: (outcome: Outcome) => void): Definition {
  return {
    name: "blocked",
    behaviour: {
      kind: "blocked",
      *start(process: Process): Waiting {
        heard(yield* block(process, target, request));
      },
      receive: () => undefined,
    },
  };
}

/** Answers what another one answers, for which it blocks twice. */
const blockingRelay: Definition<Pid, ServerRef<{ call: Call<"get", number> }>> = {
  name: "blockingRelay",
  behaviour: {
    kind: "blockingRelay",
    start(process, next) {
      process.state = next;
    },
    *receive(process: Process, message: unknown): Waiting {
      if (!(message instanceof CallMessage)) return;
      yield* block(process, process.state as Pid, { type: "get" });
      const outcome = yield* block(process, process.state as Pid, { type: "get" });
      message.from.reply(outcome.ok ? outcome.value : undefined);
    },
  },
};

describe("the trace of a call", () => {
  test("has one event for its begin and one for its end, each with its cause", async () => {
    const { system } = createWorld();
    const ref = system.spawn(counter, 1, { id: "numbers", name: "numbers" });
    await system.idle();
    const trace = collectTrace(system);
    await system.call(ref, { type: "get" });
    const [call, send, deliver, callEnded] = trace.events;
    expect(trace.events.map(({ type }) => type)).toEqual(["call", "send", "deliver", "callEnded"]);
    expect(call).toMatchObject({ caller: undefined, to: ref, name: undefined, request: { type: "get" }, within: 0 });
    expect(callEnded).toMatchObject({ call: call?.id, ending: { type: "replied" }, subject: { path: "numbers" } });
    expect([call, send, deliver, callEnded].map((event) => event?.cause)).toEqual([0, call?.id, send?.id, deliver?.id]);
  });

  test("tells who calls whom, by which name, and with what", async () => {
    const { system } = createWorld();
    const ref = system.spawn(counter, 1, { name: "numbers" });
    const caller = system.spawn(puppet(), undefined, { id: "caller" });
    await system.idle();
    const trace = collectTrace(system);
    await tell(system, caller, (self) => void self.sendRequest("numbers", { type: "add", by: 2 }));
    await sys.getState(system, ref);
    expect(trace.of("call")).toMatchObject([
      { subject: { path: "caller" }, caller, to: ref, name: "numbers", request: { type: "add", by: 2 } },
      { subject: { pid: ref }, caller: undefined, to: ref, name: undefined, request: { type: "getState" } },
    ]);
  });

  test("tells within which call another one is made, across whatever the handling awaits", async () => {
    const { system } = createWorld();
    const last = system.spawn(counter, 7);
    const middle = system.spawn(relay, last);
    const first = system.spawn(relay, middle);
    await system.idle();
    const trace = collectTrace(system);
    expect(await system.call(first, { type: "get" })).toBe(7);
    const [outer, inner, innermost] = trace.of("call");
    expect([outer, inner, innermost].map((call) => call?.within)).toEqual([0, outer?.id, inner?.id]);
    expect(trace.of("callEnded").map(({ call }) => call)).toEqual([innermost?.id, inner?.id, outer?.id]);
  });

  test("tells of no call within one that was not seen to begin, and of no end of it", async () => {
    const { system } = createWorld();
    const kept: From[] = [];
    const ref = system.spawn(keeper(kept));
    const asked = system.call(ref, { type: "ask" });
    await system.idle();
    const trace = collectTrace(system);
    kept[0]?.reply("done");
    expect(await asked).toBe("done");
    expect(trace.events).toEqual([]);
  });

  test("gives the end of a call that nobody answers its begin as its cause, since nothing is handled then", async () => {
    const { system, clock } = createWorld();
    const ref = system.spawn(mute);
    await system.idle();
    const trace = collectTrace(system);
    const asked = system.call(ref, { type: "any" }, { timeoutMs: 10 }).catch((error: unknown) => error);
    await clock.advance(10);
    expect(await asked).toBeInstanceOf(CallTimeoutError);
    const [call] = trace.of("call");
    expect(trace.of("callEnded")).toMatchObject([{ ending: { type: "timeout" }, call: call?.id, cause: call?.id }]);
  });

  test("tells of an actor that is dead or called itself that the call ended at once, and nothing where nobody is", async () => {
    const { system } = createWorld();
    const dead = system.spawn(counter, 1);
    const caller = system.spawn(puppet(), undefined, { name: "caller" });
    system.kill(dead);
    await system.idle();
    const trace = collectTrace(system);
    await tell(system, caller, (self) => {
      self.sendRequest(dead, { type: "get" });
      self.sendRequest("nobody", {});
      self.sendRequest("caller", {});
    });
    await expect(system.call(dead, { type: "get" })).rejects.toBeInstanceOf(CallExitError);
    const calls = callsOf(trace);
    expect(calls.map(({ began: { to, name } }) => [to, name])).toEqual([
      [dead, undefined],
      [undefined, "nobody"],
      [caller, "caller"],
    ]);
    expect(calls.map(({ ends }) => ends.map(({ ending }) => ending))).toMatchObject([
      [{ type: "calleeDied", reason: noproc }],
      [{ type: "calleeDied", reason: noproc }],
      [{ type: "calleeDied", reason: { type: "error" } }],
    ]);
  });

  test("shows one for which a behaviour blocks as it shows any other, and makes nothing of it for whoever sees only lives", async () => {
    const { system } = createWorld();
    const last = system.spawn(counter, 7, { id: "last" });
    const relaying = system.spawn(blockingRelay, last, { id: "relaying" });
    await system.idle();
    const ids: number[] = [];
    const stop = system.trace(({ id }) => ids.push(id), { detail: "life" });
    expect(await system.call(relaying, { type: "get" })).toBe(7);
    system.spawn(mute);
    expect(ids).toEqual([1]);
    stop();
    const trace = collectTrace(system);
    expect(await system.call(relaying, { type: "get" })).toBe(7);
    const [outer, ...inner] = callsOf(trace);
    const within = outer?.began.id;
    const of = { subject: { path: "relaying" }, caller: relaying, to: last, name: undefined, request: { type: "get" } };
    expect(inner.map(({ began }) => began)).toMatchObject([
      { ...of, within },
      { ...of, within },
    ]);
    for (const { began, ends } of inner) {
      expect(ends).toMatchObject([{ ending: { type: "replied" }, subject: began.subject }]);
      expect(trace.of("send").filter(({ cause }) => cause === began.id)).toMatchObject([{ to: last }]);
    }
  });

  test("has exactly one end for each, the one that the caller is told, whatever becomes of the two", async () => {
    const what = fc.constantFrom(
      "ask",
      "ask",
      "answer",
      "wait",
      "abandon",
      "killCaller",
      "killCallee",
      "block",
      "killBlocked",
    );
    const ops = fc.array(fc.tuple(what, fc.nat(9)), { minLength: 5, maxLength: 40, size: "max" });
    await fc.assert(
      fc.asyncProperty(ops, async (run) => {
        const world = createWorld();
        const trace = collectTrace(world.system);
        const told = await play(world, run);
        const before = new Map(
          callsOf(trace).map((call) => [call.began.request, call.ends.map(({ ending }) => ending.type)]),
        );
        for (const [request, expected] of told) expect(before.get(request)).toEqual(expected);
        await leavesNothing(world);
        for (const { began, ends } of callsOf(trace)) {
          expect(ends.map(({ subject }) => subject)).toEqual([began.subject]);
        }
      }),
      { numRuns: 100 },
    );
  });
});

/** What each caller was told of the ends of its requests, or did to them. */
async function play({ system, clock }: World, run: ReadonlyArray<readonly [string, number]>) {
  const told = new Map<unknown, CallEnding["type"][]>();
  const kept: From[] = [];
  const spawnCallee = () => system.spawn(keeper(kept));
  const spawnCaller = () => {
    const received: unknown[] = [];
    return { ref: system.spawn(puppet({ received })), received, open: new Map<RequestId, unknown>() };
  };
  let callee = spawnCallee();
  let caller = spawnCaller();
  const waiting = new Map<Pid, unknown>();
  const hear = (): void => {
    for (const response of caller.received.splice(0)) {
      if (!(response instanceof Response)) throw new Error("nothing else was sent");
      const { outcome, id, label } = response;
      const isLate = !outcome.ok && outcome.error instanceof CallTimeoutError;
      told.set(label, [outcome.ok ? "replied" : isLate ? "timeout" : "calleeDied"]);
      caller.open.delete(id);
    }
  };
  for (const [what, amount] of run) {
    if (what === "ask") {
      const request = { type: "ask" } as const;
      told.set(request, []);
      const timeoutMs = amount === 0 ? "infinity" : amount;
      await tell(system, caller.ref, (self) => {
        caller.open.set(self.sendRequest(callee, request, { label: request, timeoutMs }), request);
      });
    } else if (what === "block") {
      const request = { type: "ask" } as const;
      told.set(request, []);
      const heard = ({ ok: isAnswered }: Outcome): void => {
        told.set(request, [isAnswered ? "replied" : "calleeDied"]);
        waiting.delete(ref);
      };
      const ref = system.spawn(blocked(callee, request, heard));
      waiting.set(ref, request);
    } else if (what === "killBlocked") {
      for (const [ref, request] of waiting) {
        system.kill(ref);
        told.set(request, ["callerDied"]);
      }
      waiting.clear();
    } else if (what === "answer") {
      kept[amount]?.reply("done");
    } else if (what === "wait") {
      await clock.advance(amount);
    } else if (what === "abandon") {
      const [id] = caller.open.keys();
      if (id === undefined) continue;
      await tell(system, caller.ref, (self) => self.abandonRequest(id));
      told.set(caller.open.get(id), ["abandoned"]);
      caller.open.delete(id);
    } else if (what === "killCaller") {
      system.kill(caller.ref);
      for (const request of caller.open.values()) told.set(request, ["callerDied"]);
      caller = spawnCaller();
    } else {
      system.kill(callee);
      if (amount > 4) callee = spawnCallee();
    }
    await system.idle();
    hear();
  }
  return told;
}
