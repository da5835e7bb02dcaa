import { type Definition, type Down, fromMachine, type Logger, silentLogger, sys } from "@espalier/actors";
import { createProbe } from "@espalier/actors/testing";
import { expect } from "vitest";
import { type AnyMachineSnapshot, createActor } from "xstate";
import { buildMachine, type Chart, type RunLog, type Step } from "./random-machine.ts";
import { SimulatedClock } from "./simulated-clock.ts";
import { createWorld, leavesNothing } from "./world.ts";

/*
 * The ways of running a machine that have to come to the same: XState by itself, and the kernel by each of its means.
 */

/** Everything of a machine that can be seen from outside. */
interface Picture {
  readonly status: string;
  readonly value: string;
  readonly context: unknown;
  readonly tags: readonly string[];
  readonly history: string;
  readonly output: unknown;
  readonly error: string | undefined;
  readonly dues: readonly number[];
  readonly lines: readonly string[];
}

/** One way of running machines. */
export interface Runner {
  send(events: readonly string[]): void;
  advance(ms: number): void;
  picture(): Picture;
}

function newLog(): RunLog {
  return { lines: [], budget: 150, self: undefined };
}

function pictureOf(
  snapshot: AnyMachineSnapshot | undefined,
  run: RunLog,
  status: string,
  error: unknown,
  dues: readonly number[],
): Picture {
  const history = Object.entries(snapshot?.historyValue ?? {}).map(([id, nodes]) => [id, nodes.map((node) => node.id)]);
  return {
    status,
    value: JSON.stringify(snapshot?.value ?? {}),
    context: snapshot?.context ?? {},
    tags: [...(snapshot?.tags ?? [])],
    history: JSON.stringify(history),
    output: snapshot?.output as unknown,
    error: error === undefined ? undefined : (error as Error).message,
    dues: dues.toSorted((a, b) => a - b),
    lines: [...run.lines],
  };
}

/** XState runs the machine by itself. */
export function byXState(chart: Chart): Runner & { readonly clock: SimulatedClock } {
  const run = newLog();
  const clock = new SimulatedClock();
  const machine = buildMachine(chart, run);
  const actor = createActor(machine, { clock, logger: (label, value) => run.lines.push(`log ${label}: ${value}`) });
  actor.on("*", (event) => run.lines.push(`emit ${JSON.stringify(event)}`));
  actor.subscribe({ error: () => undefined });
  actor.start();
  clock.advance(0);
  const runs = (): boolean => actor.getSnapshot().status === "active";
  return {
    clock,
    send(events) {
      for (const type of events) if (runs()) actor.send({ type });
      clock.advance(0);
    },
    advance(ms) {
      if (runs()) clock.advance(ms);
    },
    picture() {
      const snapshot = actor.getSnapshot() as AnyMachineSnapshot;
      const dues = runs() ? clock.timers.map(({ due }) => due) : [];
      return pictureOf(snapshot, run, snapshot.status, snapshot.error, dues);
    },
  };
}

/**
 * How the kernel takes events: by compiled plans, by XState's own transitions, now this way and now that, or by code that
 * is changed again and again for the same.
 */
export type Way = "compiled" | "exact" | "mixed" | "moved";

/** The kernel runs it. */
export function byKernel(chart: Chart, way: Way): Runner & { close(): Promise<void> } {
  const run = newLog();
  const world = createWorld();
  const { system, clock } = world;
  const logger: Logger = { ...silentLogger, info: (_fields, message) => run.lines.push(`log ${message}`) };
  const define = (isExact: boolean): ReturnType<typeof fromMachine> =>
    fromMachine(buildMachine(chart, run), {
      name: "random",
      logger,
      exact: isExact,
      onEmit: (event) => run.lines.push(`emit ${JSON.stringify(event)}`),
    });
  const probe = createProbe(system);
  const ref = system.spawn(define(way === "exact"));
  probe.self.monitor(ref);
  clock.advanceSync(0);

  function picture(): Picture {
    const info = system.inspect().processes.find(({ pid }) => pid === ref);
    const dues = (info?.resources ?? []).map(({ description }) => Number(description.split(" due at ")[1]));
    const snapshot = run.self?.getSnapshot() as AnyMachineSnapshot | undefined;
    if (info !== undefined) {
      const { value, context, tags } = snapshot as AnyMachineSnapshot;
      expect(info.state).toEqual({ value, context, tags: [...tags] });
      return pictureOf(snapshot, run, "active", undefined, dues);
    }
    const { reason } = probe.messages[0] as Down;
    if (reason.type === "error") return pictureOf(snapshot, run, "error", reason.error, []);
    expect(reason).toEqual({ type: "normal", detail: snapshot?.output as unknown });
    return pictureOf(snapshot, run, String(snapshot?.status), undefined, []);
  }

  let isWatched = false;

  /** While somebody watches its transitions, XState takes its events. */
  function turn(): void {
    if ((way !== "mixed" && way !== "moved") || !system.isAlive(ref)) return;
    isWatched = !isWatched;
    if (way === "mixed") void sys.traceTransitions(system, ref, isWatched);
    else void sys.swapCode(system, ref, define(isWatched) as Definition<never>);
    clock.advanceSync(0);
  }

  return {
    send(events) {
      turn();
      for (const type of events) system.send(ref, { type });
      clock.advanceSync(0);
    },
    advance(ms) {
      turn();
      clock.advanceSync(ms);
    },
    picture,
    close: () => leavesNothing(world),
  };
}

export function canBuild(chart: Chart): boolean {
  try {
    buildMachine(chart, newLog());
    return true;
  } catch (error) {
    // XState refuses some charts, such as one whose target lies outside what it can reach, and says so in an Error of
    // no further kind. Anything else is a mistake of the generator.
    if (!(error instanceof Error) || error.constructor !== Error) throw error;
    return false;
  }
}

/** No step: only the start is looked at. */
export function take(runner: Runner, step: Step | undefined, isSelfSender: boolean): void {
  if (step === undefined) return;
  if (step.type === "advance") runner.advance(step.ms);
  else if (isSelfSender) for (const event of step.events) runner.send([event]);
  else runner.send(step.events);
}
