import type { Reporter, TestModule, Vitest } from "vitest/node";

/**
 * Ends a run with `N passed, N failed, N skipped`, alone on its line.
 *
 * What keeps tests from running counts as one failure each: a file that does not load, a hook that throws, an error
 * outside of every test. So the line never says `0 failed` of a run that failed.
 */
export function summary(): Reporter {
  let vitest: Vitest | undefined;
  return {
    onInit(instance) {
      vitest = instance;
      instance.logger.log(`Node ${process.version}`);
    },
    onTestRunEnd(modules, unhandledErrors) {
      const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
      for (const module of modules) count(module, counts);
      vitest?.logger.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
    },
  };
}

function count(module: TestModule, counts: { passed: number; failed: number; skipped: number }): void {
  for (const suite of [module, ...module.children.allSuites()]) {
    if (suite.errors().length > 0) counts.failed += 1;
  }
  for (const test of module.children.allTests()) {
    const { state } = test.result();
    // A test is left pending when the run was interrupted before its turn.
    counts[state === "pending" ? "skipped" : state] += 1;
  }
}
