import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, onTestFinished } from "vitest";

/** A directory for the test that runs, or is about to; it is removed behind it. */
export function directoryOfTest(): string {
  const directory = mkdtempSync(join(tmpdir(), "espalier-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}

/** The same for all tests of a block or a file. It is there when the first of them begins. */
export function directoryOfBlock(): string {
  const directory = join(tmpdir(), `espalier-${randomBytes(6).toString("hex")}`);
  beforeAll(() => mkdirSync(directory));
  afterAll(() => rmSync(directory, { recursive: true }));
  return directory;
}
