import { widthOf } from "../../src/terminal/text.ts";

/** What a terminal shows of what was written to it: as much of ECMA-48 as a full-screen program needs, and no more. */
export class VirtualScreen {
  readonly columns: number;
  readonly rows: number;
  /** Sequences that it does not know. */
  readonly unknown: string[] = [];
  isAlternate = false;
  isCursorShown = true;
  #cells: string[][];
  #main: string[][];
  #row = 0;
  #column = 0;
  #left = "";

  constructor(columns: number, rows: number) {
    this.columns = columns;
    this.rows = rows;
    this.#cells = this.#blank();
    this.#main = this.#blank();
  }

  get lines(): readonly string[] {
    return this.#cells.map((cells) => cells.join("").trimEnd());
  }

  get text(): string {
    return this.lines.join("\n");
  }

  write(text: string): void {
    let left = this.#left + text;
    this.#left = "";
    while (left !== "") {
      if (left.startsWith("\u001b")) {
        const body = left.slice(1);
        const [sequence] = /^(?:\[[\d;?]*[A-Za-z]|[^[])/u.exec(body) ?? [];
        if (sequence === undefined) {
          this.#left = left;
          return;
        }
        this.#obey(sequence);
        left = body.slice(sequence.length);
      } else {
        const character = String.fromCodePoint(left.codePointAt(0) ?? 0);
        this.#put(character);
        left = left.slice(character.length);
      }
    }
  }

  #put(character: string): void {
    if (character === "\r") this.#column = 0;
    else if (character === "\n") this.#newLine();
    else if (/\p{Cc}/u.test(character)) this.unknown.push(character);
    else this.#show(character, widthOf(character));
  }

  #show(character: string, width: number): void {
    const cells = this.#cells[this.#row] ?? [];
    if (width === 0) {
      const before = Math.max(0, this.#column - 1);
      cells[before] = (cells[before] ?? "") + character;
      return;
    }
    // What does not fit is a fault of the program: nothing may be written beyond the edge.
    if (this.#column + width > this.columns) this.unknown.push(`beyond the edge: ${character}`);
    cells[this.#column] = character;
    if (width === 2) cells[this.#column + 1] = "";
    this.#column += width;
  }

  #newLine(): void {
    this.#row += 1;
    if (this.#row < this.rows) return;
    this.#row = this.rows - 1;
    this.#cells.shift();
    this.#cells.push(this.#blankRow());
  }

  #obey(sequence: string): void {
    const final = sequence.at(-1);
    const parameters = sequence.slice(1, -1);
    const [first = 1, second = 1] = parameters.split(";").map((text) => Number(text) || 1);
    if (sequence === "[2J") this.#cells = this.#blank();
    else if (final === "H") [this.#row, this.#column] = [first - 1, second - 1];
    else if (sequence === "[?1049h") this.#switch(true);
    else if (sequence === "[?1049l") this.#switch(false);
    else if (sequence === "[?25h" || sequence === "[?25l") this.isCursorShown = final === "h";
    else if (final !== "m" && !sequence.startsWith("[?7")) this.unknown.push(sequence);
  }

  #switch(isAlternate: boolean): void {
    if (isAlternate) [this.#main, this.#cells] = [this.#cells, this.#blank()];
    else this.#cells = this.#main;
    [this.#row, this.#column] = [0, 0];
    this.isAlternate = isAlternate;
  }

  #blank(): string[][] {
    return Array.from({ length: this.rows }, () => this.#blankRow());
  }

  #blankRow(): string[] {
    return Array.from({ length: this.columns }, () => " ");
  }
}
