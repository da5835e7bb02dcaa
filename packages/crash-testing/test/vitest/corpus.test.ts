import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Plan } from "../../src/plan.ts";
import { Corpus } from "../../src/vitest/corpus.ts";
import { script } from "../support/targets.ts";

const plan: Plan = { peers: [script(0, "10.0.0.1", "hello\n")], operations: [], deviations: [] };

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "espalier-corpus-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function files(): string[] {
  return readdirSync(join(folder, ".crash")).toSorted();
}

test.each([
  ["names without ASCII letters", ["一席も失われない", "誰も待たない", "Ни одно место"]],
  ["names with some", ["no seat is lost: é", "no seat is lost: è"]],
  ["names that no file can have", ["a".repeat(300), `${"a".repeat(299)}b`]],
])("%s have a file each, and find what they have put there", (_what, names) => {
  for (const name of names) {
    expect(new Corpus(folder, name).plans).toEqual([]);
    new Corpus(folder, name).add(plan);
    expect(new Corpus(folder, name).plans).toEqual([plan]);
  }
  expect(files()).toHaveLength(names.length);
});

test("a name in ASCII can be read in that of its file", () => {
  new Corpus(folder, "Nobody loses a seat").add(plan);
  expect(files()).toEqual(["nobody-loses-a-seat.plans"]);
});

test("a file that has no hash in its name, though that of its test asks for one, is still used", () => {
  // Of this name nothing but a hyphen is left.
  new Corpus(folder, "-").add(plan);
  expect(new Corpus(folder, "誰も待たない").plans).toEqual([plan]);
  new Corpus(folder, "誰も待たない").add({ ...plan, operations: [{ at: 0, name: "close" }] });
  expect(files()).toEqual(["-.plans"]);
});
