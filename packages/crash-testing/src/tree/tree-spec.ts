import type { Restart, Shutdown } from "@espalier/supervisor";
import type { Ending, ModelFlags, PoolFlags } from "./supervisor-rules.ts";

/** How a start turns out, unless something crashes it. */
export type StartOutcome = "ok" | "ignore" | "fail";

/** That an actor ends by itself: so many milliseconds after its start, in this way. */
export interface OwnEnd {
  readonly afterMs: number;
  readonly ending: Exclude<Ending, "killed">;
}

interface CommonSpec {
  /** Names it among its siblings, and is the last part of its path. */
  readonly id: string;
  readonly restart: Restart;
  readonly shutdown: Shutdown;
  readonly significant: boolean;
}

/** A worker of a tree, as plain data. It looks for others by their names, and so takes part in no secret state. */
export interface TreeWorker extends CommonSpec {
  readonly type: "worker";
  /** How the starts of its incarnations turn out, one after the other; those that are not listed go well. */
  readonly outcomes: readonly StartOutcome[];
  /** How its incarnations end by themselves; those that are not listed do not. */
  readonly ends: readonly (OwnEnd | null)[];
  /** So long its start takes, in milliseconds. */
  readonly startMs: number;
  readonly trapsExits: boolean;
  /** So long it takes to clean up, in milliseconds; only who traps exits cleans up when told to end. */
  readonly cleanupMs: number;
  /** The name that it registers; a start that finds it taken fails. Null: it has none. */
  readonly name: string | null;
  /** Names of workers that it links to with each of its beats, if somebody has them. */
  readonly links: readonly string[];
  /** The same for monitors. */
  readonly monitors: readonly string[];
  /** So often it does something: looks for the others, and sends them a message. */
  readonly beats: number;
  /** The time between two beats, in milliseconds. */
  readonly everyMs: number;
}

/** A supervisor with static children. */
export interface TreeSupervisor extends CommonSpec {
  readonly type: "supervisor";
  readonly flags: ModelFlags;
  /** In start order. */
  readonly children: readonly TreeSpec[];
}

/** A dynamic supervisor, and the children that it is given when the tree has started. */
export interface TreePool extends CommonSpec {
  readonly type: "pool";
  readonly flags: PoolFlags;
  /** The id counts for nothing: children are numbered. */
  readonly child: TreeWorker;
  readonly size: number;
}

export type TreeSpec = TreeWorker | TreeSupervisor | TreePool;

/** The pools of a tree with their paths. */
export function poolsOf(spec: TreeSpec, path: string = spec.id): ReadonlyArray<readonly [string, TreePool]> {
  switch (spec.type) {
    case "worker":
      return [];
    case "pool":
      return [[path, spec]];
    case "supervisor":
      return spec.children.flatMap((child) => poolsOf(child, `${path}/${child.id}`));
  }
}
