import { appendFileSync } from "node:fs";

/** What a test has come to, for those who have started many of them. */
export interface Entry {
  readonly test: string;
  readonly runs: number;
  /** What was broken; absent: nothing. */
  readonly invariant?: string | undefined;
  /** The plan that broke it. */
  readonly line?: string | undefined;
  /** No actor has run the machine that the target was given; absent: one has, or nobody has looked. */
  readonly isUnused?: boolean;
  /** Which mutant was tried; absent: the machine itself. */
  readonly mutant?: string | undefined;
}

/** A file with a line of JSON for each thing that a test has come to: how `crash soak` and `crash mutate` hear of it. */
export class Journal {
  readonly #path: string | undefined;
  readonly #test: string;

  /** @param path - undefined: nobody reads it */
  constructor(path: string | undefined, test: string) {
    this.#path = path;
    this.#test = test;
  }

  write(entry: Omit<Entry, "test">): void {
    if (this.#path !== undefined) appendFileSync(this.#path, `${JSON.stringify({ test: this.#test, ...entry })}\n`);
  }
}
