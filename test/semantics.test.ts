import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { recordedTraces } from "./otp/files.ts";

const root = join(import.meta.dirname, "..");
const semantics = readFileSync(join(root, "packages/actors/SEMANTICS.md"), "utf8");
const testFolders = ["packages/actors/test", "packages/supervisor/test", "test"].map((folder) => join(root, folder));

/** A numbered sentence, with what it says to be held by: `file.test.ts: "title"` or `trace.json`. */
interface Item {
  readonly number: string;
  readonly text: string;
  readonly proofs: readonly string[];
}

const proof = String.raw`(?:\S+\.test\.ts: "[^"]+"|\S+\.json)`;
const ending = new RegExp(` — (${proof}(?:; ${proof})*)$`, "u");

function itemsIn(part: string): Item[] {
  const paragraphs = part.split(/\n(?=- )|\n\n/u).filter((paragraph) => paragraph.startsWith("- "));
  return paragraphs.map((paragraph) => {
    const [, number = "", text = ""] = /^- \*\*(\S+)\*\* (.*)$/u.exec(paragraph.replaceAll(/\s+/gu, " ").trim()) ?? [];
    const [, proofs = ""] = ending.exec(text) ?? [];
    return { number, text, proofs: proofs.match(new RegExp(proof, "gu")) ?? [] };
  });
}

function sectionUnder(heading: string): string {
  const [, section = ""] = semantics.split(`\n## ${heading}\n`);
  return section.split("\n## ")[0] ?? "";
}

const topics = sectionUnder("Guarantees").split("\n### ").slice(1);
const guarantees = topics.flatMap(itemsIn);
const limits = itemsIn(sectionUnder("What is not guaranteed"));
const differences = itemsIn(sectionUnder("Differences from OTP"));

/** The titles of the tests in a file, each behind those of the blocks around it, as a run prints them. */
function titlesIn(source: string): Set<string> {
  const around: Array<{ readonly indent: number; readonly title: string }> = [];
  const titles = new Set<string>();
  // The formatter sees to it that what is inside a block is indented further. A test that is skipped holds nothing.
  for (const found of source.matchAll(/^( *)(describe|test)(?:\.each\b[\s\S]*?\))?\(\s*"([^"]+)"/gmu)) {
    const [, { length: indent } = "", kind, title = ""] = found;
    while ((around.at(-1)?.indent ?? -1) >= indent) around.pop();
    if (kind === "describe") around.push({ indent, title });
    else titles.add([...around.map((block) => block.title), title].join(" "));
  }
  return titles;
}

const titlesByFile = new Map<string, Set<string>>();

/** What is wrong with a proof; undefined if it is there. */
function problemOf(given: string): string | undefined {
  const [name = "", quoted] = given.split(": ", 2);
  if (quoted === undefined) return existsSync(join(recordedTraces, name)) ? undefined : `there is no trace ${name}`;
  const files = testFolders.map((folder) => join(folder, name)).filter((file) => existsSync(file));
  const [file] = files;
  if (file === undefined || files.length > 1) return `${files.length} files are called ${name}`;
  const titles = titlesByFile.get(file) ?? titlesIn(readFileSync(file, "utf8"));
  titlesByFile.set(file, titles);
  const title = given.slice(name.length + 3, -1);
  return titles.has(title) ? undefined : `${name} has no test "${title}"`;
}

describe("SEMANTICS.md", () => {
  test("numbers its topics and guarantees without a gap", () => {
    expect(topics.map((topic) => topic.split(" ")[0])).toEqual(topics.map((_topic, index) => String(index + 1)));
    const numbers = topics.map((topic) => itemsIn(topic).map(({ number }) => number));
    expect(numbers).toEqual(numbers.map((own, topic) => own.map((_number, index) => `${topic + 1}.${index + 1}`)));
    expect(guarantees.length).toBeGreaterThan(100);
  });

  test("numbers what is not guaranteed and what differs from OTP without a gap", () => {
    expect(limits.map(({ number }) => number)).toEqual(limits.map((_item, index) => `N${index + 1}`));
    expect(differences.map(({ number }) => number)).toEqual(differences.map((_item, index) => `D${index + 1}`));
  });

  test("names for each guarantee what holds it", () => {
    expect(guarantees.filter(({ proofs }) => proofs.length === 0)).toEqual([]);
  });

  test("names only tests and traces that are there", () => {
    const proofs = [...guarantees, ...limits, ...differences].flatMap((item) => item.proofs);
    expect(proofs.flatMap((each) => problemOf(each) ?? [])).toEqual([]);
  });

  test("ends nothing with a dash but with what holds it", () => {
    const dangling = [...guarantees, ...limits, ...differences].filter(({ text }) => text.includes(" — "));
    expect(dangling.filter(({ proofs }) => proofs.length === 0)).toEqual([]);
  });

  test("has a remedy for each limit, and a reason for each difference", () => {
    expect(limits.filter(({ text }) => !text.includes("*Remedy:* "))).toEqual([]);
    expect(differences.filter(({ text }) => !text.includes("*Why:* "))).toEqual([]);
  });

  test("refers to guarantees that are there", () => {
    const numbers = new Set(guarantees.map(({ number }) => number));
    const referred = [...semantics.matchAll(/\((\d+\.\d+)\)/gu)].map(([, number = ""]) => number);
    expect(referred.filter((number) => !numbers.has(number))).toEqual([]);
  });
});
