const NOTHING = new Uint8Array(0);

/** Bytes that wait, in order, in the arrays in which they came. */
export class ByteQueue {
  #chunks: Uint8Array[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#bytes += bytes.length;
  }

  clear(): void {
    this.#chunks = [];
    this.#bytes = 0;
  }

  /** Takes bytes of the first array, as many as there are up to `most`. */
  takeFirst(most: number): Uint8Array {
    const [first] = this.#chunks;
    if (first === undefined) return NOTHING;
    if (first.length <= most) {
      this.#chunks.shift();
      this.#bytes -= first.length;
      return first;
    }
    this.#chunks[0] = first.subarray(most);
    this.#bytes -= most;
    return first.subarray(0, most);
  }

  /** Takes so many bytes, of which there must be as many, as one array. */
  take(count: number): Uint8Array {
    const first = this.takeFirst(count);
    if (first.length === count) return first;
    const taken = new Uint8Array(count);
    taken.set(first);
    for (let filled = first.length; filled < count;) {
      const part = this.takeFirst(count - filled);
      taken.set(part, filled);
      filled += part.length;
    }
    return taken;
  }
}
