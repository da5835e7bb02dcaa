import type { StateValue } from "xstate";

/** `WAIT_FOR_DATA`, `ready.flowing`; regions that are active together as JSON. Empty for a machine without states. */
export function formatStateValue(value: StateValue): string {
  if (typeof value === "string") return value;
  const [first, ...others] = Object.entries(value);
  if (first === undefined) return "";
  if (others.length > 0) return JSON.stringify(value);
  const [key, below = {}] = first;
  const rest = formatStateValue(below);
  return rest === "" ? key : `${key}.${rest}`;
}
