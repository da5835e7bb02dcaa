import type { System } from "@espalier/actors";
import * as fc from "fast-check";
import { clauses as all } from "../clauses/clauses.ts";
import { type Clause, Stage } from "../clauses/stage.ts";
import { type Invariant, type Kind, type RunView, standard } from "../kit.ts";
import type { TargetCase } from "./target-case.ts";

class Theatre {
  readonly system: System;
  readonly stages: Stage[] = [];

  constructor(system: System) {
    this.system = system;
  }

  play(clause: Clause): Promise<void> {
    const stage = new Stage(this.system, clause, this.stages.length);
    this.stages.push(stage);
    return stage.perform();
  }
}

/** What can happen to actors. */
const KINDS: ReadonlySet<Kind> = new Set(["delay", "crash", "timer"]);

/** Something was out of the ordinary with those who play this scene. What others have met with is no excuse. */
function isDisturbed({ prefix }: Stage, { world }: RunView): boolean {
  return world.choices.deviations.some(({ kind, subject }) => KINDS.has(kind) && subject.includes(prefix));
}

const clausesHold: Invariant = {
  id: "T40-clauses",
  says: "what is promised is seen in each scene in which nothing is out of the ordinary",
  watch: (run) => ({
    after(phase) {
      if (phase !== "healed" || !(run.handle instanceof Theatre)) return;
      for (const stage of run.handle.stages) {
        const { clause, notes, isOver } = stage;
        // Where somebody has met with a fault, others may wait for ever for what he was to do.
        if (isDisturbed(stage, run) || (isOver && sameTexts(notes, clause.sees))) continue;
        const seen = `seen ${quote(notes)}${isOver ? "" : ", and it has not come to its end"}`;
        run.violate("T40-clauses", `${clause.says}: expected ${quote(clause.sees)}, ${seen}`);
      }
    },
  }),
};

function sameTexts(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((text, index) => text === other[index]);
}

function quote(texts: readonly string[]): string {
  return JSON.stringify(texts);
}

/** A scene for each promise of the semantics, which may be played at any time. */
export const clauses: TargetCase = {
  name: "clauses",
  target: {
    start: ({ system }) => new Theatre(system),
    operations: Object.fromEntries(
      all.map((clause) => [clause.says, (handle: unknown) => (handle as Theatre).play(clause)]),
    ),
  },
  invariants: [...standard().filter(({ id }) => id !== "I8-probe"), clausesHold],
  // There is nothing to connect to.
  peers: fc.constant([]),
};
