import type { Choices } from "./choices.ts";
import type { Deviation, Kind } from "./deviation.ts";

/**
 * Everything that could have been out of the ordinary in a run, one at a time. Each kind has its turn, and of each kind those
 * that are next to each other are far apart in time: whoever stops early has seen something of everything.
 */
export function* singleFaults({ streams }: Choices): Generator<Deviation> {
  const byKind = new Map<Kind, Deviation[]>();
  for (const { kind, subject, asked, outcomes } of streams) {
    const list = byKind.get(kind) ?? [];
    byKind.set(kind, list);
    for (let ordinal = 0; ordinal < asked; ordinal += 1) {
      for (let value = 1; value < outcomes; value += 1) list.push({ kind, subject, ordinal, value });
    }
  }
  let ways = [...byKind.values()].map((list) => spread(list));
  while (ways.length > 0) {
    const through = new Set<Generator<Deviation>>();
    for (const way of ways) {
      const next = way.next();
      if (next.done === true) through.add(way);
      else yield next.value;
    }
    ways = ways.filter((way) => !through.has(way));
  }
}

/** All items of a list, in strides of about the golden section of its length. */
function* spread<Item>(items: readonly Item[]): Generator<Item> {
  const { length } = items;
  let stride = Math.max(1, Math.round(length * 0.618));
  while (commonDivisor(stride, length) > 1) stride += 1;
  for (let count = 0, place = 0; count < length; count += 1, place = (place + stride) % length) {
    yield items[place] as Item;
  }
}

function commonDivisor(one: number, other: number): number {
  return other === 0 ? one : commonDivisor(other, one % other);
}
