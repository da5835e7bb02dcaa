import type { ApiError, ChildrenAnswer, HeatMapAnswer } from "@espalier/inspector";
import { expect, test } from "vitest";
import { InspectedWorld } from "./support/world.ts";

const SUPERVISOR = "/connection_sup";

async function withClients(count: number) {
  const world = await InspectedWorld.create();
  const listener = await world.open();
  const clients = await world.connect(listener, count);
  const path = world.system.inspect().processes.find((process) => process.path.endsWith(SUPERVISOR))?.path ?? "";
  return { world, clients, id: encodeURIComponent(world.idOf(path)) };
}

test("there is a cell for each child, in the order of their pages", async () => {
  const { world, clients, id } = await withClients(5);
  await world.send(clients[2], "x".repeat(100));
  const { body: map } = await world.ask<HeatMapAnswer>(`heatMap?id=${id}&by=bytesReceived`);
  // 100 has seven binary digits.
  expect(Array.from(map.cells, (cell) => cell.charCodeAt(0) - 48)).toEqual([0, 0, 7, 0, 0]);
  const { body: page } = await world.ask<ChildrenAnswer>(`children?id=${id}`);
  expect(page.items.map(({ bytesReceived }) => bytesReceived)).toEqual([0, 0, 100, 0, 0]);
  expect(map.total).toBe(5);
});

test("by state, a cell is the number of its state", async () => {
  const { world, id } = await withClients(3);
  const { body: map } = await world.ask<HeatMapAnswer>(`heatMap?id=${id}`);
  const { body: page } = await world.ask<ChildrenAnswer>(`children?id=${id}`);
  expect(Array.from(map.cells, (cell) => map.states[cell.charCodeAt(0) - 48])).toEqual(
    page.items.map(({ state, status }) => state ?? status),
  );
});

test("an unknown measure and an actor that is not there are refused", async () => {
  const { world, id } = await withClients(1);
  expect((await world.ask<ApiError>(`heatMap?id=${id}&by=colour`)).status).toBe(400);
  expect((await world.ask<ApiError>("heatMap?id=999.1.nobody")).status).toBe(404);
});
