import * as fc from "fast-check";
import {
  type AnyActorRef,
  type AnyStateMachine,
  assign,
  createMachine,
  enqueueActions,
  type EventObject,
  forwardTo,
  fromCallback,
  fromEventObservable,
  fromObservable,
  fromPromise,
  fromTransition,
  type Observer,
  raise,
  spawnChild,
} from "xstate";

/*
 * Random machines with children: a parent whose states invoke, spawn, stop and talk to small actors of all kinds. A
 * family is plain data, so that fast-check can shrink and print it; `buildFamily` makes a machine of it in which each
 * actor keeps a log of its own.
 */

/** What a child does when its time has come. */
type Deed = "nothing" | "answer" | "finish" | "fail";

interface Kid {
  readonly kind: "machine" | "callback" | "promise" | "transition" | "observable" | "events";
  readonly atStart: Deed;
  /** When it is sent `go`. */
  readonly onGo: Deed;
  /** For machines. */
  readonly after: { readonly ms: number; readonly deed: Deed } | undefined;
  /** For machines: a child of its own. */
  readonly nested: Kid | undefined;
  /** For callbacks. */
  readonly isCleanUpBroken: boolean;
}

interface Invoke {
  readonly id: string;
  readonly kid: Kid;
  readonly isNamed: boolean;
  readonly isFamous: boolean;
  readonly onDone: Move | undefined;
  readonly onError: Move | undefined;
  readonly onSnapshot: Move | undefined;
}

type Act =
  | { readonly kind: "note" | "add" | "throw" | "look" }
  | { readonly kind: "raise"; readonly event: string }
  | { readonly kind: "spawnByAssign" | "spawnByAction" | "spawnLater"; readonly id: string; readonly kid: Kid }
  | { readonly kind: "stop"; readonly id: string }
  | { readonly kind: "send" | "forward"; readonly id: string; readonly delay: number | undefined };

interface Move {
  readonly target: number | undefined;
  readonly reenter: boolean;
  readonly acts: readonly Act[];
}

interface State {
  readonly isFinal: boolean;
  readonly invokes: readonly Invoke[];
  readonly entry: readonly Act[];
  readonly exit: readonly Act[];
  readonly on: ReadonlyArray<{ readonly event: string; readonly move: Move }>;
  readonly always: { readonly rest: number; readonly move: Move } | undefined;
  readonly after: { readonly ms: number; readonly move: Move } | undefined;
}

export interface Family {
  readonly regions: ReadonlyArray<readonly State[]>;
  readonly rootInvokes: readonly Invoke[];
  readonly fromContext: Kid | undefined;
  /** It minds the failures of its children. */
  readonly isCareful: boolean;
}

/** What may happen to a running family. */
export type Step =
  | { readonly type: "send"; readonly event: string }
  | { readonly type: "advance"; readonly ms: number }
  /** Settles a promise or moves an observable: which, and how. */
  | { readonly type: "outside"; readonly which: number; readonly how: "resolve" | "reject" | "next" };

const events = ["A", "B", "C"];
const invokeIds = ["p", "q"];
const spawnIds = ["s", "t"];
/** In place of a region. */
const ROOT = -1;
const delays = fc.integer({ min: 1, max: 25 });

function maybe<Value>(value: fc.Arbitrary<Value>, freq: number): fc.Arbitrary<Value | undefined> {
  return fc.option(value, { nil: undefined, freq });
}

function someOf<Item>(item: fc.Arbitrary<Item>, minLength: number, maxLength: number): fc.Arbitrary<Item[]> {
  return fc.array(item, { minLength, maxLength, size: "max" });
}

function seldom<Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> {
  return fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value });
}

const anyDeed = fc.constantFrom<Deed>("nothing", "nothing", "answer", "answer", "finish", "fail");

function anyKid(depth: number): fc.Arbitrary<Kid> {
  return fc.record({
    kind: fc.constantFrom(
      "machine",
      "machine",
      "machine",
      "callback",
      "callback",
      "promise",
      "transition",
      "observable",
      "events",
    ),
    atStart: fc.oneof({ weight: 3, arbitrary: fc.constant("nothing" as const) }, { weight: 1, arbitrary: anyDeed }),
    onGo: anyDeed,
    after: maybe(fc.record({ ms: delays, deed: anyDeed }), 1),
    nested: depth === 0 ? fc.constant(undefined) : maybe(anyKid(depth - 1), 2),
    isCleanUpBroken: fc.oneof(
      { weight: 30, arbitrary: fc.constant(false) },
      { weight: 1, arbitrary: fc.constant(true) },
    ),
  });
}

