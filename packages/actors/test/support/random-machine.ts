import * as fc from "fast-check";
import {
  and,
  assign,
  cancel,
  createMachine,
  emit,
  enqueueActions,
  log,
  not,
  or,
  raise,
  sendParent,
  sendTo,
  stateIn,
} from "xstate";

/*
 * Random statecharts. A chart is plain data, so that fast-check can shrink and print it; `buildMachine` makes a machine
 * of it whose every action and expression leaves a line in a log. Two machines of one chart behave alike to the letter,
 * so two ways of running them can be compared.
 */

/** What an action does. */
type Act =
  | { readonly kind: "note" | "named" | "withParams" | "peek" | "emit" | "log" | "assignAll" | "assignKey" }
  | { readonly kind: "raise" | "selfSend"; readonly event: string }
  | {
      readonly kind: "raiseLater" | "sendLater" | "send";
      readonly event: string;
      readonly delay: Delay;
      readonly id: Id;
    }
  | { readonly kind: "cancel"; readonly id: string }
  | { readonly kind: "throw" | "assignThrow" | "delayThrow" | "parent" }
  | { readonly kind: "enqueue"; readonly acts: readonly Act[] };

type Delay = { readonly ms: number; readonly form: "number" | "function" | "named" };
type Id = string | undefined;

type Guard =
  | { readonly kind: "modulo" | "withParams"; readonly divisor: number; readonly rest: number }
  | { readonly kind: "in" | "notIn"; readonly node: number }
  | { readonly kind: "and" | "or"; readonly guards: readonly Guard[] }
  | { readonly kind: "throw" };

interface Move {
  readonly target: number | undefined;
  /** A second target, which may lie in another region. */
  readonly also: number | undefined;
  readonly reenter: boolean;
  readonly guard: Guard | undefined;
  readonly acts: readonly Act[];
}

/** A state. Its parent is one of those before it; what it is besides follows from its place. */
interface Node {
  readonly parent: number;
  readonly leaf: "atomic" | "final" | "shallow" | "deep";
  readonly isParallel: boolean;
  readonly initial: number;
  /** What the transition to the initial state does. */
  readonly atFirst: readonly Act[];
  /** Of a history: leads to the first state beside it, where it remembers nothing. */
  readonly hasDefault: boolean;
  readonly tags: readonly string[];
  readonly output: number | undefined;
  readonly entry: readonly Act[];
  readonly exit: readonly Act[];
  readonly on: ReadonlyArray<{ readonly event: string; readonly moves: readonly Move[] }>;
  readonly always: readonly Move[];
  readonly after: ReadonlyArray<{ readonly delay: Delay; readonly moves: readonly Move[] }>;
  readonly onDone: readonly Move[];
}

export interface Chart {
  readonly nodes: readonly Node[];
  readonly hasOutput: boolean;
  readonly contextThrows: boolean;
}

const events = ["A", "B", "C", "D", "A.b"];
const ids = ["x", "y"];

/** What may happen to a running chart. */
export type Step =
  | { readonly type: "send"; readonly events: readonly string[] }
  | { readonly type: "advance"; readonly ms: number };

export const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant("send" as const), events: someOf(fc.constantFrom(...events, "E"), 1, 3) }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("advance" as const), ms: fc.integer({ min: 0, max: 40 }) }) },
);

function someOf<Item>(item: fc.Arbitrary<Item>, minLength: number, maxLength: number): fc.Arbitrary<Item[]> {
  return fc.array(item, { minLength, maxLength, size: "max" });
}

/** Nothing once in so many times; 1 would be never anything. */
function maybe<Value>(value: fc.Arbitrary<Value>, nothingOnceIn: 2 | 3 | 4): fc.Arbitrary<Value | undefined> {
  return fc.option(value, { nil: undefined, freq: nothingOnceIn });
}

const anyEvent = fc.constantFrom(...events);
const anyDelay: fc.Arbitrary<Delay> = fc.record({
  ms: fc.oneof({ weight: 1, arbitrary: fc.constant(0) }, { weight: 9, arbitrary: fc.integer({ min: 1, max: 25 }) }),
  form: fc.constantFrom("number", "function", "named"),
});

