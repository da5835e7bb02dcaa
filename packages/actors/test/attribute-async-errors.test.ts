import { spawnSync } from "node:child_process";
import { createSystem } from "@espalier/actors";
import { ManualClock } from "@espalier/actors/testing";
import { describe, expect, test } from "vitest";

function run(...args: string[]): { readonly output: string; readonly errors: string; readonly code: number | null } {
  const program = `${import.meta.dirname}/support/attribution-program.ts`;
  const node = ["--import", "tsx", "--conditions=espalier-source", program, ...args];
  const { stdout, stderr, status } = spawnSync(process.execPath, node, { encoding: "utf8", timeout: 20_000 });
  return { output: stdout, errors: stderr, code: status };
}

const ends = [
  "timer: error: in a timer",
  "promise: error: in a promise",
  "chain: error: in a chain",
  "bystander: alive",
  "",
].join("\n");

describe("with attributeAsyncErrors", () => {
  test("an error outside all callbacks is the crash of the actor that set it off, and of no other", () => {
    expect(run()).toEqual({ output: ends, errors: "", code: 0 });
  });

  test("an error that is nobody's ends the program, as it would without", () => {
    const { output, errors, code } = run("nobody");
    expect({ output, code }).toEqual({ output: ends, code: 1 });
    expect(errors).toContain("Error: nobody's");
  });

  test("a host that cannot attribute errors is refused", () => {
    expect(() => createSystem({ host: new ManualClock(), attributeAsyncErrors: true })).toThrow(
      "attributeAsyncErrors is true; expected false, since this host cannot attribute errors",
    );
  });
});
