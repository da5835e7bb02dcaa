import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { parseSync, Visitor, type Plugin } from "vite";

/** A fenced `ts` block of a Markdown file. */
interface Block {
  /** The line of the opening fence, counted from 1. */
  readonly line: number;
  /** The code, moved down by empty lines so that its line numbers are those of the file. */
  readonly code: string;
  /** False for a block marked `no-run`, which only has to be valid syntax. */
  readonly runs: boolean;
}

const fencedBlock = /^( *)```ts( [^\n]*)?\n(.*?)^\1```$/gms;
const blockId = /^(.*\.md)\.line-(\d+)\.ts$/;

/**
 * Makes a test of each `ts` block in a Markdown file, named after the line it starts at.
 *
 * A block is a module of its own: it has its imports, may `await` at its top level, and sees no other block. Packages
 * are looked up from the `test` package, which depends on all of them.
 */
export function doctest(): Plugin {
  return {
    name: "espalier:doctest",
    enforce: "pre",

    transform(markdown, id) {
      if (!id.endsWith(".md")) return undefined;
      // Each test stands on the line of its block, so that one source map serves this module and the blocks.
      const lines = markdown.split("\n").map(() => "");
      const blocks = [...blocksOf(markdown)];
      for (const { line, code, runs } of blocks) {
        lines[line - 1] = runs
          ? `test("line ${line}", async () => { await import(${JSON.stringify(`${id}.line-${line}.ts`)}); });`
          : `test("line ${line}, not run", () => { expect(${JSON.stringify(syntaxErrorsOf(code))}).toEqual([]); });`;
      }
      // Vitest refuses a file without tests.
      if (blocks.length === 0) lines[0] = `test.todo("shows no code yet");`;
      return { code: `import { expect, test } from "vitest";${lines.join("\n")}`, map: sameLines(id, markdown) };
    },

    resolveId(source, importer) {
      if (blockId.test(source)) return source;
      const isPackage = !source.startsWith(".") && !source.startsWith("/");
      if (importer === undefined || !isPackage || !blockId.test(importer)) return undefined;
      return this.resolve(source, import.meta.filename, { skipSelf: true });
    },

    load(id) {
      const [, file, line] = blockId.exec(id) ?? [];
      if (file === undefined) return undefined;
      const markdown = readFileSync(file, "utf8");
      const block = [...blocksOf(markdown)].find((candidate) => candidate.line === Number(line));
      if (block === undefined) return undefined;
      this.addWatchFile(file);
      return {
        code: withAssertions(block.code, relative(this.environment.config.root, file)),
        map: sameLines(file, markdown),
      };
    },
  };
}

/** Yields the `ts` blocks of a text, in order. */
export function* blocksOf(markdown: string): Generator<Block> {
  for (const { index, 2: info = "", 3: body = "" } of markdown.matchAll(fencedBlock)) {
    const line = markdown.slice(0, index).split("\n").length;
    yield { line, code: "\n".repeat(line) + body, runs: !info.split(" ").includes("no-run") };
  }
}

/**
 * Turns every `expression; // => value` into an assertion that they are equal, without adding or removing a line.
 * The expression may span lines and may stand inside a function.
 */
export function withAssertions(code: string, file: string): string {
  const { program, comments } = parseSync(file, code, { lang: "ts" });
  const edits: { readonly start: number; readonly end: number; readonly text: string }[] = [];
  new Visitor({
    ExpressionStatement({ start, end, expression }) {
      const comment = comments.find((candidate) => candidate.start >= end);
      if (comment === undefined || !comment.value.startsWith(" => ")) return;
      if (code.slice(end, comment.start).trim() !== "" || code.slice(end, comment.start).includes("\n")) return;
      const actual = code.slice(expression.start, expression.end);
      const place = `${file}:${code.slice(0, start).split("\n").length}`;
      const text = `$expect((${actual}), ${JSON.stringify(place)}).toEqual((${comment.value.slice(" => ".length)}));`;
      edits.push({ start, end: comment.end, text });
    },
  }).visit(program);
  const asserted = edits.reduceRight(
    (text, edit) => text.slice(0, edit.start) + edit.text + text.slice(edit.end),
    code,
  );
  // The first line is the fence or above it, hence empty.
  return `import { expect as $expect } from "vitest";${asserted}`;
}

function syntaxErrorsOf(code: string): string[] {
  return parseSync("block.ts", code, { lang: "ts" }).errors.map(({ message, labels }) => {
    const line = code.slice(0, labels[0]?.start ?? 0).split("\n").length;
    return `line ${line}: ${message}`;
  });
}

/** A source map that leads each line of the generated module to the same line of the Markdown file. */
function sameLines(file: string, markdown: string) {
  const mappings = markdown.split("\n").map((_, index) => (index === 0 ? "AAAA" : "AACA"));
  return { version: 3 as const, names: [], sources: [file], sourcesContent: [markdown], mappings: mappings.join(";") };
}
