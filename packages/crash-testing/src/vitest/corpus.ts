import { createHash } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { decodePlan, encodePlan } from "../codec.ts";
import { PlanTextError } from "../errors.ts";
import type { Plan } from "../plan.ts";

/** So much of a name is in that of its file: file systems take some 250. */
const MOST_CHARACTERS = 150;

/**
 * The plans that have found something before: one line each, in a file of its own for each test, to be committed. Names that
 * differ in nothing but ASCII punctuation and case share one.
 */
export class Corpus {
  readonly path: string;

  /** @param directory - that of the test file */
  constructor(directory: string, name: string) {
    const pathOf = (file: string): string => join(directory, ".crash", `${file}.plans`);
    const readable = name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
    const plain = pathOf(readable);
    // What of a name is not to be read in that of its file is in a hash. What was found before there were such is still there.
    const isWhole = /^\p{ASCII}*$/u.test(name) && readable.length <= MOST_CHARACTERS;
    const hash = createHash("sha256").update(name).digest("hex").slice(0, 8);
    this.path = isWhole || existsSync(plain) ? plain : pathOf(`${readable.slice(0, MOST_CHARACTERS)}-${hash}`);
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
