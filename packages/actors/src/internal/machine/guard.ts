import type { EventObject } from "xstate";
import type { Expression, Implementations, Snapshot } from "./xstate.ts";

/** A guard that is looked up and ready to be asked. */
export interface Guard {
  /**
   * Answers for the snapshot that `look` gives; only combined guards and those that ask for states look at one. Guards
   * are pure by XState's contract, so all are asked with one object.
   */
  passes(args: GuardArguments, look: () => Snapshot): boolean;
}

interface GuardArguments {
  readonly context: unknown;
  readonly event: EventObject;
}

/** XState's `and`, `or`, `not` and `stateIn` bear their program as a property. */
interface CombinedGuard {
  check(snapshot: Snapshot, args: GuardArguments, guard: unknown): boolean;
}

/**
 * Makes a guard of a definition callable: an inline function, a name, `{ type, params }`, or one of XState's own. What
 * a name stands for is looked up once.
 */
export function compileGuard(definition: unknown, implementations: Implementations): Guard {
  if (typeof definition === "function") return toGuard(definition as Expression, undefined);
  const name = typeof definition === "string" ? definition : (definition as { readonly type: string }).type;
  const implementation = implementations.guards[name];
  if (!implementation) return new MissingGuard(name);
  // A name may stand for another guard of this kind. Its own params count then.
  if (typeof implementation !== "function") return compileGuard(implementation, implementations);
  const params =
    typeof definition === "object" && definition !== null && "params" in definition ? definition.params : undefined;
  return toGuard(implementation as Expression, params);
}

function toGuard(ask: Expression, params: unknown): Guard {
  if ("check" in ask) return new CombinedGuardCall(ask as unknown as CombinedGuard, params);
  return typeof params === "function" ? new ParamsGuard(ask, params as Expression) : new FunctionGuard(ask, params);
}

class FunctionGuard implements Guard {
  readonly #ask: Expression;
  readonly #params: unknown;

  constructor(ask: Expression, params: unknown) {
    this.#ask = ask;
    this.#params = params;
  }

  passes(args: GuardArguments): boolean {
    return Boolean(this.#ask(args, this.#params));
  }
}

class ParamsGuard implements Guard {
  readonly #ask: Expression;
  readonly #params: Expression;

  constructor(ask: Expression, params: Expression) {
    this.#ask = ask;
    this.#params = params;
  }

  passes(args: GuardArguments): boolean {
    return Boolean(this.#ask(args, this.#params(args)));
  }
}

class CombinedGuardCall implements Guard {
  readonly #guard: CombinedGuard;
  readonly #params: unknown;

  constructor(guard: CombinedGuard, params: unknown) {
    this.#guard = guard;
    this.#params = params;
  }

  passes(args: GuardArguments, look: () => Snapshot): boolean {
    // Nobody reads them, but they are evaluated, and may throw.
    if (typeof this.#params === "function") (this.#params as Expression)(args);
    return this.#guard.check(look(), args, this.#guard);
  }
}

/** XState finds out when the guard is asked. */
class MissingGuard implements Guard {
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  passes(): never {
    // XState's own words, its stray quote included, of a guard that the user's machine names and nobody has given.
    throw new Error(`Guard '${this.#name}' is not implemented.'.`);
  }
}

/** What a guard of a transition threw, in XState's words. */
export function guardError(guard: unknown, eventType: string, stateId: string, error: unknown): Error {
  const name =
    typeof guard === "string"
      ? guard
      : typeof guard === "object" && guard !== null
        ? (guard as { readonly type?: string }).type
        : undefined;
  const which = name ? `'${name}' ` : "";
  const message = `Unable to evaluate guard ${which}in transition for event '${eventType}' in state node '${stateId}':\n`;
  return new Error(message + String((error as { message?: unknown }).message), { cause: error });
}
