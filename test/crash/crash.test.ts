import { crashTest } from "@espalier/crash-testing/vitest";
import { targets } from "../mutants/targets.ts";

/** How long each is searched, in milliseconds, unless `CRASH_TIME` says otherwise. */
const SEARCH_MS = 1500;

// The project's own servers and trees, under the same test that its users write.
for (const { name, target, invariants, peers } of targets) {
  crashTest(name, target, { invariants, peers, timeMs: SEARCH_MS });
}
