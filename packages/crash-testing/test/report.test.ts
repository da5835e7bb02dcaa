import * as fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { replaying } from "../src/choices.ts";
import { findCrash } from "../src/find-crash.ts";
import { standard } from "../src/invariants/standard.ts";
import type { Plan } from "../src/plan.ts";
import { explain } from "../src/report.ts";
import { run } from "../src/run.ts";
import { gameServer } from "./support/game-server.ts";
import { script } from "./support/targets.ts";

/** The same player twice: each time for three seconds, of 20 frames each. */
const plan: Plan = {
  peers: [script(0, "10.0.0.1", "JOIN ann\n"), script(4000, "10.0.0.2", "JOIN ann\n")],
  operations: [],
  deviations: [],
};

/** The lines of a part of the report, up to an empty one. */
function partOf(text: string, title: string): string[] {
  const [, part = ""] = text.split(new RegExp(`^ {2}${title}.*\\n`, "m"));
  const [lines = ""] = part.split("\n\n");
  return lines.split("\n").map((line) => line.trim());
}

describe("the report of a server that ticks", () => {
  let text = "";

  beforeAll(async () => {
    const invariants = standard();
    const { failure } = await run({ target: gameServer, plan, chooser: replaying([]), invariants });
    if (failure === undefined) throw new Error("nobody notices the fault");
    ({ text } = await explain(gameServer, invariants, plan, failure));
  });

  test("tells of the ticks once for each client, with what else has happened", () => {
    const timeline = partOf(text, "Timeline");
    expect(timeline.filter((line) => line.includes("FRAME"))).toEqual([
      String.raw`50.000    client  10.0.0.1 receives "FRAME 0\n"  … 59 times until 2950.000: receives "FRAME 58\n"`,
      String.raw`4050.000    client  10.0.0.2 receives "FRAME 80\n"  … 59 times until 6950.000: receives "FRAME 138\n"`,
    ]);
    for (const client of ["10.0.0.1", "10.0.0.2"]) {
      expect(timeline.filter((line) => line.includes(`${client} sends "JOIN ann\\n"`))).toHaveLength(1);
    }
    expect(timeline.length).toBeLessThanOrEqual(31);
  });

  test("its diagram has an arrow for them", () => {
    const frames = partOf(text, "Mermaid").filter((line) => line.includes("FRAME"));
    expect(frames).toEqual([
      String.raw`a3->>a1: receives "FRAME 0\n" (×59)`,
      String.raw`a5->>a4: receives "FRAME 80\n" (×59)`,
    ]);
  });

  test("says who is who: whom each handler serves, who is no client of the plan, and where actors belong", () => {
    const [, who = ""] = /^ {2}Who is who([\s\S]*?)\n\n/m.exec(text) ?? [];
    expect(who.split("\n").map((line) => line.trim())).toEqual([
      "connection_sup/1 serves 10.0.0.1",
      "connection_sup/2 serves 10.0.0.2",
      "connection_sup/3 serves 10.255.255.254, the new client that comes when all is well again",
      "acceptor_sup, connection_sup in sockets/listener_sup:players:5000",
      "game in house",
    ]);
  });
});

test("a report says at once what is wrong and what was unusual, and ends with the line that replays it", async () => {
  const { report = "", line = "" } = await findCrash(gameServer, { peers: fc.constant(plan.peers), runs: 5 });
  const lines = report.split("\n");
  expect(lines.slice(0, 5)).toEqual([
    "crash",
    expect.stringMatching(/^✗ I8-probe: .* a new client receives "FULL\\n" instead of "WELCOME\\n"/),
    expect.stringMatching(/^ {2}the law: /),
    "",
    expect.stringMatching(/^ {2}What was unusual {2}nothing/),
  ]);
  expect(lines.filter((one) => one.includes("CRASH_REPLAY="))).toEqual([lines.at(-1)]);
  expect(lines.at(-1)).toBe(`  CRASH_REPLAY=${line}`);
});
