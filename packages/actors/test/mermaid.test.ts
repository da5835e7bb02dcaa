import { toMermaid } from "@espalier/actors";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  and,
  type AnyStateMachine,
  assign,
  createMachine,
  fromPromise,
  log,
  not,
  or,
  raise,
  sendTo,
  setup,
  stateIn,
} from "xstate";
import { anyChart, buildMachine } from "./support/random-machine.ts";

/** The lines of a diagram below its heading, without the indent that all of them have. */
function drawn(machine: AnyStateMachine, options?: Parameters<typeof toMermaid>[1]): string {
  const [heading, ...lines] = toMermaid(machine, options).split("\n");
  expect(heading).toBe("stateDiagram-v2");
  expect(lines.pop()).toBe("");
  return `\n${lines.map((line) => line.replace(/^ {2}/, "")).join("\n")}\n`;
}

function nodesOf(node: AnyStateMachine["root"]): AnyStateMachine["root"][] {
  return [node, ...Object.values(node.states).flatMap(nodesOf)];
}

/** How the name of an event is written. */
function written(event: string): string | undefined {
  const machine = createMachine({ initial: "a", states: { a: { on: { [event]: "b" } }, b: {} } });
  const [, label] = /a --> b : (.*)/.exec(toMermaid(machine)) ?? [];
  return label;
}

function isLate(): boolean {
  return true;
}

function remember(): void {}

describe("states", () => {
  test("have an initial one, and final ones", () => {
    const machine = createMachine({
      id: "job",
      initial: "open",
      states: { open: { on: { finish: "closed" } }, closed: { type: "final" } },
    });
    expect(toMermaid(machine)).toBe(
      "stateDiagram-v2\n  [*] --> open\n  open\n  closed\n  closed --> [*]\n  open --> closed : finish\n",
    );
  });

  test("hold states; an arrow stands in the state that holds both its ends, or else outside", () => {
    const machine = createMachine({
      initial: "off",
      states: {
        off: { on: { power: "on" } },
        on: {
          initial: "low",
          states: { low: { on: { more: "high", fail: "#(machine).off" } }, high: { on: { less: "low" } } },
          onDone: "off",
          on: { power: "off", low: ".low" },
        },
      },
    });
    expect(drawn(machine)).toMatchInlineSnapshot(`
      "
      [*] --> off
      off
      state on {
        [*] --> low
        low
        high
        low --> high : more
        high --> low : less
      }
      off --> on : power
      on --> off : power
      on --> off : onDone
      on --> low : low
      low --> off : fail
      "
    `);
  });

  test("are regions of a parallel state", () => {
    const machine = createMachine({
      id: "player",
      type: "parallel",
      states: {
        sound: { initial: "on", states: { on: { on: { mute: "muted" } }, muted: {} }, on: { reset: "sound" } },
        last: { type: "history", history: "deep" },
        tape: {
          initial: "stopped",
          states: { stopped: { on: { play: "playing" } }, playing: { on: { mute: "#player.sound.muted" } } },
        },
        lamp: {},
      },
    });
    expect(drawn(machine)).toMatchInlineSnapshot(`
      "
      state player {
        state "last (H#42;)" as last
        state sound {
          [*] --> on
          on
          muted
          on --> muted : mute
        }
        sound --> sound : reset
        --
        state tape {
          [*] --> stopped
          stopped
          playing
          stopped --> playing : play
        }
        --
        lamp
      }
      playing --> muted : mute
      "
    `);
  });

  test("are histories, shallow or deep, with the state they lead to at first", () => {
    const machine = createMachine({
      initial: "work",
      states: {
        work: {
          initial: "a",
          states: {
            a: { initial: "x.y", states: { "x.y": {}, z: {} } },
            b: {},
            recent: { type: "history" },
            exact: { type: "history", history: "deep", target: "a.x\\.y" },
            other: { type: "history", target: "b" },
          },
          on: { pause: "paused" },
        },
        paused: { on: { resume: "work.exact", restart: "work.recent" } },
      },
    });
    expect(drawn(machine)).toMatchInlineSnapshot(`
      "
      [*] --> work
      state work {
        [*] --> a
        state a {
          [*] --> s1
          state "x.y" as s1
          z
        }
        b
        state "recent (H)" as recent
        state "exact (H#42;)" as exact
        state "other (H)" as other
        other --> b
      }
      paused
      work --> paused : pause
      exact --> s1
      paused --> exact : resume
      paused --> recent : restart
      "
    `);
  });

  test("are none in a machine that has none", () => {
    expect(drawn(createMachine({ id: "counter" }))).toBe("\ncounter\n");
    expect(drawn(createMachine({ id: "counter", on: { inc: { actions: "add" } } }))).toMatchInlineSnapshot(`
      "
      state "counter" as counter
      counter : inc / add
      "
    `);
  });
});

