import { Refusal } from "./refusal.ts";

/** No parameter and no field of a command is longer. */
const MOST_CHARACTERS = 1024;

/** The parameters of a question, or the fields of a command, as they are asked for: each by its name, and no others. */
export class Query {
  readonly #values: ReadonlyMap<string, unknown>;
  readonly #asked = new Set<string>();

  private constructor(values: ReadonlyMap<string, unknown>) {
    this.#values = values;
    for (const [name, value] of values) {
      const isLong = name.length > MOST_CHARACTERS || (typeof value === "string" && value.length > MOST_CHARACTERS);
      if (isLong) throw new Refusal("badRequest", `a parameter is longer than ${MOST_CHARACTERS} characters`);
    }
  }

  /** @throws Refusal for a parameter that is given twice */
  static ofUrl(url: URL): Query {
    const values = new Map<string, unknown>();
    for (const [name, value] of url.searchParams) {
      if (values.has(name)) throw new Refusal("badRequest", "a parameter is given twice");
      values.set(name, value);
    }
    return new Query(values);
  }

  static ofBody(body: unknown): Query {
    if (typeof body !== "object" || body === null || Array.isArray(body)) {
      throw new Refusal("badRequest", "the body must be a JSON object");
    }
    return new Query(new Map(Object.entries(body)));
  }

  text(name: string): string | undefined {
    const value = this.#take(name);
    if (value === undefined || (typeof value === "string" && value !== "")) return value;
    throw new Refusal("badRequest", `${name} must be a text`);
  }

  needText(name: string): string {
    const value = this.text(name);
    if (value === undefined) throw new Refusal("badRequest", `${name} is missing`);
    return value;
  }

  /** A number, or a text of digits, from `least` to `most`. `expected` is for one that may be something else too. */
  integer(
    name: string,
    least: number,
    most: number,
    expected = `an integer from ${least} to ${most}`,
  ): number | undefined {
    const value = this.#take(name);
    if (value === undefined) return undefined;
    const number = typeof value === "string" && /^\d{1,15}$/u.test(value) ? Number(value) : value;
    if (typeof number === "number" && Number.isInteger(number) && number >= least && number <= most) return number;
    throw new Refusal("badRequest", `${name} must be ${expected}`);
  }

  /** Who is meant: by an id, or by a pid. */
  idOrPid(): { readonly id: string | undefined; readonly pid: number | undefined } {
    const id = this.text("id");
    const pid = this.#pid("pid");
    if ((id === undefined) === (pid === undefined)) throw new Refusal("badRequest", "either id or pid is needed");
    return { id, pid };
  }

  /** The number in a pid: of `<0.84>`, `0.84`, `84` and 84 it is 84. */
  #pid(name: string): number | undefined {
    const value = this.#take(name);
    if (value === undefined || (typeof value === "number" && Number.isSafeInteger(value) && value >= 0)) return value;
    const [, digits] = (typeof value === "string" && /^<?(?:0\.)?(\d{1,15})>?$/u.exec(value)) || [];
    if (digits !== undefined) return Number(digits);
    throw new Refusal("badRequest", `${name} must be a pid such as <0.84>, or its number`);
  }

  oneOf<const Choice extends string>(name: string, choices: readonly Choice[]): Choice | undefined {
    const value = this.#take(name);
    if (value === undefined) return undefined;
    const found = choices.find((choice) => choice === value);
    if (found === undefined) throw new Refusal("badRequest", `${name} must be one of ${choices.join(", ")}`);
    return found;
  }

  needBoolean(name: string): boolean {
    const value = this.#take(name);
    if (typeof value !== "boolean") throw new Refusal("badRequest", `${name} must be true or false`);
    return value;
  }

  has(name: string, value: unknown): boolean {
    return this.#values.get(name) === value;
  }

  /** To be called when all that is known has been asked for: whatever is left is a mistake. */
  end(): void {
    for (const name of this.#values.keys()) {
      if (!this.#asked.has(name)) {
        throw new Refusal("badRequest", `there is a parameter that is none of ${[...this.#asked].join(", ")}`);
      }
    }
  }

  #take(name: string): unknown {
    this.#asked.add(name);
    return this.#values.get(name);
  }
}
