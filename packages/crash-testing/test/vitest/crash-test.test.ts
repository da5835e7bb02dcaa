import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Ended, VitestProject } from "../support/vitest-project.ts";

const seats = readFileSync(join(import.meta.dirname, "../../../../examples/crash-test/seats.ts"), "utf8");

/** A test file with this between the target and its end. */
function file(watches: boolean, tests: string): string {
  return `
    import { arbPeers } from "@espalier/crash-testing";
    import { crashTest } from "@espalier/crash-testing/vitest";
    import { guest, startSeats } from "./seats.ts";

    const target = {
      machine: guest,
      start: ({ system, transport, machine, knobs }) =>
        startSeats({ system, transport, machine }, { seats: knobs.seats, watches: ${watches} }),
      knobs: { seats: [100, 1] },
      operations: { close: (listener) => listener.close() },
      probe: { ops: [], receives: "seated\\n" },
    };
    ${tests}
  `;
}

/** The lines of a text that begin like this, without that. */
function linesAfter(output: string, beginning: string): string[] {
  const lines = output.split("\n").map((line) => line.trim());
  return lines.filter((line) => line.startsWith(beginning)).map((line) => line.slice(beginning.length));
}

/** The report without what each run of it says otherwise. */
function storyOf(output: string): string {
  const [, story = ""] = /(✗ I8-probe: [\s\S]*? {2}Mermaid\n[\s\S]*?\n)\n/.exec(output) ?? [];
  return story;
}

/** Without operations: a listener that was told to close serves nobody. */
const search = 'crashTest("nobody loses a seat", target, { operations: [], runs: 2000 });';

describe("a server with a fault", () => {
  const project = new VitestProject({ "seats.ts": seats, "seats.test.ts": file(false, search) });
  let found: Ended;

  beforeAll(async () => {
    found = await project.test();
  }, 120_000);
  afterAll(() => project.remove());

  test("fails its test, and the report says what was done, what was unusual and what came of it", () => {
    const { code, output } = found;
    expect(code).toBe(1);
    expect(output).toContain(
      '✗ I8-probe: all is well again, and a new client receives "full\\n" instead of "seated\\n"',
    );
    expect(output).toMatch(/What was done {5}10\.0\.0\.\d connects at \d+ ms\n/);
    expect(output).toMatch(
      /What was unusual {2}the knob seats is 1\n {20}connection_sup\/1 (?:throws|is killed) before /,
    );
    expect(output).toMatch(/⚡ INJECT {2}connection_sup\/1 (?:throws|is killed) before /);
    expect(output).toMatch(/☠ dead {4}connection_sup\/1: /);
    expect(output).toContain("seats → connection_sup/2: full");
    expect(output).toContain("✗ I8-probe (probe)");
  });

  test("the timeline is cut to thirty lines, and ends with the failure", () => {
    const [, timeline = ""] = /Timeline, in simulated milliseconds.*\n([\s\S]*?)\n\n/.exec(found.output) ?? [];
    const lines = timeline.split("\n");
    expect(lines.length).toBeGreaterThan(5);
    expect(lines.length).toBeLessThanOrEqual(31);
    expect(lines.at(-1)).toContain("✗ I8-probe");
  });

  test("there is a diagram, a summary of the search, and what was reached of the server", () => {
    const { output } = found;
    expect(output).toContain("sequenceDiagram\n");
    expect(output).toMatch(
      /Search: found by [\w ]+ after \d+ runs? \(.*\), shrunk from .* to 2 deviations, 1 client, 0 operations/,
    );
    expect(output).toMatch(/crash points: \d+, \d+ of their \d+ crashes tried/);
    expect(output).toMatch(/states: \d of 4/);
    expect(output).toMatch(/transitions: \d of 9/);
  });

  test("the line that replays is short, and leads to exactly the same failure", async () => {
    const [line = ""] = linesAfter(found.output, "CRASH_REPLAY=");
    expect(line.length).toBeLessThanOrEqual(160);
    const again = await project.test({ CRASH_REPLAY: line });
    expect(again.code).toBe(1);
    expect(storyOf(again.output)).toBe(storyOf(found.output));
    expect(storyOf(found.output)).not.toBe("");
  }, 60_000);

  test("what was found is kept, and run first the next time", async () => {
    const [line = ""] = linesAfter(found.output, "CRASH_REPLAY=");
    expect(project.read(".crash/nobody-loses-a-seat.plans")).toBe(`${line}\n`);
    const again = await project.test();
    expect(again.output).toContain("found by corpus after 1 run ");
    // It is the same plan, and not written twice.
    expect(project.read(".crash/nobody-loses-a-seat.plans")).toBe(`${line}\n`);
  }, 60_000);

  test("what cannot be kept is reported all the same, and why it is not kept", async () => {
    const sealed = new VitestProject({ "seats.ts": seats, "seats.test.ts": file(false, search), ".crash": "" });
    const { code, output } = await sealed.test();
    sealed.remove();
    expect(code).toBe(1);
    expect(storyOf(output)).toBe(storyOf(found.output));
    expect(output).toMatch(/^ *CRASH_REPLAY=ct1\..*\n *It could not be kept: EEXIST/m);
  }, 120_000);

  test("a plan that was found can be pinned: it passes when the fault is mended", async () => {
    const [line = ""] = linesAfter(found.output, "CRASH_REPLAY=");
    const tests = `crashTest.replay("the seat of one that crashed", target, "${line}");`;
    const both = new VitestProject({
      "seats.ts": seats,
      "fixed.test.ts": file(true, tests),
      "faulty.test.ts": file(false, tests),
    });
    const { output } = await both.test();
    both.remove();
    expect(output).toMatch(/Test Files {2}1 failed \| 1 passed/);
    expect(output).toMatch(/FAIL {2}faulty\.test\.ts > the seat of one that crashed\n/);
    expect(output).toContain("the seat of one that crashed, replayed");
  }, 60_000);

  test("a plan in a file that is none is named by its place", async () => {
    const broken = new VitestProject({ "seats.ts": seats, "seats.test.ts": file(false, search) });
    broken.write(".crash/nobody-loses-a-seat.plans", "# seen once\nct1.notaplan\n");
    const { code, output } = await broken.test();
    broken.remove();
    expect(code).toBe(1);
    expect(output).toContain(".crash/nobody-loses-a-seat.plans:2: the text of a plan is not whole");
  }, 60_000);
});

