import { type Down, fromMachine, sys } from "@espalier/actors";
import { createProbe, ManualClock } from "@espalier/actors/testing";
import * as fc from "fast-check";
import { isDeepStrictEqual } from "node:util";
import { expect, test } from "vitest";
import { type AnyActorRef, type AnyMachineSnapshot, createActor, type InspectionEvent } from "xstate";
import { anyFamily, anyStep, buildFamily, type Family, FamilyLog, type Step } from "./support/random-family.ts";
import { SimulatedClock } from "./support/simulated-clock.ts";
import { createWorld, leavesNothing } from "./support/world.ts";

/** A family is many machines. */
const RUNS = Math.max(200, Number(process.env.MACHINE_RUNS ?? 0) / 10);

/** Everything of a family that can be seen from outside. */
interface Picture {
  readonly status: string;
  readonly value: unknown;
  readonly context: unknown;
  readonly output: unknown;
  readonly error: string | undefined;
  /** Of each child that the parent has: its status, and its state if it is a machine. */
  readonly children: Readonly<Record<string, unknown>>;
  /** What the promises and observables that are waited for are called. */
  readonly outsides: readonly string[];
  readonly dues: readonly number[];
  /** By actor, what it has said. */
  readonly lines: Readonly<Record<string, readonly string[]>>;
}

/** One way of running families. */
interface Runner {
  readonly run: FamilyLog;
  send(event: string): void;
  /** Lets time pass, and promises be settled. */
  advance(ms: number): Promise<void>;
  picture(): Picture;
}

function pictureOf(
  snapshot: AnyMachineSnapshot | undefined,
  run: FamilyLog,
  status: string,
  error: unknown,
  dues: readonly number[],
): Picture {
  const isActive = status === "active";
  const children = Object.entries((snapshot?.children ?? {}) as Record<string, AnyActorRef | undefined>);
  return {
    status,
    value: isActive ? snapshot?.value : undefined,
    context: snapshot?.context,
    output: snapshot?.output as unknown,
    error: error === undefined ? undefined : (error as Error).message,
    children: isActive ? Object.fromEntries(children.map(([id, child]) => [id, stateOf(child)])) : {},
    outsides: isActive ? [...run.outsides.keys()].toSorted() : [],
    dues: isActive ? dues.toSorted((a, b) => a - b) : [],
    lines: Object.fromEntries(
      [...run.lines]
        .filter(([name]) => status !== "error" || name === "root")
        .map(([name, lines]) => [name, [...lines]]),
    ),
  };
}

function stateOf(child: AnyActorRef | undefined): unknown {
  if (child === undefined) return undefined;
  const { status, value, context, output, error } = child.getSnapshot() as Partial<AnyMachineSnapshot>;
  return { status, value, context: context as unknown, output: output as unknown, error: String(error) };
}

const turn = new ManualClock();

/** XState runs the family by itself. */
async function byXState(family: Family): Promise<Runner & { readonly clock: SimulatedClock; readonly watch: Watch }> {
  const run = new FamilyLog();
  const clock = new SimulatedClock();
  const watch = new Watch();
  const actor = createActor(buildFamily(family, run), { clock, inspect: (seen) => watch.see(seen) });
  watch.root = actor;
  actor.subscribe({ error: () => undefined });
  actor.start();
  const runs = (): boolean => actor.getSnapshot().status === "active";
  return {
    run,
    clock,
    watch,
    send(type) {
      if (runs()) actor.send({ type });
    },
    async advance(ms) {
      await turn.advance(0);
      if (runs()) clock.advance(ms);
      await turn.advance(0);
    },
    picture() {
      const snapshot = actor.getSnapshot() as AnyMachineSnapshot;
      const dues = clock.timers.map(({ due }) => due);
      return pictureOf(snapshot, run, snapshot.status, snapshot.error, dues);
    },
  };
}

/** Sees in XState what would be different if messages came by mailboxes. */
class Watch {
  root: AnyActorRef | undefined;
  /** The parent has handled the news of a child that it had stopped before. */
  hadStaleNews = false;
  /** Messages of different senders were under way to the same actor. */
  hadRace = false;
  /** Names whose owners have ended by themselves in this step. */
  #freed = new Set<string>();
  /** Those of them that were given to others in the same step. */
  inherited = new Set<string>();
  /** By the news of a child that the parent has not handled yet, or has failed over: whose they are. */
  readonly #sources = new Map<object, unknown>();
  #children: readonly unknown[] = [];
  /** Who has sent something to whom in this step. */
  #senders = new Map<unknown, Set<unknown>>();

