import type { EventObject } from "xstate";
import { InvalidOptionError } from "../../errors.ts";
import type { Configuration } from "./configuration.ts";
import type { MachineSelf } from "./self.ts";
import { MachineSignal } from "./timer.ts";

// No id of a user's timer begins like these.
const STATE_TIMEOUT = "shell.state";
const EVENT_TIMEOUT = "shell.event";

/** A timeout of 0 milliseconds: it is no timer, and comes before whatever waits in the mailbox. */
export class ZeroTimeout extends MachineSignal {
  readonly type: string;
  readonly id: string;
  readonly event: EventObject;
  isCancelled = false;

  constructor(id: string, event: EventObject) {
    super();
    this.type = event.type;
    this.id = id;
    this.event = event;
  }
}

/** The id of the timer of a named timeout. */
function namedId(name: string): string {
  return `shell.named.${name}`;
}

/**
 * What `gen_statem` has and statecharts have not, around one machine: events that are put off until the state changes,
 * events that come before all others, and timeouts that end with the state, or with the next event. Its timers are those
 * of the machine, under names of their own.
 *
 * Source of the semantics: OTP's `gen_statem`, action types `postpone`, `next_event`, `state_timeout`, `event_timeout`
 * and `{timeout, Name}`.
 */
export class Shell {
  readonly #self: MachineSelf;
  /** Put off until the state changes, the oldest first. */
  #postponed: unknown[] = [];
  /** To come next, in this order. */
  #next: EventObject[] = [];
  #zeros: ZeroTimeout[] = [];
  #isPostponing = false;
  #hasEventTimeout = false;
  #hasStateTimeout = false;
  /** The state timeout was set in this step, so it belongs to the state that the step leads to. */
  #isStateTimeoutNew = false;

  constructor(self: MachineSelf) {
    this.#self = self;
  }

  postpone(): void {
    this.#isPostponing = true;
  }

  nextEvent(event: EventObject): void {
    this.#next.push(event);
  }

  stateTimeout(afterMs: number, event: EventObject): void {
    this.#set(STATE_TIMEOUT, afterMs, event, "stateTimeout");
    this.#hasStateTimeout = true;
    this.#isStateTimeoutNew = true;
  }

  eventTimeout(afterMs: number, event: EventObject): void {
    this.#set(EVENT_TIMEOUT, afterMs, event, "eventTimeout");
    this.#hasEventTimeout = true;
  }

  timeout(name: string, afterMs: number, event: EventObject): void {
    this.#set(namedId(name), afterMs, event, "timeout");
  }

  cancelTimeout(which: { readonly name: string } | "state" | "event"): void {
    this.#cancel(which === "state" ? STATE_TIMEOUT : which === "event" ? EVENT_TIMEOUT : namedId(which.name));
  }

  #set(id: string, afterMs: number, event: EventObject, option: string): void {
    if (typeof afterMs !== "number" || !(afterMs >= 0)) {
      throw new InvalidOptionError(option, afterMs, "milliseconds of at least 0, or Infinity");
    }
    this.#cancel(id);
    if (afterMs === 0) this.#zeros.push(new ZeroTimeout(id, event));
    else if (afterMs !== Infinity) {
      const { scope } = this.#self.interpreter;
      scope.schedule(this.#self, this.#self, event, afterMs, id);
    }
  }

  #cancel(id: string): void {
    this.#self.interpreter.scope.cancel(this.#self, id);
    for (const zero of this.#zeros) if (zero.id === id) zero.isCancelled = true;
    this.#zeros = this.#zeros.filter(({ isCancelled }) => !isCancelled);
  }

  // — For the actor ——————————————————————————————————————————————————————————————————————————————————————————————

  /** An event has come: whichever it is, nobody waits for one any more. */
  eventArrives(): void {
    this.#isPostponing = false;
    this.#isStateTimeoutNew = false;
    if (!this.#hasEventTimeout) return;
    this.#hasEventTimeout = false;
    this.#cancel(EVENT_TIMEOUT);
  }

  /** A zero timeout has come up; answers whether it still counts. */
  takeZero(zero: ZeroTimeout): boolean {
    this.#zeros = this.#zeros.filter((other) => other !== zero);
    return !zero.isCancelled;
  }

  /** The event has been handled: brings what is due now to the front of the mailbox. */
  eventHandled(event: unknown, before: Configuration): void {
    const self = this.#self;
    if (this.#isPostponing) this.#postponed.push(event);
    this.#isPostponing = false;
    const hasChanged = self.configuration.valueKey !== before.valueKey;
    if (hasChanged && this.#hasStateTimeout && !this.#isStateTimeoutNew) {
      this.#hasStateTimeout = false;
      this.#cancel(STATE_TIMEOUT);
    }
    const retried = hasChanged ? this.#postponed : [];
    if (hasChanged) this.#postponed = [];
    const first = [...this.#next, ...retried];
    this.#next = [];
    // One that waits for silence does not come if there is none.
    if (first.length > 0) this.#cancelZeroEventTimeout();
    const isNew = this.#zeros.filter((zero) => !this.#isQueued.has(zero));
    for (const zero of isNew) this.#isQueued.add(zero);
    for (const message of [...first, ...isNew].toReversed()) self.process.unreceive(message);
  }

  readonly #isQueued = new WeakSet<ZeroTimeout>();

  #cancelZeroEventTimeout(): void {
    if (this.#zeros.some(({ id }) => id === EVENT_TIMEOUT)) this.#cancel(EVENT_TIMEOUT);
  }
}
