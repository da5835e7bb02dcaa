import type { EventList, Leaf, Parallel, Trace, TraceStep } from "./scenario.ts";

/** One way in which a trace is not the recorded one. */
export interface Difference {
  /** The number of the step; undefined for the end. */
  readonly step: number | undefined;
  /** The part of the step: `events`, `result`, … */
  readonly field: string;
  /** For people; may have several lines. */
  readonly text: string;
}

/** All differences between a recorded trace and one of our own; none if ours is among those that the record allows. */
export function compareTraces(recorded: Trace, own: Trace): Difference[] {
  const differences: Difference[] = [];
  const recordedTables = new Tables();
  const ownTables = new Tables();
  for (const [index, expected] of recorded.steps.entries()) {
    const actual = own.steps[index];
    if (actual === undefined) break;
    const label = `step ${index} (${expected.op ?? `by ${expected.by}`})`;
    const found = [
      ...compareStep(expected, actual),
      ...compareTables(recordedTables.after(expected), ownTables.after(actual)),
    ];
    for (const { field, text } of found) differences.push({ step: index, field, text: `${label}, ${field}: ${text}` });
  }
  if (recorded.steps.length !== own.steps.length) {
    const text = `${recorded.steps.length} steps were expected, ${own.steps.length} were played`;
    differences.push({ step: undefined, field: "steps", text });
  }
  if (!matches(recorded.final, own.final)) {
    differences.push({
      step: undefined,
      field: "final",
      text: `at the end: ${expectedButGot(recorded.final, own.final)}`,
    });
  }
  return differences;
}

type Found = Omit<Difference, "step">;

function compareStep(expected: TraceStep, actual: TraceStep): Found[] {
  const stopped = new Set(leavesOf(expected.events).flatMap(({ ev, who }) => (ev === "stop" ? [who] : [])));
  const results = compareValues("result", expected.result, actual.result);
  // An actor that ends in its own step may or may not have reported what it did last.
  const mayReportLess = Array.isArray(actual.results) && Array.isArray(expected.results) && stopped.has(expected.by);
  const reported = mayReportLess ? actual.results.slice(0, expected.results.length) : actual.results;
  results.push(...compareValues("results", expected.results, reported));
  if (expected.deferred === true) return results;
  // Whether an actor that ends still reads a message is a race; its inbox says nothing.
  const receivers = new Set([...Object.keys(expected.inbox ?? {}), ...Object.keys(actual.inbox ?? {})]);
  const inboxes = [...receivers].filter((receiver) => !stopped.has(receiver));
  return [
    ...results,
    ...compareLists("events", expected.events, actual.events),
    ...compareLists("probe", expected.probe, actual.probe),
    ...inboxes.flatMap((who) => compareLists(`inbox of ${who}`, expected.inbox?.[who], actual.inbox?.[who])),
    ...compareValues("rootDown", expected.rootDown, actual.rootDown),
    ...compareValues("alive", expected.alive, actual.alive),
  ];
}

// — Values ————————————————————————————————————————————————————————————————————————————————————————————————————————

function compareValues(field: string, expected: unknown, actual: unknown): Found[] {
  return matches(expected, actual) ? [] : [{ field, text: expectedButGot(expected, actual) }];
}

function expectedButGot(expected: unknown, actual: unknown): string {
  return `expected ${show(expected)}, got ${show(actual)}`;
}

/** Whether a value is the recorded one: `"*"` stands for anything, a `{ set }` has no order, absent is null. */
function matches(expected: unknown, actual: unknown): boolean {
  if (expected === "*") return true;
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual) || actual.length !== expected.length) return false;
    return expected.every((item, index) => matches(item, actual[index]));
  }
  if (!isObject(expected)) return (expected ?? null) === (actual ?? null);
  if (!isObject(actual)) return false;
  if (Array.isArray(expected["set"])) return matchesSet(expected["set"], actual["set"] ?? actual["list"]);
  const keys = new Set([...Object.keys(expected), ...Object.keys(actual)]);
  return [...keys].every((key) => matches(expected[key], actual[key]));
}

function matchesSet(expected: readonly unknown[], actual: unknown): boolean {
  return Array.isArray(actual) && matches(expected.map(show).toSorted(), actual.map(show).toSorted());
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The JSON text of a value, with the keys of objects in one order. */
function show(value: unknown): string {
  return JSON.stringify(value, sortKeys) ?? "nothing";
}

function sortKeys(_key: string, value: unknown): unknown {
  return isObject(value) ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))) : value;
}

