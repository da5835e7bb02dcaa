import type { Match } from "../behaviour.ts";
import { Ring } from "./ring.ts";
import { unwrap } from "./traced.ts";

/** Stands for "no message"; undefined may be a message. */
const EMPTY: unique symbol = Symbol("empty");

/**
 * The messages of one actor, oldest first, any of which can be taken out. An actor inherits its mailbox instead of
 * holding one: there may be 250,000 of them. For the same reason no class that an actor is made of has methods that are
 * private by `#`: V8 keeps a word in each object for each class with such methods.
 */
export abstract class Mailbox {
  /** EMPTY, the only entry, or a ring of them that is never empty: most mailboxes hold one message or none. */
  #mail: unknown = EMPTY;

  get mailboxLength(): number {
    const mail = this.#mail;
    if (mail === EMPTY) return 0;
    return mail instanceof Ring ? mail.length : 1;
  }

  protected get hasMail(): boolean {
    return this.#mail !== EMPTY;
  }

  /** The places in the mailbox have changed: a blocked receive must not trust those it remembers. */
  protected abstract lookAgain(): void;

  /** An entry has left the mailbox; answers its message. */
  protected abstract left(entry: unknown): unknown;

  /** Appends an entry: a message, or a traced one. */
  protected append(entry: unknown): void {
    if (this.#mail === EMPTY) this.#mail = entry;
    else this.ring().push(entry);
  }

  unreceive(message: unknown): void {
    this.lookAgain();
    if (this.#mail === EMPTY) this.#mail = message;
    else this.ring().unshift(message);
  }

  /** The entries, of which there is one at least, as a ring. */
  private ring(): Ring<unknown> {
    const mail = this.#mail;
    if (mail instanceof Ring) return mail;
    const ring = new Ring<unknown>();
    ring.push(mail);
    this.#mail = ring;
    return ring;
  }

  /** The message at a place counted from the front. */
  protected messageAt(index: number): unknown {
    const mail = this.#mail;
    return unwrap(mail instanceof Ring ? mail.at(index) : mail);
  }

  /** Takes out the entry at a place counted from the front, where there is one. */
  protected takeAt(index: number): unknown {
    const mail = this.#mail;
    if (!(mail instanceof Ring)) {
      this.#mail = EMPTY;
      return mail;
    }
    const entry: unknown = index === 0 ? mail.shift() : mail.remove(index);
    // An actor to which several came at once does not keep the room for them.
    if (mail.length === 0) this.#mail = EMPTY;
    return entry;
  }

  takeMessage(match: Match, skip = 0): unknown {
    this.lookAgain();
    const length = this.mailboxLength;
    for (let index = skip; index < length; index += 1) {
      if (match(this.messageAt(index))) return this.left(this.takeAt(index));
    }
    return undefined;
  }

  takeMessages(match: Match, taken: (message: unknown) => void): void {
    this.lookAgain();
    const kept = new Ring<unknown>();
    const others: unknown[] = [];
    for (let rest = this.mailboxLength; rest > 0; rest -= 1) {
      const entry = this.takeAt(0);
      if (match(unwrap(entry))) others.push(entry);
      else kept.push(entry);
    }
    this.#mail = kept.length === 0 ? EMPTY : kept;
    // Not before the mailbox is whole again: what is done about each may put something into it.
    for (const entry of others) taken(this.left(entry));
  }

  protected dropAll(): void {
    this.#mail = EMPTY;
  }
}
