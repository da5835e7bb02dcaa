import type { Pid } from "@espalier/actors";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ChildState, completeChildSpec, type Restart } from "../src/child-spec.ts";
import { type Child, Children } from "../src/children.ts";
import { steady } from "./support/actors.ts";
import { worker } from "./support/tree.ts";
import { createWorld } from "./support/world.ts";

const IDS = ["a", "b", "c", "d", "e"];
const PIDS = 6;
const restarts: Restart[] = ["permanent", "transient", "temporary"];

interface Row {
  readonly id: string;
  readonly restart: Restart;
  state: ChildState;
}

/** The children as an array of rows. */
type Model = Row[];
type Command = fc.Command<{ rows: Model }, Children>;

function agree(rows: Model, children: Children, pids: readonly Pid[]): void {
  expect(children.size).toBe(rows.length);
  expect(children.all().map(({ spec, state }) => ({ id: spec.id, restart: spec.restart, state }))).toEqual(rows);
  for (const id of IDS) expect(children.byId(id)?.spec.id).toBe(rows.find((row) => row.id === id)?.id);
  for (const pid of pids) expect(children.byPid(pid)?.spec.id).toBe(rows.find(({ state }) => state === pid)?.id);
}

function has(id: string): (rows: Model) => boolean {
  return (rows) => rows.some((row) => row.id === id);
}

function lacks(id: string): (rows: Model) => boolean {
  return (rows) => rows.every((row) => row.id !== id);
}

function found(children: Children, id: string): Child {
  const child = children.byId(id);
  if (child === undefined) throw new Error(`no child ${id}`);
  return child;
}

describe("the children of a supervisor", () => {
  test("are the rows of a table in start order", () => {
    const { system } = createWorld();
    const pids = Array.from({ length: PIDS }, () => system.spawn(steady));

    function command(
      name: string,
      check: (rows: Model) => boolean,
      run: (model: { rows: Model }, real: Children) => void,
    ): Command {
      return {
        check: ({ rows }) => check(rows),
        run(model, real) {
          run(model, real);
          agree(model.rows, real, pids);
        },
        toString: () => name,
      };
    }

    const anyId = fc.constantFrom(...IDS);
    const add = fc.tuple(anyId, fc.constantFrom(...restarts)).map(([id, restart]) =>
      command(`add(${id}, ${restart})`, lacks(id), (model, real) => {
        const child = real.add(completeChildSpec(worker(id, steady, { restart }), "never"));
        expect(child).toMatchObject({ state: undefined, incarnation: 0 });
        model.rows.push({ id, restart, state: undefined });
      }),
    );
    const remove = anyId.map((id) =>
      command(`remove(${id})`, has(id), (model, real) => {
        real.remove(found(real, id));
        model.rows = model.rows.filter((row) => row.id !== id);
      }),
    );
    const setState = fc.tuple(anyId, fc.nat(PIDS + 1)).map(([id, choice]) => {
      const state = choice === PIDS ? "restarting" : pids[choice];
      // Two children never have the same process.
      const isFree = (rows: Model): boolean => state === "restarting" || rows.every((row) => row.state !== state);
      return command(
        `setState(${id}, ${String(state)})`,
        (rows) => has(id)(rows) && (state === undefined || isFree(rows)),
        (model, real) => {
          real.setState(found(real, id), state);
          for (const row of model.rows) if (row.id === id) row.state = state;
        },
      );
    });
    const ended = anyId.map((id) =>
      command(`ended(${id})`, has(id), (model, real) => {
        real.ended(found(real, id));
        model.rows = model.rows.filter((row) => row.id !== id || row.restart !== "temporary");
        for (const row of model.rows) if (row.id === id) row.state = undefined;
      }),
    );

    fc.assert(
      fc.property(fc.commands([add, add, remove, setState, setState, ended], { maxCommands: 60 }), (commands) => {
        fc.modelRun(() => ({ model: { rows: [] }, real: new Children() }), commands);
      }),
      { numRuns: 300 },
    );
    expect.hasAssertions();
  });

  test("leave an order that was asked for before as it was", () => {
    const children = new Children();
    const a = children.add(completeChildSpec(worker("a", steady), "never"));
    children.add(completeChildSpec(worker("b", steady), "never"));
    const before = [...children.all()];
    children.remove(a);
    expect(before.map(({ spec }) => spec.id)).toEqual(["a", "b"]);
    expect(children.all().map(({ spec }) => spec.id)).toEqual(["b"]);
  });

  test("can be added anew under an id that was removed, at the end", () => {
    const children = new Children();
    const add = (id: string): Child => children.add(completeChildSpec(worker(id, steady), "never"));
    const a = add("a");
    add("b");
    children.remove(a);
    const again = add("a");
    expect(children.all().map(({ spec }) => spec.id)).toEqual(["b", "a"]);
    expect(children.byId("a")).toBe(again);
  });
});