describe("the machine itself", () => {
  test("is drawn if it has transitions", () => {
    const machine = createMachine({ id: "m", initial: "a", states: { a: {} }, on: { reset: ".a" } });
    expect(drawn(machine)).toMatchInlineSnapshot(`
      "
      state m {
        [*] --> a
        a
      }
      m --> a : reset
      "
    `);
  });

  test("is drawn if something leads to it", () => {
    const machine = createMachine({ id: "m", initial: "a", states: { a: { on: { up: "#m" } } } });
    expect(drawn(machine)).toMatchInlineSnapshot(`
      "
      state m {
        [*] --> a
        a
      }
      a --> m : up
      "
    `);
  });

  test("is drawn if it is to be highlighted", () => {
    const machine = createMachine({ id: "m", initial: "a", states: { a: {} } });
    expect(drawn(machine, { active: ["m"] })).toMatchInlineSnapshot(`
      "
      state m {
        [*] --> a
        a
      }
      classDef active fill:#fff3bf,stroke:#f08c00,stroke-width:2px,color:#000
      class m active
      "
    `);
  });
});

describe("transitions", () => {
  test("have guards, with names or without, and combined ones", () => {
    const machine = setup({
      guards: { isOpen: () => true, above: (_given, _params: { limit: number }) => true },
    }).createMachine({
      initial: "a",
      states: {
        a: {
          on: {
            one: [
              { guard: "isOpen", target: "b" },
              { guard: { type: "above", params: { limit: 3 } }, target: "b" },
              { guard: isLate, target: "b" },
              { guard: () => true, target: "b" },
              { guard: and(["isOpen", not(or([isLate, () => true]))]), target: "b" },
              { guard: stateIn("b"), target: "b" },
              { guard: stateIn({ b: "c" }), target: "b" },
            ],
          },
        },
        b: {},
      },
    });
    expect(drawn(machine)).toMatchInlineSnapshot(`
      "
      [*] --> a
      a
      b
      a --> b : one [isOpen]
      a --> b : one [above]
      a --> b : one [isLate]
      a --> b : one [...]
      a --> b : one [and(isOpen, not(or(isLate, ...)))]
      a --> b : one [stateIn(b)]
      a --> b : one [stateIn(#123;#34;b#34;#58;#34;c#34;#125;)]
      "
    `);
  });

  test("have actions, of which those without a name are left out", () => {
    const machine = createMachine({
      initial: "a",
      states: {
        a: {
          on: {
            one: { target: "b", actions: ["note", { type: "tell", params: { whom: "all" } }, remember, () => {}] },
            two: { target: "b", actions: () => {} },
            three: { target: "b", actions: [assign({}), raise({ type: "one" }), raise(() => ({ type: "one" }))] },
            four: { target: "b", actions: [log("x"), sendTo("peer", { type: "hello" })] },
          },
        },
        b: {},
      },
    });
    expect(drawn(machine)).toMatchInlineSnapshot(`
      "
      [*] --> a
      a
      b
      a --> b : one / note, tell, remember
      a --> b : two
      a --> b : three / assign, raise(one), raise
      a --> b : four / log, sendTo(hello)
      "
    `);
  });

  test("are taken after delays, always, when a state is done, and for any event", () => {
    const machine = createMachine({
      initial: "a",
      states: {
        a: {
          initial: "inner",
          states: { inner: { type: "final" } },
          onDone: "b",
          after: { 120_000: "b", patience: { target: "b", guard: "isTired" } },
          always: [{ guard: "isBusy", target: "b" }],
          on: { "*": "b", "mouse.*": "b" },
        },
        b: {},
      },
    });
    expect(drawn(machine)).toMatchInlineSnapshot(`
      "
      [*] --> a
      state a {
        [*] --> inner
        inner
        inner --> [*]
      }
      b
      a --> b : #42;
      a --> b : mouse.#42;
      a --> b : onDone
      a --> b : after 120000 ms
      a --> b : after patience [isTired]
      a --> b : always [isBusy]
      "
    `);
  });

  test("without a target are lines inside the state", () => {
    const machine = createMachine({
      initial: "a",
      states: {
        a: {
          initial: "b",
          states: { b: { on: { tick: { actions: "count" }, tock: [{ guard: "isOdd", actions: "count" }, {}] } } },
          on: { tick: { actions: ["count", "beep"] } },
          after: { 10: { actions: "beep" } },
        },
      },
    });
    expect(drawn(machine)).toMatchInlineSnapshot(`
      "
      [*] --> a
      state "a<br/>tick / count, beep<br/>after 10 ms / beep" as a {
        [*] --> b
        state "b" as b
        b : tick / count
        b : tock [isOdd] / count
        b : tock (ignored)
      }
      "
    `);
  });

  test("that are forbidden are ignored", () => {
    const machine = createMachine({
      id: "m",
      initial: "a",
      states: { a: { on: { stop: undefined } }, b: {} },
      on: { stop: ".b" },
    });
    expect(drawn(machine)).toMatchInlineSnapshot(`
      "
      state m {
        [*] --> a
        state "a" as a
        a : stop (ignored)
        b
      }
      m --> b : stop
      "
    `);
  });

  test("that reenter say so where that matters", () => {
    const machine = createMachine({
      initial: "a",
      states: {
        a: {
          initial: "b",
          states: { b: {} },
          on: {
            self: "a",
            again: { target: "a", reenter: true },
            below: ".b",
            belowAgain: { target: ".b", reenter: true },
            away: { target: "c", reenter: true },
          },
        },
        c: {},
      },
    });
    expect(drawn(machine)).toMatchInlineSnapshot(`
      "
      [*] --> a
      state a {
        [*] --> b
        b
      }
      c
      a --> c : away
      a --> a : self<br/>again (reenter)
      a --> b : below
      a --> b : belowAgain (reenter)
      "
    `);
  });

  test("with several targets fork", () => {
    const region = { initial: "x", states: { x: {}, y: {} } };
    const machine = createMachine({
      initial: "fork1",
      states: {
        fork1: {
          on: {
            both: { target: ["p.l.y", "p.r.y"], guard: "may", actions: "go" },
            crossed: { target: ["p.l.x", "p.r.y"] },
          },
        },
        p: { type: "parallel", states: { l: region, r: region } },
      },
    });
    expect(drawn(machine)).toMatchInlineSnapshot(`
      "
      [*] --> fork1
      fork1
      state p {
        state l {
          [*] --> p_l_x
          state "x" as p_l_x
          state "y" as p_l_y
        }
        --
        state r {
          [*] --> p_r_x
          state "x" as p_r_x
          state "y" as p_r_y
        }
      }
      state fork2 <<fork>>
      fork1 --> fork2 : both [may] / go
      fork2 --> p_l_y
      fork2 --> p_r_y
      state fork3 <<fork>>
      fork1 --> fork3 : crossed
      fork3 --> p_l_x
      fork3 --> p_r_y
      "
    `);
  });

  test("at the start may have actions", () => {
    const machine = createMachine({ initial: { target: "a", actions: "greet" }, states: { a: {} } });
    expect(drawn(machine)).toMatchInlineSnapshot(`
      "
      [*] --> a : / greet
      a
      "
    `);
  });

  test("are routes", () => {
    const machine = createMachine({
      id: "m",
      initial: "a",
      states: { a: {}, b: { id: "b", route: {} }, c: { id: "c", route: { guard: "may" } } },
    });
    expect(drawn(machine)).toMatchInlineSnapshot(`
      "
      state m {
        [*] --> a
        a
        b
        c
      }
      m --> b : route
      m --> c : route [may]
      "
    `);
  });
});

