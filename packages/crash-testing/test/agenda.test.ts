import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Agenda } from "../src/agenda.ts";

interface Item {
  readonly time: number;
  readonly order: number;
  readonly cancel: () => void;
}

/** What is on it, in the way in which one would do it who need not be fast. */
class Model {
  readonly items: Item[] = [];

  get first(): Item | undefined {
    return this.items.toSorted((a, b) => a.time - b.time || a.order - b.order)[0];
  }

  remove(order: number | undefined): void {
    const place = this.items.findIndex((item) => item.order === order);
    if (place >= 0) this.items.splice(place, 1);
  }
}

test("what happens is in order of time, and at the same time in the order in which it was put down", () => {
  const steps = fc.array(
    fc.oneof(
      fc.record({ type: fc.constant("add" as const), time: fc.nat(20) }),
      fc.record({ type: fc.constant("cancel" as const), which: fc.nat(30) }),
      fc.record({ type: fc.constant("take" as const) }),
    ),
  );
  fc.assert(
    fc.property(steps, (commands) => {
      const agenda = new Agenda();
      const model = new Model();
      const all: Item[] = [];
      const happened: number[] = [];
      const expected: number[] = [];
      for (const command of commands) {
        const { first } = model;
        expect(agenda.next).toBe(first?.time ?? Infinity);
        expect(agenda.size).toBe(model.items.length);
        if (command.type === "add") {
          const order = all.length;
          const item = { time: command.time, order, cancel: agenda.add(command.time, () => happened.push(order)) };
          model.items.push(item);
          all.push(item);
        } else if (command.type === "take") {
          agenda.take()?.();
          if (first !== undefined) expected.push(first.order);
          model.remove(first?.order);
        } else {
          const item = all[command.which];
          item?.cancel();
          model.remove(item?.order);
        }
      }
      expect(happened).toEqual(expected);
    }),
  );
});
