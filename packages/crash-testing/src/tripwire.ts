import type { Subject } from "@espalier/actors";
import { UncontrolledNondeterminismError } from "./errors.ts";

/** What code can call past its system, so that no two runs are the same. */
export type UncontrolledGlobal =
  | "setTimeout"
  | "setInterval"
  | "setImmediate"
  | "queueMicrotask"
  | "Math.random"
  | "Date.now"
  | "performance.now"
  | "crypto.randomUUID"
  | "crypto.getRandomValues";

type Callable = (this: unknown, ...args: unknown[]) => unknown;

/** Where a global stands, and by which name. */
const PLACES: Readonly<Record<UncontrolledGlobal, () => readonly [holder: object, name: string]>> = {
  setTimeout: () => [globalThis, "setTimeout"],
  setInterval: () => [globalThis, "setInterval"],
  setImmediate: () => [globalThis, "setImmediate"],
  queueMicrotask: () => [globalThis, "queueMicrotask"],
  "Math.random": () => [Math, "random"],
  "Date.now": () => [Date, "now"],
  "performance.now": () => [globalThis.performance, "now"],
  "crypto.randomUUID": () => [globalThis.crypto, "randomUUID"],
  "crypto.getRandomValues": () => [globalThis.crypto, "getRandomValues"],
};

const GLOBALS = Object.keys(PLACES) as readonly UncontrolledGlobal[];

/** It has no part in a step. */
const FAST_CHECK = /[\\/]node_modules[\\/](?:\.pnpm[\\/])?fast-check[@\\/]/;
/**
 * It draws the ids of what is scheduled, by which it finds that again and orders nothing, and stamps it with a date that it
 * never reads. An error that nobody handles it throws by a timer, outside all steps. The timers of its default clock decide
 * when something happens, so they trip.
 */
const XSTATE = /[\\/]node_modules[\\/](?:\.pnpm[\\/])?xstate[@\\/]/;

const UNHEARD: ReadonlySet<UncontrolledGlobal> = new Set(["Math.random", "Date.now"]);

/** The step that is under way in this thread, if it is one of a simulation. */
let watching: Tripwire | null = null;

/** Watches over the steps of one world. */
export class Tripwire {
  readonly #allowed: ReadonlySet<UncontrolledGlobal>;
  #actor: Subject | null = null;
  #tripped: UncontrolledNondeterminismError | undefined;

  constructor(allowed: readonly UncontrolledGlobal[]) {
    this.#allowed = new Set(allowed);
  }

  /** The first call that there was, also if the actor has caught the error. */
  get tripped(): UncontrolledNondeterminismError | undefined {
    return this.#tripped;
  }

  /** A step of this actor is under way, or with null none is. */
  watch(actor: Subject | null): void {
    this.#actor = actor;
    watching = actor === null ? null : this;
  }

  /** @throws {@link UncontrolledNondeterminismError} unless the call is allowed */
  touch(global: UncontrolledGlobal, caller: Callable): void {
    const actor = this.#actor;
    if (actor === null || this.#allowed.has(global) || isHarmless(global, caller)) return;
    const error = new UncontrolledNondeterminismError(global, actor.path);
    this.#tripped ??= error;
    throw error;
  }
}

/** Looks at who called: that happens only where something is wrong, or nearly. */
function isHarmless(global: UncontrolledGlobal, callee: Callable): boolean {
  const { stackTraceLimit } = Error;
  const holder: { stack?: string } = {};
  Error.stackTraceLimit = 1;
  try {
    Error.captureStackTrace(holder, callee);
    const place = holder.stack ?? "";
    if (FAST_CHECK.test(place)) return true;
    return XSTATE.test(place) && (UNHEARD.has(global) || place.includes("reportUnhandledError"));
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** How many want them armed. */
let wanted = 0;
let disarm: Array<() => void> = [];

/**
 * Has the globals that no simulation controls throw while a step of a simulated actor is on the stack, until what this
 * answers is called as often as this was. Everywhere else they do what they always do, asynchronous code of actors behind
 * an `await` included.
 */
export function armTripwires(): () => void {
  if (wanted === 0) disarm = GLOBALS.map(arm);
  wanted += 1;
  let isOver = false;
  return () => {
    if (isOver) return;
    isOver = true;
    wanted -= 1;
    if (wanted > 0) return;
    for (const restore of disarm) restore();
    disarm = [];
  };
}

function arm(global: UncontrolledGlobal): () => void {
  const [holder, name] = PLACES[global]();
  const before = Object.getOwnPropertyDescriptor(holder, name);
  const original = Reflect.get(holder, name) as Callable;
  let isArmed = true;
  const wired: Callable = function (this: unknown, ...args) {
    if (isArmed) watching?.touch(global, wired);
    return Reflect.apply(original, this, args);
  };
  // Such as the form of a timer that `util.promisify` makes.
  Object.defineProperties(wired, Object.getOwnPropertyDescriptors(original));
  Object.defineProperty(holder, name, { value: wired, writable: true, configurable: true, enumerable: true });
  return () => {
    isArmed = false;
    // Somebody else has put another one in its place meanwhile, and will know what to do with it.
    if (Reflect.get(holder, name) !== wired) return;
    if (before === undefined) Reflect.deleteProperty(holder, name);
    else Object.defineProperty(holder, name, before);
  };
}
