import type { Match } from "../behaviour.ts";
import { Ring } from "./ring.ts";
import { unwrap } from "./traced.ts";

/** Stands for "no message" in the slot that holds the first one; undefined may be a message. */
const EMPTY: unique symbol = Symbol("empty");

/** For how many waiting messages an actor keeps the room when none waits any more. */
const MOST_KEPT_CAPACITY = 8;

/**
 * The messages of one actor, oldest first, any of which can be taken out. The first stands in a slot of its own, since
 * most mailboxes never hold two. An actor inherits its mailbox instead of holding one: there may be 250,000 of them.
 */
export abstract class Mailbox {
  #head: unknown = EMPTY;
  #queue: Ring<unknown> | null = null;

  get mailboxLength(): number {
    return this.#head === EMPTY ? 0 : 1 + (this.#queue?.length ?? 0);
  }

  protected get hasMail(): boolean {
    return this.#head !== EMPTY;
  }

  /** The places in the mailbox have changed: a blocked receive must not trust those it remembers. */
  protected abstract lookAgain(): void;

  /** Appends an entry: a message, or a traced one. */
  protected append(entry: unknown): void {
    if (this.#head === EMPTY) this.#head = entry;
    else (this.#queue ??= new Ring()).push(entry);
  }

  unreceive(message: unknown): void {
    this.lookAgain();
    if (this.#head !== EMPTY) (this.#queue ??= new Ring()).unshift(this.#head);
    this.#head = message;
  }

  /** The message at a place counted from the front. */
  protected messageAt(index: number): unknown {
    return unwrap(index === 0 ? this.#head : this.#queue?.at(index - 1));
  }

  /** Takes out the entry at a place counted from the front. */
  protected takeAt(index: number): unknown {
    if (index > 0) return this.#queue?.remove(index - 1);
    const entry = this.#head;
    const queue = this.#queue;
    if (queue === null) this.#head = EMPTY;
    else if (queue.length > 0) this.#head = queue.shift();
    else {
      this.#head = EMPTY;
      // An actor that was flooded once does not keep the room for it.
      if (queue.capacity > MOST_KEPT_CAPACITY) this.#queue = null;
    }
    return entry;
  }

  takeMessage(match: Match, skip = 0): unknown {
    this.lookAgain();
    const length = this.mailboxLength;
    for (let index = skip; index < length; index += 1) {
      if (match(this.messageAt(index))) return unwrap(this.takeAt(index));
    }
    return undefined;
  }

  takeMessages(match: Match, taken: (message: unknown) => void): void {
    this.lookAgain();
    const kept = new Ring<unknown>();
    for (let left = this.mailboxLength; left > 0; left -= 1) {
      const entry = this.takeAt(0);
      if (match(unwrap(entry))) taken(unwrap(entry));
      else kept.push(entry);
    }
    this.#head = kept.length === 0 ? EMPTY : kept.shift();
    this.#queue = kept.length === 0 ? null : kept;
  }

  protected dropAll(): void {
    this.#head = EMPTY;
    this.#queue = null;
  }
}
