import type { System } from "@espalier/actors";
import {
  child,
  defineDynamicSupervisor,
  defineSupervisor,
  type Restart,
  type Shutdown,
  startChild,
  startDynamicChild,
} from "@espalier/supervisor";
import { arbPeers, standard } from "../kit.ts";
import { nobodyCrashesUnasked } from "./crash-law.ts";
import { Operations, operationsEnd } from "./operations.ts";
import type { TargetCase } from "./target-case.ts";
import { treeLaws } from "./tree-laws.ts";
import { type Job, jobber, laggard } from "./workers.ts";

interface Knobs {
  readonly restart: Restart;
  readonly shutdown: Shutdown;
}

class Starting extends Operations {
  readonly system: System;

  constructor(system: System) {
    super();
    this.system = system;
  }
}

/** Two supervisors, a static and a dynamic one, that are given their children while they run. */
export const starting: TargetCase<Knobs> = {
  name: "starting",
  target: {
    async start({ system, knobs: { restart, shutdown } }) {
      const jobs = defineDynamicSupervisor<Job>({
        child: { start: (job) => child(jobber, job), restart, shutdown },
      });
      const root = defineSupervisor(
        {
          children: [
            { id: "group", start: child(defineSupervisor({ children: [] }), undefined, { name: "group" }) },
            { id: "jobs", start: child(jobs, undefined, { name: "jobs" }) },
          ],
        },
        { name: "root" },
      );
      const started = await system.start(root, undefined, { id: "root", name: "root" });
      if (!started.ok) throw new Error("the tree does not start");
      return new Starting(system);
    },
    port: () => 1,
    operations: {
      job: (handle) =>
        asStarting(handle).perform(async ({ system }) => {
          const supervisor = system.whereis("jobs");
          if (supervisor !== undefined) await startDynamicChild(system, supervisor, "lasting");
        }),
      add: (handle) =>
        asStarting(handle).perform(({ system }) => startChild(system, "group", { id: "extra", start: child(laggard) })),
    },
    knobs: {
      restart: ["transient", "temporary", "permanent"],
      shutdown: [1000, "brutalKill", "infinity"],
    },
  },
  // There is nothing to connect to.
  invariants: [nobodyCrashesUnasked, ...standard().filter(({ id }) => id !== "I8-probe"), operationsEnd, ...treeLaws],
  peers: arbPeers({ maxPeers: 1, maxOps: 0 }),
};

function asStarting(handle: unknown): Starting {
  return handle as Starting;
}