const kid = anyKid(1);

const anyAct: fc.Arbitrary<Act> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constantFrom("note", "add", "look") }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("raise"), event: fc.constantFrom(...events) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constantFrom("spawnByAssign", "spawnByAction", "spawnLater"),
      id: fc.constantFrom(...spawnIds),
      kid,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant("stop"), id: fc.constantFrom(...invokeIds, ...invokeIds, ...spawnIds) }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constantFrom("send", "send", "forward"),
      id: fc.constantFrom(...invokeIds, ...invokeIds, ...spawnIds),
      delay: maybe(delays, 1),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("throw") }) },
);

const anyMove: fc.Arbitrary<Move> = fc.record({
  target: maybe(fc.nat(5), 3),
  reenter: fc.boolean(),
  acts: someOf(anyAct, 0, 2),
});

const anyInvoke: fc.Arbitrary<Invoke> = fc.record({
  id: fc.constantFrom(...invokeIds),
  kid,
  isNamed: fc.boolean(),
  isFamous: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  onDone: maybe(anyMove, 2),
  onError: maybe(anyMove, 2),
  onSnapshot: maybe(anyMove, 1),
});

const anyState: fc.Arbitrary<State> = fc.record({
  isFinal: fc.oneof({ weight: 7, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  invokes: someOf(anyInvoke, 0, 2),
  entry: someOf(anyAct, 0, 2),
  exit: someOf(anyAct, 0, 1),
  on: someOf(fc.record({ event: fc.constantFrom(...events, ...events, "answer", "news", "*"), move: anyMove }), 1, 4),
  always: seldom(fc.record({ rest: fc.nat(2), move: anyMove })),
  after: seldom(fc.record({ ms: delays, move: anyMove })),
});

export const anyFamily: fc.Arbitrary<Family> = fc.record({
  regions: someOf(someOf(anyState, 2, 4), 1, 2),
  rootInvokes: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: someOf(anyInvoke, 1, 1) }),
  fromContext: seldom(kid),
  isCareful: fc.oneof({ weight: 1, arbitrary: fc.constant(false) }, { weight: 5, arbitrary: fc.constant(true) }),
});

export const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant("send" as const), event: fc.constantFrom(...events) }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("advance" as const), ms: fc.integer({ min: 0, max: 30 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant("outside" as const),
      which: fc.nat(5),
      how: fc.constantFrom("resolve", "resolve", "reject", "next"),
    }),
  },
);

/** A promise or an observable that waits for the test. */
interface Outside {
  readonly name: string;
  resolve(): void;
  reject(error: Error): void;
  next(): void;
}

/** What one run leaves behind. */
export class FamilyLog {
  /** By the names of the actors. */
  readonly lines = new Map<string, string[]>();
  readonly outsides = new Map<string, Outside>();
  /** Callbacks that have thrown. Their clean-up is run by the kernel only. */
  readonly failed = new Set<string>();
  self: AnyActorRef | undefined;
  readonly #answers = new Map<string, number>();
  #made = 0;

  say(name: string, line: string): void {
    const lines = this.lines.get(name);
    if (lines === undefined) this.lines.set(name, [line]);
    else lines.push(line);
    if ((lines?.length ?? 0) > 100) throw new Error("too much to say");
  }

