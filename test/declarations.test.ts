import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const manifestOfTypeScript = createRequire(import.meta.url).resolve("typescript/package.json");
const { bin } = JSON.parse(readFileSync(manifestOfTypeScript, "utf8")) as { readonly bin: { readonly tsc: string } };
const tsc = join(dirname(manifestOfTypeScript), bin.tsc);

/** Every module that a package offers, and its declarations. */
function published(): Record<string, readonly string[]> {
  const entries: [string, readonly string[]][] = [];
  for (const folder of readdirSync(join(root, "packages"), { withFileTypes: true })) {
    if (!folder.isDirectory()) continue;
    const path = join(root, "packages", folder.name);
    const { name, exports } = JSON.parse(readFileSync(join(path, "package.json"), "utf8")) as {
      readonly name: string;
      readonly exports: Readonly<Record<string, { readonly types?: string }>>;
    };
    for (const [subpath, { types }] of Object.entries(exports)) {
      if (types !== undefined) entries.push([join(name, subpath), [join(path, types)]]);
    }
  }
  return Object.fromEntries(entries);
}

function compile(...args: readonly string[]): { readonly status: number | null; readonly lines: readonly string[] } {
  const { status, stdout } = spawnSync(process.execPath, [tsc, ...args], { cwd: root, encoding: "utf8" });
  return { status, lines: stdout.split("\n") };
}

/** The program of a stranger, who has the compiler look at all declarations that he gets. */
const stranger = mkdtempSync(join(tmpdir(), "declarations-"));
afterAll(() => {
  rmSync(stranger, { recursive: true });
});

describe("the declarations of the packages", () => {
  test.each([true, false])(
    "are right in themselves (exactOptionalPropertyTypes: %s)",
    (exactOptionalPropertyTypes) => {
      const packages = readdirSync(join(root, "packages"), { withFileTypes: true }).filter((entry) =>
        entry.isDirectory(),
      );
      expect(compile("-b", ...packages.map(({ name }) => join("packages", name)))).toMatchObject({ status: 0 });

      const paths = published();
      const compilerOptions = {
        target: "es2023",
        module: "nodenext",
        strict: true,
        noEmit: true,
        skipLibCheck: false,
        exactOptionalPropertyTypes,
        types: ["node"],
        typeRoots: [join(root, "node_modules/@types")],
        paths,
      };
      writeFileSync(join(stranger, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["main.ts"] }));
      writeFileSync(
        join(stranger, "main.ts"),
        Object.keys(paths)
          .map((name) => `import "${name}";\n`)
          .join(""),
      );
      const { lines } = compile("-p", stranger, "--pretty", "false");
      // What XState says with `exactOptionalPropertyTypes` is its own affair.
      expect(lines.filter((line) => line.includes(": error ") && !line.includes("node_modules"))).toEqual([]);
    },
    120_000,
  );
});
