/*
 * Texts as a terminal may have them. What a peer or a user has named must not move the cursor, colour the screen, turn the
 * direction of writing, or be wider than it was counted.
 */

const ASCII = /^[\x20-\x7e]*$/u;
/** Obeyed by a terminal, invisible, or of a width that nobody knows: control and format characters, halves of pairs, … */
const UNSAFE =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Regional_Indicator}\u1160-\u11ff\ud7b0-\ud7ff]/gu;
/** They change the width of what stands before them, each terminal in its own way. */
const MODIFIER = /\p{Variation_Selector}|\p{Emoji_Modifier}/gu;
const MARK = /^[\p{Mn}\p{Me}]$/u;
/** Marks without anything to stand on, and more of them than any script piles up. */
const LOOSE_MARKS = /^[\p{Mn}\p{Me}]+|(?<=[\p{Mn}\p{Me}]{2})[\p{Mn}\p{Me}]+/gu;
/** Two columns wide: East Asian Width W and F, and what is shown as a picture. */
const WIDE =
  /^(?:[\u1100-\u115f\u2329\u232a\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18d08}\u{1aff0}-\u{1b2fb}\u{1d300}-\u{1d376}\u{1f200}-\u{1f265}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation})$/u;

/** The text with `?` for each character that a terminal must not get. */
export function printable(text: string): string {
  if (ASCII.test(text)) return text;
  return text.normalize("NFC").replaceAll(MODIFIER, "").replaceAll(UNSAFE, "?").replaceAll(LOOSE_MARKS, "");
}

/** A value as JSON that means the same, with escapes for each character that a terminal must not get. */
export function printableJson(value: unknown, indent?: number): string {
  // In JSON, such characters stand in strings alone; line feeds between them are its own.
  return JSON.stringify(value, undefined, indent).replaceAll(UNSAFE, (character) => {
    if (character === "\n") return character;
    return Array.from({ length: character.length }, (_, index) => {
      return `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`;
    }).join("");
  });
}

/** How many columns a printable text takes. */
export function widthOf(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

function characterWidth(character: string): number {
  if (MARK.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/** As much of the beginning of a printable text as fits; `…` stands for the rest. */
export function cutEnd(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  return width <= 0 ? "" : `${take(Array.from(text), width - 1).join("")}…`;
}

/** As much of the end as fits: of a path, that is what tells it from the others. */
export function cutStart(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  return width <= 0
    ? ""
    : `…${take(Array.from(text).toReversed(), width - 1)
        .toReversed()
        .join("")}`;
}

function take(characters: readonly string[], width: number): readonly string[] {
  let left = width;
  const end = characters.findIndex((character) => {
    left -= characterWidth(character);
    return left < 0;
  });
  return end < 0 ? characters : characters.slice(0, end);
}

/** A printable text in exactly so many columns. */
export function fit(text: string, width: number, align: "left" | "right" = "left"): string {
  const short = cutEnd(text, width);
  const space = " ".repeat(Math.max(0, width - widthOf(short)));
  return align === "left" ? short + space : space + short;
}

/** Whichever of the choices is most like what was typed, if any is. */
export function nearest(typed: string, choices: readonly string[]): string | undefined {
  const [best] = choices
    .map((choice) => ({ choice, distance: distanceOf(typed, choice) }))
    .toSorted((left, right) => left.distance - right.distance);
  return best !== undefined && best.distance <= Math.max(1, Math.floor(best.choice.length / 2))
    ? best.choice
    : undefined;
}

/** How many letters have to be changed, put in, left out, or exchanged with their neighbour (Damerau and Levenshtein). */
function distanceOf(from: string, to: string): number {
  let before: readonly number[] = [];
  let row: readonly number[] = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let line = 0; line < from.length; line += 1) {
    const next = [line + 1];
    for (let column = 0; column < to.length; column += 1) {
      const replaced = at(row, column) + (from[line] === to[column] ? 0 : 1);
      const isExchanged = line > 0 && column > 0 && from[line] === to[column - 1] && from[line - 1] === to[column];
      const exchanged = isExchanged ? at(before, column - 1) + 1 : replaced;
      next.push(Math.min(replaced, exchanged, at(row, column + 1) + 1, at(next, column) + 1));
    }
    before = row;
    row = next;
  }
  return at(row, to.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? 0;
}
