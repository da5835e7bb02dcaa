import type { UncontrolledGlobal } from "../../src/tripwire.ts";

/**
 * Ways past a simulation, by name. They are Node's own because those are what the tripwire has to catch; no test waits for
 * one, and what is really set is taken back.
 */
export const uncontrolled: Readonly<Record<UncontrolledGlobal, () => unknown>> = {
  setTimeout: () => setTimeout(() => undefined, 0),
  setInterval: () => setInterval(() => undefined, 1),
  setImmediate: () => setImmediate(() => undefined),
  queueMicrotask: () => queueMicrotask(() => undefined),
  "Math.random": () => Math.random(),
  "Date.now": () => Date.now(),
  "performance.now": () => performance.now(),
  "crypto.randomUUID": () => crypto.randomUUID(),
  "crypto.getRandomValues": () => crypto.getRandomValues(new Uint8Array(1)),
};

/** What the globals are, to be compared by identity. */
export function globalsNow(): readonly unknown[] {
  const holders = [globalThis, Math, Date, performance, crypto];
  const names = Object.keys(uncontrolled).map((name) => name.replace(/^.*\./, ""));
  return holders.flatMap((holder) => names.map((name): unknown => Reflect.get(holder, name)));
}
