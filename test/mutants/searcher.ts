import process from "node:process";
import { performance } from "node:perf_hooks";
import {
  decodePlan,
  encodePlan,
  explain,
  replaying,
  replayOnSockets,
  run,
  search,
  type StatechartMutant,
  statechartMutants,
} from "./kit.ts";
import type { Finding, Job, SearchJob, StatechartFinding, StatechartJob } from "./job.ts";
import { targets } from "./targets.ts";
import { echo, echoMachine, withMachine } from "./targets/echo.ts";
import type { TargetCase } from "./targets/target-case.ts";

/*
 * Searches, or replays one plan, and prints what it has come to: a line of JSON for each seed. It is bundled with the
 * sources, of which one may have been changed, and runs in a process of its own.
 */

const job = JSON.parse(process.argv[2] ?? "{}") as Job;

if ("statechart" in job) {
  for (const mutant of statechartMutants(echoMachine)) say(await searchChart(job, mutant));
} else if ("seeds" in job) {
  for (const seed of job.seeds) say(await searchAll(job, seed));
} else {
  const { target, invariants } = targetOf(job.target);
  const plan = decodePlan(job.replay);
  const { failure } = await (job.onSockets === true
    ? replayOnSockets(target, plan, { invariants })
    : run({ target, plan, chooser: replaying(plan.deviations), invariants }));
  say({ invariant: failure?.invariant });
  if (job.isExplained === true && failure !== undefined) {
    const { text } = await explain(target, invariants, plan, failure);
    process.stdout.write(`${text}\n`);
  }
}

async function searchAll({ targets: names, timeMs, runs }: SearchJob, seed: number): Promise<Finding> {
  const total = { seed, runs: 0, steps: 0, ms: 0 };
  for (const name of names) {
    const { target, invariants, peers } = targetOf(name);
    const started = performance.now();
    try {
      const result = await search({
        target,
        invariants,
        peers,
        seed,
        timeMs: timeMs / names.length,
        ...(runs !== undefined && { runs }),
      });
      const { found } = result;
      total.runs += result.runs;
      total.steps += result.steps;
      if (found === undefined) {
        total.ms += result.ms;
        continue;
      }
      const { failure, plan, raw, strategy, foundMs, shrunkIn, shrinkMs, others } = found;
      total.ms += foundMs;
      return {
        ...total,
        found: {
          target: name,
          invariant: failure.invariant,
          message: failure.message,
          phase: failure.phase,
          strategy,
          deviations: plan.deviations.length,
          clients: plan.peers.length,
          ops: plan.peers.reduce((sum, { ops }) => sum + ops.length, plan.operations.length),
          rawDeviations: raw.deviations.length,
          shrunkIn,
          shrinkMs,
          line: encodePlan(plan),
          others: [...others].map(([invariant, other]) => [invariant, encodePlan(other)]),
        },
      };
    } catch (error) {
      return { ...total, ms: total.ms + performance.now() - started, thrown: String((error as Error)?.stack ?? error) };
    }
  }
  return total;
}

async function searchChart(
  { seeds, timeMs }: StatechartJob,
  { name, machine }: StatechartMutant,
): Promise<StatechartFinding> {
  const total = { name, runs: 0, ms: 0 };
  const { invariants, peers } = echo;
  for (const seed of seeds) {
    try {
      const { found, runs, ms } = await search({
        target: withMachine(machine as never),
        invariants,
        peers,
        seed,
        timeMs,
      });
      total.runs += runs;
      total.ms += found?.foundMs ?? ms;
      if (found !== undefined) return { ...total, invariant: found.failure.invariant };
    } catch {
      return { ...total, invariant: "thrown" };
    }
  }
  return total;
}

function targetOf(name: string): TargetCase {
  const found = targets.find((target) => target.name === name);
  if (found === undefined) throw new Error(`there is no target ${name}`);
  return found;
}

function say(answer: object): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
