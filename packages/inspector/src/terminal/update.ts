import type { ProcessId } from "../api-types.ts";
import { ask, type Effect, none, type Step } from "./effect.ts";
import type { Key } from "./keys.ts";
import { bodyRows, type Facts, type Model, type Size, type View, VIEWS } from "./model.ts";
import { answer, askForDrain, askForKill, toggle } from "./orders.ts";
import type { ProcessList, ProcessRow, ProcessSort } from "./process-list.ts";
import { indexOf, rowsOf, treeRows } from "./rows.ts";
import { type Target, targetOf } from "./target.ts";
import { detailLength } from "./views/process.ts";

/** The columns in the order in which `<` and `>` go through them. */
export const SORTS: readonly ProcessSort[] = [
  "pid",
  "state",
  "mailbox",
  "messages",
  "rate",
  "bytes",
  "restarts",
  "name",
];

/** As in htop: capitals sort, and the largest comes first. */
const SORT_KEYS: Readonly<Record<string, ProcessSort>> = {
  N: "pid",
  S: "state",
  M: "mailbox",
  P: "messages",
  T: "rate",
  B: "bytes",
  R: "restarts",
  A: "name",
};

const VIEW_KEYS: Readonly<Record<string, View>> = {
  "1": "overview",
  "2": "processes",
  "3": "tree",
  "4": "listeners",
  "5": "log",
  o: "overview",
  p: "processes",
  t: "tree",
  l: "listeners",
  e: "log",
};

/** What becomes of the model when a key is pressed. */
export function press(pressed: Model, key: Key): Step {
  const { prompt } = pressed;
  if (key.type === "interrupt" || key.type === "f10") return { model: pressed, effect: { type: "quit" } };
  if (key.type === "redraw") return { model: pressed, effect: { type: "redraw" } };
  if (key.type === "stop") return { model: pressed, effect: { type: "stop" } };
  const model: Model = { ...pressed, notice: undefined };
  if (prompt?.type === "filter") {
    const typed = typeFilter(model, prompt.before, key);
    return { model: typed, effect: effectOfFilter(model, typed) };
  }
  if (prompt !== undefined) return answer(model, prompt, key);
  if (model.isHelp) return { model: { ...model, isHelp: false }, effect: none };
  return key.type === "character" ? pressCharacter(model, key.character) : pressNamed(model, key.type);
}

function pressCharacter(model: Model, character: string): Step {
  const sort = SORT_KEYS[character];
  const view = VIEW_KEYS[character];
  if (sort !== undefined && model.view === "processes" && model.detail === undefined) return sortBy(model, sort);
  if (view !== undefined) return show(model, view);
  switch (character) {
    case "q":
      return { model, effect: { type: "quit" } };
    case "?":
    case "h":
      return { model: { ...model, isHelp: true }, effect: none };
    case "/":
    case "\\":
      return { model: askForFilter(model), effect: none };
    case "I":
      return { model: { ...model, isDescending: !model.isDescending }, effect: ask };
    case "<":
      return sortBy(model, neighbour(SORTS, model.sort, -1));
    case ">":
      return sortBy(model, neighbour(SORTS, model.sort, 1));
    case "k":
      return { model: askForKill(model), effect: none };
    case "s":
      return toggle(model, "suspend");
    case "u":
      return toggle(model, "resume");
    case "d":
      return { model: askForDrain(model), effect: none };
    case "c":
      return showChildren(model);
    case "-":
    case "+":
    case "=":
      return { model: fold(model, character === "-"), effect: none };
    case "Z":
    case " ":
      return { model: { ...model, isPaused: !model.isPaused }, effect: model.isPaused ? ask : none };
    case "r":
      return { model, effect: ask };
    default:
      return { model, effect: none };
  }
}

function pressNamed(model: Model, key: Exclude<Key["type"], "character">): Step {
  const page = Math.max(1, bodyRows(model.size) - 2);
  switch (key) {
    case "up":
      return { model: move(model, -1), effect: none };
    case "down":
      return { model: move(model, 1), effect: none };
    case "pageUp":
      return { model: move(model, -page), effect: none };
    case "pageDown":
      return { model: move(model, page), effect: none };
    case "home":
      return { model: moveHome(model), effect: none };
    case "end":
      return { model: move(model, Number.MAX_SAFE_INTEGER), effect: none };
    case "left":
    case "right":
      return { model: fold(model, key === "left"), effect: none };
    case "enter":
      return enter(model);
    case "escape":
    case "backspace":
      return leave(model);
    case "tab":
      return show(model, neighbour(VIEWS, model.view, 1));
    case "f1":
      return { model: { ...model, isHelp: true }, effect: none };
    case "f3":
    case "f4":
      return { model: askForFilter(model), effect: none };
    case "f5":
      return show(model, model.view === "tree" ? "processes" : "tree");
    case "f6":
      return sortBy(model, neighbour(SORTS, model.sort, 1));
    case "f9":
      return { model: askForKill(model), effect: none };
    case "f10":
    case "interrupt":
    case "redraw":
    case "stop":
      return { model, effect: none };
  }
}

function neighbour<Item>(items: readonly Item[], item: Item, step: number): Item {
  return items[(items.indexOf(item) + step + items.length) % items.length] ?? item;
}

/** Sorting by what is sorted by already turns the order round. */
function sortBy(model: Model, sort: ProcessSort): Step {
  if (model.view !== "processes" || model.detail !== undefined) return { model, effect: none };
  const isText = sort === "name" || sort === "state" || sort === "pid";
  const isDescending = sort === model.sort ? !model.isDescending : !isText;
  return { model: { ...model, sort, isDescending }, effect: ask };
}

