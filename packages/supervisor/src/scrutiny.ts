import { closestName, describeValue } from "@espalier/actors";
import type { SupervisorIssue } from "./errors.ts";

/** Checks the fields of one object that was handed in, and notes each that is wrong, so that all are reported at once. */
export class Scrutiny<Problem extends string> {
  readonly #issues: Array<SupervisorIssue<Problem | "misspelt">>;
  readonly #prefix: string;
  readonly #owner: string | undefined;

  /**
   * @param issues - to which each fault is added
   * @param prefix - what the paths of its fields begin with
   * @param owner - whose fields they are, as messages have it; absent: messages name them by their paths
   */
  constructor(issues: Array<SupervisorIssue<Problem | "misspelt">>, prefix: string, owner?: string) {
    this.#issues = issues;
    this.#prefix = prefix;
    this.#owner = owner;
  }

  /** @returns isRight */
  check(problem: Problem, field: string, value: unknown, isRight: boolean, expected: string): boolean {
    if (!isRight) this.#note(problem, field, value, `is ${describeValue(value)}; expected ${expected}`);
    return isRight;
  }

  /** Keys that are like none of the known ones are somebody else's, as in OTP; one that is nearly like one is that, misspelt. */
  checkKeys(given: object, known: readonly string[]): void {
    const missing = known.filter((key) => !Object.hasOwn(given, key));
    for (const [key, value] of Object.entries(given)) {
      const meant = known.includes(key) ? undefined : closestName(key, missing);
      if (meant !== undefined) this.#note("misspelt", key, value, `is not known; did you mean ${meant}?`);
    }
  }

  #note(problem: Problem | "misspelt", field: string, value: unknown, fault: string): void {
    const path = this.#prefix + field;
    const message = `${this.#owner === undefined ? path : `${field} of ${this.#owner}`} ${fault}`;
    this.#issues.push({ problem, path, value, message });
  }
}
