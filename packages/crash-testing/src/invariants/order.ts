import { CallMessage, Down, Exit, type Pid, Started } from "@espalier/actors";
import type { Invariant, RunView, Watch, Watched } from "../invariant.ts";
import { Ledger } from "./ledger.ts";
import { PidFlags } from "./pid-flags.ts";
import { nameOf } from "./name-of.ts";

const ID = "I7-order";

/**
 * What one actor sends another is handled in the order in which it was sent, exit signals among it. Only of receivers that
 * take what comes: those that select from their mailboxes choose an order of their own.
 */
export function pairsKeepOrder(): Invariant {
  return {
    id: ID,
    says: "signals from one actor to another are handled in the order in which they were sent",
    watch: (run) => new Order(run),
  };
}

/** Behaviours that handle one message after the other. */
const IN_ORDER: ReadonlySet<string> = new Set(["server", "machine"]);

/** Pids of one system stay below, or it is no test any more. */
const MOST_PIDS = 2 ** 21;

class Order implements Watch {
  readonly on: Watched;
  readonly #run: RunView;
  readonly #inOrder = new PidFlags();
  /** By the event of sending: who has sent it. */
  readonly #senders = new Ledger();
  /** By the same: its place among all that was sent. */
  readonly #places = new Ledger();
  /** By exit signal: to whom. Such a one becomes a message when it arrives, but was sent before. */
  readonly #signals = new Map<number, Pid>();
  /** By pair: the place of what was handled last. */
  readonly #last = new Map<number, number>();

  constructor(run: RunView) {
    this.#run = run;
    this.on = {
      spawn: ({ subject, behaviour }) => void (IN_ORDER.has(behaviour) && this.#inOrder.add(subject.pid)),
      exitSignal: ({ id, to }) => void (this.#inOrder.has(to) && this.#signals.set(id, to)),
      send: ({ id, cause, subject, to, message }) => {
        if (!this.#inOrder.has(to)) return;
        const isLateExit = message instanceof Exit && this.#signals.get(cause) === to;
        this.#senders.set(id, senderOf(message, subject.pid));
        this.#places.set(id, isLateExit ? cause : id);
      },
      deliver: ({ cause, subject, message }) => this.#handled(cause, subject.pid, message),
    };
  }

  #handled(sent: number, receiver: Pid, message: unknown): void {
    const place = this.#places.get(sent);
    // System messages overtake what an actor does not handle while it is suspended.
    if (place === 0 || isSystemMessage(message)) return;
    const sender = this.#senders.get(sent);
    const pair = sender * MOST_PIDS + receiver.id;
    const last = this.#last.get(pair);
    if (last !== undefined && place < last) {
      this.#run.violate(
        ID,
        `${nameOf(this.#run, receiver)} handles what <0.${sender}> has sent in another order than it was sent`,
      );
    }
    this.#last.set(pair, place);
  }
}

/** Whoever is dead, or outside, is not the subject of what he sends. */
function senderOf(message: unknown, subject: Pid): number {
  if (typeof message !== "object") return subject.id;
  if (message instanceof Exit) return message.from.id;
  if (message instanceof Down || message instanceof Started) return (message.pid ?? subject).id;
  return subject.id;
}

function isSystemMessage(message: unknown): boolean {
  return typeof message === "object" && message !== null && "request" in message && !(message instanceof CallMessage);
}
