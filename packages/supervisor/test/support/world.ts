import { createSystem, type Logger, silentLogger, type System } from "@espalier/actors";
import { ManualClock, residue } from "@espalier/actors/testing";
import { afterEach, expect } from "vitest";

/** A system whose time stands still until the test says otherwise. */
export interface World {
  readonly clock: ManualClock;
  readonly system: System;
}

const worlds = new Set<World>();

/** Makes a world. After the test its system is shut down, and the test fails if anything is left of it. */
export function createWorld(options: { readonly logger?: Logger; readonly clock?: ManualClock } = {}): World {
  const { logger = silentLogger, clock = new ManualClock() } = options;
  const world: World = { clock, system: createSystem({ host: clock, logger }) };
  worlds.add(world);
  return world;
}

/** Shuts the world down and looks for leaks. A property calls it for each run; for a test `afterEach` does. */
export async function leavesNothing(world: World): Promise<void> {
  worlds.delete(world);
  const { clock, system } = world;
  const state = { isOver: false };
  async function stop(): Promise<void> {
    await system.shutdown();
    state.isOver = true;
  }
  const stopped = stop();
  // Whoever refuses to go is killed when its time is over, one after the other.
  while (!state.isOver) await clock.advance(5000);
  await stopped;
  expect(residue(system)).toEqual({ actors: [], names: [], resources: [], timers: 0, tasks: 0 });
  expect(clock.timers).toBe(0);
}

afterEach(async () => {
  for (const world of worlds) await leavesNothing(world);
});
