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

/** Where the clients of a target connect to; undefined: nowhere. */
export function portOf<Handle, Knobs extends object>(
  target: Target<Handle, Knobs>,
  handle: Handle | undefined,
): number | undefined {
  if (handle === undefined) return undefined;
  if (target.port !== undefined) return target.port(handle);
  const port = typeof handle === "object" && handle !== null && "port" in handle ? handle.port : undefined;
  return typeof port === "number" ? port : undefined;
}

/**
 * To be asked where there are clients and nowhere to connect to: what has not come up serves nobody, be it for faults or since
 * it was made so.
 *
 * @throws TypeError for what is up
 */
export function assertIsDown<Handle, Knobs extends object>(
  target: Target<Handle, Knobs>,
  handle: Handle | undefined,
  { deviations }: Choices,
): void {
  if (handle === undefined && (target.port !== undefined || deviations.length > 0)) return;
  const remedy = "its start has to resolve with one, or it needs a function `port`";
  throw new TypeError(`a target has clients but no port: ${remedy}; without clients, \`peers\` is fc.constant([])`);
}
