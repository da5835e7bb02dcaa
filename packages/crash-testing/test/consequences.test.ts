import { expect, test } from "vitest";
import { Choices, replaying } from "../src/choices.ts";
import { Consequences } from "../src/consequences.ts";
import type { Kind } from "../src/deviation.ts";
import type { Plan } from "../src/plan.ts";
import { Random } from "../src/random.ts";

const plain: Plan = { peers: [], operations: [], deviations: [] };
const restarted: Plan = {
  ...plain,
  deviations: [{ kind: "crash", subject: "root/listener", ordinal: 3, value: 1 }],
};

/** A run in which each of these was asked so often. */
function choicesOf(...asked: ReadonlyArray<readonly [Kind, string, number]>): Choices {
  const choices = new Choices(replaying([]));
  for (const [kind, subject, times] of asked) {
    for (let count = 0; count < times; count += 1) choices.about(kind, subject).next(2);
  }
  return choices;
}

/** The last deviations of all plans that follow. */
function followers(consequences: Consequences) {
  const random = new Random(1);
  const all = [];
  for (let plan = consequences.next(random); plan !== undefined; plan = consequences.next(random)) all.push(plan);
  return all;
}

test("what was there without any fault follows from none", () => {
  const consequences = new Consequences();
  consequences.know(choicesOf(["bind", ":5000", 1], ["delay", "a>b", 4]));
  consequences.add(restarted, choicesOf(["bind", ":5000", 1], ["delay", "a>b", 4]));
  expect(followers(consequences)).toEqual([]);
});

test("what is new is made differently, behind what has led to it", () => {
  const consequences = new Consequences();
  consequences.know(choicesOf(["bind", ":5000", 1]));
  consequences.add(restarted, choicesOf(["bind", ":5000", 2]));
  const added = { kind: "bind", subject: ":5000", ordinal: 1, value: 1 };
  expect(followers(consequences)).toEqual([{ ...restarted, deviations: [...restarted.deviations, added] }]);
});

test("kinds take turns, however many choices there are of one", () => {
  const consequences = new Consequences();
  consequences.add(restarted, choicesOf(["delay", "a>b", 100], ["bind", ":5000", 1]));
  const random = new Random(1);
  const kinds = [consequences.next(random), consequences.next(random)].map((plan) => plan?.deviations.at(-1)?.kind);
  expect(new Set(kinds)).toEqual(new Set(["delay", "bind"]));
});

test("each has its turn in a few plans that lead to it, and not in all", () => {
  const consequences = new Consequences();
  for (let count = 0; count < 50; count += 1) consequences.add(restarted, choicesOf(["bind", ":5000", 1]));
  const { length } = followers(consequences);
  expect(length).toBeGreaterThan(1);
  expect(length).toBeLessThan(10);
});

test("whoever has crashed may be heard of late, whichever of his crashes it was", () => {
  const consequences = new Consequences();
  const ordinary = choicesOf(["delay", "root>root/listener", 2], ["delay", "root/listener>root", 2]);
  consequences.know(ordinary);
  const crashes = Array.from({ length: 20 }, (_, ordinal) => ({
    kind: "crash" as const,
    subject: "root",
    ordinal,
    value: 2,
  }));
  for (const crash of crashes) consequences.add({ ...plain, deviations: [crash] }, ordinary, crash);
  const random = new Random(1);
  const plans = Array.from({ length: 200 }, () => consequences.next(random)).filter((plan) => plan !== undefined);
  expect(plans.map(({ deviations: [crash] }) => crash?.ordinal).toSorted((one = 0, other = 0) => one - other)).toEqual(
    crashes.map(({ ordinal }) => ordinal),
  );
  for (const { deviations } of plans) {
    expect(deviations.at(-1)).toMatchObject({ kind: "delay", subject: "root>root/listener", ordinal: 1 });
  }
});

test("once all is healed nothing is chosen, and nothing follows", () => {
  const consequences = new Consequences();
  const choices = choicesOf(["bind", ":5000", 1]);
  choices.isHealed = true;
  choices.about("bind", ":5000").next(2);
  expect(choices.asked).toBe(1);
  consequences.know(choicesOf(["bind", ":5000", 1]));
  consequences.add(restarted, choices);
  expect(followers(consequences)).toEqual([]);
});
