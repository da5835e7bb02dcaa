import type { ActorRef, System } from "@espalier/actors";
import {
  child,
  type ChildSpec,
  countChildren,
  defineDynamicSupervisor,
  defineSupervisor,
  deleteChild,
  restartChild,
  type Restart,
  type Shutdown,
  startChild,
  startDynamicChild,
  type Strategy,
  terminateChild,
  whichChildren,
} from "@espalier/supervisor";
import { arbPeers, type Invariant, standard } from "../kit.ts";
import { Operations, operationsEnd } from "./operations.ts";
import type { TargetCase } from "./target-case.ts";
import { treeLaws } from "./tree-laws.ts";
import {
  asker,
  type Balance,
  type Job,
  jobber,
  laggard,
  linker,
  phases,
  selector,
  teller,
  timekeeper,
  watcher,
  type Work,
} from "./workers.ts";
import { nobodyCrashesUnasked } from "./crash-law.ts";

interface Knobs {
  readonly strategy: Strategy;
  readonly restart: Restart;
  readonly jobs: Restart;
  readonly intensity: number;
  readonly periodMs: number;
  readonly shutdown: Shutdown;
  readonly backoff: boolean;
}

class Tree extends Operations {
  readonly system: System;

  constructor(system: System) {
    super();
    this.system = system;
  }
}

const WORKERS: ReadonlySet<string> = new Set([
  "teller",
  "asker",
  "watcher",
  "linker",
  "timekeeper",
  "laggard",
  "selector",
  "phases",
]);

/** What was begun has come to an end, once all is over. */
const balancesAreEven: Invariant = {
  id: "T3-balance",
  says: "each request is answered and each timer fires, unless it was taken back",
  watch: (run) => ({
    after(phase) {
      if (phase !== "healed" || run.isEnding || run.world.signalsInFlight > 0) return;
      for (const { path, state, status } of run.system.inspect().processes) {
        if (!/\/(asker|timekeeper)$/.test(path) || status !== "waiting") continue;
        const { begun, ended } = state as Balance;
        if (begun !== ended)
          run.violate("T3-balance", `of ${begun} that ${path} has begun, ${ended} have come to an end`);
      }
    },
  }),
};

/** Who watches the teller watches the one that lives, and the linker has its helper. */
const helpersAreThere: Invariant = {
  id: "T4-helpers",
  says: "once all is over, the watcher watches the living teller, the linker has its helper, and machines rest",
  watch: (run) => ({
    after(phase) {
      if (phase !== "healed" || run.isEnding || run.world.signalsInFlight > 0) return;
      const { processes, names } = run.system.inspect();
      const named = names.get("teller");
      for (const { path, state, monitors, pid } of processes) {
        if (path.endsWith("/watcher") && named !== undefined) {
          const { target } = state as { target: unknown };
          const isWatching = monitors.includes(named);
          if (target !== named || !isWatching) run.violate("T4-helpers", `${path} does not watch the teller`);
        }
        if (path.endsWith("/linker") && !processes.some(({ parent }) => parent === pid)) {
          run.violate("T4-helpers", `${path} has no helper`);
        }
        if (path.endsWith("/phases") && (state as { value: unknown }).value !== "waiting") {
          run.violate("T4-helpers", `${path} does not rest`);
        }
      }
    },
  }),
};

