import { playKernel } from "./play-kernel.ts";
import { playSupervision } from "./play-supervision.ts";
import type { Scenario, Trace } from "./scenario.ts";

/** Plays a scenario on a fresh system under virtual time and answers what happened. */
export function play(scenario: Scenario): Promise<Trace> {
  return scenario.family === "kernel" ? playKernel(scenario) : playSupervision(scenario);
}
