import { Pid, type TraceEvent } from "@espalier/actors";

/** Below that, what is inside is taken for the same: there are whole servers behind some fields. */
const DEPTH = 4;

// What a value is, so that "1" is not 1.
const NOTHING = 1;
const NUMBER = 2;
const TEXT = 3;
const ACTOR = 4;
const BYTES = 5;
const LIST = 6;
const RECORD = 7;
const ERROR = 8;
const OTHER = 9;

/**
 * What a run was, in 64 bits: of each event its type, its actor's path and incarnation, its time and its cause, and what is
 * plain in it, such as texts, numbers and bytes. Two runs of one plan have the same, in whatever process.
 *
 * Texts of errors are left out, since each version of Node has its own.
 */
export class RunHash {
  #high = 0x9e3779b9 | 0;
  #low = 0x85ebca6b | 0;
  readonly #double = new Float64Array(1);
  readonly #halves = new Int32Array(this.#double.buffer);

  readonly see = (event: TraceEvent): void => {
    const { type, id, cause, time, subject, ...fields } = event;
    this.#text(type);
    this.#number(id);
    this.#number(cause);
    this.#number(time);
    this.#text(subject.path);
    this.#number(subject.incarnation);
    for (const [name, value] of Object.entries(fields)) {
      this.#text(name);
      this.#add(value, DEPTH);
    }
  };

  /** Anything else that has to be the same. */
  add(value: unknown): void {
    this.#add(value, DEPTH);
  }

  /** In 16 hexadecimal digits. */
  get digest(): string {
    return [this.#high, this.#low].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
  }

  #add(value: unknown, depth: number): void {
    switch (typeof value) {
      case "string":
        this.#text(value);
        break;
      case "number":
        this.#number(value);
        break;
      case "boolean":
        this.#number(value ? 1 : 0);
        break;
      case "object":
        if (value === null) this.#mix(NOTHING);
        else this.#object(value, depth);
        break;
      case "undefined":
        this.#mix(NOTHING);
        break;
      case "bigint":
      case "symbol":
      case "function":
        this.#mix(OTHER);
    }
  }

  #object(value: object, depth: number): void {
    if (value instanceof Pid) {
      this.#mix(ACTOR);
      this.#mix(value.id);
    } else if (value instanceof Uint8Array) {
      this.#mix(BYTES);
      this.#mix(value.length);
      for (const byte of value) this.#mix(byte);
    } else if (value instanceof Error) {
      this.#mix(ERROR);
      this.#text(value.name);
      if ("code" in value) this.#add(value.code, 0);
    } else if (depth === 0) {
      this.#mix(OTHER);
    } else if (Array.isArray(value)) {
      this.#mix(LIST);
      this.#mix(value.length);
      for (const item of value) this.#add(item, depth - 1);
    } else if (isPlain(value)) {
      this.#mix(RECORD);
      for (const [name, item] of Object.entries(value)) {
        this.#text(name);
        this.#add(item, depth - 1);
      }
    } else {
      this.#mix(OTHER);
      this.#text(value.constructor?.name ?? "");
    }
  }

  #text(text: string): void {
    this.#mix(TEXT);
    this.#mix(text.length);
    for (let index = 0; index < text.length; index += 1) this.#mix(text.charCodeAt(index));
  }

  #number(number: number): void {
    this.#double[0] = number;
    this.#mix(NUMBER);
    this.#mix(this.#halves[0] as number);
    this.#mix(this.#halves[1] as number);
  }

  #mix(bits: number): void {
    const high = Math.imul(this.#high ^ bits, 0x85ebca77);
    const low = Math.imul(this.#low ^ bits, 0xc2b2ae3d);
    this.#high = (high ^ (high >>> 15) ^ low) | 0;
    this.#low = (low ^ (low >>> 13)) | 0;
  }
}

/** An exit reason, a signal, a payload; not a resource or a machine, which know everything. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || "type" in value;
}
