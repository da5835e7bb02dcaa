import { createInterface } from "node:readline";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";

/*
 * Connections that end in every way there is leave nothing behind, those of a server, of clients and pools, and peers of UDP.
 * How many there are:
 *
 *   LEAK_CONNECTS=200000    of each; a tenth of that on TLS. @defaultValue what stands below
 *
 * The first half of them is for what is made once: code that is compiled, tables that grow to their size. Then the heap may
 * grow by `NOISE` in all, however many there are: in memory 44 bytes for each in the short run and 2.6 in the long one, and
 * what is left of a connection is more.
 */
const { LEAK_CONNECTS } = process.env;
const NOISE = 256 * 1024;
/** Clients run more code, which goes on being compiled for longer: in the long run it is less than the other. */
const CLIENT_NOISE = 512 * 1024;
const BATCHES = 20;

/** The transport, the program, how many, and by how much the heap may grow. */
const subjects: ReadonlyArray<readonly [string, string, number, number]> = [
  ["memory", "leak-program", Number(LEAK_CONNECTS ?? 12_000), NOISE],
  ["tcp", "leak-program", Number(LEAK_CONNECTS ?? 4800), NOISE],
  ["tls", "leak-program", LEAK_CONNECTS === undefined ? 480 : Number(LEAK_CONNECTS) / 10, NOISE],
  ["memory", "leak-client-program", Number(LEAK_CONNECTS ?? 4000), CLIENT_NOISE],
  ["tcp", "leak-client-program", Number(LEAK_CONNECTS ?? 3000), CLIENT_NOISE],
  ["memory", "leak-udp-program", Number(LEAK_CONNECTS ?? 4800), NOISE],
  ["udp", "leak-udp-program", Number(LEAK_CONNECTS ?? 2400), NOISE],
];

/** What is there after a batch. */
interface Facts {
  readonly heapUsed: number;
  readonly external: number;
  readonly descriptors: number;
  readonly processes: number;
}

/** By how much the line through these values, as near to all of them as can be, rises from the first to the last. */
function riseOf(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const mean = values.reduce((total, value) => total + value, 0) / values.length;
  let above = 0;
  let below = 0;
  for (const [index, value] of values.entries()) {
    above += (index - middle) * (value - mean);
    below += (index - middle) ** 2;
  }
  return (above / below) * (values.length - 1);
}

function sum(
  counts: Readonly<Record<string, Readonly<Record<string, number>>>>,
  isEnd: (name: string) => boolean,
): number {
  const all = Object.values(counts).flatMap((own) => Object.entries(own));
  return all.filter(([name]) => isEnd(name)).reduce((total, [, count]) => total + count, 0);
}

function mostDescriptors(facts: readonly Facts[]): number {
  return Math.max(...facts.map(({ descriptors }) => descriptors));
}

test.each(subjects)(
  "%s, %s: no heap and no descriptor is left of %i connections",
  { timeout: LEAK_CONNECTS === undefined ? 120_000 : 1_800_000 },
  async (kind, program, connects, noise) => {
    const path = `${import.meta.dirname}/support/${program}.ts`;
    const flags = ["--expose-gc", "--import", "tsx", "--conditions=espalier-source"];
    const size = Math.ceil(connects / BATCHES);
    const child = spawn(process.execPath, [...flags, path, kind, `${BATCHES}`, `${size}`], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    const exited = once(child, "exit");
    const lines: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) lines.push(line);
    expect(await exited).toEqual([0, null]);

    const counts = JSON.parse(lines.pop() ?? "{}") as Record<string, Record<string, number>>;
    const facts = lines.map((line) => JSON.parse(line) as Facts);
    expect(facts).toHaveLength(BATCHES);
    // Each came, and was counted once.
    const refusals = sum(counts, (name) => /^closed[A-Z]/.test(name));
    expect(sum(counts, (name) => name === "accepted") + refusals).toBe(size * BATCHES);

    expect(new Set(facts.map(({ processes }) => processes)).size).toBe(1);
    const settled = facts.slice(BATCHES / 2);
    // Node has some of its own, and closes those that it has loaded the program with when it likes.
    expect(mostDescriptors(settled)).toBeLessThanOrEqual(mostDescriptors(facts.slice(0, BATCHES / 2)));
    expect(riseOf(settled.map(({ heapUsed }) => heapUsed))).toBeLessThan(noise);
    expect(riseOf(settled.map(({ external }) => external))).toBeLessThan(noise);
  },
);
