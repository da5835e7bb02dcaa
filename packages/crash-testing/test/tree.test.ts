import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Kind } from "../src/deviation.ts";
import type { Invariant } from "../src/invariant.ts";
import { standard } from "../src/invariants/standard.ts";
import { search, type SearchResult } from "../src/search.ts";
import type { Target } from "../src/target.ts";
import { arbTree, type TreeOptions } from "../src/tree/tree-arbitrary.ts";
import { buildTree } from "../src/tree/build-tree.ts";
import { obeysOtp } from "../src/tree/obeys-otp.ts";
import type { TreeSpec, TreeSupervisor, TreeWorker } from "../src/tree/tree-spec.ts";

/** More for a long night: `TREE_COUNT=10000`. */
const TREES = Number(process.env.TREE_COUNT ?? 8);
const RUNS = 40;
const TIME_MS = 20_000 + TREES * 1000;

/** Nobody serves clients. */
const laws = standard().filter(({ id }) => id !== "I8-probe");
/** So long things may go wrong: the only client finds nobody. */
const peers = fc.constant([{ at: 500, host: "10.0.0.1", ops: [] }]);

function searchIn(target: Target, invariants: readonly Invariant[], without: readonly Kind[], runs = RUNS) {
  return search({ target, invariants, peers, runs, timeMs: Infinity, without });
}

async function survive(all: readonly TreeSupervisor[], without: readonly Kind[]): Promise<number> {
  let injected = 0;
  for (const tree of all) {
    const result = await searchIn(buildTree(tree), [obeysOtp(tree), ...laws], without);
    expect({ tree: result.found && JSON.stringify(tree), found: result.found }).toEqual({});
    injected += result.injected;
  }
  return injected;
}

function flat(spec: TreeSpec): readonly TreeSpec[] {
  if (spec.type === "supervisor") return [spec, ...spec.children.flatMap(flat)];
  return spec.type === "pool" ? [spec, spec.child] : [spec];
}

function depthOf(spec: TreeSpec): number {
  if (spec.type === "worker") return 0;
  return 1 + (spec.type === "pool" ? 0 : Math.max(...spec.children.map(depthOf)));
}

function trees(options: TreeOptions, numRuns: number): readonly TreeSupervisor[] {
  return fc.sample(arbTree(options), { seed: 1, numRuns });
}

describe("random trees", () => {
  test("have everything that supervisors and workers can have", () => {
    const all = trees({}, 300).flatMap(flat);
    const supervisors = all.filter((spec) => spec.type !== "worker");
    const workers = all.filter((spec) => spec.type === "worker");
    expect(new Set(supervisors.map(({ flags }) => flags.strategy)).size).toBe(4);
    expect(new Set(supervisors.map(({ flags }) => flags.autoShutdown)).size).toBe(3);
    expect(new Set(all.map(({ restart }) => restart)).size).toBe(3);
    expect(new Set(workers.map(({ shutdown }) => shutdown)).size).toBe(4);
    for (const has of [
      ({ significant }: TreeWorker) => significant,
      ({ trapsExits }: TreeWorker) => trapsExits,
      ({ cleanupMs }: TreeWorker) => cleanupMs > 0,
      ({ startMs }: TreeWorker) => startMs > 0,
      ({ name }: TreeWorker) => name !== null,
      ({ links }: TreeWorker) => links.length > 0,
      ({ monitors }: TreeWorker) => monitors.length > 0,
      ({ outcomes }: TreeWorker) => outcomes.includes("fail"),
      ({ outcomes }: TreeWorker) => outcomes.includes("ignore"),
      ({ ends }: TreeWorker) => ends.some((end) => end !== null),
    ]) {
      expect(workers.some(has)).toBe(true);
      expect(workers.every(has)).toBe(false);
    }
  });

  test("keep to the options", () => {
    const options: TreeOptions = {
      depth: 2,
      maxChildren: 2,
      strategies: ["restForOne"],
      restartTypes: ["transient"],
      shutdowns: ["brutalKill"],
      failingStarts: false,
      ownEnds: false,
      relations: false,
    };
    const all = trees(options, 100);
    expect(Math.max(...all.map(depthOf))).toBe(2);
    const specs = all.flatMap(flat);
    expect(specs.every(({ restart }) => restart === "transient")).toBe(true);
    const supervisors = specs.filter((spec) => spec.type === "supervisor");
    expect(supervisors.every(({ flags }) => flags.strategy === "restForOne")).toBe(true);
    expect(Math.max(...supervisors.map(({ children }) => children.length))).toBe(2);
    expect(specs.every(({ type }) => type !== "pool")).toBe(true);
    for (const spec of specs.filter(({ type }) => type === "worker")) {
      expect(spec).toMatchObject({ shutdown: "brutalKill", outcomes: [], ends: [], name: null, links: [] });
    }
  });

  test("do what OTP's rules say, whoever is crashed at whatever he does", { timeout: TIME_MS }, async () => {
    const crashesOnly: Kind[] = ["delay", "timer"];
    const injected = await survive(trees({}, TREES), crashesOnly);
    expect(injected).toBeGreaterThan(TREES * 3);
  });

  test("do so also if signals and timers are late", { timeout: TIME_MS }, async () => {
    const injected = await survive(trees({ depth: 2 }, TREES), []);
    expect(injected).toBeGreaterThan(TREES * 3);
  });
});

