import type { UnsupportedMachineError } from "@espalier/actors";
import { describe, expect, test } from "vitest";
import { createActor, createMachine, setup } from "xstate";
import { run, ways } from "./support/machines.ts";

const kept: unknown[] = [];

/** Keeps its state, which names a child and remembers a history. */
const keeper = setup({ actors: { kid: createMachine({ initial: "a", states: { a: {} } }) } }).createMachine({
  id: "keeper",
  context: ({ spawn }) => ({ kid: spawn("kid", { id: "kid" }) }),
  initial: "left",
  on: { keep: { actions: ({ self }) => void kept.push(self.getPersistedSnapshot()) } },
  states: {
    left: {
      initial: "one",
      states: { one: { on: { go: "two" } }, two: {}, last: { type: "history" } },
      on: { out: "right" },
    },
    right: { on: { back: "left.last" } },
  },
});

describe.each(ways)("self, by %s,", (_way, options) => {
  test("gives the state as it can be kept, and as XState gives it", async () => {
    const events = ["go", "out", "keep"];
    kept.length = 0;
    const machine = run(keeper, options);
    await machine.send(...events);
    const actor = createActor(keeper).start();
    for (const type of events) actor.send({ type });
    const [byKernel, byXState] = kept;
    expect(JSON.parse(JSON.stringify(byKernel))).toEqual(JSON.parse(JSON.stringify(byXState)));
    expect(byKernel).toMatchObject({ value: "right", children: { kid: { snapshot: { value: "a" } } } });
  });

  test.each(["inspect", "getSnapshot"])("has a system whose %s is refused by name", async (method) => {
    type System = Readonly<Record<string, (observer: () => void) => void>>;
    const askings: ReadonlyArray<
      (given: { readonly self: { readonly system: System }; readonly system: System }) => void
    > = [({ system }) => system[method]?.(() => undefined), ({ self }) => self.system[method]?.(() => undefined)];
    for (const ask of askings) {
      const machine = run({ id: "curious", on: { go: { actions: ask } } }, options);
      await machine.send("go");
      const { error } = machine.end.reason as { error: UnsupportedMachineError };
      expect(error).toMatchObject({ code: "ERR_UNSUPPORTED_MACHINE", construct: `system.${method}` });
    }
  });
});

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
