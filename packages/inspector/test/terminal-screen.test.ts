import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Key } from "../src/terminal/keys.ts";
import { initialModel, type Model, type Size } from "../src/terminal/model.ts";
import { paint } from "../src/terminal/painter.ts";
import type { ProcessList, ProcessRow } from "../src/terminal/process-list.ts";
import { bytesOf, indexOf, listenerRows, processRows } from "../src/terminal/rows.ts";
import { screenLines } from "../src/terminal/screen.ts";
import { widthOf } from "../src/terminal/text.ts";
import { press, receive, resize, SORTS } from "../src/terminal/update.ts";
import { anyFacts, anyText, listenerFact, processRow } from "./support/answers.ts";
import { VirtualScreen } from "./support/virtual-screen.ts";

const characters = Array.from("12345optle?h/IkcyZr<>+-MPTBRSNAsud ");
const named = [
  "up",
  "down",
  "left",
  "right",
  "pageUp",
  "pageDown",
  "home",
  "end",
  "enter",
  "escape",
  "backspace",
  "tab",
];
const anyKey = fc.oneof(
  fc.constantFrom(...characters).map((character): Key => ({ type: "character", character })),
  fc.constantFrom(...named).map((type) => ({ type }) as Key),
);
const anySize: fc.Arbitrary<Size> = fc.oneof(
  fc.constantFrom({ columns: 80, rows: 24 }, { columns: 40, rows: 24 }),
  fc.record({ columns: fc.nat(200), rows: fc.nat(60) }),
);

/** The list of all actors, of whom these have rows. */
function listOf(rows: readonly ProcessRow[], rest: Partial<ProcessList> = {}): ProcessList {
  return { at: 1, scope: undefined, filter: "", rows, total: rows.length, more: 0, unknown: 0, ...rest };
}

/** What happens to the program, one after the other. */
const anyDeed: fc.Arbitrary<(model: Model) => Model> = fc.oneof(
  { weight: 3, arbitrary: anyKey.map((key) => (model: Model) => press(model, key).model) },
  { weight: 1, arbitrary: anyFacts.map((facts) => (model: Model) => receive(model, facts)) },
  { weight: 1, arbitrary: anyText.map((trouble) => (model: Model) => ({ ...model, trouble })) },
);

