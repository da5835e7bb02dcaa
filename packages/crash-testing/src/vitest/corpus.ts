import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { decodePlan, encodePlan } from "../codec.ts";
import { PlanTextError } from "../errors.ts";
import type { Plan } from "../plan.ts";

/** The plans that have found something before: one line each, in a file of its own for each test, to be committed. */
export class Corpus {
  readonly path: string;

  /** @param directory - that of the test file */
  constructor(directory: string, name: string) {
    const file = name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
    this.path = join(directory, ".crash", `${file}.plans`);
  }

  /** @throws PlanTextError (`ERR_PLAN_TEXT`) that says which line of the file is none */
  get plans(): readonly Plan[] {
    return [...this.#lines].flatMap(([number, line]) => {
      if (line === "" || line.startsWith("#")) return [];
      try {
        return [decodePlan(line)];
      } catch (cause) {
        if (!(cause instanceof PlanTextError)) throw cause;
        throw new PlanTextError(`${this.path}:${number + 1}: ${cause.message}`, { cause });
      }
    });
  }

  /** Adds a plan, unless it is there. */
  add(plan: Plan): void {
    const line = encodePlan(plan);
    if ([...this.#lines].some(([, known]) => known === line)) return;
    mkdirSync(dirname(this.path), { recursive: true });
    // Several may add at the same time, as `crash soak` has them do.
    appendFileSync(this.path, `${line}\n`);
  }

  get #lines(): IterableIterator<[number, string]> {
    return (existsSync(this.path) ? readFileSync(this.path, "utf8").split("\n") : []).entries();
  }
}
