import { execFile, execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { fromAsync } from "@espalier/actors";
import { describe, expect, test } from "vitest";
import { audit as auditOf } from "../src/audit.ts";
import { encodePlan } from "../src/codec.ts";
import { arbPeers } from "../src/peer-arbitrary.ts";
import { audits } from "./support/audits.ts";
import { treeOf } from "./support/targets.ts";

/** How many plans each target is audited with; a nightly run may take more. */
const PLANS = Number(process.env["AUDIT_PLANS"] ?? 60);
const SEED = Number(process.env["AUDIT_SEED"] ?? 1);

const root = join(import.meta.dirname, "../../..");
const program = join(import.meta.dirname, "support/audit-program.ts");

/** One Node of each other major version in the PATH. */
function otherNodes(): string[] {
  const nodes = new Map([[majorOf(process.version), process.execPath]]);
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    const node = join(folder, "node");
    if (!existsSync(node)) continue;
    const major = majorOf(execFileSync(node, ["--version"], { encoding: "utf8" }));
    if (!nodes.has(major)) nodes.set(major, node);
  }
  return [...nodes.values()].slice(1);
}

function majorOf(version: string): string {
  return version.trim().replace(/\..*/, "");
}

async function hashesOf(node: string, name: string): Promise<unknown> {
  const { NODE_OPTIONS: _, ...env } = process.env;
  const args = ["--conditions=espalier-source", "--import", "tsx", program, name, `${PLANS}`, `${SEED}`];
  const { stdout } = await promisify(execFile)(node, args, { cwd: root, env, maxBuffer: 2 ** 26 });
  return JSON.parse(stdout);
}

describe.each(Object.entries(audits))("runs of %s are functions of their plans", (name, audit) => {
  test("twice in one process, replayed from their records, in a fresh process, and on another Node", async () => {
    const nodes = [process.execPath, ...otherNodes()];
    const [{ hashes, differences, injected }, ...others] = await Promise.all([
      audit(PLANS, SEED),
      ...nodes.map((node) => hashesOf(node, name)),
    ]);
    expect(differences.map(({ plan, how }) => `${how} ${encodePlan(plan)}`)).toEqual([]);
    for (const other of others) expect(other).toEqual(hashes);
    expect(new Set(hashes).size).toBeGreaterThan(PLANS / 2);
    expect(injected).toBeGreaterThan(0);
  }, 120_000);
});

test("a target that remembers earlier runs is found out", async () => {
  let runs = 0;
  const remembering = fromAsync(async function remembering(self) {
    runs += 1;
    await self.receive({ timeoutMs: runs });
    await self.receive();
  });
  const { differences } = await auditOf({ target: treeOf(remembering), peers: arbPeers(), plans: 10 });
  expect(new Set(differences.map(({ how }) => how))).toEqual(new Set(["again", "replay"]));
});
