import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import * as actors from "@espalier/actors";
import * as crashTesting from "@espalier/crash-testing";
import * as sockets from "@espalier/sockets";
import * as supervisor from "@espalier/supervisor";

const root = join(import.meta.dirname, "..");
const readme = readFileSync(join(root, "README.md"), "utf8");
const surfaces: Readonly<Record<string, object>> = { actors, supervisor, sockets, "crash-testing": crashTesting };

/** The cells of the first table under a heading, without its head; code is unquoted. */
function tableUnder(heading: string, text = readme): string[][] {
  const [, section = ""] = `\n${text}`.split(`\n${heading}\n`);
  const [before = ""] = section.split("\n## ");
  const [, , ...rows] = before.split("\n").filter((line) => line.startsWith("| "));
  return rows.map((row) => row.slice(2, -2).split(" | "));
}

function withoutQuotes(cell: string | undefined): string {
  return (cell ?? "").replaceAll("`", "");
}

test("the table of errors lists every code that a package throws, and no other", () => {
  const declared = Object.keys(surfaces).flatMap((name) => {
    const source = readFileSync(join(root, `packages/${name}/src/errors.ts`), "utf8");
    const classes = source.matchAll(/^export class (\w+) extends \w+ \{[^}]*?\n {2}readonly code = "(\w+)"/gmu);
    return [...classes].map(([, type, code]) => `${code} | ${name} ${type}`);
  });
  expect(declared).not.toEqual([]);
  const listed = tableUnder("## Errors").map(([code, type]) => `${withoutQuotes(code)} | ${withoutQuotes(type)}`);
  expect(listed).toEqual(declared.toSorted((one, other) => (one < other ? -1 : 1)));
});

test("every error in the table can be imported from its package", () => {
  const missing = tableUnder("## Errors")
    .map(([, type]) => withoutQuotes(type).split(" "))
    .filter(([name = "", type = ""]) => !(type in (surfaces[name] ?? {})));
  expect(missing).toEqual([]);
});

/** The options of a listener for which none were given, as its connections see them. */
async function defaultOptions(): Promise<object> {
  const system = actors.createSystem();
  const server = await sockets.startSockets(system);
  let seen: sockets.ListenerConfig | undefined;
  const witness = actors.fromAsync<never, sockets.ConnectionInput>(async (_self, { config }) => {
    seen = config;
  });
  const { port, accessRules } = await server.open("witness", "127.0.0.1:0", {}, witness);
  const client = connect(port, "127.0.0.1").resume();
  await once(client.end(), "close");
  await system.shutdown();
  // The rules are compiled for the connections; the listener shows them as they are given.
  return { ...seen, accessRules };
}

test("the table of options shows the defaults", async () => {
  const text = readFileSync(join(root, "packages/sockets/docs/options.md"), "utf8");
  const shown = tableUnder("# Options of a listener", text).map(([option, value]) => {
    const json = withoutQuotes(value).replaceAll(/(\w+):/gu, '"$1":');
    return [withoutQuotes(option), JSON.parse(json) as unknown];
  });
  expect(Object.fromEntries(shown)).toEqual(await defaultOptions());
});

test("actors and supervisors have no dependencies but each other", () => {
  const dependencies = ["actors", "supervisor"].flatMap((name) => {
    const manifest = JSON.parse(readFileSync(join(root, `packages/${name}/package.json`), "utf8")) as {
      readonly dependencies?: object;
      readonly peerDependencies?: object;
    };
    return Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
  });
  // XState is an optional peer.
  expect(new Set(dependencies)).toEqual(new Set(["@espalier/actors", "xstate"]));
});

test("every test that shows a feature of the sockets is there, by its name", () => {
  const [, section = ""] = readFileSync(join(root, "packages/sockets/README.md"), "utf8").split("\n## What shows it\n");
  const [table = ""] = section.split("\n## ");
  const place = join(root, "packages/sockets/test");
  const shown = [...table.matchAll(/`([^`]+\.test\.ts)`: ((?:“[^”]+”(?:; )?)+)/gu)].flatMap(
    ([, file = "", titles = ""]) => [...titles.matchAll(/“([^”]+)”/gu)].map(([, title = ""]) => ({ file, title })),
  );
  expect(shown.length).toBeGreaterThan(150);
  const missing = shown.filter(({ file, title }) => !readFileSync(join(place, file), "utf8").includes(title));
  expect(missing).toEqual([]);
});

describe("links", () => {
  const pages = readdirSync(join(root, "packages/sockets/docs")).map((name) => `packages/sockets/docs/${name}`);
  const readmes = Object.keys(surfaces).map((name) => `packages/${name}/README.md`);
  const others = ["packages/actors/SEMANTICS.md", "packages/inspector/README.md"];
  const files = ["README.md", "packages/README.md", ...readmes, ...others, ...pages];

  test.each(files)("those of %s lead to files of the repository, and to headings in them", (file) => {
    const text = readFileSync(join(root, file), "utf8");
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]*)#?([^)]*)\)/gu)];
    const dead = links.filter(([, target = "", heading = ""]) => {
      const path = target === "" ? join(root, file) : join(root, file, "..", target);
      return !existsSync(path) || (heading !== "" && !anchorsOf(path).has(heading));
    });
    expect(dead.map(([link]) => link)).toEqual([]);
  });
});

interface Manifest {
  readonly files: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** What is read of a package by whoever has installed it, and has nothing but that. */
describe.each(readdirSync(join(root, "packages")).filter((name) => !name.includes(".")))("packed, %s", (name) => {
  const place = join(root, "packages", name);
  const { files, dependencies = {} } = manifestOf(place);
  // A dependency is installed beside it, under the same scope.
  const beside = Object.keys(dependencies).flatMap((dependency) => dependency.match(/(?<=^@espalier\/).+/u) ?? []);
  const documents = ["README.md", ...files.flatMap((entry) => documentsIn(place, entry))];

  test.each(documents)("the links of %s lead to what is packed, in it or in a package that it depends on", (file) => {
    const text = readFileSync(join(place, file), "utf8");
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/gu)];
    const dead = links.filter(([, target = ""]) => {
      const path = join(place, file, "..", target);
      return ![name, ...beside].some((owner) => isPacked(join(root, "packages", owner), path));
    });
    expect(dead.map(([link]) => link)).toEqual([]);
  });
});

function manifestOf(place: string): Manifest {
  return JSON.parse(readFileSync(join(place, "package.json"), "utf8")) as Manifest;
}

/** The texts among what an entry of `files` names. */
function documentsIn(place: string, entry: string): string[] {
  if (entry.endsWith(".md")) return [entry];
  return entry === "docs"
    ? readdirSync(join(place, entry)).flatMap((name) => documentsIn(place, `${entry}/${name}`))
    : [];
}

/** Whether a path is a package, or a file that npm packs with it: its README, and what `files` names. */
function isPacked(place: string, path: string): boolean {
  const inside = relative(place, path);
  if (inside === "" || inside === "README.md") return true;
  const { files } = manifestOf(place);
  return existsSync(path) && files.some((entry) => inside === entry || inside.startsWith(`${entry}/`));
}

/** What the headings of a file, or of the README of a folder, are linked to by. */
function anchorsOf(path: string): ReadonlySet<string> {
  const text = readFileSync(path.endsWith(".md") ? path : join(path, "README.md"), "utf8");
  const headings = [...text.matchAll(/^#+ (.+)$/gmu)].map(([, heading = ""]) => heading.toLowerCase());
  return new Set(headings.map((heading) => heading.replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-")));
}