function show(model: Model, view: View): Step {
  const scope = view === "processes" && model.view === "processes" ? undefined : model.scope;
  return { model: { ...model, view, detail: undefined, scope: view === "processes" ? scope : undefined }, effect: ask };
}

// — Moving —————————————————————————————————————————————————————————————————————————————————————————————————————————

function move(model: Model, step: number): Model {
  const { detail, view } = model;
  if (detail !== undefined) {
    const most = Math.max(0, detailLength(model, detail) + 1 - bodyRows(model.size));
    return { ...model, detail: { ...detail, scroll: Math.max(0, Math.min(detail.scroll + step, most)) } };
  }
  const rows = rowsOf(model);
  const index = Math.max(0, Math.min(indexOf(model.cursors[view], rows) + step, rows.length - 1));
  return { ...model, cursors: { ...model.cursors, [view]: { index, id: rows[index]?.id } } };
}

/** The cursor stays on top again, whoever stands there. */
function moveHome(model: Model): Model {
  const { detail, view } = model;
  if (detail !== undefined) return { ...model, detail: { ...detail, scroll: 0 } };
  return { ...model, cursors: { ...model.cursors, [view]: { index: 0 } } };
}

function fold(model: Model, isFolded: boolean): Model {
  if (model.view !== "tree" || model.detail !== undefined) return model;
  const row = treeRows(model)[indexOf(model.cursors.tree, treeRows(model))];
  if (row === undefined) return model;
  const folded = new Set(model.folded);
  if (isFolded) folded.add(row.node.id);
  else folded.delete(row.node.id);
  return { ...model, folded, cursors: { ...model.cursors, tree: { index: 0, id: row.node.id } } };
}

// — Looking at one actor ———————————————————————————————————————————————————————————————————————————————————————————

function enter(model: Model): Step {
  const target = targetOf(model);
  if (target === undefined || model.detail !== undefined) return { model, effect: none };
  if (target.isFamily) return list(model, target);
  const detail = { id: target.id, pid: target.pid, scroll: 0, isGone: false };
  return { model: { ...model, detail }, effect: ask };
}

function showChildren(model: Model): Step {
  const target = targetOf(model);
  return target === undefined ? { model, effect: none } : list(model, target);
}

function list(model: Model, { id, path }: Target): Step {
  const cursors = { ...model.cursors, processes: { index: 0 } };
  return {
    model: { ...model, view: "processes", detail: undefined, filter: "", scope: { id, path }, cursors },
    effect: ask,
  };
}

/** One step back: out of the actor, the filter, the family. */
function leave(model: Model): Step {
  if (model.detail !== undefined) return { model: { ...model, detail: undefined }, effect: ask };
  if (model.filter !== "") {
    const all: Model = { ...model, filter: "" };
    return { model: all, effect: effectOfFilter(model, all) };
  }
  if (model.scope !== undefined) return { model: { ...model, scope: undefined }, effect: ask };
  return { model, effect: none };
}

// — Prompts ————————————————————————————————————————————————————————————————————————————————————————————————————————

/** Longer filters find nothing. */
const LONGEST_FILTER = 200;

function askForFilter(model: Model): Model {
  return model.detail === undefined && model.view !== "overview"
    ? { ...model, prompt: { type: "filter", before: model.filter } }
    : model;
}

function typeFilter(model: Model, before: string, key: Key): Model {
  const { filter } = model;
  if (key.type === "character") return { ...model, filter: (filter + key.character).slice(0, LONGEST_FILTER) };
  if (key.type === "backspace") return { ...model, filter: Array.from(filter).slice(0, -1).join("") };
  if (key.type === "enter") return { ...model, prompt: undefined };
  return key.type === "escape" ? { ...model, prompt: undefined, filter: before } : model;
}

/** The list of actors is asked for with the filter; the others are there as a whole. */
function effectOfFilter(before: Model, after: Model): Effect {
  return after.view === "processes" && after.filter !== before.filter ? ask : none;
}

// — Answers ————————————————————————————————————————————————————————————————————————————————————————————————————————

/** What becomes of the model when answers have come: those that were not asked for stay. */
export function receive(model: Model, answers: Facts): Model {
  const { list: before } = model.facts;
  const { list: after } = answers;
  const rates = after === undefined ? model.rates : ratesOf(before, after, model.rates);
  return { ...model, trouble: undefined, facts: { ...model.facts, ...answers }, rates };
}

/** The actor that is looked at has died; what was known of it last stays. */
export function lose(model: Model, id: ProcessId): Model {
  return model.detail?.id === id ? { ...model, detail: { ...model.detail, isGone: true } } : model;
}

export function resize(model: Model, size: Size): Model {
  return { ...model, size };
}

function ratesOf(before: ProcessList | undefined, after: ProcessList, known: Model["rates"]): Model["rates"] {
  const seconds = before === undefined ? 0 : (after.at - before.at) / 1000;
  const counted = new Map(before?.rows.map(({ id, reductions }) => [id, reductions]));
  const rateOf = ({ id, reductions, rate }: ProcessRow): number | undefined => {
    // The inspector knows it of those too who were not in the list before.
    if (rate !== undefined) return rate;
    // Two looks at one moment tell nothing of what happens in a second.
    if (seconds <= 0) return known.get(id);
    const earlier = counted.get(id);
    return earlier === undefined ? undefined : Math.max(0, reductions - earlier) / seconds;
  };
  const rates = new Map<ProcessId, number>();
  for (const row of after.rows) {
    const rate = rateOf(row);
    if (rate !== undefined) rates.set(row.id, rate);
  }
  return rates;
}
