import { InvalidOptionError } from "../errors.ts";
import type { MailboxOptions } from "../context.ts";
import type { Pid } from "../pid.ts";
import type { ActorProcess } from "./process.ts";
import { Ring } from "./ring.ts";

/** A sender that waits for room. */
interface Waiter {
  readonly message: unknown;
  readonly from: Pid;
  readonly admitted: () => void;
}

/** The limit of one actor's mailbox. Signals of the kernel do not count and are never refused. */
export class MailboxBound {
  readonly capacity: number;
  readonly whenFull: MailboxOptions["whenFull"];
  /** Messages that were refused so far. */
  dropped = 0;
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

  isFull(process: ActorProcess): boolean {
    return process.mailboxLength >= this.capacity;
  }

  wait(message: unknown, from: Pid): Promise<void> {
    return new Promise((admitted) => this.#waiters.push({ message, from, admitted }));
  }

  /** A message was taken out: those who wait longest come in. */
  admit(process: ActorProcess): void {
    while (this.#waiters.length > 0 && !this.isFull(process)) this.#admitNext(process);
  }

  /** The actor is dead, so messages to it vanish: nobody needs to wait for that. */
  release(process: ActorProcess): void {
    while (this.#waiters.length > 0) this.#admitNext(process);
  }

  #admitNext(process: ActorProcess): void {
    const waiter = this.#waiters.shift();
    if (waiter === undefined) return;
    process.accept(waiter.message, waiter.from);
    waiter.admitted();
  }
}