// — Tables ————————————————————————————————————————————————————————————————————————————————————————————————————————

/** The tables of a trace, of which each step tells only what has changed. */
class Tables {
  readonly #entries = new Map<string, unknown>();

  /** All entries after this step. */
  after({ snapshot = {}, names = {} }: TraceStep): ReadonlyMap<string, unknown> {
    for (const [path, entry] of Object.entries(snapshot)) this.#set(`snapshot of ${path}`, entry);
    for (const [name, owner] of Object.entries(names)) this.#set(`owner of the name ${name}`, owner);
    return new Map(this.#entries);
  }

  #set(key: string, entry: unknown): void {
    if (entry === null) this.#entries.delete(key);
    else this.#entries.set(key, entry);
  }
}

function compareTables(expected: ReadonlyMap<string, unknown>, actual: ReadonlyMap<string, unknown>): Found[] {
  const keys = new Set([...expected.keys(), ...actual.keys()]);
  return [...keys].flatMap((key) => compareValues(key, expected.get(key), actual.get(key)));
}

// — Series-parallel lists —————————————————————————————————————————————————————————————————————————————————————————

/**
 * Follows the actual order through the expected list, one entry after the other. What may come next is a set of lists,
 * since an entry that stands in several branches may be the one of any of them.
 */
function compareLists(field: string, expected: EventList = [], actual: EventList = []): Found[] {
  const order = leavesOf(actual);
  let rests: readonly EventList[] = [expected];
  for (const [index, leaf] of order.entries()) {
    const next = distinct(rests.flatMap((rest) => after(rest, leaf)));
    if (next.length === 0) return [{ field, text: explain(expected, order, index, rests) }];
    rests = next;
  }
  return rests.some((rest) => rest.length === 0)
    ? []
    : [{ field, text: explain(expected, order, order.length, rests) }];
}

/** What is left of a list once this entry has come: nothing if it may not come now, several if it is ambiguous. */
function after(list: EventList, leaf: Leaf): EventList[] {
  const [first, ...later] = list;
  if (first === undefined) return [];
  if (!isParallel(first)) return matches(first, leaf) ? [later] : [];
  return first.par.flatMap((branch, index) =>
    after(branch, leaf).map((rest) => join(first.par.toSpliced(index, 1, rest), later)),
  );
}

/** A list that begins with these branches. */
function join(par: readonly EventList[], later: EventList): EventList {
  const branches = par.filter(({ length }) => length > 0);
  return branches.length === 0 ? later : [{ par: branches }, ...later];
}

function distinct(lists: readonly EventList[]): EventList[] {
  return lists.length < 2 ? [...lists] : [...new Map(lists.map((list) => [show(list), list])).values()];
}

/** The entries that may come first. */
function firsts(list: EventList): Leaf[] {
  const [first] = list;
  if (first === undefined) return [];
  return isParallel(first) ? first.par.flatMap(firsts) : [first];
}

function leavesOf(list: EventList = []): Leaf[] {
  return list.flatMap((node) => (isParallel(node) ? node.par.flatMap(leavesOf) : [node]));
}

function isParallel(node: Leaf | Parallel): node is Parallel {
  return "par" in node && Array.isArray(node.par);
}

/** Says where the actual order leaves the expected one: `place` is its first entry that may not stand there. */
function explain(expected: EventList, order: readonly Leaf[], place: number, rests: readonly EventList[]): string {
  const missing = without(leavesOf(expected), order);
  const unexpected = without(order, leavesOf(expected));
  if (missing.length > 0 || unexpected.length > 0) {
    const lines = [
      ...missing.map((leaf) => `missing    ${show(leaf)}`),
      ...unexpected.map((leaf) => `unexpected ${show(leaf)}`),
    ];
    return ["not the same", ...lines].join("\n    ");
  }
  const allowed = new Set(rests.flatMap(firsts).map(show));
  return [
    "in another order",
    ...order.slice(0, place).map((leaf) => `  ${show(leaf)}`),
    ...order.slice(place, place + 1).map((leaf) => `> ${show(leaf)}`),
    ...[...allowed].map((leaf) => `  instead of ${leaf}`),
    ...order.slice(place + 1).map((leaf) => `  ${show(leaf)}`),
  ].join("\n    ");
}

/** The entries that are left when each of the others has taken away one like it. */
function without(entries: readonly Leaf[], others: readonly Leaf[]): Leaf[] {
  const taken = others.map(show);
  return entries.filter((entry) => {
    const place = taken.indexOf(show(entry));
    if (place >= 0) taken.splice(place, 1);
    return place < 0;
  });
}