test("invoked actors are lines in the state, and what comes of them are transitions", () => {
  const load = fromPromise(async () => 1);
  const machine = createMachine({
    initial: "a",
    states: {
      a: {
        invoke: { src: "load", onDone: "b", onError: { target: "c", actions: "report" } },
      },
      b: {
        invoke: [
          { src: load, onDone: "c" },
          { src: load, id: "mine", onDone: { actions: "keep" } },
          { src: "save", onError: "c" },
          { src: "save", id: "twin", onSnapshot: { actions: "peek" } },
        ],
        initial: "d",
        states: { d: {} },
      },
      c: {},
    },
  });
  expect(drawn(machine)).toMatchInlineSnapshot(`
    "
    [*] --> a
    state "a" as a
    a : invoke#58; load
    state "b<br/>invoke#58; inline<br/>invoke#58; mine<br/>invoke#58; save as 2<br/>invoke#58; save as twin<br/>onDone(mine) / keep<br/>onSnapshot(save as twin) / peek" as b {
      [*] --> d
      d
    }
    c
    a --> b : onDone(load)
    a --> c : onError(load) / report
    b --> c : onDone(inline)
    b --> c : onError(save as 2)
    "
  `);
});

test("states list their entry and exit actions if asked to, without the timers that XState adds", () => {
  const machine = createMachine({
    id: "m",
    initial: "a",
    entry: "boot",
    states: {
      a: { entry: ["light", () => {}], exit: "dim", after: { 10: "b" } },
      b: { exit: { type: "leave" }, initial: "c", states: { c: { entry: () => {} } } },
    },
  });
  expect(drawn(machine, { actions: true })).toMatchInlineSnapshot(`
    "
    state "m<br/>entry / boot" as m {
      [*] --> a
      state "a" as a
      a : entry / light
      a : exit / dim
      state "b<br/>exit / leave" as b {
        [*] --> c
        c
      }
      a --> b : after 10 ms
    }
    "
  `);
  expect(drawn(machine, { actions: false })).toBe(drawn(machine));
  expect(drawn(machine)).not.toMatch(/light|dim|leave|boot/);
});

