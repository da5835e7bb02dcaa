import * as inspector from "@espalier/inspector";
import { expect, test } from "vitest";

test("the public surface of the package is this", () => {
  expect(Object.keys(inspector).toSorted()).toEqual([
    "InspectorClosedError",
    "InspectorError",
    "InspectorListenError",
    "InvalidOptionError",
    "inspector",
  ]);
});
