import type { Commands } from "../api-types.ts";
import type { Model } from "./model.ts";

/** The commands that can be given from here. */
type OrderName = "kill" | "suspend" | "resume" | "suspendListener" | "resumeListener" | "drainListener";

/** One of them, as the inspector takes it. */
export type Order = { readonly [Name in OrderName]: { readonly type: Name } & Commands[Name] }[OrderName];

/** What the shell has to do after a key. */
export type Effect =
  | { readonly type: "none" }
  | { readonly type: "quit" }
  /** Other facts are needed, or they are wanted at once. */
  | { readonly type: "ask" }
  /** The terminal may show something else than was painted. */
  | { readonly type: "redraw" }
  /** Back to the shell until it says `fg`. */
  | { readonly type: "stop" }
  | Order;

/** What becomes of a key. */
export interface Step {
  readonly model: Model;
  readonly effect: Effect;
}

export const none: Effect = { type: "none" };
export const ask: Effect = { type: "ask" };