describe("a server without it", () => {
  const pinned = `
    crashTest("nobody loses a seat", target, { operations: [], runs: 30, require: { states: 1, except: [/^gone$/] } });
    crashTest("all is tried", target, { operations: [], runs: 3, require: { crashPoints: 1 } });
  `;

  test("passes; what had to be reached and was not is named", async () => {
    const project = new VitestProject({ "seats.ts": seats, "seats.test.ts": file(true, pinned) });
    const { output } = await project.test();
    project.remove();
    expect(output).toMatch(/Tests {2}1 failed \| 1 passed/);
    expect(output).toContain("nothing was found, but not all was tried");
    expect(output).toMatch(/crash points: \d+ of \d+ reached, and 100 % required; missing/);
    expect(output).toMatch(/connection_sup\/\* \w+.* \(kill\)/);
  }, 60_000);

  test("says in one line how much it has tried, unless those that pass are to be silent", async () => {
    const passing = 'crashTest("nobody loses a seat", target, { operations: [], runs: 30 });';
    const project = new VitestProject({ "seats.ts": seats, "seats.test.ts": file(true, passing) });
    const [spoken, silent] = [await project.test(), await project.test({}, "--silent=passed-only")];
    project.remove();
    const line =
      /^no failure in 30 runs, \d+ crash(?:es)? injected, .*; crash points: \d+, \d+ of their \d+ crashes tried; states: \d of 4; events in states: \d of 9; transitions: \d of 9$/gm;
    expect(spoken.output.match(line)).toHaveLength(1);
    expect(silent.output).toContain("1 passed");
    expect(silent.output).not.toContain("no failure");
  }, 60_000);
});

describe("the environment", () => {
  const project = new VitestProject({ "seats.ts": seats, "seats.test.ts": file(true, search) });
  afterAll(() => project.remove());

  async function summary(variables: Readonly<Record<string, string>>): Promise<string> {
    const { code, output } = await project.test(variables, "--reporter=verbose");
    expect(code).toBe(0);
    return output;
  }

  test("CRASH_RUNS says how often, CRASH_SEED in which way: the same seed, the same runs", async () => {
    const [one, same, other] = await Promise.all(
      ["7", "7", "8"].map((CRASH_SEED) => summary({ CRASH_RUNS: "10", CRASH_SEED })),
    );
    const figures = /no failure in (10 runs, \d+ crash(?:es)? injected, \d+ signals)/;
    expect(figures.exec(one ?? "")?.[1]).toBeDefined();
    expect(figures.exec(one ?? "")?.[1]).toBe(figures.exec(same ?? "")?.[1]);
    expect(figures.exec(one ?? "")?.[1]).not.toBe(figures.exec(other ?? "")?.[1]);
  }, 60_000);

  test("CRASH_TIME says for how many seconds, whatever the options say of runs", async () => {
    const [, runs, , seconds] =
      /no failure in (\d+) runs?, .* in ([\d.]+ ms|([\d.]+) s)/.exec(await summary({ CRASH_TIME: "0.5" })) ?? [];
    expect(Number(runs)).toBeLessThan(2000);
    expect(seconds === undefined || Number(seconds) < 10).toBe(true);
  }, 60_000);
});