test("the direction goes for composites, too", () => {
  const machine = createMachine({
    id: "m",
    initial: "a",
    states: { a: { initial: "b", states: { b: {} } } },
  });
  expect(drawn(machine, { direction: "LR" })).toMatchInlineSnapshot(`
    "
    direction LR
    [*] --> a
    state a {
      direction LR
      [*] --> b
      b
    }
    "
  `);
  const parallel = createMachine({
    id: "p",
    type: "parallel",
    states: { a: { initial: "b", states: { b: {} } }, c: {} },
  });
  expect(drawn(parallel, { direction: "TB" })).toMatchInlineSnapshot(`
    "
    direction TB
    state p {
      state a {
        direction TB
        [*] --> b
        b
      }
      --
      c
    }
    "
  `);
});

describe("active states", () => {
  const machine = createMachine({
    id: "m",
    initial: "a",
    states: {
      a: {},
      p: {
        type: "parallel",
        states: { l: { initial: "x", states: { x: {}, y: {} } }, r: { initial: "z", states: { z: {} } } },
      },
    },
  });

  function highlighted(active: Parameters<typeof toMermaid>[1]): string[] {
    return toMermaid(machine, active)
      .split("\n")
      .filter((line) => /^ *class/.test(line));
  }

  test("are highlighted by a state value", () => {
    expect(highlighted({ active: "a" })).toEqual([
      "  classDef active fill:#fff3bf,stroke:#f08c00,stroke-width:2px,color:#000",
      "  class a active",
    ]);
    expect(highlighted({ active: { p: { l: "y", r: "z" } } }).at(-1)).toBe("  class y,z active");
    expect(highlighted({ active: { p: { l: {} } } }).at(-1)).toBe("  class l active");
  });

  test("are highlighted by their ids", () => {
    expect(highlighted({ active: ["m.p.l.x", "m.a", "m.a"] }).at(-1)).toBe("  class x,a active");
    expect(highlighted({ active: [] })).toEqual([]);
    expect(highlighted({})).toEqual([]);
  });

  test("have to be states of the machine", () => {
    expect(() => toMermaid(machine, { active: "b" })).toThrow('active is "b"; expected the key of a state of m');
    expect(() => toMermaid(machine, { active: { p: { l: "toString" } } })).toThrow("a state of m.p.l");
    expect(() => toMermaid(machine, { active: ["m.b"] })).toThrow('active is "m.b"; expected the id of a state of m');
  });
});

