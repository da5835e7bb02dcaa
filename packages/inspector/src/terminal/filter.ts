import type { ProcessStatus } from "../api-types.ts";

/** Whether one of the texts has the filter in it; upper and lower case are the same. */
export function matches(filter: string, ...texts: ReadonlyArray<string | undefined>): boolean {
  const sought = filter.toLowerCase();
  return sought === "" || texts.some((text) => text?.toLowerCase().includes(sought) === true);
}

/** What is known of an actor, wherever it is listed. */
interface Listed {
  readonly pid: string;
  readonly name?: string | undefined;
  readonly label?: string | undefined;
  readonly definition: string;
  readonly status: ProcessStatus;
  readonly state?: string | undefined;
}

/** Whether the filter lets through the actor that has this path. */
export function letsThrough(
  filter: string,
  path: string,
  { name, label, definition, pid, state, status }: Listed,
): boolean {
  return matches(filter, path, name, label, definition, pid, state ?? status);
}

/**
 * What a family is to be asked for, so that all come whom the filter lets through; undefined for all. The inspector looks
 * for it in what children have of their own, so that of a filter with a slash, what stands behind that is asked for where
 * what stands before it is the end of the parent's path. Then there may be too many.
 */
export function filterOfChildren(filter: string, parent: string): string | undefined {
  const above = `${parent}/`.toLowerCase();
  const sought = filter.toLowerCase();
  if (above.includes(sought)) return undefined;
  const slashes = Array.from(sought.matchAll(/\//gu), ({ index }) => index);
  const last = slashes.findLast((at) => above.endsWith(sought.slice(0, at + 1)));
  return last === undefined ? filter : sought.slice(last + 1);
}
