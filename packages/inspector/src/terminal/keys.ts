/** What was pressed: a character, or a key by its name. */
export type Key = { readonly type: "character"; readonly character: string } | { readonly type: KeyName };

type KeyName =
  | "up"
  | "down"
  | "left"
  | "right"
  | "pageUp"
  | "pageDown"
  | "home"
  | "end"
  | "enter"
  | "escape"
  | "backspace"
  | "tab"
  | "f1"
  | "f3"
  | "f4"
  | "f5"
  | "f6"
  | "f9"
  | "f10"
  | "interrupt"
  | "redraw"
  | "stop";

const SEQUENCES: ReadonlyMap<string, KeyName> = new Map<string, KeyName>([
  ["[A", "up"],
  ["OA", "up"],
  ["[B", "down"],
  ["OB", "down"],
  ["[C", "right"],
  ["OC", "right"],
  ["[D", "left"],
  ["OD", "left"],
  ["[5~", "pageUp"],
  ["[6~", "pageDown"],
  ["[H", "home"],
  ["OH", "home"],
  ["[1~", "home"],
  ["[7~", "home"],
  ["[F", "end"],
  ["OF", "end"],
  ["[4~", "end"],
  ["[8~", "end"],
  ["OP", "f1"],
  ["[11~", "f1"],
  ["OR", "f3"],
  ["[13~", "f3"],
  ["OS", "f4"],
  ["[14~", "f4"],
  ["[15~", "f5"],
  ["[17~", "f6"],
  ["[20~", "f9"],
  ["[21~", "f10"],
]);

const CONTROLS: ReadonlyMap<string, KeyName> = new Map<string, KeyName>([
  ["\r", "enter"],
  ["\n", "enter"],
  ["\t", "tab"],
  ["\u007f", "backspace"],
  ["\b", "backspace"],
  ["\u0003", "interrupt"],
  ["\u0004", "interrupt"],
  ["\u000c", "redraw"],
  ["\u001a", "stop"],
]);

const ESCAPE = "\u001b";
/** What follows an escape, whole or at the end of what has come so far; both forms that terminals have. */
const SEQUENCE = /^(?:\[[\u0030-\u003f]*[\u0020-\u002f]*[\u0040-\u007e]|O[\u0040-\u007e])/u;
const UNFINISHED = /^(?:\[[\u0030-\u003f]*[\u0020-\u002f]*|O)$/u;
/** No key has a longer one. */
const LONGEST = 32;

/**
 * What has come from a terminal, as keys; `rest` is the beginning of a sequence whose end has not come yet. An escape that
 * stands alone is the key: terminals send sequences in one piece.
 */
export function decodeKeys(input: string): { readonly keys: readonly Key[]; readonly rest: string } {
  const keys: Key[] = [];
  let left = input;
  while (left !== "") {
    const isEscape = left.startsWith(ESCAPE);
    const behind = isEscape ? left.slice(ESCAPE.length) : "";
    if (UNFINISHED.test(behind) && behind.length < LONGEST) return { keys, rest: left };
    const [sequence] = SEQUENCE.exec(behind) ?? [];
    if (sequence !== undefined) {
      const type = SEQUENCES.get(sequence);
      // One that means nothing here is no text either.
      if (type !== undefined) keys.push({ type });
      left = behind.slice(sequence.length);
      continue;
    }
    const [character = ""] = left;
    const type = isEscape ? "escape" : CONTROLS.get(character);
    if (type !== undefined) keys.push({ type });
    else if (!/\p{Cc}/u.test(character)) keys.push({ type: "character", character });
    left = left.slice(character.length);
  }
  return { keys, rest: "" };
}
