import type { System } from "@espalier/actors";
import * as fc from "fast-check";
import { arbTree, buildTree, type Invariant, obeysOtp, standard, type TreeSupervisor, type Watched } from "../kit.ts";
import type { TargetCase } from "./target-case.ts";

interface Knobs {
  readonly tree: TreeSupervisor;
}

type Operations = NonNullable<TargetCase["target"]["operations"]>;

/** Some of its workers do not come up again and again. */
function isAiling({ children }: TreeSupervisor): boolean {
  return children.some((spec) => spec.type === "worker" && spec.outcomes.filter((one) => one === "fail").length > 1);
}

/** Each of them is another supervision tree: small ones, some of them with much to do, and then larger ones. */
const TREES: readonly TreeSupervisor[] = [
  ...fc.sample(arbTree({ depth: 1 }).filter(isAiling), { seed: 1, numRuns: 60 }),
  ...fc.sample(arbTree({ depth: 1 }), { seed: 2, numRuns: 30 }),
  ...fc.sample(arbTree({ depth: 2 }), { seed: 3, numRuns: 30 }),
];
/** So many things can be done to a tree, if it has them. */
const OPERATIONS = 8;

/** Which tree is in a system. The laws are there before it is, and are asked from its start on. */
const treeIn = new WeakMap<System, TreeSupervisor>();

/** Each supervisor does what OTP's rules say, whichever tree it is in. */
const treesObeyOtp: Invariant = {
  ...obeysOtp(TREES[0] as TreeSupervisor),
  watch: (run) => {
    const watches = new Map<TreeSupervisor, ReturnType<Invariant["watch"]>>();
    const present = () => {
      const tree = treeIn.get(run.system);
      if (tree === undefined) return undefined;
      const watch = watches.get(tree) ?? obeysOtp(tree).watch(run);
      watches.set(tree, watch);
      return watch;
    };
    const types = Object.keys(obeysOtp(TREES[0] as TreeSupervisor).watch(run).on ?? {});
    const show = (event: { readonly type: string }): void => {
      const handlers = (present()?.on ?? {}) as Readonly<Record<string, ((shown: object) => void) | undefined>>;
      handlers[event.type]?.(event);
    };
    return {
      on: Object.fromEntries(types.map((type) => [type, show])) as Watched,
      after: (phase) => present()?.after?.(phase),
    };
  },
};

/** What can be done to trees differs: it goes by number. */
function operations(): Operations {
  const all: Record<string, Operations[string]> = {};
  for (let index = 0; index < OPERATIONS; index += 1) {
    all[`operation ${index + 1}`] = (handle, surroundings) => {
      const tree = treeIn.get(surroundings.system);
      if (tree === undefined) return undefined;
      const [, operation] = Object.entries(buildTree(tree).operations ?? {})[index] ?? [];
      return operation?.(handle as never, surroundings);
    };
  }
  return all;
}

/** Supervision trees at random. */
export const trees: TargetCase<Knobs> = {
  name: "trees",
  target: {
    start(surroundings) {
      const { tree } = surroundings.knobs;
      treeIn.set(surroundings.system, tree);
      return buildTree(tree).start(surroundings);
    },
    port: () => 1,
    operations: operations(),
    knobs: { tree: TREES },
  },
  invariants: [treesObeyOtp, ...standard().filter(({ id }) => id !== "I8-probe")],
  // So long things may go wrong: the only client finds nobody.
  peers: fc.constant([{ at: 500, host: "10.0.0.1", ops: [] }]),
};