const simpleAct: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 100,
    arbitrary: fc.record({
      kind: fc.constantFrom("note", "named", "withParams", "peek", "emit", "log", "assignAll", "assignKey"),
    }),
  },
  { weight: 8, arbitrary: fc.record({ kind: fc.constantFrom("raise", "selfSend"), event: anyEvent }) },
  {
    weight: 35,
    arbitrary: fc.record({
      kind: fc.constantFrom("raiseLater", "raiseLater", "sendLater", "send"),
      event: anyEvent,
      delay: anyDelay,
      id: maybe(fc.constantFrom(...ids), 3),
    }),
  },
  { weight: 20, arbitrary: fc.record({ kind: fc.constant("cancel"), id: fc.constantFrom(...ids) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("throw", "assignThrow", "delayThrow", "parent") }) },
);

const anyAct: fc.Arbitrary<Act> = fc.oneof(
  { weight: 8, arbitrary: simpleAct },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("enqueue"), acts: someOf(simpleAct, 0, 3) }) },
);

const simpleGuard: fc.Arbitrary<Guard> = fc.oneof(
  {
    weight: 60,
    arbitrary: fc.record({
      kind: fc.constantFrom("modulo", "modulo", "withParams"),
      divisor: fc.integer({ min: 2, max: 3 }),
      rest: fc.integer({ min: 0, max: 2 }),
    }),
  },
  { weight: 20, arbitrary: fc.record({ kind: fc.constantFrom("in", "notIn"), node: fc.nat(15) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("throw") }) },
);

const anyGuard: fc.Arbitrary<Guard> = fc.oneof(
  { weight: 8, arbitrary: simpleGuard },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("and", "or"), guards: someOf(simpleGuard, 1, 2) }) },
);

function anyMove(guard: fc.Arbitrary<Guard | undefined>): fc.Arbitrary<Move> {
  return fc.record({
    target: maybe(fc.nat(15), 4),
    also: fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.nat(15) }),
    reenter: fc.boolean(),
    guard,
    acts: someOf(anyAct, 0, 2),
  });
}

const plainMove = anyMove(maybe(anyGuard, 2));

/** A state that is entered again at once, and by its own doing, keeps the simulated clock of XState where it is for ever. */
function notAtOnce({ ms, form }: Delay): Delay {
  return { ms: Math.max(ms, 1), form };
}

const anyNode: fc.Arbitrary<Node> = fc.record({
  parent: fc.nat(15),
  leaf: fc.constantFrom("atomic", "atomic", "atomic", "final", "shallow", "shallow", "deep", "deep"),
  isParallel: fc.boolean(),
  initial: fc.nat(15),
  atFirst: fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: someOf(anyAct, 1, 2) }),
  hasDefault: fc.boolean(),
  tags: someOf(fc.constantFrom("busy", "idle", "loud"), 0, 2),
  output: maybe(fc.nat(3), 2),
  entry: someOf(anyAct, 0, 2),
  exit: someOf(anyAct, 0, 2),
  on: someOf(
    fc.record({ event: fc.constantFrom(...events, ...events, "*", "A.*"), moves: someOf(plainMove, 1, 2) }),
    0,
    3,
  ),
  always: fc.oneof(
    { weight: 4, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: someOf(anyMove(anyGuard), 1, 2) },
  ),
  after: someOf(fc.record({ delay: anyDelay.map(notAtOnce), moves: someOf(plainMove, 1, 2) }), 0, 1),
  onDone: someOf(plainMove, 0, 1),
});

