import {
  type Call,
  CallExitError,
  CallTimeoutError,
  defineServer,
  fromAsync,
  type From,
  noreply,
  ok,
  type RequestId,
  Response,
} from "@espalier/actors";
import { createProbe } from "@espalier/actors/testing";
import { describe, expect, test } from "vitest";
import { counter, mute } from "./support/actors.ts";
import { createWorld } from "./support/world.ts";

/** Keeps the right to answer each call, so that the test can answer in any order. */
function keeper(kept: From[]) {
  return defineServer<{ state: undefined; call: Call<"ask", string> }>({
    init: () => ok(undefined),
    handleCall(_request, from) {
      kept.push(from);
      return noreply(undefined);
    },
  });
}

describe("a request that is not waited for", () => {
  test("is answered by one message that carries its id and label", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    const ref = system.spawn(counter, 7);
    const id = probe.self.sendRequest(ref, { type: "get" }, { label: "seven" });
    await system.idle();
    expect(probe.messages).toEqual([new Response(id, "seven", { ok: true, value: 7 })]);
  });

  test("is answered in the order of the answers, however many are under way", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    const kept: From[] = [];
    const ref = system.spawn(keeper(kept));
    for (const label of [1, 2, 3]) probe.self.sendRequest(ref, { type: "ask" }, { label });
    await system.idle();
    for (const from of kept.toReversed()) from.reply("done");
    await system.idle();
    expect(probe.messages.map((message) => message instanceof Response && message.label)).toEqual([3, 2, 1]);
  });

  test("fails, by one message too, when its target dies, is dead, or takes too long", async () => {
    const { system, clock } = createWorld();
    const probe = createProbe(system);
    const ref = system.spawn(mute);
    probe.self.sendRequest(ref, { type: "any" }, { label: "late", timeoutMs: 10 });
    probe.self.sendRequest(ref, { type: "any" }, { label: "dies" });
    await clock.advance(10);
    system.kill(ref);
    await system.idle();
    probe.self.sendRequest(ref, { type: "any" }, { label: "dead" });
    await system.idle();
    const failures = probe.messages.map((message) => {
      if (!(message instanceof Response) || message.outcome.ok) return "not a failure";
      const { label, outcome } = message;
      return [label, outcome.error instanceof CallExitError ? outcome.error.reason.type : outcome.error.code];
    });
    expect(failures).toEqual([
      ["late", new CallTimeoutError("", 0).code],
      ["dies", "killed"],
      ["dead", "noproc"],
    ]);
  });

  test("that is abandoned leaves no message, whether it was answered or not", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    const kept: From[] = [];
    const ref = system.spawn(keeper(kept));
    const unanswered = probe.self.sendRequest(ref, { type: "ask" });
    const answered = probe.self.sendRequest(ref, { type: "ask" });
    await system.idle();
    kept[1]?.reply("in the mailbox already");
    probe.self.abandonRequest(answered);
    probe.self.abandonRequest(unanswered);
    kept[0]?.reply("too late");
    await system.idle();
    expect(probe.messages).toEqual([]);
  });
});

describe("receiveResponse", () => {
  test("waits for one response and leaves the others", async () => {
    const { system } = createWorld();
    const kept: From[] = [];
    const ref = system.spawn(keeper(kept));
    const values: unknown[] = [];
    system.spawn(
      fromAsync(async (self) => {
        const ids: RequestId[] = [1, 2].map(() => self.sendRequest(ref, { type: "ask" }));
        for (const id of ids.toReversed()) {
          const response = await self.receiveResponse(id);
          values.push(response?.outcome);
        }
      }),
    );
    await system.idle();
    kept[0]?.reply("first");
    kept[1]?.reply("second");
    await system.idle();
    expect(values).toEqual([
      { ok: true, value: "second" },
      { ok: true, value: "first" },
    ]);
  });

  test("gives up after its time, and an answer that comes later vanishes", async () => {
    const { system, clock } = createWorld();
    const kept: From[] = [];
    const ref = system.spawn(keeper(kept));
    const seen: unknown[] = [];
    system.spawn(
      fromAsync(async (self) => {
        const id = self.sendRequest(ref, { type: "ask" });
        seen.push(await self.receiveResponse(id, { timeoutMs: 20 }));
        seen.push(await self.receive({ timeoutMs: 100 }));
      }),
    );
    await clock.advance(20);
    kept[0]?.reply("too late");
    await clock.advance(100);
    expect(seen).toEqual([undefined, undefined]);
  });
});
