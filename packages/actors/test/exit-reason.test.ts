import {
  type ExitReason,
  failure,
  formatReason,
  fromAsync,
  isExpected,
  kill,
  killed,
  noproc,
  normal,
  shutdown,
} from "@espalier/actors";
import { describe, expect, test } from "vitest";
import { createWorld } from "./support/world.ts";

const noconnection: ExitReason = { type: "noconnection" };

describe("an exit reason", () => {
  test("is expected if it is normal or a shutdown", () => {
    expect([normal, shutdown(), shutdown("peerClosed")].map(isExpected)).toEqual([true, true, true]);
    expect([kill, killed, noproc, noconnection, failure(new Error("boom"))].map(isExpected)).toEqual([
      false,
      false,
      false,
      false,
      false,
    ]);
  });

  test("cannot be changed by who receives it", () => {
    for (const reason of [normal, kill, killed, noproc, shutdown()]) expect(Object.isFrozen(reason)).toBe(true);
  });

  test("carries what was thrown, untouched", () => {
    const error = new Error("boom");
    expect(failure(error)).toEqual({ type: "error", error });
    expect(failure(undefined)).toEqual({ type: "error", error: undefined });
  });

  test.each<[ExitReason, string]>([
    [normal, "normal"],
    [kill, "kill"],
    [killed, "killed"],
    [noproc, "noproc"],
    [noconnection, "noconnection"],
    [shutdown(), "shutdown"],
    [shutdown("peerClosed"), "shutdown: peerClosed"],
    [shutdown({ code: 7 }), 'shutdown: {"code":7}'],
    [failure(new Error("boom")), "error: boom"],
    [failure(new TypeError("boom")), "error: TypeError: boom"],
    [failure("boom"), "error: boom"],
    [failure(undefined), "error: undefined"],
    [failure(10n), "error: 10"],
  ])("is one line for people: $1", (reason, line) => {
    expect(formatReason(reason)).toBe(line);
  });

  test("is printed even if its detail has no JSON form", () => {
    const cyclic: { self?: unknown } = {};
    cyclic.self = cyclic;
    expect(formatReason(shutdown(cyclic))).toBe("shutdown: [object Object]");
  });
});

const noReasons: unknown[] = [
  "boom",
  "normal",
  0,
  null,
  undefined,
  [],
  {},
  { type: "Normal" },
  new Error("boom"),
  Symbol("s"),
];

test.for(noReasons)("untyped code that gives %o as a reason ends the actor with an error of it", async (term) => {
  const { system } = createWorld();
  // The types do not allow it; plain JavaScript does.
  const given = term as ExitReason;
  const fromWithin = system.spawn(fromAsync(async (self) => self.exit(given)));
  await expect(system.exited(fromWithin)).resolves.toEqual(failure(term));
  const fromOutside = system.spawn(fromAsync(async (self) => void (await self.receive())));
  const ended = system.exited(fromOutside);
  system.exit(fromOutside, given);
  await expect(ended).resolves.toEqual(failure(term));
});
