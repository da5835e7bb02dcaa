import { InvalidOptionError } from "../errors.ts";
import type { MailboxOptions } from "../context.ts";
import type { Pid } from "../pid.ts";
import type { ActorProcess } from "./process.ts";
import { Ring } from "./ring.ts";
import { Counted } from "./traced.ts";

/** A sender that waits for room. */
interface Waiter {
  readonly message: unknown;
  readonly from: Pid;
  readonly admitted: () => void;
}

/**
 * The limit of one actor's mailbox, for what is sent to it. What the kernel has to tell it, and what it has set going
 * itself, is never refused and takes no place.
 */
export class MailboxBound {
  readonly capacity: number;
  readonly whenFull: MailboxOptions["whenFull"];
  /** Messages that were refused so far. */
  dropped = 0;
  /** The places that are taken: by messages that wait, and by those on their way. */
  #taken = 0;
  readonly #waiters = new Ring<Waiter>();

  /** @throws `ERR_INVALID_OPTION` */
  constructor({ capacity, whenFull }: MailboxOptions) {
    if (!Number.isInteger(capacity) || capacity < 1) {
      throw new InvalidOptionError("mailbox.capacity", capacity, "an integer of at least 1");
    }
    if (whenFull !== "drop" && whenFull !== "exit" && whenFull !== "block") {
      throw new InvalidOptionError("mailbox.whenFull", whenFull, '"drop", "exit" or "block"');
    }
    this.capacity = capacity;
    this.whenFull = whenFull;
  }

  get isFull(): boolean {
    return this.#taken >= this.capacity;
  }

  /** A message is sent: it has its place from now on, however late it arrives. */
  take(): void {
    this.#taken += 1;
  }

  /** An entry was taken out of the mailbox: who waits longest has its place at once, or a later message would. */
  left(entry: unknown, process: ActorProcess): void {
    if (!(entry instanceof Counted)) return;
    this.#taken -= 1;
    this.#admitNext(process);
  }

  wait(message: unknown, from: Pid): Promise<void> {
    return new Promise((admitted) => this.#waiters.push({ message, from, admitted }));
  }

  /** The actor is dead, so messages to it vanish: nobody needs to wait for that. */
  release(process: ActorProcess): void {
    while (this.#waiters.length > 0) this.#admitNext(process);
  }

  #admitNext(process: ActorProcess): void {
    const waiter = this.#waiters.shift();
    if (waiter === undefined) return;
    process.acceptCounted(this, waiter.message, waiter.from);
    waiter.admitted();
  }
}
