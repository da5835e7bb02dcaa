import type { System } from "@espalier/actors";
import * as fc from "fast-check";
import { type Invariant, type RunView, standard } from "../../kit.ts";
import { nobodyCrashesUnasked } from "../crash-law.ts";
import { Operations, operationsEnd } from "../operations.ts";
import type { TargetCase } from "../target-case.ts";
import { lookAround, type Scene, Stage } from "./stage.ts";

/** What was played in a run. */
class Theatre extends Operations {
  #played = 0;

  next(): number {
    this.#played += 1;
    return this.#played;
  }
}

/** The run that a system is in. */
const runOf = new WeakMap<System, RunView>();

const scenesComeTrue: Invariant = {
  id: "T38-scenes",
  says: "what the docs say of listeners, connections and clients comes true, line by line",
  watch: (run) => {
    runOf.set(run.system, run);
    return { quiet: () => lookAround(run) };
  },
};

/** A system in which scenes are played: each is an operation, and brings its own server and visitors. */
export function theatre(name: string, scenes: Readonly<Record<string, Scene>>): TargetCase {
  const operations = Object.entries(scenes).map(([title, scene]) => {
    const perform: NonNullable<TargetCase["target"]["operations"]>[string] = (handle, surroundings) =>
      (handle as Theatre).perform((self) => {
        const { system, transport, tls, clientTls } = surroundings;
        const house = { system, transport, tls, clientTls };
        return new Stage(runOf.get(system) as RunView, house, title, self.next()).play(scene);
      });
    return [title, perform] as const;
  });
  return {
    name,
    target: {
      start: () => new Theatre(),
      operations: Object.fromEntries(operations),
      knobs: {},
    },
    // Its listeners come and go, and the sockets of visitors are nobody's.
    invariants: [
      nobodyCrashesUnasked,
      ...standard().filter(({ id }) => id !== "I8-probe" && id !== "I9-owner"),
      operationsEnd,
      scenesComeTrue,
    ],
    peers: fc.constant([]),
  };
}
