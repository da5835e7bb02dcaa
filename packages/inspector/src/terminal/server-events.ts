/** One event of a stream as the HTML standard has it, without its id. */
export interface ServerEvent {
  readonly name: string;
  readonly data: string;
}

/** Longer than any answer of the inspector. */
const LONGEST = 64 * 1024 * 1024;

/** Reads a stream of server-sent events from pieces of text, however it was cut. */
export class ServerEventReader {
  #text = "";
  #name = "";
  #data: string[] = [];

  /** @throws RangeError for a line that does not end */
  read(piece: string): readonly ServerEvent[] {
    const lines = (this.#text + piece).split("\n");
    this.#text = lines.pop() ?? "";
    if (this.#text.length > LONGEST) throw new RangeError("an event is too long");
    return lines.flatMap((line) => this.#line(line.endsWith("\r") ? line.slice(0, -1) : line));
  }

  #line(line: string): readonly ServerEvent[] {
    if (line === "") return this.#dispatch();
    // A dot is any character here: JSON leaves some as they are that end a line of JavaScript, and none of this format.
    const [, field, value = ""] = /^([^:]*)(?:: ?(.*))?$/su.exec(line) ?? [];
    if (field === "event") this.#name = value;
    if (field === "data") this.#data.push(value);
    return [];
  }

  #dispatch(): readonly ServerEvent[] {
    const event = { name: this.#name, data: this.#data.join("\n") };
    const isEvent = this.#data.length > 0;
    this.#name = "";
    this.#data = [];
    return isEvent ? [event] : [];
  }
}