/** A supervision tree of workers with names, links, monitors, timers and calls. */
export const tree: TargetCase<Knobs> = {
  name: "tree",
  target: {
    async start({ system, knobs }) {
      const { strategy, restart, jobs, intensity, periodMs, shutdown, backoff } = knobs;
      const flags = { intensity, periodMs, ...(backoff && { backoff: { initialMs: 20, maxMs: 200, jitter: 0 } }) };
      const worker = (id: string, spec: Omit<ChildSpec, "id">): ChildSpec => ({ id, shutdown, ...spec });
      // Some jobs have to be killed.
      const jobTime = shutdown === "infinity" ? 500 : shutdown;
      const jobSupervisor = defineDynamicSupervisor<Job>({
        ...flags,
        child: {
          start: (job) => (job === "stubborn" ? child(laggard) : child(jobber, job)),
          restart: jobs,
          shutdown: jobTime,
        },
      });
      const group = defineSupervisor(
        {
          ...flags,
          strategy,
          children: [
            worker("teller", { start: child(teller, undefined, { name: "teller" }) }),
            worker("watcher", { start: child(watcher) }),
            worker("asker", { start: child(asker), restart }),
            { id: "laggard", start: child(laggard), shutdown: shutdown === "brutalKill" ? shutdown : 50 },
            worker("phases", { start: child(phases, undefined, { name: "phases" }) }),
          ],
        },
        { name: "group" },
      );
      const root = defineSupervisor(
        {
          strategy,
          intensity,
          periodMs,
          children: [
            worker("linker", { start: child(linker) }),
            { id: "group", start: child(group, undefined, { name: "group" }) },
            worker("timekeeper", { start: child(timekeeper), restart }),
            worker("selector", { start: child(selector) }),
            { id: "jobs", start: child(jobSupervisor, undefined, { name: "jobs" }) },
          ],
        },
        { name: "root" },
      );
      const started = await system.start(root, undefined, { id: "root", name: "root" });
      if (!started.ok) throw new Error("the tree does not start");
      return new Tree(system);
    },
    port: () => 1,
    operations: {
      work: (handle) => tellAll(asTree(handle).system, 1),
      burst: (handle) => tellAll(asTree(handle).system, 7),
      jobs: (handle) =>
        asTree(handle).perform(async ({ system }) => {
          const supervisor = system.whereis("jobs");
          if (supervisor === undefined) return;
          for (const job of ["normal", "crash", "lasting", "shutdown", "refused", "stubborn"] as const) {
            await startDynamicChild(system, supervisor, job);
          }
        }),
      stopJobs: (handle) =>
        asTree(handle).perform(async ({ system }) => {
          for (const { child: pid } of await whichChildren(system, "jobs")) {
            if (typeof pid === "object") await terminateChild(system, "jobs", pid);
          }
        }),
      replace: (handle) =>
        asTree(handle).perform(async ({ system }) => {
          await terminateChild(system, "group", "asker");
          await restartChild(system, "group", "asker");
        }),
      add: (handle) =>
        asTree(handle).perform(async ({ system }) => {
          await startChild(system, "group", { id: "extra", start: child(asker), restart: "transient" });
          await countChildren(system, "group");
        }),
      remove: (handle) =>
        asTree(handle).perform(async ({ system }) => {
          await terminateChild(system, "group", "extra");
          await deleteChild(system, "group", "extra");
        }),
    },
    knobs: {
      strategy: ["oneForOne", "restForOne", "oneForAll"],
      restart: ["permanent", "transient", "temporary"],
      jobs: ["transient", "temporary", "permanent"],
      intensity: [5, 1, 0, 20],
      periodMs: [5000, 1000, 2000],
      shutdown: [1000, 20, "brutalKill", "infinity"],
      backoff: [false, true],
    },
  },
  // There is nothing to connect to.
  invariants: [
    nobodyCrashesUnasked,
    ...standard().filter(({ id }) => id !== "I8-probe"),
    balancesAreEven,
    helpersAreThere,
    operationsEnd,
    ...treeLaws,
  ],
  peers: arbPeers({ maxPeers: 1, maxOps: 0 }),
};

function asTree(handle: unknown): Tree {
  return handle as Tree;
}

function tellAll(system: System, times: number): void {
  for (const { path, pid } of system.inspect().processes) {
    if (!WORKERS.has(path.slice(path.lastIndexOf("/") + 1))) continue;
    for (let number = 1; number <= times; number += 1) system.send(pid as ActorRef<Work>, { type: "work", number });
  }
}
