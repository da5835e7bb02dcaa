import type { Match, Process, Waiting } from "./behaviour.ts";
import { CallMessage, type From } from "./call.ts";
import type { ExitReason } from "./exit-reason.ts";
import { Down } from "./monitor.ts";
import type { Pid } from "./pid.ts";

/** The answer to one request, as it arrives in the mailbox of who asked. */
class Answer {
  readonly from: From;
  readonly value: unknown;

  constructor(from: From, value: unknown) {
    this.from = from;
    this.value = value;
  }
}

/** How a request ended: answered, or its target ended before it was. */
export type Outcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly reason: ExitReason };

/**
 * A call as a generator, for behaviours that must be exact: no promise, no time limit; it blocks in a selective receive
 * until the target answers or dies.
 */
export function* request(process: Process, target: Pid, message: unknown): Waiting<Outcome> {
  const skip = process.mailboxLength;
  const monitor = process.monitor(target);
  let isOver = false;
  const from: From = {
    caller: process.pid,
    reply: (value) => {
      if (isOver || !process.isAlive(process.pid)) return;
      isOver = true;
      process.send<Answer>(process.pid, new Answer(from, value));
    },
  };
  process.send<CallMessage>(target, new CallMessage(message, from));
  const match: Match = (candidate) =>
    (candidate instanceof Answer && candidate.from === from) ||
    (candidate instanceof Down && candidate.ref === monitor);
  const received = yield { match, skip };
  isOver = true;
  process.demonitor(monitor, { flush: true });
  if (received instanceof Answer) return { ok: true, value: received.value };
  return { ok: false, reason: (received as Down).reason };
}
