import { createSystem, type ExitReason, type Pid, type System, type SystemOptions } from "@espalier/actors";
import { ManualClock, residue } from "@espalier/actors/testing";
import { afterEach, expect } from "vitest";

/** A system whose time stands still until the test says otherwise. */
export interface World {
  readonly clock: ManualClock;
  readonly system: System;
}

const worlds = new Set<World>();

/** Makes a world. After the test its system is shut down, and the test fails if anything is left of it. */
export function createWorld(options: SystemOptions & { readonly clock?: ManualClock } = {}): World {
  const { clock = new ManualClock(), ...systemOptions } = options;
  const world: World = { clock, system: createSystem({ host: clock, ...systemOptions }) };
  worlds.add(world);
  return world;
}

/** Shuts the world down and looks for leaks. A property calls it for each run; for a test `afterEach` does. */
export async function leavesNothing(world: World): Promise<void> {
  worlds.delete(world);
  const { clock, system } = world;
  // Whoever refuses to go is killed without waiting.
  const stopped = system.shutdown(0);
  await clock.advance(0);
  await stopped;
  expect(residue(system)).toEqual({ actors: [], names: [], resources: [], timers: 0, tasks: 0 });
  expect(clock.timers).toBe(0);
}

afterEach(async () => {
  for (const world of worlds) await leavesNothing(world);
});

/** Keeps the reason with which the actor ends, for when it has ended. */
export function endOf(system: System, pid: Pid): { reason: ExitReason | undefined } {
  const end: { reason: ExitReason | undefined } = { reason: undefined };
  void keep();
  return end;

  async function keep(): Promise<void> {
    end.reason = await system.exited(pid);
  }
}
