import { InvalidOptionError, type OptionIssue } from "@espalier/sockets";
import type * as fc from "fast-check";
import { type Kind, KINDS } from "./deviation.ts";
import type { Invariant } from "./invariant.ts";
import { clientsGet, type Model } from "./invariants/model.ts";
import { standard } from "./invariants/standard.ts";
import { unknownNames } from "./law-names.ts";
import { arbPeers } from "./peer-arbitrary.ts";
import type { PeerScript } from "./peer-script.ts";
import type { Requirements } from "./requirements.ts";
import type { Target } from "./target.ts";

/** How to look for crashes. All may be left out. */
export interface CrashOptions<Knobs extends object = object> {
  /** What clients do. @defaultValue `arbPeers()` */
  readonly peers?: fc.Arbitrary<readonly PeerScript[]>;
  /** What must be so in every run. @defaultValue `standard()` */
  readonly invariants?: readonly Invariant[];
  /** What each client has to receive; it is one more invariant. @defaultValue nobody looks at that */
  readonly model?: Model;
  /** After so many runs it is enough. @defaultValue as many as there is time for */
  readonly runs?: number;
  /** After so many milliseconds it is enough. @defaultValue 5000, and without limit if there are `runs` */
  readonly timeMs?: number;
  /** What all that is random follows from: the same seed, the same runs. @defaultValue 1 */
  readonly seed?: number;
  /** Kinds of deviations that are not tried. @defaultValue none */
  readonly without?: readonly Kind[];
  /** Values that these settings of the target may have, instead of those that it gives. @defaultValue its own */
  readonly knobs?: { readonly [Name in keyof Knobs]?: readonly Knobs[Name][] };
  /** Which of the target's operations are done. @defaultValue all */
  readonly operations?: readonly string[];
  /**
   * How long the server has to recover when all faults are over, in simulated milliseconds. @defaultValue the target's own
   * `healMs`, or else 60,000
   */
  readonly healMs?: number;
  /** What the search has to have reached. @defaultValue nothing */
  readonly require?: Requirements;
}

/** The same, whole. */
export interface CrashConfig<Handle, Knobs extends object> {
  readonly target: Target<Handle, Knobs>;
  readonly invariants: readonly Invariant[];
  readonly peers: fc.Arbitrary<readonly PeerScript[]>;
  readonly runs: number;
  readonly timeMs: number;
  readonly seed: number;
  readonly without: readonly Kind[];
  readonly require: Requirements;
}

/** How long a search takes unless it is told, in milliseconds. */
const DEFAULT_MS = 5000;

/**
 * Completes options, and puts those about the target into it.
 *
 * @throws InvalidOptionError (`ERR_INVALID_OPTION`) that names all faults
 */
export function toCrashConfig<Handle, Knobs extends object>(
  target: Target<Handle, Knobs>,
  options: CrashOptions<Knobs>,
): CrashConfig<Handle, Knobs> {
  const issues = issuesOf(target, options);
  if (issues.length > 0) throw new InvalidOptionError(issues);
  const { model, runs, invariants = standard(), peers = arbPeers(), require = {} } = options;
  return {
    target: chosen(target, options),
    invariants: model === undefined ? invariants : [...invariants, clientsGet(model)],
    peers,
    runs: runs ?? Infinity,
    timeMs: options.timeMs ?? (runs === undefined ? DEFAULT_MS : Infinity),
    seed: options.seed ?? 1,
    without: options.without ?? [],
    require,
  };
}

/** The target with the knobs, the operations and the time of the options. */
function chosen<Handle, Knobs extends object>(
  target: Target<Handle, Knobs>,
  { knobs, operations, healMs }: CrashOptions<Knobs>,
): Target<Handle, Knobs> {
  const own = Object.entries(target.operations ?? {});
  // A target may be an object of a class, whose methods want to be called on it.
  return Object.assign(Object.create(target) as Target<Handle, Knobs>, {
    ...(knobs !== undefined && { knobs: { ...target.knobs, ...knobs } }),
    ...(healMs !== undefined && { healMs }),
    ...(operations !== undefined && {
      operations: Object.fromEntries(own.filter(([name]) => operations.includes(name))),
    }),
  });
}

