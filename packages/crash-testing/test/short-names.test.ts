import { expect, test } from "vitest";
import { ShortNames } from "../src/short-names.ts";

test("a text has each actor by the last parts of its path that tell it apart, whatever is in its name", () => {
  const names = new ShortNames();
  for (const name of ["shop/one/till", "shop/two/till", "shop/two/$&", "shop/two/$$~2"]) names.add(name);
  expect(names.in("shop/one/till hears of shop/two/till, shop/two/$& and shop/two/$$~2")).toBe(
    "one/till hears of two/till, $& and $$~2",
  );
});
