import { Buffer } from "node:buffer";

/** What has gone one way between a client and its server: all of it, in the arrays in which it went. */
export class PeerBytes {
  readonly #parts: Uint8Array[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  push(bytes: Uint8Array): void {
    this.#parts.push(bytes);
    this.#count += bytes.length;
  }

  /** In one. */
  get whole(): Uint8Array {
    const [first] = this.#parts;
    if (first !== undefined && this.#parts.length === 1) return first;
    const whole = new Uint8Array(this.#count);
    let filled = 0;
    for (const part of this.#parts) {
      whole.set(part, filled);
      filled += part.length;
    }
    return whole;
  }

  /** What stands behind so many bytes, as text of Latin-1 characters. It costs no more than that. */
  textFrom(from: number): string {
    const texts: string[] = [];
    let start = this.#count;
    for (let index = this.#parts.length - 1; start > from; index -= 1) {
      const part = this.#parts[index] ?? new Uint8Array(0);
      start -= part.length;
      const { buffer, byteOffset, byteLength } = part.subarray(Math.max(0, from - start));
      texts.unshift(Buffer.from(buffer, byteOffset, byteLength).toString("latin1"));
    }
    return texts.join("");
  }

  endsWith(text: string): boolean {
    const from = this.#count - text.length;
    return from >= 0 && this.whole.subarray(from).every((byte, index) => byte === text.charCodeAt(index));
  }
}
