import { BaseSequencer, type TestSpecification } from "vitest/node";

/** What takes longest to run, and is short to read. */
const LONGEST: readonly string[] = [
  "packages/actors/test/machine-equality.test.ts",
  "test/crash/crash.test.ts",
  "packages/crash-testing/test/vitest/crash-test.test.ts",
  "packages/sockets/test/leak.test.ts",
  "packages/actors/test/machine-mutants.test.ts",
  "packages/crash-testing/test/cli.test.ts",
];

/**
 * In a fresh clone vitest begins with the largest files, since it does not know yet how long each takes. Ours that take
 * longest are small, and at the end one processor would wait for another.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- this one is vitest's own, which answers a new list
    const known = await super.sort(files);
    return known.toSorted((one, other) => rank(one) - rank(other));
  }
}

function rank({ moduleId }: TestSpecification): number {
  const place = LONGEST.findIndex((file) => moduleId.endsWith(`/${file}`));
  return place === -1 ? LONGEST.length : place;
}
