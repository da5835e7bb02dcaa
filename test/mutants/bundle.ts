import { join } from "node:path";
import { build, type Plugin } from "vite";
import { mutated } from "./mutated.ts";
import type { Change, Mutant } from "./mutant.ts";

const root = join(import.meta.dirname, "../..");

/**
 * Writes the program that searches into a folder, as one file: of the sources as they are, or with one mutant in them. The
 * text is changed as it is loaded, and nothing is written into the sources.
 *
 * @param also - other changes that are made before, such as the repair of a bug that is known and not to be found again
 */
export async function bundle(
  folder: string,
  mutant: Mutant | undefined,
  also: readonly Change[] = [],
): Promise<string> {
  const name = `${mutant?.id ?? "original"}.mjs`;
  const changes = [...also, ...(mutant === undefined ? [] : [mutant.change])];
  await build({
    root,
    configFile: false,
    logLevel: "error",
    plugins: changes.map(mutation),
    ssr: { noExternal: true, resolve: { conditions: ["espalier-source", "module", "node"] } },
    build: {
      ssr: join(import.meta.dirname, "searcher.ts"),
      outDir: folder,
      emptyOutDir: false,
      minify: false,
      target: "node20",
      rolldownOptions: { output: { entryFileNames: name, codeSplitting: false } },
    },
  });
  return join(folder, name);
}

function mutation({ file, find, replace }: Change): Plugin {
  const path = join(root, file);
  let isApplied = false;
  return {
    name: "mutation",
    enforce: "pre",
    transform(code, module) {
      if (module !== path) return undefined;
      isApplied = true;
      return { code: mutated(code, find, replace), map: null };
    },
    buildEnd(error) {
      if (error === undefined && !isApplied) throw new Error(`nobody loads ${file}`);
    },
  };
}
