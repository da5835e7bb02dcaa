import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, test } from "vitest";

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

interface TsConfig {
  readonly references?: readonly { readonly path: string }[];
}

/** Lowest layer first. A package may depend only on the packages before it. */
const layers = ["actors", "supervisor", "sockets", "crash-testing", "inspector"];

const scope = "@espalier/";
const root = join(import.meta.dirname, "..");

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(join(root, path), "utf8"));
}

function workspaceDependencies({ dependencies, devDependencies, peerDependencies }: Manifest): string[] {
  return Object.keys({ ...dependencies, ...devDependencies, ...peerDependencies })
    .filter((dependency) => dependency.startsWith(scope))
    .map((dependency) => dependency.slice(scope.length));
}

function filesOf(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

test("every package has its place in the layers", () => {
  const folders = readdirSync(join(root, "packages"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(folders.map(({ name }) => name).toSorted()).toEqual(layers.toSorted());
});

test("the map in packages/README.md lists the packages by layer", () => {
  const map = readFileSync(join(root, "packages/README.md"), "utf8");
  const rows = [...map.matchAll(/^\| (\d+) \| \[`(.+?)`\]/gm)].map(([, layer, name]) => [Number(layer), name]);
  expect(rows).toEqual(layers.map((name, index) => [index + 1, name]));
});

test("the root depends on no package, or every package would see all the others", () => {
  expect(workspaceDependencies(readJson("package.json") as Manifest)).toEqual([]);
});

describe.each(layers)("%s", (name) => {
  const manifest = readJson(`packages/${name}/package.json`) as Manifest;
  const dependencies = workspaceDependencies(manifest);

  test("is published under its folder's name", () => {
    expect(manifest.name).toBe(scope + name);
  });

  test("depends on lower layers only", () => {
    expect(layers.slice(0, layers.indexOf(name))).toEqual(expect.arrayContaining(dependencies));
  });

  test("has a tsconfig reference for each dependency", () => {
    const { references = [] } = readJson(`packages/${name}/tsconfig.json`) as TsConfig;
    expect(references.map(({ path }) => path.replace("../", "")).toSorted()).toEqual(dependencies.toSorted());
  });
});

/** Layers that compile without the types of Node: what they know of the platform, they have to declare. */
const platformFree = ["actors", "supervisor"];

/** A `declare` of a value; a brand, `declare const name: unique symbol`, is only a type. */
const hostDeclaration = /^\s*declare (?:const (?!\w+: unique symbol)|let |var |function |class |global\b)/m;

test("only the host file declares what the platform gives", () => {
  const declaring = platformFree
    .flatMap((name) => filesOf(`packages/${name}/src`))
    .filter((path) => hostDeclaration.test(readFileSync(path, "utf8")))
    .map((path) => relative(root, path));
  expect(declaring).toEqual(["packages/actors/src/node-host.ts"]);
});

test("the lowest layer has no dependency at runtime", () => {
  expect(readJson("packages/actors/package.json")).not.toHaveProperty("dependencies");
});