describe("names", () => {
  test("that Mermaid cannot take are replaced, and shown", () => {
    const machine = createMachine({
      initial: "end",
      states: {
        end: {},
        note: {},
        "a b": {},
        "a.b": {},
        "a-b": {},
        's"t': {},
        "": {},
        "x:y": {},
        _start: {},
        root_start: {},
        constructor: {},
        direction: {},
        s2: {},
        größe: {},
      },
    });
    expect(drawn(machine)).toMatchInlineSnapshot(`
      "
      [*] --> s1
      state "end" as s1
      state "note" as s3
      state "a b" as s4
      state "a.b" as s5
      state "a-b" as s6
      state "s#34;t" as s7
      state "#34;#34;" as s8
      state "x#58;y" as s9
      state "#95;start" as s10
      state "root_start" as s11
      state "constructor" as s12
      state "directio#110;" as s13
      s2
      state "größe" as s14
      "
    `);
  });

  test("are paths where several states have the same key, and numbers where that does not help", () => {
    const inner = { initial: "idle", states: { idle: {}, start: {} } };
    const machine = createMachine({ initial: "up", states: { up: inner, down: inner, down_idle: {}, idle: {} } });
    expect(drawn(machine)).toMatchInlineSnapshot(`
      "
      [*] --> up
      state up {
        [*] --> up_idle
        state "idle" as up_idle
        state "start" as s1
      }
      state down {
        [*] --> s2
        state "idle" as s2
        state "start" as s3
      }
      state "down_idle" as s4
      idle
      "
    `);
  });

  test("do not break out of their labels", () => {
    expect(written("a:b;c#d")).toBe("a#58;b#59;c#35;d");
    expect(written(`<b>"&'</b>`)).toBe("#60;b#62;#34;#38;'#60;/b#62;");
    expect(written("one\n two\r\nthree\u2028four")).toBe("one two three four");
    expect(written("%%{init: {}}%%")).toBe("#37;#37;#123;init#58; #123;#125;#125;#37;#37;");
    expect(written(" \n ")).toBe("#34; #34;");
    expect(written("WAIT_FOR_DATA")).toBe("WAIT_FOR_DATA");
    expect(written("__init__ _a")).toBe("#95;#95;init#95;#95; #95;a");
    expect(written("`a` ~b~ \\n $c$ [d]")).toBe("#96;a#96; #126;b#126; #92;n #36;c#36; #91;d#93;");
    expect(written("- a")).toBe("#45; a");
    expect(written("1. a")).toBe("1#46; a");
    expect(written("www.a.b")).toBe("www#46;a.b");
    expect(written("change direction to LR")).toBe("change direction to LR");
    expect(written("change direction  LR")).toBe("change directio#110; LR");
    expect(written("change Direction")).toBe("change Directio#110;");
    expect(written("tab\0\uD800")).toBe("tab\uFFFD\uFFFD");
    expect(written("日本 😀")).toBe("日本 😀");
  });
});

