import * as v from "valibot";

/** One option: what is allowed, in words too, and what it is if it is not given. */
export type Setting<T> = v.OptionalSchema<v.CustomSchema<T, string>, T>;

/** An option without a default of its own. */
export type Unset<T> = v.OptionalSchema<v.CustomSchema<T, string>, undefined>;

/** One for each option, so that none can be forgotten. */
export type Settings<Options> = { readonly [Name in keyof Options]-?: Setting<NonNullable<Options[Name]>> };

/** A timer of Node holds a signed 32-bit number of milliseconds (24.8 days), and fires at once when given more. */
export const LONGEST_MS = 2_147_483_647;
/** No limit on bytes is larger than what a 4-byte header can announce. */
export const LARGEST_SIZE = 2_147_483_647;

export const BYTES: string = `an integer of bytes from 1 to ${LARGEST_SIZE}`;
export const TIMEOUT: string = `milliseconds from 1 to ${LONGEST_MS}`;

/** One sentence for whatever is wrong with a value: what valibot says of a union names only the branch that came close. */
export function setting<T>(allowed: v.GenericSchema<T>, expected: string, fallback: NoInfer<T>): Setting<T> {
  return v.optional(
    v.custom<T>((value) => v.is(allowed, value), expected),
    fallback,
  ) as Setting<T>;
}

export function flag(fallback: boolean): Setting<boolean> {
  return setting(v.boolean(), "true or false", fallback);
}

export function orInfinity(number: v.GenericSchema<number>): v.GenericSchema<number | "infinity"> {
  return v.union([v.literal("infinity"), number]);
}

export function integer(least: number, most: number): v.GenericSchema<number> {
  return v.pipe(v.number(), v.safeInteger(), v.minValue(least), v.maxValue(most));
}

export function milliseconds(least: number): v.GenericSchema<number> {
  return v.pipe(v.number(), v.minValue(least), v.maxValue(LONGEST_MS));
}

/** A function that is called, or false, the default: nobody is. */
export function hook<Hook extends (...args: never[]) => unknown>(): Setting<Hook | false> {
  const allowed = v.union([v.literal(false), v.custom<Hook>((value) => typeof value === "function")]);
  return setting<Hook | false>(allowed, "a function, or false", false);
}
