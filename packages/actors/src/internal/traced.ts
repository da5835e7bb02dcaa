/** A message on its way while somebody traces: it carries the event that sent it, so that the trace has causes. */
export class Traced {
  readonly message: unknown;
  readonly sent: number;

  constructor(message: unknown, sent: number) {
    this.message = message;
    this.sent = sent;
  }
}

/** A message that takes a place of a limited mailbox; `sent` is 0 if nobody traced when it was sent. */
export class Counted extends Traced {}

/** The message itself. */
export function unwrap(entry: unknown): unknown {
  return entry instanceof Traced ? entry.message : entry;
}