  beginStep(): void {
    this.#senders = new Map();
    this.#freed = new Set();
    this.inherited = new Set();
  }

  /** There is no snapshot of a parent that fails over an event. */
  endStep(): void {
    if (this.root?.getSnapshot().status !== "error") return;
    for (const source of this.#sources.values()) this.hadStaleNews ||= !this.#children.includes(source);
  }

  see({ actorRef, ...seen }: InspectionEvent): void {
    if (seen.type === "@xstate.actor") {
      const name = nameOf(actorRef);
      if (name !== undefined && this.#freed.has(name)) this.inherited.add(name);
    } else if (seen.type === "@xstate.event") {
      this.#sent(seen.sourceRef, actorRef);
      const freed = /^xstate\.(?:done|error)\.actor\./u.test(seen.event.type) ? nameOf(seen.sourceRef) : undefined;
      if (freed !== undefined) this.#freed.add(freed);
      const isNews = actorRef === this.root && /^xstate\.(?:done|error|snapshot)\./u.test(seen.event.type);
      if (isNews) this.#sources.set(seen.event, seen.sourceRef);
    } else if (seen.type === "@xstate.snapshot") {
      if (seen.event.type === "xstate.stop") this.#sent("stop", actorRef);
      if (actorRef === this.root) this.#changed(seen.event, seen.snapshot as AnyMachineSnapshot);
    }
  }

  #sent(from: unknown, to: unknown): void {
    // What comes from outside comes alone.
    if (from === undefined) return;
    const senders = this.#senders.get(to) ?? new Set();
    this.#senders.set(to, senders.add(from));
    this.hadRace ||= senders.size > 1;
  }

  #changed(event: object, { children }: AnyMachineSnapshot): void {
    const source = this.#sources.get(event);
    this.#sources.delete(event);
    this.hadStaleNews ||= source !== undefined && !this.#children.includes(source);
    this.#children = Object.values(children);
  }
}

/** Its `systemId`, also while it is being made. */
function nameOf(actor: object | undefined): string | undefined {
  const { options }: { readonly options?: { readonly systemId?: string } } = actor ?? {};
  return options?.systemId;
}

/** The name that the machine has given to a second child, which it has failed over. */
function wantedName({ error }: Picture): string | undefined {
  return /^Actor with system ID '(?<name>.+)' already exists\.$/u.exec(error ?? "")?.groups?.["name"];
}

/** Whether one has failed where the other goes on, and did nothing else until then. */
function breaksOff(one: Picture, other: Picture): boolean {
  const { root: said = [] } = one.lines;
  const { root: saidByOther = [] } = other.lines;
  return one.error !== other.error && isDeepStrictEqual(said, saidByOther.slice(0, said.length));
}

type Way = "compiled" | "exact" | "mixed";

/** The kernel runs it. */
async function byKernel(family: Family, way: Way): Promise<Runner & { close(): Promise<void> }> {
  const run = new FamilyLog();
  const world = createWorld();
  const { system, clock } = world;
  const definition = fromMachine(buildFamily(family, run), { name: "family", exact: way === "exact" });
  const probe = createProbe(system);
  const ref = system.spawn(definition);
  probe.self.monitor(ref);
  await clock.advance(0);
  let isWatched = false;

  /** While somebody watches its transitions, XState takes its events. */
  function change(): void {
    if (way !== "mixed" || !system.isAlive(ref)) return;
    isWatched = !isWatched;
    void sys.traceTransitions(system, ref, isWatched);
    clock.advanceSync(0);
  }

  return {
    run,
    send(type) {
      change();
      system.send(ref, { type });
    },
    advance: (ms) => clock.advance(ms),
    picture() {
      const { processes } = system.inspect();
      const dues = processes.flatMap(({ resources }) =>
        resources
          .filter(({ kind }) => kind === "timer")
          .map(({ description }) => Number(description.split(" due at ")[1])),
      );
      const snapshot = run.self?.getSnapshot() as AnyMachineSnapshot | undefined;
      if (system.isAlive(ref)) return pictureOf(snapshot, run, "active", undefined, dues);
      const { reason } = probe.messages[0] as Down;
      if (reason.type === "error") return pictureOf(snapshot, run, "error", reason.error, []);
      return pictureOf(snapshot, run, String(snapshot?.status), undefined, []);
    },
    close: () => leavesNothing(world),
  };
}

