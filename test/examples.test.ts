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

test("the connection of the tutorial echoes packets, and its death is nobody else's business", async () => {
  expect(await run("tcp-echo-fsm")).toEqual([
    "sent hello, received hello",
    'connections ended: {"killed":1}',
    "sent hello again, received hello again",
  ]);
});

test("each peer of a UDP server has a machine, and a health check has none", async () => {
  expect(await run("udp-echo")).toEqual([
    "sent hello, received hello",
    "sent hello again, received hello again",
    "sent ping, received pong",
    "peers: 2",
  ]);
});

test("a pool goes on with one server while the other one is down, and has it back when it is up again", async () => {
  expect(await run("client-pool")).toEqual([
    "both are up:   1 left, 2 right, 3 left",
    "left is down:  4 right, 5 right, 6 right",
    "left is back:  7 left, 8 right, 9 left",
  ]);
});

test("a broker passes on what is published, a last will among it, and its retained messages outlive a crash", async () => {
  expect(await run("mqtt-broker")).toEqual([
    "the dashboard hears house/temperature: 21 °C",
    "the dashboard hears house/sensor: lost",
    "after a crash a latecomer hears house/temperature: 21 °C",
  ]);
});

test("a server is looked at over HTTP, and one connection is killed through it; the others do not notice", async () => {
  const [page, ...rest] = await run("inspect");
  expect(page).toMatch(/^the page is at http:\/\/127\.0\.0\.1:\d+\/$/u);
  expect(rest).toEqual([
    "a connection in WAIT_FOR_DATA has sent 8 bytes",
    "a connection in WAIT_FOR_DATA has sent 2 bytes",
    "a connection in WAIT_FOR_DATA has sent 2 bytes",
    "a kill is answered true",
    "bob is gone, 2 are left",
    "a sibling says hello, and hears hello",
    "a sibling says hello, and hears hello",
  ]);
});

test("a server changes its protocol under load and loses nothing; who cannot change stays as he was", async () => {
  const [upgraded, stayed, answers = "", losses, ...rest] = await run("hot-upgrade");
  expect([upgraded, losses, rest]).toEqual([
    "connections upgraded: 4, stayed with version 1: 1",
    "lost: 0, out of order: 0",
    [],
  ]);
  expect(stayed).toMatch(/^ {2}<0\.\d+> stayed: Error: carol is not to be disturbed$/u);
  const [sent = 0, byVersion1 = 0, byVersion2 = 0] = [...answers.matchAll(/(?<=: )\d+/gu)].map(Number);
  expect(answers).toBe(`lines sent: ${sent}, answered by version 1: ${byVersion1}, by version 2: ${byVersion2}`);
  expect([sent, byVersion1 + byVersion2]).toEqual([10_000, 10_000]);
  // One has stayed with version 1 for all of its 2000 lines; the others had answers of both.
  expect(byVersion1).toBeGreaterThan(2000);
  expect(byVersion2).toBeGreaterThan(0);
  expect(process.exitCode).toBeUndefined();
});

test("a crash test finds the seat that is lost with a crash, and nothing once that is mended", async () => {
  const [report = "", mended, ...rest] = await run("crash-test");
  expect(report).toContain('✗ I8-probe: all is well again, and a new client receives "full\\n" instead of "seated\\n"');
  expect(report).toMatch(/What was unusual {2}the knob seats is 1\n +connection_sup\/1 (?:throws|is killed) before /u);
  expect(report).toMatch(/\n {2}CRASH_REPLAY=ct1\.\S+$/u);
  expect([mended, rest]).toEqual(["mended: nothing found", []]);
  expect(process.exitCode).toBeUndefined();
}, 60_000);

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
