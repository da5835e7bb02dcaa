/** A queue in a circular array whose length is a power of two: O(1) at both ends, nothing moved, nothing allocated. */
export class Ring<Item> {
  // A literal, since it is made for each actor that ever has two messages waiting; most never need more room.
  #items: Array<Item | undefined> = [undefined, undefined, undefined, undefined];
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(item: Item): void {
    if (this.#length === this.#items.length) this.#grow();
    this.#items[(this.#head + this.#length) & (this.#items.length - 1)] = item;
    this.#length += 1;
  }

  shift(): Item | undefined {
    if (this.#length === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#items.length - 1);
    this.#length -= 1;
    return item;
  }

  unshift(item: Item): void {
    if (this.#length === this.#items.length) this.#grow();
    this.#head = (this.#head - 1) & (this.#items.length - 1);
    this.#items[this.#head] = item;
    this.#length += 1;
  }

  /** The item at a place counted from the front. */
  at(index: number): Item | undefined {
    return this.#items[(this.#head + index) & (this.#items.length - 1)];
  }

  /** Takes out the item at a place counted from the front. The shorter side closes the gap. */
  remove(index: number): Item | undefined {
    const mask = this.#items.length - 1;
    const item = this.#items[(this.#head + index) & mask];
    if (index >= this.#length / 2) {
      for (let place = index; place < this.#length - 1; place += 1) {
        this.#items[(this.#head + place) & mask] = this.#items[(this.#head + place + 1) & mask];
      }
      this.#items[(this.#head + this.#length - 1) & mask] = undefined;
      this.#length -= 1;
      return item;
    }
    for (let place = index; place > 0; place -= 1) {
      this.#items[(this.#head + place) & mask] = this.#items[(this.#head + place - 1) & mask];
    }
    this.shift();
    return item;
  }

  #grow(): void {
    const items: Array<Item | undefined> = [];
    for (let place = 0; place < this.#length; place += 1) items.push(this.at(place));
    while (items.length < this.#length * 2) items.push(undefined);
    this.#items = items;
    this.#head = 0;
  }
}
