import type { Choices } from "./choices.ts";
import type { Target } from "./target.ts";

/** The settings of a run. */
export function knobsOf<Handle, Knobs extends object>(
  { knobs = {} as NonNullable<Target<Handle, Knobs>["knobs"]> }: Target<Handle, Knobs>,
  choices: Choices,
): Knobs {
  const settings = Object.entries<readonly unknown[]>(knobs).map(([name, values]) => {
    return [name, values[choices.about("knob", name).next(values.length)]];
  });
  return Object.fromEntries(settings) as Knobs;
}

/** Where the clients of a target connect to. */
export function portOf<Handle, Knobs extends object>(target: Target<Handle, Knobs>, handle: Handle): number {
  if (target.port !== undefined) return target.port(handle);
  if (typeof handle === "object" && handle !== null && "port" in handle && typeof handle.port === "number") {
    return handle.port;
  }
  throw new TypeError("a target whose start does not resolve with a port needs a function `port`");
}
