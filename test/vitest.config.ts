import { defineConfig } from "vitest/config";
import { doctest } from "./doctest/plugin.ts";
import { LongestFirst } from "./longest-first.ts";
import { summary } from "./summary.ts";

export default defineConfig({
  root: `${import.meta.dirname}/..`,
  // Tests run the sources of the workspace packages. `resolve.conditions` would not reach code that runs in Node.
  ssr: { resolve: { conditions: ["espalier-source", "module", "node", "development|production"] } },
  test: {
    pool: "forks",
    // Vitest would leave one processor alone, which is half of two.
    maxWorkers: "100%",
    // No test waits for time to pass; on a busy machine a good one may still be slow.
    testTimeout: 30_000,
    sequence: { sequencer: LongestFirst },
    silent: "passed-only",
    reporters: ["default", summary()],
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          setupFiles: [`${import.meta.dirname}/property-seed.ts`],
          include: ["test/**/*.test.ts", "packages/*/test/**/*.test.ts"],
          exclude: ["test/bench/**", "**/node_modules/**"],
          expect: { requireAssertions: true },
        },
      },
      {
        extends: true,
        plugins: [doctest()],
        test: {
          name: "docs",
          include: ["README.md", "packages/*/README.md", "packages/*/docs/*.md"],
        },
      },
    ],
  },
});