  /** Names the next child of this id. */
  nameFor(id: string): string {
    this.#made += 1;
    if (this.#made > 40) throw new Error("too many children");
    return `${id}${this.#made}`;
  }

  /** Two actors may keep each other busy for ever, or one make others for ever. */
  mayGoOn(name: string): boolean {
    const answers = (this.#answers.get(name) ?? 0) + 1;
    this.#answers.set(name, answers);
    return answers <= 4;
  }

  /** Settles one of those that wait. */
  act({ which, how }: Step & { type: "outside" }): void {
    const waiting = [...this.outsides.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const outside = waiting[which % Math.max(1, waiting.length)];
    if (how === "resolve") outside?.resolve();
    else if (how === "reject") outside?.reject(new Error(`rejected ${outside.name}`));
    else outside?.next();
  }
}

interface Given {
  readonly context: Context;
  readonly event: EventObject & { readonly error?: Error; readonly output?: unknown };
  readonly self: AnyActorRef;
}

interface Context {
  readonly n: number;
  readonly alive: readonly string[];
}

interface Named {
  readonly name: string;
}

/** The logic of a child. It gets its name as its input. */
function logicOf(child: Kid, run: FamilyLog): unknown {
  switch (child.kind) {
    case "machine":
      return machineOf(child, run);
    case "callback":
      return callbackOf(child, run);
    case "promise":
      return fromPromise<string, Named>(({ input: { name }, signal }) => {
        run.say(name, "start");
        if (child.atStart === "finish") return Promise.resolve(`${name} at once`);
        if (child.atStart === "fail") throw new Error(`${name} at once`);
        signal.addEventListener("abort", () => {
          run.say(name, "aborted");
          run.outsides.delete(name);
        });
        return new Promise((resolve, reject) => {
          run.outsides.set(name, {
            name,
            resolve: () => {
              run.outsides.delete(name);
              resolve(name);
            },
            reject: (error) => {
              run.outsides.delete(name);
              reject(error);
            },
            next: () => undefined,
          });
        });
      });
    case "transition":
      return fromTransition(
        (context: { name: string; count: number }, { type }: EventObject) => {
          if (type.startsWith("xstate.")) return context;
          run.say(context.name, `${type} ${context.count}`);
          if (type === "go" && child.onGo === "fail") throw new Error(`${context.name} fails`);
          return { ...context, count: context.count + 1 };
        },
        ({ input }: { input: Named }) => {
          if (child.atStart === "fail") throw new Error(`${input.name} cannot start`);
          return { name: input.name, count: 0 };
        },
      );
    case "observable":
      return fromObservable<unknown, Named>(({ input: { name } }) => ({
        subscribe: (observer: unknown) => subscribe(run, name, observer as Observer<unknown>, child, (n) => n),
      }));
    case "events":
      return fromEventObservable<EventObject, Named>(({ input: { name } }) => ({
        subscribe: (observer: unknown) =>
          subscribe(run, name, observer as Observer<unknown>, child, (n) => ({ type: "news", name, n })),
      }));
  }
}

function subscribe(
  run: FamilyLog,
  name: string,
  observer: Observer<unknown>,
  { atStart }: Kid,
  toValue: (n: number) => unknown,
): { unsubscribe(): void } {
  run.say(name, "subscribed");
  let n = 0;
  const outside: Outside = {
    name,
    resolve() {
      run.outsides.delete(name);
      observer.complete?.();
    },
    reject(error) {
      run.outsides.delete(name);
      observer.error?.(error);
    },
    next() {
      n += 1;
      if (run.mayGoOn(name)) observer.next?.(toValue(n));
    },
  };
  run.outsides.set(name, outside);
  if (atStart === "answer") outside.next();
  else if (atStart === "finish") outside.resolve();
  else if (atStart === "fail") outside.reject(new Error(`${name} fails at once`));
  return {
    unsubscribe() {
      run.say(name, "unsubscribed");
      run.outsides.delete(name);
    },
  };
}

function callbackOf({ atStart, onGo, isCleanUpBroken }: Kid, run: FamilyLog): unknown {
  return fromCallback<EventObject, Named>(({ input: { name }, sendBack, receive }) => {
    run.say(name, "start");
    act(atStart);
    receive(({ type }) => {
      run.say(name, type);
      if (type === "go") act(onGo);
    });
    return () => {
      if (!run.failed.has(name)) run.say(name, "clean-up");
      if (isCleanUpBroken) throw new Error(`${name} is not clean`);
    };
    function act(deed: Deed): void {
      if (deed === "fail") {
        run.failed.add(name);
        throw new Error(`${name} fails`);
      }
      if (deed === "answer" && run.mayGoOn(name)) sendBack({ type: "answer" });
    }
  });
}

function machineOf({ atStart, onGo, after, nested }: Kid, run: FamilyLog): AnyStateMachine {
  const say =
    (line: string) =>
    ({ context, event }: { context: Named; event: EventObject }) =>
      run.say(context.name, `${line} ${event.type}`);
  const answer = enqueueActions(
    ({ context, enqueue }: { context: Named; enqueue: { sendParent(event: EventObject): void } }) => {
      if (run.mayGoOn(context.name)) enqueue.sendParent({ type: "answer" });
    },
  );
  function toMove(deed: Deed, first: readonly unknown[] = []): object {
    switch (deed) {
      case "nothing":
        return { target: ".other", actions: [...first, say("nothing")] };
      case "answer":
        return { actions: [...first, say("answer"), answer] };
      case "finish":
        return { target: ".finished", actions: [...first, say("finish")] };
      case "fail":
        // XState leaves the children of one that has failed running.
        return { actions: [...first, say("fail"), ...(nested === undefined ? [fail] : [])] };
    }
  }
  const config = {
    context: ({ input }: { input: Named }) => ({ name: input.name }),
    entry: [say("entry"), raise({ type: "begin" })],
    exit: say("exit"),
    on: {
      begin: toMove(atStart),
      go: toMove(onGo, nested === undefined ? [] : [forwardTo("nested")]),
      late: toMove(after?.deed ?? "nothing"),
      answer: { actions: say("heard") },
    },
    ...(after === undefined ? {} : { after: { [after.ms]: { actions: raise({ type: "late" }) } } }),
    ...(nested === undefined
      ? {}
      : {
          invoke: {
            id: "nested",
            src: logicOf(nested, run),
            input: ({ context }: { context: Named }) => ({ name: `${context.name}.nested` }),
            onDone: { actions: say("nested done") },
            onError: { actions: say("nested failed") },
          },
        }),
    initial: "working",
    states: {
      working: { after: { 7: "other" } },
      other: {},
      finished: { type: "final" },
    },
    output: ({ context }: { context: Named }) => `${context.name} has finished`,
  };
  return createMachine(config as unknown as Parameters<typeof createMachine>[0]);
}

function fail({ context }: { context: Named }): never {
  throw new Error(`${context.name} fails`);
}

/** `assign`, where nothing is known of the machine. */
const set = assign as unknown as (assignment: unknown) => unknown;

type Enqueue = Record<"sendTo" | "stopChild", (...args: readonly unknown[]) => void> & ((action: unknown) => void);

function send({ kind, id, delay }: Act & { id: string; delay: number | undefined }): unknown {
  return enqueueActions((({ context, event, enqueue }: Given & { enqueue: Enqueue }) => {
    if (!context.alive.includes(id)) return;
    const sent = kind === "send" || event.type.startsWith("xstate.") ? { type: "go" } : event;
    enqueue.sendTo(id, sent, delay === undefined ? {} : { delay });
  }) as never);
}

/** Keeps in mind who can be sent to. */
function alive(id: string, isAlive: boolean): unknown {
  return set({
    alive: ({ context }: Given) => [...context.alive.filter((other) => other !== id), ...(isAlive ? [id] : [])],
  });
}

/** Makes the machine of a family. Throws what XState throws for an illegal one. */
export function buildFamily(family: Family, run: FamilyLog): AnyStateMachine {
  const implementations: Record<string, unknown> = {};

  function toAction(act: Act, region: number, place: string): unknown {
    const say = ({ context, event }: Given): void => {
      const { type, error, output } = event;
      const news = JSON.stringify({ type, error: error?.message, output });
      run.say("root", `${place} ${act.kind} n=${context.n} ${news}`);
    };
    switch (act.kind) {
      case "note":
        return say;
      case "add":
        return set({ n: ({ context }: Given) => context.n + 1 });
      case "look":
        return ({ self }: Given) => {
          const { children } = self.getSnapshot() as { children: Record<string, AnyActorRef | undefined> };
          run.say("root", `${place} sees ${Object.keys(children).toSorted().join()}`);
        };
      case "throw":
        return (given: Given) => {
          say(given);
          throw new Error(`${place} throws`);
        };
      case "raise":
        // A machine that raises what makes it raise again would never come to rest.
        return enqueueActions((({ context, enqueue }: { context: Context; enqueue: Enqueue }) => {
          if (context.n >= 8) return;
          enqueue(set({ n: context.n + 1 }));
          enqueue(raise({ type: act.event }));
        }) as never);
      case "spawnByAssign":
      case "spawnByAction":
      case "spawnLater":
        return spawn(act, place);
      case "stop":
        return enqueueActions((({ enqueue }: { enqueue: Enqueue }) => {
          const stopped = idIn(region, act.id);
          enqueue.stopChild(stopped);
          enqueue(set({ alive: ({ context }: Given) => context.alive.filter((id) => id !== stopped) }));
        }) as never);
      case "send":
      case "forward":
        return send({ ...act, id: idIn(region, act.id) });
    }
  }

  function spawn({ kind, id, kid: child }: Act & { id: string; kid: Kid }, place: string): unknown {
    const source = `${place} ${id}`;
    implementations[source] = logicOf(child, run);
    const src = kind === "spawnLater" ? source : implementations[source];
    const input = (): Named => ({ name: run.nameFor(id) });
    return enqueueActions((({ context, enqueue }: { context: Context; enqueue: Enqueue }) => {
      // Whose id is taken over lives on without one, which is a law of its own.
      if (context.alive.includes(id)) return;
      if (kind === "spawnByAction") enqueue(spawnChild(src as never, { id, input }));
      const spawned = ({ spawn: make }: { spawn: (src: unknown, options: object) => unknown }): object => {
        if (kind !== "spawnByAction") make(src, { id, input: kind === "spawnLater" ? input : input() });
        return { alive: [...context.alive, id] };
      };
      enqueue(set(spawned));
    }) as never);
  }

  function toActions(acts: readonly Act[], region: number, place: string): unknown[] {
    return acts.map((act, index) => toAction(act, region, `${place}${index}`));
  }

  function toMove({ target, reenter, acts }: Move, region: number, place: string): object {
    const within = region === ROOT ? 0 : region;
    const states = family.regions[within] ?? [];
    return {
      ...(target === undefined ? {} : { target: `#r${within}s${target % states.length}`, reenter }),
      actions: toActions(acts, region, place),
    };
  }

  function toInvoke({ id, kid: child, isNamed, isFamous, ...moves }: Invoke, region: number, place: string): object {
    const logic = logicOf(child, run);
    const source = `${place} ${id}`;
    if (isNamed) implementations[source] = logic;
    const handled = Object.entries(moves as Record<string, Move | undefined>).flatMap(([name, move]) =>
      move === undefined ? [] : [[name, toMove(move, region, `${place}.${name}`)] as const],
    );
    return {
      id: idIn(region, id),
      src: isNamed ? source : logic,
      ...(isFamous ? { systemId: `famous ${id}` } : {}),
      input: () => ({ name: run.nameFor(id) }),
      ...Object.fromEntries(handled),
    };
  }

  /** One state invokes an id once. */
  function toInvokes(invokes: readonly Invoke[], region: number, place: string): Invoked {
    const used = invokes.filter(({ id }, index) => invokes.findIndex((other) => other.id === id) === index);
    return {
      ids: used.map(({ id }) => idIn(region, id)),
      invoke: used.map((invoke, index) => toInvoke(invoke, region, `${place}.invoke${index}`)),
    };
  }

  function toState(state: State, region: number, index: number, states: number): object {
    const id = `r${region}s${index}`;
    const isFinal = state.isFinal && index > 0 && index === states - 1;
    const { ids, invoke } = toInvokes(state.invokes, region, id);
    const common = {
      id,
      entry: [...ids.map((invoked) => alive(invoked, true)), ...toActions(state.entry, region, `${id}.entry`)],
      exit: [...toActions(state.exit, region, `${id}.exit`), ...ids.map((invoked) => alive(invoked, false))],
    };
    if (isFinal) return { ...common, entry: toActions(state.entry, region, `${id}.entry`), exit: [], type: "final" };
    return {
      ...common,
      invoke,
      on: Object.fromEntries(state.on.map(({ event, move }) => [event, toMove(move, region, `${id}.${event}`)])),
      ...(state.always === undefined
        ? {}
        : {
            always: {
              ...toMove(state.always.move, region, `${id}.always`),
              guard: ({ context }: Given) => context.n % 3 === state.always?.rest,
            },
          }),
      ...(state.after === undefined
        ? {}
        : { after: { [state.after.ms]: toMove(state.after.move, region, `${id}.after`) } }),
    };
  }

  const { ids: rootIds, invoke: rootInvoke } = toInvokes(family.rootInvokes, ROOT, "root");
  const note = toAction({ kind: "note" }, ROOT, "root");
  const first = family.fromContext === undefined ? undefined : logicOf(family.fromContext, run);
  const config = {
    id: "root",
    context: ({ self, spawn: make }: { self: AnyActorRef; spawn: (src: unknown, options: object) => unknown }) => {
      run.self = self;
      if (first !== undefined) make(first, { id: "s", input: { name: run.nameFor("s") } });
      return { n: 0, alive: [...rootIds, ...(first === undefined ? [] : ["s"])] };
    },
    type: "parallel",
    invoke: rootInvoke,
    on: family.isCareful ? { "xstate.error.*": { actions: note } } : {},
    states: Object.fromEntries(
      family.regions.map((states, region) => [
        `r${region}`,
        {
          initial: "s0",
          states: Object.fromEntries(
            states.map((state, index) => [`s${index}`, toState(state, region, index, states.length)]),
          ),
        },
      ]),
    ),
    output: ({ context }: Given) => ({ n: context.n }),
    // XState has no bound of its own.
    options: { maxIterations: 50 },
  };
  return createMachine(config as unknown as Parameters<typeof createMachine>[0], {
    actors: implementations as never,
  });
}

/** Each region, and the root, has ids of its own: a child whose id another takes is left alone by XState for ever. */
function idIn(region: number, id: string): string {
  return invokeIds.includes(id) ? `${id}${region}` : id;
}

interface Invoked {
  readonly ids: readonly string[];
  readonly invoke: readonly object[];
}