describe("a screen", () => {
  test("is as large as the terminal, whatever is shown and pressed, and has no control character", () => {
    fc.assert(
      fc.property(anySize, fc.boolean(), fc.array(anyDeed, { maxLength: 12 }), (size, hasToken, deeds) => {
        let model = initialModel(size, hasToken);
        for (const deed of deeds) {
          model = deed(model);
          const lines = screenLines(model);
          expect(lines.length).toBe(size.rows);
          for (const line of lines) {
            expect(line.reduce((sum, { text }) => sum + widthOf(text), 0)).toBe(size.columns);
            for (const { text } of line) expect(text).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  test("is on the terminal after each step, though only what has changed is written", () => {
    const size = { columns: 60, rows: 12 };
    fc.assert(
      fc.property(fc.boolean(), fc.array(anyDeed, { maxLength: 12 }), (isColoured, deeds) => {
        const screen = new VirtualScreen(size.columns, size.rows);
        let model = initialModel(size, true);
        let shown: ReturnType<typeof screenLines> | undefined;
        for (const deed of deeds) {
          model = deed(model);
          const lines = screenLines(model);
          screen.write(paint(shown, lines, isColoured));
          shown = lines;
          const texts = lines.map((line) =>
            line
              .map(({ text }) => text)
              .join("")
              .trimEnd(),
          );
          expect(screen.lines).toEqual(texts);
          expect(screen.unknown).toEqual([]);
          expect(paint(shown, lines, isColoured)).toBe("");
        }
      }),
      { numRuns: 200 },
    );
  });

  test("has no colour where none is wanted", () => {
    fc.assert(
      fc.property(fc.array(anyDeed, { maxLength: 8 }), (deeds) => {
        const model = deeds.reduce((last, deed) => deed(last), initialModel({ columns: 80, rows: 24 }, true));
        // Bold and reversed are none.
        expect(paint(undefined, screenLines(model), false).split("\u001b[").slice(1)).toSatisfy(
          (sequences: readonly string[]) => sequences.every((sequence) => /^(?:[017]?m|2J|\d+;\d+H)/u.test(sequence)),
        );
      }),
      { numRuns: 50 },
    );
  });
});

describe("the list of actors", () => {
  const list = fc.array(processRow, { maxLength: 40 }).map((rows) => listOf(rows));
  const anySort = fc.constantFrom(...SORTS);

  test("is sorted by what is asked for, both ways, and loses nobody", () => {
    fc.assert(
      fc.property(list, anySort, fc.boolean(), (facts, sort, isDescending) => {
        const base = initialModel({ columns: 80, rows: 24 }, true);
        const rows = processRows({ ...receive(base, { list: facts }), sort, isDescending });
        expect(rows.length).toBe(facts.rows.length);
        const keys = rows.map((row) => {
          if (sort === "mailbox") return row.mailbox;
          if (sort === "messages") return row.reductions;
          if (sort === "bytes") return bytesOf(row);
          return sort === "restarts" ? row.incarnation : 0;
        });
        expect(keys).toEqual(keys.toSorted((left, right) => (isDescending ? right - left : left - right)));
      }),
    );
  });

  test("has those alone that the filter lets through", () => {
    fc.assert(
      fc.property(list, fc.string({ minLength: 1, maxLength: 2 }), (facts, filter) => {
        const base = initialModel({ columns: 80, rows: 24 }, true);
        const rows = processRows({ ...receive(base, { list: facts }), filter });
        for (const row of facts.rows) {
          const texts = [row.path, row.name, row.label, row.definition, row.pid, row.state ?? row.status];
          const isSought = texts.some((text) => text?.toLowerCase().includes(filter.toLowerCase()));
          expect(rows.includes(row)).toBe(isSought);
        }
      }),
    );
  });

  test("says how many belong into it and are not there, and who was not searched, however many rows there are", () => {
    const size = fc.record({ columns: fc.integer({ min: 60, max: 120 }), rows: fc.integer({ min: 6, max: 40 }) });
    const some = fc.nat(9999);
    fc.assert(
      fc.property(size, list, some, some, fc.nat(50), (own, { rows }, more, unknown, steps) => {
        const facts = { list: listOf(rows, { more, unknown }) };
        let model = press(receive(initialModel(own, true), facts), typed("2")).model;
        for (let step = 0; step < steps; step += 1) model = press(model, { type: "down" }).model;
        const text = textOf(model);
        expect(/… and (\d+) more/u.exec(text)?.[1]).toBe(more === 0 ? undefined : String(more));
        expect(/(\d+) are not searched/u.exec(text)?.[1]).toBe(unknown === 0 ? undefined : String(unknown));
        // What was asked before the filter has changed says nothing of this one.
        expect(textOf({ ...model, filter: "x" })).toMatch(/… asking/u);
      }),
    );
  });

  test("keeps the cursor on whom it was moved to, wherever that one goes", () => {
    fc.assert(
      fc.property(list, anySort, fc.nat(30), (facts, sort, steps) => {
        const unique = facts.rows.filter(({ id }, index) => facts.rows.findIndex((row) => row.id === id) === index);
        fc.pre(unique.length > 0);
        let model = receive(initialModel({ columns: 80, rows: 24 }, true), { list: { ...facts, rows: unique } });
        model = press(model, { type: "character", character: "2" }).model;
        for (let step = 0; step <= steps; step += 1) model = press(model, { type: "down" }).model;
        const before = press(model, { type: "enter" }).model.detail?.id;
        const after = press({ ...model, sort }, { type: "enter" }).model.detail?.id;
        expect(before).toBeDefined();
        expect(after).toBe(before);
      }),
    );
  });
});

describe("a kill", () => {
  const child = { id: "7.1.a/b", pid: "<0.7>", path: "a/b" };

  function asked(): Model {
    const [row] = fc.sample(processRow, { numRuns: 1, seed: 1 });
    if (row === undefined) throw new Error("there is a row");
    const list = listOf([{ ...row, ...child }]);
    const model = receive(initialModel({ columns: 80, rows: 24 }, true), { list });
    return press(press(model, { type: "character", character: "2" }).model, { type: "character", character: "k" })
      .model;
  }

  test("is done after a yes, and after nothing else", () => {
    fc.assert(
      fc.property(anyKey, (key) => {
        const { model, effect } = press(asked(), key);
        const isYes = key.type === "character" && key.character === "y";
        expect(effect).toEqual(isYes ? { type: "kill", id: child.id } : { type: "none" });
        expect(model.prompt).toBeUndefined();
      }),
    );
  });

  test("is of the one that was asked about, whoever stands there meanwhile", () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const { effect } = press(receive(asked(), facts), { type: "character", character: "y" });
        expect(effect).toEqual({ type: "kill", id: child.id });
      }),
      { numRuns: 30 },
    );
  });
});

function textOf(model: Model): string {
  return screenLines(model)
    .map((line) => line.map(({ text }) => text).join(""))
    .join("\n");
}

function typed(pressed: string): Key {
  return { type: "character", character: pressed };
}

/** The listener under the cursor. */
function listenerOf(model: Model) {
  const rows = model.view === "listeners" && model.detail === undefined ? listenerRows(model) : [];
  return rows[indexOf(model.cursors.listeners, rows)];
}

function mayCommand({ hasToken, facts }: Model): boolean {
  return hasToken && facts.overview?.takesCommands !== false;
}

describe("suspend, resume and drain", () => {
  /** Somewhere, with a cursor that may stand on something. */
  const anywhere = fc
    .tuple(anyFacts, fc.boolean(), fc.array(anyKey, { maxLength: 6 }))
    .map(([facts, hasToken, keys]) => {
      const start = receive(initialModel({ columns: 80, rows: 24 }, hasToken), facts);
      const model = keys.reduce((last, key) => press(last, key).model, start);
      // Out of what waits for an answer, and of the help.
      return model.prompt === undefined && !model.isHelp ? model : press(model, { type: "escape" }).model;
    });

  test("mean what the cursor is on, and only where commands are taken and with a token", () => {
    fc.assert(
      fc.property(anywhere, fc.constantFrom("suspend", "resume"), (model, verb) => {
        const { model: after, effect } = press(model, typed(verb === "suspend" ? "s" : "u"));
        const listener = listenerOf(model);
        // Whoever would be killed here is the actor.
        const { prompt } = press(model, typed("k")).model;
        const actor = prompt?.type === "kill" && { type: verb, id: prompt.id };
        const told = listener === undefined ? actor : { type: `${verb}Listener`, listener: listener.id };
        const expected = mayCommand(model) && told !== false ? told : { type: "none" };
        expect(effect).toEqual(expected);
        expect([after.prompt, after.notice?.style]).toEqual([
          undefined,
          expected.type === "none" ? "warning" : undefined,
        ]);
      }),
      { numRuns: 300 },
    );
  });

  test("ask before a listener is drained, and before nothing else", () => {
    fc.assert(
      fc.property(anywhere, (model) => {
        const { model: after, effect } = press(model, typed("d"));
        const { id: listener, connections } = listenerOf(model) ?? {};
        const isAsked = listener !== undefined && mayCommand(model);
        expect(effect).toEqual({ type: "none" });
        expect(after.prompt).toEqual(isAsked ? { type: "drain", listener, connections } : undefined);
        expect(after.notice?.style).toBe(isAsked ? undefined : "warning");
      }),
      { numRuns: 300 },
    );
  });

  test("drain the listener that was asked about, whoever stands there meanwhile, after a yes and after nothing else", () => {
    fc.assert(
      fc.property(listenerFact, anyFacts, anyKey, (fact, later, key) => {
        const facts = { listeners: { at: 1, listeners: [fact] } };
        const model = receive(initialModel({ columns: 80, rows: 24 }, true), facts);
        const asked = Array.from("4d").reduce((last, pressed) => press(last, typed(pressed)).model, model);
        const answered = press(receive(asked, later), key);
        const isYes = key.type === "character" && key.character === "y";
        expect(answered.effect).toEqual(isYes ? { type: "drainListener", listener: fact.id } : { type: "none" });
        expect(answered.model.prompt).toBeUndefined();
      }),
    );
  });

  test("reach a listener and an actor at all", () => {
    const [listener] = fc.sample(listenerFact, { numRuns: 1, seed: 1 });
    const [row] = fc.sample(processRow, { numRuns: 1, seed: 1 });
    if (listener === undefined || row === undefined) throw new Error("there is one of each");
    const list = listOf([row]);
    const facts = { list, listeners: { at: 1, listeners: [listener] } };
    const model = receive(initialModel({ columns: 80, rows: 24 }, true), facts);
    const effectOf = (keys: string): unknown =>
      Array.from(keys).reduce((step, key) => press(step.model, typed(key)), press(model, typed("1"))).effect;
    expect(["2s", "2u", "4s", "4u", "4dy", "4dn"].map(effectOf)).toEqual([
      { type: "suspend", id: row.id },
      { type: "resume", id: row.id },
      { type: "suspendListener", listener: listener.id },
      { type: "resumeListener", listener: listener.id },
      { type: "drainListener", listener: listener.id },
      { type: "none" },
    ]);
  });
});

test("a filter of actors is asked for with each key that changes it, and that of another list is not", () => {
  const keys: readonly Key[] = [
    typed("/"),
    typed("a"),
    typed("b"),
    { type: "backspace" },
    { type: "enter" },
    { type: "escape" },
    { type: "escape" },
  ];
  for (const view of ["2", "3", "4", "5"]) {
    let { model } = press(initialModel({ columns: 80, rows: 24 }, true), typed(view));
    const seen = keys.map((key) => {
      const step = press(model, key);
      model = step.model;
      return [model.filter, step.effect.type];
    });
    const asked = view === "2" ? "ask" : "none";
    expect(seen).toEqual([
      ["", "none"],
      ["a", asked],
      ["ab", asked],
      ["a", asked],
      ["a", "none"],
      ["", asked],
      ["", "none"],
    ]);
  }
});

test("a tree says how many are not in it, and with a filter, how many that does not look at", () => {
  const totals = { processes: 12, mailbox: 0, bytesReceived: 0, bytesSent: 0, unsentBytes: 0 };
  const aggregate = { count: 11, states: { open: 11 }, definitions: {}, totals, longestMailbox: 0 };
  const [row] = fc.sample(processRow, { numRuns: 1, seed: 1 });
  if (row === undefined) throw new Error("there is a row");
  const root = { ...row, key: "oak", behaviour: "server", below: totals, children: [], aggregate };
  const facts = { tree: { at: 1, roots: [root], omitted: 3 } };
  const { model } = press(receive(initialModel({ columns: 80, rows: 24 }, true), facts), typed("3"));
  expect(textOf(model)).toMatch(/Tree … and 3 more/u);
  expect(textOf({ ...model, filter: "oak" })).toMatch(/Tree 15 are not searched here/u);
});

test("a log says how many older entries there are", () => {
  const entry = { number: 7, kind: "crash", at: 1, wallClock: 1, path: "a", text: "b" } as const;
  const counts = { crash: 9, restart: 0, supervisor: 0, alarm: 0, command: 0 };
  const shown = (oldest: number): string => {
    const facts = { log: { at: 1, entries: [entry], counts, oldest } };
    return textOf(press(receive(initialModel({ columns: 120, rows: 24 }, true), facts), typed("5")).model);
  };
  expect(shown(3)).toMatch(/… and 4 older/u);
  expect(shown(7)).not.toMatch(/older/u);
});

test("the keys at the foot of each view fit into 80 columns", () => {
  for (const keys of ["1", "2", "3", "4", "5"]) {
    const model = press(initialModel({ columns: 200, rows: 24 }, true), { type: "character", character: keys }).model;
    const foot = screenLines(model).at(-1) ?? [];
    const text = foot.map((part) => part.text).join("");
    expect(text.trimEnd().length).toBeLessThanOrEqual(80);
  }
});

test("a terminal that was resized is written anew", () => {
  const model = initialModel({ columns: 80, rows: 24 }, true);
  const small = screenLines(resize(model, { columns: 40, rows: 10 }));
  const screen = new VirtualScreen(40, 10);
  screen.write(paint(screenLines(model), small, true));
  expect(screen.lines).toEqual(
    small.map((line) =>
      line
        .map(({ text }) => text)
        .join("")
        .trimEnd(),
    ),
  );
});
