import { fitLine, inStyle, type Line, type Span, span, type Style } from "./line.ts";
import { cutStart, fit, printable, widthOf } from "./text.ts";

/** A column of a table: its text is cut to its width. */
export interface Column<Row> {
  readonly title: string;
  readonly width: number;
  readonly align: "left" | "right";
  /** The lower, the longer it stays when the screen is narrow. */
  readonly rank: number;
  readonly text: (row: Row) => string;
  readonly style?: (row: Row) => Style;
}

/** A table with one column more, at the end, that takes what is left; of its text the end is shown. */
export interface Table<Row> {
  readonly columns: ReadonlyArray<Column<Row>>;
  readonly last: { readonly title: string; readonly least: number; readonly text: (row: Row) => string };
  readonly rows: readonly Row[];
  /** The row under the cursor; undefined for a table without one. */
  readonly selected: number | undefined;
}

/** The head and as many rows as there is place for, the selected one among them. */
export function tableLines<Row>(table: Table<Row>, width: number, height: number): readonly Line[] {
  if (height <= 0) return [];
  const { last, rows, selected } = table;
  const columns = fittingColumns(table, width);
  const rest = Math.max(0, width - columns.reduce((sum, column) => sum + column.width + 1, 0));
  const head = columns.map(({ title, width: own, align }) => `${fit(title, own, align)} `).join("");
  const start = firstVisible(selected ?? 0, height - 1, rows.length);
  const shown = rows.slice(start, start + height - 1).map((row, index) => {
    const line = columns.map((column) => cellOf(column, row)).concat(span(cutStart(printable(last.text(row)), rest)));
    return start + index === selected ? fitLine(inStyle(line, "selected"), width, "selected") : line;
  });
  return [fitLine([span(head + last.title, "bar")], width, "bar"), ...shown];
}

function cellOf<Row>({ text, width, align, style }: Column<Row>, row: Row): Span {
  return span(`${fit(printable(text(row)), width, align)} `, style?.(row) ?? "plain");
}

/** The columns for which there is place, in their own order. */
function fittingColumns<Row>({ columns, last }: Table<Row>, width: number): ReadonlyArray<Column<Row>> {
  let left = width - last.least;
  const kept = new Set<Column<Row>>();
  for (const column of columns.toSorted((one, other) => one.rank - other.rank)) {
    left -= column.width + 1;
    if (left < 0) break;
    kept.add(column);
  }
  return columns.filter((column) => kept.has(column));
}

/** Where a list begins to be shown so that the selected row stands in the middle, as far as the list goes. */
export function firstVisible(selected: number, height: number, total: number): number {
  return Math.max(0, Math.min(selected - Math.floor(height / 2), total - height));
}

/** The width of the longest of these texts, within bounds. */
export function widest(texts: readonly string[], least: number, most: number): number {
  return Math.min(
    most,
    texts.reduce((width, text) => Math.max(width, widthOf(printable(text))), least),
  );
}
