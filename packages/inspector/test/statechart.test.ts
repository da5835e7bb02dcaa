import type { StatechartAnswer } from "@espalier/inspector";
import { fromMachine } from "@espalier/actors";
import { describe, expect, test } from "vitest";
import { setup } from "xstate";
import { InspectedWorld } from "./support/world.ts";

const machine = setup({
  actions: { greet: () => undefined, note: () => undefined },
  guards: { allowed: () => true },
}).createMachine({
  id: "light",
  initial: "off",
  states: {
    off: { on: { GO: { target: "on", guard: "allowed", actions: "note" } }, exit: "greet" },
    on: {
      type: "parallel",
      tags: "bright",
      on: { BACK: "off", PING: { actions: "note" } },
      after: { 1000: "gone" },
      states: {
        left: { initial: "slow", states: { slow: { on: { GO: "fast" } }, fast: {} } },
        right: { initial: "slow", states: { slow: {}, fast: {} } },
      },
    },
    gone: { type: "final" },
  },
});

async function chart(world: InspectedWorld): Promise<StatechartAnswer> {
  return (await world.ask<StatechartAnswer>(`statechart?id=${encodeURIComponent(world.idOf("light"))}`)).body;
}

describe("a statechart", () => {
  test("has a node for each state, and an edge for each transition", async () => {
    const world = await InspectedWorld.create();
    await world.system.start(fromMachine(machine), undefined, { id: "light", name: "light" });
    const { nodes, edges } = await chart(world);
    expect(nodes.map(({ id, type, isInitial }) => `${id} ${type}${isInitial ? " initial" : ""}`)).toEqual([
      "light compound",
      "light.off atomic initial",
      "light.on parallel",
      "light.on.left compound",
      "light.on.left.slow atomic initial",
      "light.on.left.fast atomic",
      "light.on.right compound",
      "light.on.right.slow atomic initial",
      "light.on.right.fast atomic",
      "light.gone final",
    ]);
    const text = edges.map(({ source, event, guard, targets, actions }) => {
      return `${source} ${event}${guard === undefined ? "" : ` [${guard}]`} -> ${targets.join()} / ${actions.join()}`;
    });
    expect(text).toEqual([
      "light.off GO [allowed] -> light.on / note",
      "light.on BACK -> light.off / ",
      "light.on PING ->  / note",
      "light.on after 1000 ms -> light.gone / ",
      "light.on.left.slow GO -> light.on.left.fast / ",
    ]);
    expect(new Set(edges.map(({ id }) => id)).size).toBe(edges.length);
  });

  test("says in which states its actor is, and follows it", async () => {
    const world = await InspectedWorld.create();
    await world.system.start(fromMachine(machine), undefined, { id: "light", name: "light" });
    expect((await chart(world)).active).toEqual(["light.off"]);
    world.system.send("light", { type: "GO" });
    await world.settle();
    expect((await chart(world)).active).toEqual(["light.on.left.slow", "light.on.right.slow"]);
    world.system.send("light", { type: "GO" });
    await world.settle();
    const { active, nodes } = await chart(world);
    expect(active).toEqual(["light.on.left.fast", "light.on.right.slow"]);
    expect(nodes.map(({ id }) => id)).toEqual(expect.arrayContaining([...active]));
  });

  test("is not there for an actor without one", async () => {
    const world = await InspectedWorld.create();
    const id = encodeURIComponent(world.idOf("sockets/server"));
    expect((await world.ask(`statechart?id=${id}`)).status).toBe(404);
  });
});