/** How many of the runs came upon what, so that a property that tests nothing is seen. */
const seen = new Map<string, number>();

function count(fact: string): void {
  seen.set(fact, (seen.get(fact) ?? 0) + 1);
}

/**
 * In XState, what an actor sends to another has been handled, with all that follows from it, when the sender goes on; by
 * mailboxes, it is handled in its turn. That changes the order in which an actor gets the messages of different senders,
 * and nothing else. So each event comes when all is at rest, logs are compared actor by actor, and a run is let go
 *
 *   tie     when two timers were due together;
 *   stale   when the parent has handled, in XState, the news of a child that it had stopped before: a child that is
 *           stopped may have told of its end in the same breath, and the kernel takes that back;
 *   race    when it differs after an actor was sent something by two others, or by another and itself, in one step;
 *   name    when the parent does the same and then fails in the kernel over a `systemId` that is not free yet, whose
 *           owner has ended in XState, of itself and in this very step: what it ends over still waits in its mailbox
 *           when the parent, which had mail as well, gives the name to another.
 *
 * What the kernel does otherwise on purpose is left out of the pictures. XState leaves the children of a machine that
 * has failed running, so of a failed parent only its own log counts, and no child that has children fails. It leaves a
 * child running whose id another child takes over, so ids are taken once. And it does not run the clean-up of a callback
 * that has failed.
 */
async function compare(family: Family, steps: readonly Step[]): Promise<void> {
  const xstate = await byXState(family);
  const kernels = await Promise.all((["compiled", "exact", "mixed"] as const).map((way) => byKernel(family, way)));
  try {
    for (const step of [undefined, ...steps]) {
      xstate.watch.beginStep();
      for (const runner of [xstate, ...kernels]) await take(runner, step);
      const { watch, clock } = xstate;
      watch.endStep();
      if (watch.hadStaleNews || clock.hadTie) {
        count(watch.hadStaleNews ? "stale" : "tie");
        return;
      }
      const picture = xstate.picture();
      const pictures = kernels.map((kernel) => kernel.picture());
      if (watch.hadRace && pictures.some((other) => !isDeepStrictEqual(other, picture))) {
        count("race");
        return;
      }
      const isTooEarly = (other: Picture): boolean =>
        watch.inherited.has(wantedName(other) ?? "") && breaksOff(other, picture);
      const others = pictures.filter((other) => !isTooEarly(other));
      for (const other of others) expect(other).toEqual(picture);
      if (others.length < pictures.length) {
        count("name");
        return;
      }
      if (picture.status !== "active") break;
    }
    const { status, children, dues, lines } = xstate.picture();
    count(status);
    if (Object.keys(children).length > 1) count("children");
    if (dues.length > 0) count("pending");
    if (Object.keys(lines).length > 5) count("many");
  } finally {
    for (const kernel of kernels) await kernel.close();
  }
}

/** No step: only the start is looked at. */
async function take(runner: Runner, step: Step | undefined): Promise<void> {
  if (step?.type === "send") runner.send(step.event);
  else if (step?.type === "outside") runner.run.act(step);
  await runner.advance(step?.type === "advance" ? step.ms : 0);
}

test("a machine with children does in the kernel exactly what it does in XState", { timeout: 0 }, async () => {
  await fc.assert(fc.asyncProperty(anyFamily, fc.array(anyStep, { maxLength: 12, size: "max" }), compare), {
    numRuns: RUNS,
    interruptAfterTimeLimit: 30_000 + 100 * RUNS,
    markInterruptAsFailure: true,
  });
  const facts = ["active", "done", "error", "children", "pending", "many"];
  expect(facts.filter((fact) => (seen.get(fact) ?? 0) < Math.floor(RUNS / 500))).toEqual([]);
  // What is let go must stay an exception.
  const letGo = ["tie", "stale", "race", "name"].map((fact) => seen.get(fact) ?? 0);
  expect(letGo.reduce((sum, runs) => sum + runs, 0)).toBeLessThan(RUNS / 10);
});
