import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Scenario, ScenarioFile } from "./scenario.ts";

/** The traces that were recorded from Erlang/OTP 25. */
export const recordedTraces: string = join(import.meta.dirname, "traces");

/** The scenario files among these files and folders, in order of their names. */
export function scenarioFiles(paths: readonly string[]): readonly string[] {
  return paths.flatMap((path) => {
    // What is not there fails like any file that cannot be played: by its name, and beside the others.
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return [path];
    const names = readdirSync(path).filter((name) => name.endsWith(".json"));
    return names.toSorted().map((name) => join(path, name));
  });
}

/** A scenario with the trace that was recorded of it, if there is one; the file may also hold nothing but a scenario. */
export function readScenarioFile(path: string): ScenarioFile {
  const content = JSON.parse(readFileSync(path, "utf8")) as ScenarioFile | Scenario;
  return "scenario" in content ? content : { scenario: content };
}
