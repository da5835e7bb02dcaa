import { type Definition, defineServer, noreply, ok, sys } from "@espalier/actors";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { letsThrough } from "../src/terminal/filter.ts";
import { initialModel } from "../src/terminal/model.ts";
import { askProcessList } from "../src/terminal/process-list.ts";
import { processRows } from "../src/terminal/rows.ts";
import { receive } from "../src/terminal/update.ts";
import { askOf } from "./support/ask-of.ts";
import { InspectedWorld } from "./support/world.ts";

interface Plan {
  readonly [id: string]: Plan;
}

/** Has below it what it is told. */
const twig: Definition<Plan> = defineServer<{ args: Plan; state: undefined }>({
  name: "twig",
  init(plan, self) {
    for (const [id, below] of Object.entries(plan)) self.spawn(twig, below, { id, name: `name-of-${id}` });
    return ok(undefined);
  },
  handleInfo: () => noreply(undefined),
});

/** So many of one kind, each with the same below it. */
function many(count: number, name: string, below: (index: number) => Plan = () => ({})): Plan {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`${name}-${index}`, below(index)]));
}

const ROOTS = 20;
/** More families than are asked, in two halves, and one that is larger than a page, of which a member has children. */
const plans: Readonly<Record<string, Plan>> = {
  left: many(60, "branch", (branch) => many(2, `leaf-${branch}`)),
  right: many(60, "bough", (bough) => many(2, `needle-${bough}`)),
  crowd: many(450, "member", (index): Plan => (index === 7 ? many(3, "child") : {})),
};

async function grown() {
  const world = await InspectedWorld.create();
  for (const [id, plan] of Object.entries(plans)) world.system.spawn(twig, plan, { id });
  for (let count = 0; count < ROOTS; count += 1) world.system.spawn(twig, {}, { id: `root-${count}` });
  await world.settle();
  await sys.suspend(world.system, "name-of-member-449");
  await world.settle();
  const actors = world.system.inspect().processes.map(({ pid, path, name, label, definition, status, summary }) => {
    return { pid: pid.toString(), path, name, label, definition, status, state: summary };
  });
  const ask = askOf(world);
  /** What is shown with a filter, and what is said of the rest. */
  const list = async (filter: string, scope?: string) => {
    const answer = await askProcessList(ask, { sort: "name", isDescending: false, scope, filter });
    const model = receive(initialModel({ columns: 80, rows: 24 }, false), { list: answer });
    const rows = processRows({ ...model, filter, ...(scope !== undefined && { scope: { id: scope, path: "" } }) });
    return { paths: rows.map(({ path }) => path), more: answer.more, unknown: answer.unknown, total: answer.total };
  };
  return { world, actors, list };
}

describe("the list of actors, of which there are more than are asked for", () => {
  test("has with a filter all that it fits, wherever they stand, and says of whom that is not known", async () => {
    const { world, list } = await grown();
    const deep = { more: 0, unknown: 3 };
    // Beyond the first page of its family.
    expect(await list("Member-449")).toMatchObject({ paths: ["crowd/member-449"], ...deep });
    expect(await list("crowd/member-44")).toMatchObject({
      paths: expect.arrayContaining(["crowd/member-449"]),
      ...deep,
    });
    expect(await list("suspended")).toMatchObject({ paths: ["crowd/member-449"], ...deep });
    const { pid } = world.system.inspect().processes.find(({ id }) => id === "member-448") ?? {};
    expect(await list(String(pid))).toMatchObject({ paths: ["crowd/member-448"], ...deep });
    // In a family beyond those that are asked where there is no filter.
    expect(await list("needle-59-1")).toMatchObject({ paths: ["right/bough-59/needle-59-1"], ...deep });
    expect(await list("root-19")).toMatchObject({ paths: ["root-19"], ...deep });
    // Below a member of a crowd: nobody is asked for it.
    expect(await list("child-1")).toMatchObject({ paths: [], ...deep });
    expect(await list("child-1", world.idOf("crowd/member-7"))).toMatchObject({
      paths: ["crowd/member-7/child-1"],
      more: 0,
      unknown: 0,
    });
  });

  test("leaves nobody out without a word, whatever the filter", async () => {
    const { actors, list } = await grown();
    const part = fc
      .record({ actor: fc.constantFrom(...actors), start: fc.nat(20), length: fc.integer({ min: 1, max: 12 }) })
      .chain(({ actor, start, length }) => {
        const texts = [actor.path, actor.pid, actor.name ?? "", actor.definition, actor.status];
        return fc.constantFrom(...texts.map((text) => text.slice(start % Math.max(1, text.length)).slice(0, length)));
      });
    await fc.assert(
      fc.asyncProperty(
        fc.oneof({ weight: 1, arbitrary: fc.constant("") }, { weight: 9, arbitrary: part }),
        async (filter) => {
          const { paths, more, unknown, total } = await list(filter);
          const fitting = actors.filter((actor) => letsThrough(filter, actor.path, actor)).map(({ path }) => path);
          expect(total).toBe(actors.length);
          expect(fitting).toEqual(expect.arrayContaining([...paths]));
          expect(new Set(paths).size).toBe(paths.length);
          expect(paths.length + more + unknown).toBeGreaterThanOrEqual(fitting.length);
          // Of a filter with a slash more may be counted than fit it.
          const least = filter.includes("/") ? paths.length : paths.length + more;
          expect(least).toBeLessThanOrEqual(fitting.length);
        },
      ),
      { numRuns: 40 },
    );
  });

  test("says without a filter how many more there are, so that all are counted", async () => {
    const { world, actors, list } = await grown();
    const { paths, more, unknown } = await list("");
    expect(more).toBeGreaterThan(250);
    expect([paths.length + more, unknown]).toEqual([actors.length, 0]);
    expect(await list("", world.idOf("crowd"))).toMatchObject({ more: 250, unknown: 0, total: 450 });
    expect(await list("", world.idOf("left"))).toMatchObject({ more: 0, unknown: 0, total: 60 });
  });
});
