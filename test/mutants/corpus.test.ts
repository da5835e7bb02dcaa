import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { corpus } from "./corpus.ts";
import { mutated } from "./mutated.ts";
import { TARGET_NAMES } from "./target-names.ts";
import { targets } from "./targets.ts";

const root = join(import.meta.dirname, "../..");

function filesOf(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes("node_modules"))
    .map((entry) => join(entry.parentPath, entry.name));
}

test("there are enough of them, and each has a name of its own", () => {
  expect(corpus.length).toBeGreaterThanOrEqual(60);
  expect(new Set(corpus.map(({ id }) => id)).size).toBe(corpus.length);
});

describe.each(corpus)("$id", ({ id, wrong, seenBy, targets: names, faults, change: { file, find, replace } }) => {
  test("says all that there is to say", () => {
    expect(id).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(wrong.length).toBeGreaterThan(20);
    expect([0, 1, 2, 3]).toContain(faults);
    expect(seenBy.length).toBeGreaterThan(0);
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) expect(TARGET_NAMES).toContain(name);
  });

  test("changes one place of the sources", () => {
    expect(file).toMatch(/^packages\/(actors|supervisor|sockets)\/src\/.+\.ts$/);
    const code = readFileSync(join(root, file), "utf8");
    expect(mutated(code, find, replace)).not.toBe(code);
  });
});

test("the targets are those that are named", () => {
  expect(targets.map(({ name }) => name)).toEqual(TARGET_NAMES);
});

test("what is shipped knows nothing of them", () => {
  const packages = readdirSync(join(root, "packages"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const folders = packages.flatMap(({ name }) =>
    readdirSync(join(root, "packages", name)).flatMap((part) =>
      part === "src" || part === "dist" ? [`packages/${name}/${part}`] : [],
    ),
  );
  const ids = corpus.map(({ id }) => id).filter((id) => id.split("-").length > 2);
  const knowing = folders.flatMap(filesOf).filter((path) => {
    const text = readFileSync(path, "utf8");
    return text.includes("test/mutants") || ids.some((id) => text.includes(id));
  });
  expect(knowing).toEqual([]);
});
