import type { UnsupportedMachineError } from "@espalier/actors";
import { describe, expect, test } from "vitest";
import { run, ways } from "./support/machines.ts";

describe.each(ways)("what a machine's code may not do with self, by %s,", (_way, options) => {
  test.each(["subscribe", "on", "select", "start", "stop"])("crashes the actor, and is named: %s", async (method) => {
    const machine = run(
      {
        id: "curious",
        initial: "asking",
        states: {
          asking: {
            on: { go: { actions: ({ self }: { self: Record<string, () => void> }) => self[method]?.() } },
          },
        },
      },
      options,
    );
    await machine.send("go");
    const { error } = machine.end.reason as { error: UnsupportedMachineError };
    expect(error).toMatchObject({
      code: "ERR_UNSUPPORTED_MACHINE",
      machine: "curious",
      state: "asking",
      construct: `self.${method}`,
    });
    expect(error.message).toBe(
      `machine curious uses self.${method} in state asking, which an actor of the kernel does not have`,
    );
  });
});
