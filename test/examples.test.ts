import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";

const root = join(import.meta.dirname, "..");
const folder = join(root, "examples");
/** The programs that run the others, and the server that runs until it is stopped. */
const others: ReadonlySet<string> = new Set(["run", "start"]);
const names = readdirSync(folder)
  .filter((file) => file.endsWith(".ts"))
  .map((file) => file.slice(0, -".ts".length))
  .filter((name) => !others.has(name));

afterEach(() => {
  vi.restoreAllMocks();
});

/** Runs an example to its end and answers the lines it printed. */
async function run(name: string): Promise<string[]> {
  const lines: string[] = [];
  vi.spyOn(console, "log").mockImplementation((...values: unknown[]) => {
    lines.push(values.map((value) => (typeof value === "string" ? value : JSON.stringify(value))).join(" "));
  });
  vi.spyOn(console, "error").mockReturnValue();
  await import(/* @vite-ignore */ join(folder, `${name}.ts`));
  return lines;
}

test("a machine of one's own runs as a connection", async () => {
  expect(await run("echo-machine")).toEqual(["sent hello, received hello"]);
});

test("a server runs as a connection, and its orderly end is counted", async () => {
  expect(await run("echo-server")).toEqual(["sent hello, received hello", 'connections ended: {"closed":1}']);
});

test("an async function runs as a connection", async () => {
  expect(await run("echo-loop")).toEqual(["sent hello, received welcome and hello"]);
});

test("a crashed actor is started again, with a state that is in order", async () => {
  expect(await run("counter")).toEqual(["counted to 42", "after the crash 0", "and on to 1"]);
});

test("the strategy says who is restarted with a child that crashed", async () => {
  expect(await run("crash-and-restart")).toEqual([
    "b is killed; restarted by",
    "  oneForOne:  b",
    "  restForOne: b c",
    "  oneForAll:  a b c",
  ]);
});

/** The command that runs one example. */
function example(...args: string[]) {
  const command = join(root, "node_modules/.bin/tsx");
  return spawnSync(command, ["--conditions=espalier-source", "examples/run.ts", ...args], {
    cwd: root,
    encoding: "utf8",
  });
}

describe("the command", () => {
  test("runs an example by its name", () => {
    const { status, stdout, stderr } = example("--", "crash-and-restart");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain("oneForAll:  a b c");
  });

  test("lists all examples when the name is unknown", () => {
    const { status, stderr } = example("nothing");
    expect(status).toBe(1);
    const listed = [...stderr.matchAll(/^ {2}(\S+) /gmu)].map(([, name]) => name);
    expect(new Set(listed)).toEqual(new Set(names));
  });
});

test.each(names)("%s fits on a screen", (name) => {
  expect(readFileSync(join(folder, `${name}.ts`), "utf8").split("\n").length).toBeLessThan(60);
});