function worker(id: string, differs: Partial<TreeWorker> = {}): TreeWorker {
  return {
    type: "worker",
    id,
    restart: "permanent",
    shutdown: 5000,
    significant: false,
    outcomes: [],
    ends: [],
    startMs: 0,
    trapsExits: false,
    cleanupMs: 0,
    name: null,
    links: [],
    monitors: [],
    beats: 3,
    everyMs: 5,
    ...differs,
  };
}

const plain: TreeSupervisor = {
  type: "supervisor",
  id: "root",
  restart: "permanent",
  shutdown: "infinity",
  significant: false,
  flags: { strategy: "oneForOne", intensity: 2, periodMs: 2000, autoShutdown: "never" },
  children: [worker("a"), worker("b", { restart: "transient" }), worker("c", { trapsExits: true, cleanupMs: 700 })],
};

function withFlags(flags: Partial<TreeSupervisor["flags"]>): TreeSupervisor {
  return { ...plain, flags: { ...plain.flags, ...flags } };
}

function withChild(index: number, differs: Partial<TreeWorker>): TreeSupervisor {
  return { ...plain, children: plain.children.map((one, at) => (at === index ? worker(one.id, differs) : one)) };
}

/** A tree that is not built as the law has it. */
function mistaken(built: TreeSupervisor, law: TreeSupervisor, runs = 2000): Promise<SearchResult> {
  return searchIn(buildTree(built), [obeysOtp(law)], ["delay", "timer"], runs);
}

describe("the law of trees", { timeout: TIME_MS }, () => {
  test("finds nothing where there is nothing", async () => {
    const { found } = await mistaken(plain, plain, 200);
    expect(found).toBeUndefined();
  });

  test.each<[string, TreeSupervisor, RegExp]>([
    ["another strategy", withFlags({ strategy: "oneForAll" }), /root#1 /],
    ["a strategy for those behind", withFlags({ strategy: "restForOne" }), /root#1 /],
    ["fewer restarts", withFlags({ intensity: 1 }), /root#1 /],
    ["more restarts", withFlags({ intensity: 3 }), /root#1 /],
    ["a longer period", withFlags({ intensity: 0, periodMs: 1000 }), /root#1 /],
    ["a temporary child", withChild(0, { restart: "temporary" }), /root#1 /],
    ["a kill instead of an end", withChild(0, { shutdown: "brutalKill" }), /kills root\/a#\d before its time/],
    ["an end in its own time", withChild(2, { trapsExits: true, cleanupMs: 700, shutdown: 500 }), /kills root\/c#\d/],
    ["another order", { ...plain, children: plain.children.toReversed() }, /starts root\/c#1 when it was to start a#1/],
    ["a child that ends by itself", withChild(0, { ends: [{ afterMs: 5, ending: "normal" }] }), /root\/a#1 ends/],
    ["a child that does not start", withChild(0, { outcomes: ["fail"] }), /root\/a#1 ends/],
  ])("finds %s", async (_what, built, says) => {
    const { found } = await mistaken(built, plain);
    expect(found?.failure.invariant).toBe("I19-otp");
    expect(found?.failure.message).toMatch(says);
    expect(found?.plan.deviations.length).toBeLessThanOrEqual(3);
  });
});
