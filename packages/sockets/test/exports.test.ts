import * as sockets from "@espalier/sockets";
import * as testing from "@espalier/sockets/testing";
import { expect, test } from "vitest";

test("the public surface", () => {
  expect(Object.keys(sockets).toSorted((left, right) => left.localeCompare(right))).toMatchInlineSnapshot();
});

test("the public surface for tests", () => {
  expect(Object.keys(testing)).toEqual(["memoryTransport"]);
});
