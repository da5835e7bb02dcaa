import type { Line, Span, Style } from "./line.ts";
import { widthOf } from "./text.ts";

/** Rows as they were shown last; undefined before anything was. */
export type Shown = readonly Line[] | undefined;

const RESET = "\u001b[0m";
/** Without colour what matters is bold or reversed: these are no colours. */
const PLAIN: Readonly<Record<Style, string>> = {
  plain: "",
  bold: "\u001b[1m",
  dim: "",
  bar: "\u001b[7m",
  selected: "\u001b[7m",
  good: "",
  warning: "\u001b[1m",
  bad: "\u001b[1m",
};
const COLOURED: Readonly<Record<Style, string>> = {
  plain: "",
  bold: "\u001b[1m",
  dim: "\u001b[2m",
  bar: "\u001b[30;42m",
  selected: "\u001b[30;46m",
  good: "\u001b[32m",
  warning: "\u001b[33m",
  bad: "\u001b[1;31m",
};

/**
 * What to write so that a terminal which shows `shown` shows `next`. Only rows that differ are written, and of a row only
 * what stands behind the first difference; a screen that stays the same is nothing. Both have rows of the same width.
 */
export function paint(shown: Shown, next: readonly Line[], isColoured: boolean): string {
  // Of another size, a terminal may have moved what it had.
  const isFresh = shown === undefined || shown.length !== next.length;
  let output = isFresh ? `${RESET}\u001b[2J` : "";
  for (const [row, line] of next.entries()) {
    const same = isFresh ? 0 : samePrefix(shown[row] ?? [], line);
    if (same === line.length) continue;
    const column = line.slice(0, same).reduce((sum, { text }) => sum + widthOf(text), 0);
    output += `\u001b[${row + 1};${column + 1}H${toAnsi(line.slice(same), isColoured)}`;
  }
  return output;
}

/** One line for a stream that may be no terminal. */
export function toAnsi(line: Line, isColoured: boolean): string {
  const sequences = isColoured ? COLOURED : PLAIN;
  return line.map(({ text, style }) => wrap(text, sequences[style])).join("");
}

function wrap(text: string, sequence: string): string {
  return sequence === "" ? text : `${sequence}${text}${RESET}`;
}

function samePrefix(left: Line, right: Line): number {
  const length = right.findIndex((span, index) => !isSame(span, left[index]));
  return length < 0 ? right.length : length;
}

function isSame(span: Span, other: Span | undefined): boolean {
  return other !== undefined && span.text === other.text && span.style === other.style;
}
