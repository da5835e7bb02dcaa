import { on, once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { parseCommandLine, UsageError } from "../src/cli/command-line.ts";
import { VitestProject } from "./support/vitest-project.ts";

const examples = join(import.meta.dirname, "../../../examples/crash-test");

function example(name: string): string {
  return readFileSync(join(examples, name), "utf8");
}

/** The example, with its fault or without it. */
const project = new VitestProject({
  "seats.ts": example("seats.ts"),
  "target.ts": example("target.ts"),
  "mended.test.ts": example("seats.test.ts"),
  "faulty.test.ts": example("seats.test.ts").replace("watches: true", "watches: false"),
  // Its connections run the machine that it knows, and not the one that it is given.
  "deaf.test.ts": example("seats.test.ts").replace(
    'import { seatsTarget } from "./target.ts";',
    `import { seatsTarget as hearing } from "./target.ts";
     const seatsTarget = (options) => {
       const target = hearing(options);
       const { machine } = target;
       return { ...target, start: (surroundings) => target.start({ ...surroundings, machine }) };
     };`,
  ),
  // Says by a connection that it is there, and as long as it is.
  "endless.test.ts": `
    import { connect } from "node:net";
    import { test } from "vitest";
    test("waits", () => new Promise((resolve) => connect(Number(process.env.PORT)).once("close", resolve)), 0);
  `,
  "plain.test.ts": example("seats.test.ts").replace(
    "seatsTarget({ watches: true })",
    "{ ...seatsTarget({ watches: true }), machine: undefined }",
  ),
  "three.test.ts": `
    import { appendFileSync } from "node:fs";
    import { crashTest } from "@espalier/crash-testing/vitest";
    import { seatsTarget } from "./target.ts";

    appendFileSync("times.txt", \`\${process.env.CRASH_TIME}\\n\`);
    for (const name of ["one", "two", "three"]) crashTest(name, seatsTarget({ watches: true }));
  `,
  "torn.test.ts": 'throw new Error("it does not load");',
  "other.test.ts": 'import { expect, test } from "vitest"; test("sums", () => expect(1 + 1).toBe(3));',
});
afterAll(() => project.remove());

describe("crash soak", () => {
  test("goes on until the time is over, with another seed each time", async () => {
    const { code, output } = await project.crash("soak", "mended.test.ts", "--seed", "5", "--minutes", "0.02");
    expect(output).toMatch(/^seed 5: nothing found in \d+ runs$/m);
    expect(output).toMatch(/^seed 6: nothing found in \d+ runs$/m);
    expect(output).toMatch(/^nothing found in \d+ runs with \d+ seeds\n$/m);
    expect(code).toBe(0);
  }, 120_000);

  test("that has had time for one seed says so", async () => {
    const { output } = await project.crash("soak", "mended.test.ts", "--workers", "1", "--minutes", "0");
    expect(output).toMatch(/^nothing found in \d+ runs with 1 seed\n$/m);
  }, 60_000);

  test("shares the time among the tests, as soon as it knows how many there are", async () => {
    const { code } = await project.crash("soak", "three.test.ts", "--workers", "1", "--minutes", "0.2");
    expect(code).toBe(0);
    const [first, ...others] = (project.read("times.txt") ?? "").trim().split("\n").map(Number);
    expect(first).toBe(1);
    // Of twelve seconds, unless the first round has taken all of them.
    for (const seconds of others) expect(seconds).toBeLessThanOrEqual(4);
  }, 120_000);

  test("stops at the first find, and prints it", async () => {
    const { code, output } = await project.crash("soak", "faulty.test.ts", "--workers", "1", "--minutes", "2");
    expect(output).toContain("What was unusual  the knob seats is 1");
    expect(output).toMatch(/\nseed \d+: found I8-probe\n$/);
    expect(code).toBe(1);
  }, 180_000);

  test("tells a failure that is none of a crash test from a find", async () => {
    const { code, output } = await project.crash("soak", "other.test.ts", "--workers", "1", "--minutes", "0.01");
    expect(output).toContain("the tests fail, and no crash test has found anything");
    expect(code).toBe(2);
  }, 60_000);
});

describe("crash mutate", () => {
  test("lists by name what no test would notice, but for what it need not", async () => {
    const args = ["mutate", "mended.test.ts", "plain.test.ts", "--runs", "20", "--except", "^asking "];
    const { code, output } = await project.crash(...args, "--", "--expect.requireAssertions");
    expect(output).toMatch(/^nobody loses a seat: \d+ of 20 changes are noticed, \d+ of the others by --except$/m);
    // The probe sends nothing, and nobody asks what is echoed.
    expect(output).toContain("\n  nothing fails when\n");
    expect(output).toContain("\n    seated at data does not send\n");
    expect(output).not.toContain("asking");
    expect(output).not.toContain("seated on entry does not send");
    expect(code).toBe(1);
  }, 180_000);

  test("tells of what was tried, and that it was not all where a file does not load", async () => {
    const { code, output } = await project.crash("mutate", "mended.test.ts", "torn.test.ts", "--runs", "2");
    expect(output).toMatch(/^nobody loses a seat: \d+ of 20 changes are noticed$/m);
    expect(output).toContain("it does not load");
    expect(output).toContain("\nvitest has failed, so that not all may have been tried\n");
    expect(code).toBe(2);
  }, 180_000);

  test("needs a target that runs the machine that it is given", async () => {
    const { code, output } = await project.crash("mutate", "deaf.test.ts", "--runs", "5");
    expect(output).toBe(
      "nobody loses a seat: no actor runs the `machine` that start is given, so nobody could notice a change of it\n",
    );
    expect(code).toBe(2);
  }, 60_000);

  test("needs a machine, and a test that passes", async () => {
    const { code, output } = await project.crash("mutate", "other.test.ts");
    expect(output).toContain("no crash test with a machine has run");
    expect(code).toBe(2);
  }, 60_000);
});

describe("a signal", () => {
  test.each([
    ["soak", "SIGINT", 130, ["--workers", "2"]],
    ["mutate", "SIGTERM", 143, []],
    ["mutate", "SIGHUP", 129, []],
  ] as const)(
    "ends crash %s and all that it has started: %s",
    async (command, signal, expected, flags) => {
      const folder = mkdtempSync(join(tmpdir(), "espalier-signal-"));
      const server = createServer();
      const workers = command === "soak" ? 2 : 1;
      const port = await new Promise<number>((resolve) => {
        server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
      });
      const variables = { PORT: String(port), TMPDIR: folder };
      const { kill, ended } = project.startCrash(variables, command, "endless.test.ts", ...flags);
      const gone: Array<Promise<unknown>> = [];
      for await (const [socket] of on(server, "connection") as AsyncIterable<[Socket]>) {
        gone.push(once(socket.resume(), "close"));
        if (gone.length === workers) break;
      }
      kill(signal);
      expect((await ended).code).toBe(expected);
      await Promise.all(gone);
      expect(readdirSync(folder).filter((name) => name.startsWith("crash-"))).toEqual([]);
      server.close();
      rmSync(folder, { recursive: true });
    },
    60_000,
  );
});

describe("the command line", () => {
  test("says what there is", () => {
    expect(parseCommandLine(["--help"])).toEqual({ command: "help" });
    expect(parseCommandLine(["soak", "--help"])).toEqual({ command: "help" });
  });

  test("has defaults, and hands on to vitest what follows --", () => {
    expect(parseCommandLine(["soak", "a.test.ts", "-t", "name", "--", "--config", "x.ts"])).toEqual({
      command: "soak",
      files: ["a.test.ts"],
      ms: 600_000,
      workers: 2,
      seed: undefined,
      rest: ["-t", "name", "--config", "x.ts"],
    });
    expect(parseCommandLine(["mutate", "a", "b", "--except", "^x"])).toEqual({
      command: "mutate",
      files: ["a", "b"],
      runs: 300,
      except: [/^x/],
      rest: [],
    });
    expect(parseCommandLine(["soak", "a", "--hours", "2"])).toMatchObject({ ms: 7_200_000 });
  });

  test.each([
    [["soka", "a"], 'there is no command "soka"; expected soak or mutate'],
    [["soak"], "no file is given; expected at least one with crash tests"],
    [["soak", "a", "--worker", "2"], "Unknown option '--worker'"],
    [["soak", "a", "--workers", "0"], '--workers is "0"; expected a number of at least 1'],
    [["soak", "a", "--workers", "1.5"], '--workers is "1.5"; expected an integer of at least 1'],
    [["soak", "a", "--hours", "1", "--minutes", "1"], "--hours and --minutes are both given; expected one of them"],
    [["mutate", "a", "--runs", "few"], '--runs is "few"; expected a number of at least 1'],
    [["mutate", "a", "--except", "("], '--except is "("; expected a regular expression'],
  ])("%j is refused", (args, message) => {
    expect(() => parseCommandLine(args)).toThrow(UsageError);
    expect(() => parseCommandLine(args)).toThrow(message);
  });

  test("what is wrong is said on stderr, with how it is used", async () => {
    const { code, output } = await project.crash("mutate", "a", "--fast");
    expect(code).toBe(2);
    expect(output).toMatch(/^crash: Unknown option '--fast'\n\nUsage: crash COMMAND FILE/);
  }, 60_000);
});
