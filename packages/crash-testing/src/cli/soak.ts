import { plural } from "../describe-plan.ts";
import { elapsed } from "../wall-clock.ts";
import type { SoakCommand } from "./command-line.ts";
import { type VitestResult, VitestProcess } from "./vitest-process.ts";

/** For so long a crash test searches with one seed at most, in seconds; then the next begins with nothing in its memory. */
const MOST_S = 60;
/** For so long it does at least. */
const LEAST_S = 1;

/** Where lines for people go. */
export type Print = (text: string) => void;

/** Runs crash tests with one seed after the other. Answers the exit code. */
export async function soak(command: SoakCommand, freshSeed: () => number, print: Print): Promise<number> {
  return new Soak(command, command.seed ?? freshSeed(), print).perform();
}

class Soak {
  readonly #command: SoakCommand;
  readonly #print: Print;
  readonly #start = elapsed();
  #seed: number;
  #seeds = 0;
  /** How many crash tests there are, as soon as a round has told. */
  #tests: number | undefined;
  #runs = 0;
  #exit: number | undefined;

  constructor(command: SoakCommand, seed: number, print: Print) {
    this.#command = command;
    this.#seed = seed;
    this.#print = print;
  }

  async perform(): Promise<number> {
    await Promise.all(Array.from({ length: this.#command.workers }, () => this.#work()));
    if (this.#exit !== undefined) return this.#exit;
    this.#print(`nothing found in ${plural(this.#runs, "run")} with ${plural(this.#seeds, "seed")}`);
    return 0;
  }

  get #secondsLeft(): number {
    return (this.#command.ms - (elapsed() - this.#start)) / 1000;
  }

  /** What each crash test has of the next round: they take their turns, and all of them are to have had theirs in time. */
  get #secondsForEach(): number {
    if (this.#tests === undefined) return LEAST_S;
    return Math.min(MOST_S, Math.max(LEAST_S, this.#secondsLeft / this.#tests));
  }

  async #work(): Promise<void> {
    // Whoever has begun has at least one round.
    do {
      const seed = this.#seed;
      this.#seed += 1;
      const variables = { CRASH_SEED: String(seed), CRASH_TIME: String(this.#secondsForEach) };
      const result = await new VitestProcess([...this.#command.files, ...this.#command.rest], variables).ended;
      // Those that were stopped have nothing to say.
      if (this.#exit === undefined) this.#hear(seed, result);
    } while (this.#exit === undefined && this.#secondsLeft > 0);
  }

  #hear(seed: number, { code, output, entries }: VitestResult): void {
    const found = entries.filter(({ invariant }) => invariant !== undefined);
    const runs = entries.reduce((sum, entry) => sum + entry.runs, 0);
    this.#runs += runs;
    this.#seeds += 1;
    if (code === 0 && entries.length > 0) {
      this.#tests = entries.length;
      this.#print(`seed ${seed}: nothing found in ${plural(runs, "run")}`);
      return;
    }
    this.#print(output);
    if (found.length > 0) this.#print(`seed ${seed}: found ${found.map(({ invariant }) => invariant).join(", ")}`);
    else if (code === 0) this.#print("no crash test has run");
    else this.#print(`seed ${seed}: the tests fail, and no crash test has found anything`);
    this.#exit = found.length > 0 ? 1 : 2;
    VitestProcess.stopAll();
  }
}
