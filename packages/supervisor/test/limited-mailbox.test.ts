import { type ActorRef, type Definition, type ExitReason, failure, type Pid, type System } from "@espalier/actors";
import {
  child,
  defineDynamicSupervisor,
  defineSupervisor,
  startDynamicChild,
  terminateChild,
} from "@espalier/supervisor";
import { describe, expect, test } from "vitest";
import { startsAs, trapExitAndIgnore } from "./support/actors.ts";
import { actorAt, living, worker } from "./support/tree.ts";
import { createWorld } from "./support/world.ts";

/** Starts a supervisor whose mailbox has one place. Its path is `sup`. */
async function startLimited<Ref extends Pid>(system: System, definition: Definition<void, Ref>): Promise<Ref> {
  const mailbox = { capacity: 1, whenFull: "drop" } as const;
  const started = await system.start(definition, undefined, { id: "sup", mailbox });
  if (!started.ok) throw new Error(started.error);
  return started.ref;
}

/** Leaves no place in its mailbox. */
function fill(system: System, supervisor: Pid): void {
  system.send(supervisor as ActorRef<string>, "fills it");
}

const start = child(startsAs("ok", "fail"));

const kinds: Readonly<Record<string, (system: System) => Promise<Pid>>> = {
  static: (system) => startLimited(system, defineSupervisor({ intensity: 2, children: [{ id: "a", start }] })),
  async dynamic(system) {
    const definition = defineDynamicSupervisor({ intensity: 2, child: { start: () => start } });
    const supervisor = await startLimited(system, definition);
    await startDynamicChild(system, supervisor, undefined);
    return supervisor;
  },
};

describe("a supervisor whose mailbox is full", () => {
  test("kills a child that does not end in its time", async () => {
    const { system, clock } = createWorld();
    const children = [worker("a", trapExitAndIgnore, { shutdown: 100 })];
    const sup = await startLimited(system, defineSupervisor({ children }));
    const terminated = terminateChild(system, sup, "a");
    await system.idle();
    fill(system, sup);
    await clock.advance(100);
    await expect(terminated).resolves.toEqual({ ok: true });
    expect(living(system)).toEqual(["sup#1"]);
  });

  test.each(Object.entries(kinds))("tries a restart again that has failed, if it is %s", async (_name, startKind) => {
    const { system } = createWorld();
    const sup = await startKind(system);
    const [, first = ""] = living(system);
    const path = first.replace("#1", "");
    system.send(actorAt(system, path) as ActorRef<ExitReason>, failure(new Error("boom")));
    // It waits for the start that is going to fail.
    while (!living(system).includes(`${path}#2`)) if (!system.step()) throw new Error("there was no restart");
    fill(system, sup);
    await system.idle();
    expect(living(system)).toEqual(["sup#1", `${path}#3`]);
  });
});
