import type { From } from "@espalier/actors";
import { expect, test } from "vitest";
import { Waiters } from "../src/waiters.ts";

test("those who need wait no longer are answered, and those who have given up are forgotten", () => {
  const answered: string[] = [];
  const from = (name: string): From => ({ caller: undefined, reply: () => void answered.push(name) });
  const waiters = new Waiters();
  waiters.add(from("impatient"), 1, 10, 0);
  waiters.add(from("modest"), 1, 20, 10);
  waiters.add(from("demanding"), 3, 20, 10);
  waiters.answer((count) => count <= 2);
  expect(answered).toEqual(["modest"]);
  waiters.answer((count) => count <= 3);
  waiters.answer((count) => count <= 3);
  expect(answered).toEqual(["modest", "demanding"]);
});
