import { cutEnd, printable, widthOf } from "./text.ts";

/** What a piece of text means; how that looks is the painter's. */
export type Style = "plain" | "bold" | "dim" | "bar" | "selected" | "good" | "warning" | "bad";

export interface Span {
  readonly text: string;
  readonly style: Style;
}

/** One row of a screen. */
export type Line = readonly Span[];

export function span(text: string, style: Style = "plain"): Span {
  return { text, style };
}

/**
 * The same in exactly so many columns, made of printable characters alone. Every text of a screen passes here, whoever has
 * made it.
 */
export function fitLine(line: Line, width: number, fill: Style = "plain"): Line {
  const fitted: Span[] = [];
  let left = width;
  for (const { text, style } of line) {
    if (left === 0) break;
    const shown = cutEnd(printable(text), left);
    if (shown !== "") fitted.push(span(shown, style));
    left -= widthOf(shown);
  }
  if (left > 0) fitted.push(span(" ".repeat(left), fill));
  return fitted;
}

/** The same in one style. */
export function inStyle(line: Line, style: Style): Line {
  return [span(line.map(({ text }) => text).join(""), style)];
}
