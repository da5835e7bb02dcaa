import { execFile } from "node:child_process";
import process from "node:process";
import { decodePlan, type Kind } from "./kit.ts";
import type { Finding, Found, Job, SearchJob, StatechartFinding } from "./job.ts";

/** What a start, and the shrinking of what was found, may take beside the search itself. */
const PATIENCE_MS = 30_000;

/** Searches in a process of its own. Seeds for which it had no answer, since it hung or crashed, have `thrown`. */
export async function searchFor(program: string, job: SearchJob): Promise<readonly Finding[]> {
  const limitMs = job.seeds.length * (job.timeMs + PATIENCE_MS);
  const { answers, problem } = await perform(program, job, limitMs);
  const findings = answers as readonly Finding[];
  return job.seeds.map((seed) => {
    const answer = findings.find((finding) => finding.seed === seed);
    return answer ?? { seed, runs: 0, steps: 0, ms: job.timeMs, thrown: problem ?? "no answer" };
  });
}

/** Whether each finding is met again in a fresh process, by nothing but its line. */
export async function replays(program: string, found: readonly Found[]): Promise<readonly boolean[]> {
  const outcomes: boolean[] = [];
  for (const { target, line, invariant } of found) {
    const { answers } = await perform(program, { target, replay: line }, PATIENCE_MS);
    const [answer] = answers as ReadonlyArray<{ readonly invariant?: string }>;
    outcomes.push(answer?.invariant === invariant);
  }
  return outcomes;
}

/** Kinds of deviations that cannot be had on real sockets. */
const SIMULATED_ONLY: ReadonlySet<Kind> = new Set(["delay", "bind"]);
/** Laws about what clients see; others look at times and quiet points, which are of the simulation. */
const SEEN_BY_CLIENTS: ReadonlySet<string> = new Set(["I8-probe", "I15-model"]);

/** Of the findings that clients see and that can be had on real sockets: whether each is met there, too. */
export async function replaysOnSockets(program: string, found: readonly Found[]): Promise<readonly boolean[]> {
  const outcomes: boolean[] = [];
  for (const { target, line, invariant } of found) {
    if (!SEEN_BY_CLIENTS.has(invariant)) continue;
    if (decodePlan(line).deviations.some(({ kind }) => SIMULATED_ONLY.has(kind))) continue;
    const { answers } = await perform(program, { target, replay: line, onSockets: true }, PATIENCE_MS);
    const [answer] = answers as ReadonlyArray<{ readonly invariant?: string }>;
    outcomes.push(answer?.invariant === invariant);
  }
  return outcomes;
}

/** The mutants of the statechart of the echo server, each searched for. */
export async function searchStatecharts(
  program: string,
  timeMs: number,
  seeds: readonly number[],
): Promise<readonly StatechartFinding[]> {
  const limitMs = 200 * seeds.length * timeMs + PATIENCE_MS;
  const { answers } = await perform(program, { statechart: "echo", seeds, timeMs }, limitMs);
  return answers as readonly StatechartFinding[];
}

interface Performed {
  /** Its lines of JSON. */
  readonly answers: readonly unknown[];
  readonly problem: string | undefined;
}

async function perform(program: string, job: Job, limitMs: number): Promise<Performed> {
  return new Promise((resolve) => {
    const options = { timeout: limitMs, killSignal: "SIGKILL", maxBuffer: 2 ** 26 } as const;
    execFile(process.execPath, [program, JSON.stringify(job)], options, (error, stdout, stderr) => {
      const answers = stdout.split("\n").flatMap((line) => (line.startsWith("{") ? [JSON.parse(line) as unknown] : []));
      resolve({ answers, problem: error === null ? undefined : stderr.trim().slice(-2000) || error.message });
    });
  });
}