type Check = (value: unknown) => string | undefined;

function number(least: number, allowed: string): Check {
  return (value) => (typeof value === "number" && value >= least ? undefined : allowed);
}

function list(isItem: (item: unknown) => boolean, allowed: string): Check {
  return (value) => (Array.isArray(value) && value.every(isItem) ? undefined : allowed);
}

function has(value: unknown, ...names: readonly string[]): boolean {
  return typeof value === "object" && value !== null && names.every((name) => name in value);
}

const SHARE: Check = (value) =>
  typeof value === "number" && value >= 0 && value <= 1 ? undefined : "a share from 0 to 1";

const CHECKS: Readonly<Record<keyof CrashOptions, Check>> = {
  peers: (value) => (has(value, "generate") ? undefined : "an arbitrary of lists of peers, such as arbPeers()"),
  invariants: list((item) => has(item, "id", "watch"), "a list of invariants, such as standard()"),
  model: (value) => (typeof value === "function" ? undefined : "a function of what a client has sent"),
  runs: number(1, "a number of at least 1"),
  timeMs: number(1, "milliseconds, at least 1"),
  seed: number(0, "a number of at least 0"),
  without: list((item) => (KINDS as readonly unknown[]).includes(item), `a list of any of ${KINDS.join(", ")}`),
  knobs: (value) => {
    const isRight = has(value) && Object.values(value as object).every((one) => Array.isArray(one) && one.length > 0);
    return isRight ? undefined : "for each knob a list of its values, at least one";
  },
  operations: list((item) => typeof item === "string", "a list of names of operations"),
  healMs: (value) =>
    Number.isFinite(value) && Number(value) >= 1 ? undefined : "milliseconds, at least 1, and finite",
  require: (value) => (has(value) ? undefined : "{ crashPoints, states, transitions, except }"),
};

const REQUIREMENTS: Readonly<Record<keyof Requirements, Check>> = {
  crashPoints: SHARE,
  states: SHARE,
  transitions: SHARE,
  except: list((item) => item instanceof RegExp, "a list of regular expressions"),
};

function issuesOf<Handle, Knobs extends object>(target: Target<Handle, Knobs>, options: object): OptionIssue[] {
  const issues = check(CHECKS, options, "");
  const { require, operations } = options as CrashOptions;
  if (has(require)) issues.push(...check(REQUIREMENTS, require as object, "require."));
  const known = Object.keys(target.operations ?? {});
  for (const name of Array.isArray(operations) ? operations : []) {
    if (typeof name !== "string" || known.includes(name)) continue;
    const expected = known.length === 0 ? "nothing: the target has no operations" : `one of ${known.join(", ")}`;
    issues.push({ option: "operations", value: name, expected });
  }
  for (const option of ["states", "transitions"] as const) {
    const value = require?.[option];
    if (value === undefined || target.machine !== undefined) continue;
    issues.push({ option: `require.${option}`, value, expected: "absent, since the target gives no machine" });
  }
  const { invariants } = options as CrashOptions;
  if (target.machine !== undefined && CHECKS.invariants(invariants ?? []) === undefined) {
    issues.push(...unknownNames(invariants ?? [], target.machine));
  }
  return issues;
}

function check(checks: Readonly<Record<string, Check>>, options: object, prefix: string): OptionIssue[] {
  return Object.entries(options).flatMap(([name, value]): OptionIssue[] => {
    if (value === undefined) return [];
    const option = `${prefix}${name}`;
    const allowed = Object.hasOwn(checks, name) ? checks[name] : undefined;
    if (allowed === undefined) {
      return [{ option, value, expected: Object.keys(checks).join(", "), isUnknown: true }];
    }
    const expected = allowed(value);
    return expected === undefined ? [] : [{ option, value, expected }];
  });
}
