import type { ListenerFact } from "../api-types.ts";
import { none, type Order, type Step } from "./effect.ts";
import type { Key } from "./keys.ts";
import type { Model, Prompt } from "./model.ts";
import { indexOf, listenerRows } from "./rows.ts";
import { type Target, targetOf } from "./target.ts";

/** Asks whether the actor under the cursor is to be killed. */
export function askForKill(model: Model): Model {
  const target = actorFor(model, "kill");
  if (typeof target === "string") return warn(model, target);
  const { id, pid, path } = target;
  return { ...model, prompt: { type: "kill", id, pid, path } };
}

/** Asks whether the listener under the cursor is to be drained, which ends its connections. */
export function askForDrain(model: Model): Model {
  const listener = listenerFor(model, "drain");
  if (typeof listener === "string") return warn(model, listener);
  return { ...model, prompt: { type: "drain", listener: listener.id, connections: listener.connections } };
}

/** Suspends or resumes the actor or the listener under the cursor, at once: it ends nothing, and can be taken back. */
export function toggle(model: Model, verb: "suspend" | "resume"): Step {
  const isOfListener = model.view === "listeners" && model.detail === undefined;
  const target = isOfListener ? listenerFor(model, verb) : actorFor(model, verb);
  if (typeof target === "string") return { model: warn(model, target), effect: none };
  const { id } = target;
  return { model, effect: isOfListener ? { type: `${verb}Listener`, listener: id } : { type: verb, id } };
}

/** What becomes of a question when a key is pressed: only a yes is one. */
export function answer(model: Model, prompt: Exclude<Prompt, { type: "filter" }>, key: Key): Step {
  const isYes = key.type === "character" && (key.character === "y" || key.character === "Y");
  const answered: Model = { ...model, prompt: undefined };
  if (isYes) return { model: answered, effect: orderOf(prompt) };
  return { model: warn(answered, `nothing was ${prompt.type === "kill" ? "killed" : "drained"}`), effect: none };
}

function orderOf(prompt: Exclude<Prompt, { type: "filter" }>): Order {
  return prompt.type === "kill"
    ? { type: "kill", id: prompt.id }
    : { type: "drainListener", listener: prompt.listener };
}

/** The listener under the cursor, or why it cannot be told this. */
function listenerFor(model: Model, verb: string): ListenerFact | string {
  const rows = model.view === "listeners" && model.detail === undefined ? listenerRows(model) : [];
  const row = rows[indexOf(model.cursors.listeners, rows)];
  return row === undefined ? `select a listener to ${verb} it` : (refusalOf(model, verb) ?? row);
}

/** The actor under the cursor, or why it cannot be told this. */
function actorFor(model: Model, verb: string): Target | string {
  const target = targetOf(model);
  if (target === undefined || target.isFamily) return `select an actor to ${verb} it`;
  if (model.detail?.isGone === true) return "it has died already";
  return refusalOf(model, verb) ?? target;
}

/** Why no commands can be given. */
function refusalOf({ facts, hasToken }: Model, verb: string): string | undefined {
  if (facts.overview?.takesCommands === false) return "this inspector takes no commands: it was given no token";
  return hasToken ? undefined : `to ${verb}, start with --token or ESPALIER_TOKEN`;
}

function warn(model: Model, text: string): Model {
  return { ...model, notice: { text, style: "warning" } };
}
