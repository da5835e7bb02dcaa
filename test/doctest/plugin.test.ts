import { describe, expect, test } from "vitest";
import { blocksOf, withAssertions } from "./plugin.ts";

const fence = "```";

describe("blocks", () => {
  test("a ts block keeps the line numbers of its file", () => {
    const blocks = [...blocksOf(`# Title\n\n${fence}ts\nconst a = 1;\n${fence}\n`)];
    expect(blocks).toEqual([{ line: 3, code: "\n\n\nconst a = 1;\n", runs: true }]);
  });

  test("a block marked no-run does not run", () => {
    expect([...blocksOf(`${fence}ts no-run\nlaunch();\n${fence}\n`)]).toMatchObject([{ line: 1, runs: false }]);
  });

  test("blocks in other languages are no tests", () => {
    const others = ["text", "sh", "json", "tsx"].map((language) => `${fence}${language}\n1\n${fence}\n`);
    expect([...blocksOf(others.join("\n"))]).toEqual([]);
  });

  test("a block inside a list ends at its own fence", () => {
    const blocks = [...blocksOf(`- item:\n\n  ${fence}ts\n  one();\n  ${fence}\n\n${fence}ts\ntwo();\n${fence}\n`)];
    expect(blocks.map(({ line, code }) => [line, code.trim()])).toEqual([
      [3, "one();"],
      [7, "two();"],
    ]);
  });
});

describe("assertions", () => {
  test("an expression followed by a value must equal it", () => {
    expect(withAssertions("\nadd(1, 2); // => 3", "README.md")).toContain(
      '$expect((add(1, 2)), "README.md:2").toEqual((3));',
    );
  });

  test("an expression may span lines, and the lines stay where they are", () => {
    const code = '\nawait call({\n  type: "get",\n}); // => { count: 1 }\nafter();';
    const lines = withAssertions(code, "README.md").split("\n");
    expect(lines[3]).toBe('})), "README.md:2").toEqual(({ count: 1 }));');
    expect(lines[4]).toBe("after();");
  });

  test("an arrow in a comment after anything but an expression is a comment", () => {
    const code = "const a = 1; // => 2\nb();\n// => 3\n";
    expect(withAssertions(code, "README.md")).toMatch(code);
  });
});
