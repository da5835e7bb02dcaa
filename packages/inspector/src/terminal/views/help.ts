import { type Line, span } from "../line.ts";

const KEYS: ReadonlyArray<readonly [string, string]> = [
  ["1 2 3 4 5", "overview, actors, tree, listeners, log"],
  ["o p t l e", "the same; Tab: the next one"],
  ["↑ ↓ PgUp PgDn", "move; End: last; Home: stay on top"],
  ["Enter", "look at an actor; open a family"],
  ["c", "the children of an actor, as a list"],
  ["Esc", "back"],
  ["/  F4", "filter by name, label, state; Esc: none"],
  ["k  F9", "kill, after a question; needs a token"],
  ["s  u", "suspend, resume an actor or a listener"],
  ["d", "drain a listener, after a question"],
  ["+ - ← →", "unfold and fold the tree"],
  ["Z  Space", "pause; r: look again now"],
  ["?  h  F1", "this help"],
  ["q  F10", "quit"],
  ["", ""],
  ["M P T", "sort by mailbox, messages, messages/s"],
  ["B R S", "by bytes, restarts, state"],
  ["N A", "by pid, name"],
  ["< >  F6", "by the column beside; I: turn round"],
];

export function helpLines(height: number): readonly Line[] {
  const lines = KEYS.map(([keys, what]) => [span(` ${keys.padEnd(14)}`, "bold"), span(what)]);
  return [[span(" Keys", "bold")], ...lines].slice(0, height);
}