describe("any machine", () => {
  const id = String.raw`[a-zA-Z]\w*`;
  const text = String.raw`(?:[^"#$%&*:;<>@[\\\]${"`"}{|}~\n]|#\d+;|<br/>|\[|\])+`;
  const end = String.raw`(?:${id}|\[\*\])`;
  const grammar = new RegExp(
    `^ *(?:${[
      "direction (?:TB|LR)",
      id,
      `${id} : ${text}`,
      `state (?:${id}|"${text}" as ${id}) \\{`,
      `state "${text}" as ${id}`,
      String.raw`\}`,
      "--",
      `${end} --> ${end}(?: : ${text})?`,
      `state ${id} <<fork>>`,
      String.raw`classDef active [-\w:#,]+`,
      `class ${id}(?:,${id})* active`,
    ].join("|")})$`,
    "u",
  );

  /** The names and arrows of a diagram, after a look at its grammar. */
  function read(diagram: string): { names: string[]; arrows: string[] } {
    const [heading, ...lines] = diagram.trimEnd().split("\n");
    expect(heading).toBe("stateDiagram-v2");
    expect(lines.filter((line) => !grammar.test(line))).toEqual([]);
    let depth = 1;
    const isMisplaced = (line: string): boolean => {
      if (line.endsWith("}")) depth -= 1;
      const isWrong = line.search(/\S/) !== 2 * depth;
      if (line.endsWith("{")) depth += 1;
      return isWrong;
    };
    expect(lines.filter(isMisplaced)).toEqual([]);
    expect(depth).toBe(1);
    const names = lines.flatMap((line) => {
      const [, bare, plain, titled] = /^ *(?:(\w+)|state (\w+) \{|state ".*" as (\w+)(?: \{)?)$/.exec(line) ?? [];
      return bare ?? plain ?? titled ?? [];
    });
    const each = lines.flatMap((line) => {
      const [, from, to, label = ""] = /^ *(\w+) --> (\w+)(?: : (.*))?$/.exec(line) ?? [];
      return from === undefined || to === undefined ? [] : label.split("<br/>").map(() => ({ from, to }));
    });
    // A transition with several targets leads to each of them, by a fork.
    const forks = new Set(lines.flatMap((line) => /^ *state (\w+) <<fork>>$/.exec(line)?.[1] ?? []));
    const arrows = each
      .filter(({ from }) => !forks.has(from))
      .flatMap(({ from, to }) => {
        const targets = forks.has(to) ? each.filter((arrow) => arrow.from === to) : [{ to }];
        return targets.map((target) => `${from} --> ${target.to}`);
      });
    return { names: names.toSorted(), arrows: arrows.toSorted() };
  }

  test("has each of its states once, and each transition as an arrow", () => {
    const buildable = anyChart.map((chart) => {
      try {
        return buildMachine(chart, { lines: [], budget: Infinity, self: undefined });
      } catch {
        // XState refuses some charts.
        return undefined;
      }
    });
    fc.assert(
      fc.property(buildable, fc.boolean(), fc.constantFrom("TB", "LR", undefined), (machine, actions, direction) => {
        fc.pre(machine !== undefined);
        const diagram = toMermaid(machine, { actions, direction });
        expect(toMermaid(machine, { actions, direction })).toBe(diagram);
        const { names, arrows } = read(diagram);
        // The keys of random charts are all different, so that they are the names in the diagram.
        const nodes = nodesOf(machine.root);
        const isFramed = names.includes(machine.id);
        expect(names).toEqual(
          nodes
            .slice(isFramed ? 0 : 1)
            .map(({ key }) => key)
            .toSorted(),
        );
        const transitions = nodes.flatMap((node) => [...node.transitions.values(), node.always ?? []].flat());
        const taken = transitions.flatMap(({ source, target = [] }) =>
          target.map(({ key }) => `${source.key} --> ${key}`),
        );
        // Where a history leads that remembers nothing, random charts say by a key.
        const firstOnes = nodes.flatMap(({ key, config: { target } }) =>
          target === undefined ? [] : `${key} --> ${target}`,
        );
        expect(arrows).toEqual([...taken, ...firstOnes].toSorted());
      }),
      { numRuns: 300 },
    );
  });

  test("has names of any kind", () => {
    const symbols = ["\u0060", "--", "%%", ..."\"#$%&'*+-.:;<=>@[]^_{|}~/\\ \n1a".split("")];
    const anyName = fc.oneof(
      fc.string({ unit: "binary", maxLength: 10 }),
      fc.string({ unit: fc.constantFrom(...symbols), maxLength: 10 }),
      fc
        .array(
          fc.constantFrom("end", "state", "direction", "TB", "note", "as", "s1", "fork1", "root", "start", "_", " "),
          {
            maxLength: 4,
          },
        )
        .map((words) => words.join("")),
    );
    const anyEvent = anyName.filter((name) => name !== "");
    const anyKeys = fc.uniqueArray(
      anyName.filter((name) => name !== "" && name !== "__proto__"),
      { minLength: 1, maxLength: 5 },
    );
    fc.assert(
      fc.property(anyKeys, anyKeys, anyEvent, anyEvent, anyEvent, (outer, inner, event, guard, action) => {
        const on = { [event]: { target: "#it", guard, actions: action } };
        const states = Object.fromEntries(inner.map((key) => [key, { on, entry: action }]));
        const machine = createMachine({
          initial: outer[0] as string,
          states: Object.fromEntries(
            outer.map((key, index) => [
              key,
              index === 0 ? { id: "it", initial: inner[0] as string, states } : { on, invoke: { src: action } },
            ]),
          ),
        });
        const { names, arrows } = read(toMermaid(machine, { actions: true, active: ["it"] }));
        expect(new Set(names).size).toBe(outer.length + inner.length);
        expect(names).toHaveLength(outer.length + inner.length);
        expect(arrows).toHaveLength(outer.length + inner.length - 1);
      }),
      { numRuns: 300 },
    );
  });
});