export const anyChart: fc.Arbitrary<Chart> = fc.record({
  nodes: someOf(anyNode, 1, 12),
  hasOutput: fc.boolean(),
  contextThrows: fc.oneof({ weight: 60, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
});

/** Whether an actor of this chart sends to itself, which is where mailboxes and XState's own queue may differ. */
export function sendsToItself(chart: Chart): boolean {
  const kinds = JSON.stringify(chart);
  return ['"selfSend"', '"sendLater"', '"send"'].some((kind) => kinds.includes(kind));
}

/** What `self` is to a machine. */
interface Self {
  send(event: { type: string }): void;
  getSnapshot(): unknown;
}

/** What one run leaves behind. */
export interface RunLog {
  readonly lines: string[];
  /** How much the actions may still do: a chart may well set itself going for ever. */
  budget: number;
  self: Self | undefined;
}

interface Given {
  readonly context: { readonly n: number };
  readonly event: { readonly type: string; readonly output?: unknown };
}

/** What an event that tells of a done state brings along. */
function outputIn({ output }: Given["event"]): string {
  return output === undefined ? "" : JSON.stringify(output);
}

function delayOf({ ms, form }: Delay): unknown {
  if (form === "number") return ms;
  return form === "named" ? `d${ms}` : ({ context }: Given) => ms + (context.n % 2);
}

/** What `after` calls a delay. */
function keyOf({ ms, form }: Delay): string | number {
  return form === "number" ? ms : `${form === "named" ? "d" : "f"}${ms}`;
}

/** Makes the machine of a chart, whose actions write to the log. Throws what XState throws for an illegal one. */
export function buildMachine(chart: Chart, run: RunLog): ReturnType<typeof createMachine> {
  const { nodes } = chart;
  const children = nodes.map(() => [] as number[]);
  for (const [index, node] of nodes.entries()) if (index > 0) children[node.parent % index]?.push(index);

  function say(text: string): void {
    run.budget -= 1;
    if (run.budget < 0) throw new Error("out of budget");
    run.lines.push(text);
  }

  function failing(text: string): never {
    say(text);
    throw new Error(text);
  }

  function toAction(act: Act, place: string): unknown {
    const at = `${place} ${act.kind}`;
    switch (act.kind) {
      case "note":
        return ({ context, event }: Given) => say(`${at} n=${context.n} ${event.type} ${outputIn(event)}`);
      case "named":
        return "named";
      case "withParams":
        return { type: "named", params: ({ context }: Given) => ({ n: context.n }) };
      case "peek":
        return ({ self }: { self: Self }) => {
          const snapshot = self.getSnapshot() as { value: unknown; context: unknown };
          say(`${at} ${JSON.stringify(snapshot.value)} ${JSON.stringify(snapshot.context)}`);
        };
      case "emit":
        return emit(({ context }: { context: { n: number } }) => ({ type: "emitted", n: context.n }));
      case "log":
        return log(({ context }: { context: { n: number } }) => `${at} n=${context.n}`, "label");
      case "assignAll":
        return assign(({ context }: Given) => {
          say(`${at} n=${context.n}`);
          return { n: context.n + 1 };
        });
      case "assignKey":
        return assign({ n: ({ context }: Given) => context.n + 2 });
      case "raise":
        return raise(() => {
          say(at);
          return { type: act.event };
        });
      case "selfSend":
        return ({ self }: { self: Self }) => {
          say(at);
          self.send({ type: act.event });
        };
      case "raiseLater":
      case "sendLater":
      case "send": {
        const make = (): { type: string } => {
          say(at);
          return { type: act.event };
        };
        const options = {
          ...(act.kind === "send" ? {} : { delay: delayOf(act.delay) }),
          ...(act.id === undefined ? {} : { id: act.id }),
        };
        return act.kind === "raiseLater"
          ? raise(make, options as object)
          : sendTo(({ self }) => self as never, make as never, options as object);
      }
      case "cancel":
        return cancel(act.id);
      case "throw":
        return () => failing(at);
      case "assignThrow":
        return assign(() => failing(at));
      case "delayThrow":
        return raise({ type: "A" }, { delay: (): number => failing(at) });
      case "parent":
        return sendParent({ type: "A" });
      case "enqueue":
        return enqueueActions(({ enqueue }) => {
          say(at);
          for (const inner of act.acts) enqueue(toAction(inner, place) as never);
        });
    }
  }

  function toActions(acts: readonly Act[], place: string): unknown[] {
    return acts.map((act, index) => toAction(act, `${place}${index}`));
  }

  function idOf(node: number): string {
    return `#n${node % nodes.length}`;
  }

  function toGuard(guard: Guard, place: string): unknown {
    switch (guard.kind) {
      case "modulo":
        return ({ context }: Given) => context.n % guard.divisor === guard.rest % guard.divisor;
      case "withParams":
        return {
          type: "isMultiple",
          params: ({ context }: Given) => ({ n: context.n + guard.rest, of: guard.divisor }),
        };
      case "and":
        return and(guard.guards.map((inner, index) => toGuard(inner, `${place}&${index}`)) as never);
      case "or":
        return or(guard.guards.map((inner, index) => toGuard(inner, `${place}|${index}`)) as never);
      case "in":
        return stateIn(idOf(guard.node));
      case "notIn":
        return not(stateIn(idOf(guard.node)));
      case "throw":
        return () => failing(`${place} guard`);
    }
  }

  function toMoves(moves: readonly Move[], place: string): unknown[] {
    return moves.map(({ target, also, reenter, guard, acts }, index) => ({
      ...(target === undefined
        ? {}
        : { target: also === undefined ? idOf(target) : [target, also].map(idOf), reenter }),
      ...(guard === undefined ? {} : { guard: toGuard(guard, `${place}${index}`) }),
      actions: toActions(acts, `${place}${index}.`),
    }));
  }

  function toConfig(index: number, isFirst: boolean): object {
    const node = nodes[index] as Node;
    const below = children[index] as number[];
    const id = `n${index}`;
    const isRoot = index === 0;
    if (below.length === 0 && !isRoot && !isFirst && (node.leaf === "shallow" || node.leaf === "deep")) {
      const first = (children[node.parent % index] as number[])[0];
      return { id, type: "history", history: node.leaf, ...(node.hasDefault ? { target: `s${first}` } : {}) };
    }
    const common = {
      id,
      tags: node.tags,
      entry: toActions(node.entry, `${id}.entry`),
      exit: toActions(node.exit, `${id}.exit`),
    };
    if (below.length === 0 && !isRoot && node.leaf === "final") {
      return { ...common, type: "final", ...(node.output === undefined ? {} : { output: node.output }) };
    }
    const isHistory = (child: number): boolean =>
      (children[child]?.length ?? 0) === 0 && ["shallow", "deep"].includes(nodes[child]?.leaf ?? "");
    const states = Object.fromEntries(below.map((child, place) => [`s${child}`, toConfig(child, place === 0)]));
    const kind = below.length === 0 ? {} : node.isParallel ? { type: "parallel" } : { initial: toInitial(node, below) };
    function toInitial({ atFirst }: Node, candidates: readonly number[]): unknown {
      const target = `s${initialOf(node, candidates)}`;
      return atFirst.length === 0 ? target : { target, actions: toActions(atFirst, `${id}.initial`) };
    }
    function initialOf({ initial }: Node, candidates: readonly number[]): number {
      const real = candidates.filter((child, place) => place === 0 || !isHistory(child));
      return real[initial % real.length] as number;
    }
    return {
      ...common,
      ...kind,
      ...(below.length === 0 ? {} : { states }),
      on: Object.fromEntries(node.on.map(({ event, moves }) => [event, toMoves(moves, `${id}.${event}`)])),
      always: toMoves(node.always, `${id}.always`),
      after: Object.fromEntries(node.after.map(({ delay, moves }) => [keyOf(delay), toMoves(moves, `${id}.after`)])),
      ...(below.length === 0 ? {} : { onDone: toMoves(node.onDone, `${id}.done`) }),
    };
  }

  const config = {
    ...toConfig(0, true),
    context: ({ self }: { self: Self }) => {
      run.self = self;
      if (chart.contextThrows) throw new Error("no context");
      return { n: 0 };
    },
    ...(chart.hasOutput ? { output: ({ context }: Given) => ({ n: context.n }) } : {}),
    // XState has no bound of its own.
    options: { maxIterations: 50 },
  };
  const implementations: object = {
    actions: { named: ({ event }: Given, params: unknown) => say(`named ${event.type} ${JSON.stringify(params)}`) },
    guards: { isMultiple: (_args: Given, { n, of }: { n: number; of: number }) => n % of === 0 },
    delays: Object.fromEntries(
      Array.from({ length: 26 }, (_, ms) => [
        [`d${ms}`, ms],
        [`f${ms}`, delayOf({ ms, form: "function" })],
      ]).flat() as Array<[string, unknown]>,
    ),
  };
  // What the types cannot see, XState checks: it throws for an illegal chart.
  return createMachine(config as Parameters<typeof createMachine>[0], implementations);
}
