import { basename } from "node:path";
import { describe, expect, test } from "vitest";
import { compareTraces } from "./compare.ts";
import { readScenarioFile, recordedTraces, scenarioFiles } from "./files.ts";
import { play } from "./play.ts";

/** Recorded from Erlang/OTP 25; see `scenario.ts` for the format. */
describe("does what Erlang/OTP does", () => {
  test.each(scenarioFiles([recordedTraces]).map((file) => [basename(file, ".json"), file]))(
    "%s",
    async (_name, file) => {
      const { scenario, trace } = readScenarioFile(file);
      if (trace === undefined) throw new Error(`${file} holds no trace`);
      expect(compareTraces(trace, await play(scenario)).map(({ text }) => text)).toEqual([]);
    },
  );
});
