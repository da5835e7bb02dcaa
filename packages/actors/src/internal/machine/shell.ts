import type { EventObject } from "xstate";
import { InvalidOptionError } from "../../errors.ts";
import { Ring } from "../ring.ts";
import { Traced } from "../traced.ts";
import type { Configuration } from "./configuration.ts";
import type { MachineSelf } from "./self.ts";
import { MachineSignal } from "./timer.ts";

// No id of a user's timer begins like these.
const STATE_TIMEOUT = "shell.state";
const EVENT_TIMEOUT = "shell.event";

/** The id of the timer of a named timeout. */
function namedId(name: string): string {
  return `shell.named.${name}`;
}

/** Stands at the front of the mailbox for as long as a shell has events that come before all mail. */
export class Turn extends MachineSignal {
  /** What is to come, as far as is known while it waits; then what has come. */
  event: EventObject;

  constructor(event: EventObject) {
    super();
    this.event = event;
  }

  get type(): string {
    return this.event.type;
  }
}

/** An event that comes before all mail. */
interface Due {
  readonly event: EventObject;
  /** The event of the trace that has led to it. */
  readonly cause: number;
}

/** A timeout of 0 milliseconds: it is no timer, and comes before whatever waits in the mailbox. */
interface ZeroTimeout extends Due {
  readonly id: string;
}

/**
 * What `gen_statem` has and statecharts have not, around one machine: events that are put off until the state changes,
 * events that come before all others, and timeouts that end with the state, or with the next event. Its timers are those
 * of the machine, under names of their own.
 *
 * Events come in this order: those that were inserted; those that were put off, once the state has changed; what was left
 * of both before; timeouts of 0; the mailbox.
 *
 * Source of the semantics: OTP's `gen_statem`, action types `postpone`, `next_event`, `state_timeout`, `event_timeout`
 * and `{timeout, Name}`.
 */
export class Shell {
  readonly #self: MachineSelf;
  /** Put off until the state changes, the oldest first. */
  #postponed: EventObject[] = [];
  /** Inserted by the step under way, in this order. */
  #inserted: Due[] = [];
  /** Inserted, or put off before the state changed: to come next. */
  readonly #queue = new Ring<Due>();
  /** To come when the queue is empty. */
  #zeros: ZeroTimeout[] = [];
  /** Waits in the mailbox. */
  #turn: Turn | null = null;
  /** What the step under way puts off: the event that it began with, and such as were raised in it. */
  #postponing: EventObject[] = [];
  #hasEventTimeout = false;
  #hasStateTimeout = false;
  // A timeout that was set in this step belongs to what the step leads to.
  #isEventTimeoutNew = false;
  #isStateTimeoutNew = false;

  constructor(self: MachineSelf) {
    this.#self = self;
  }

  postpone(event: EventObject): void {
    // Behind an `await` the event has been handled long since.
    if (this.#isInStep && !this.#postponing.includes(event)) this.#postponing.push(event);
  }

  nextEvent(event: EventObject): void {
    this.#inserted.push(this.#due(event));
    this.#arrangeAtRest();
  }

  stateTimeout(afterMs: number, event: EventObject): void {
    this.#set(STATE_TIMEOUT, afterMs, event, "stateTimeout");
    this.#hasStateTimeout = true;
    this.#isStateTimeoutNew = true;
  }

  eventTimeout(afterMs: number, event: EventObject): void {
    this.#set(EVENT_TIMEOUT, afterMs, event, "eventTimeout");
    this.#hasEventTimeout = true;
    this.#isEventTimeoutNew = true;
  }

  namedTimeout(name: string, afterMs: number, event: EventObject): void {
    this.#set(namedId(name), afterMs, event, "namedTimeout");
  }

  cancelTimeout(which: { readonly name: string } | "state" | "event"): void {
    this.#cancel(which === "state" ? STATE_TIMEOUT : which === "event" ? EVENT_TIMEOUT : namedId(which.name));
  }

  #set(id: string, afterMs: number, event: EventObject, option: string): void {
    if (typeof afterMs !== "number" || !(afterMs >= 0)) {
      throw new InvalidOptionError(option, afterMs, "milliseconds of at least 0, or Infinity");
    }
    this.#cancel(id);
    if (afterMs === 0) {
      this.#zeros.push({ ...this.#due(event), id });
      this.#arrangeAtRest();
    } else if (afterMs !== Infinity) {
      const { scope } = this.#self.interpreter;
      scope.schedule(this.#self, this.#self, event, afterMs, id);
    }
  }

  #cancel(id: string): void {
    this.#zeros = this.#zeros.filter((zero) => zero.id !== id);
    const self = this.#self;
    const { scope } = self.interpreter;
    if (this.#isInStep) {
      // What is set again in the same step keeps its timer.
      scope.cancel(self, id);
      return;
    }
    const timer = self.forgetTimer(id);
    if (timer === undefined) return;
    timer.makeVoid();
    timer.drop();
    if (scope.kernel.tracer !== null) scope.kernel.trace("timerCancelled", self.process, { timer });
  }

  #due(event: EventObject): Due {
    return { event, cause: this.#self.interpreter.scope.kernel.cause };
  }

  get #isInStep(): boolean {
    return this.#self.interpreter.scope.self === this.#self;
  }

  /** An asynchronous action does what it does when no event is being handled. */
  #arrangeAtRest(): void {
    if (this.#isInStep) return;
    this.#arrange([]);
    this.#self.process.rescan();
  }

  // — For the actor ——————————————————————————————————————————————————————————————————————————————————————————————

  /** What is put off at present. */
  get postponed(): readonly EventObject[] {
    return this.#postponed;
  }

  eventArrives(): void {
    if (this.#postponing.length > 0) this.#postponing = [];
    this.#isEventTimeoutNew = false;
    this.#isStateTimeoutNew = false;
  }

  /** The turn has come up; answers whose it is. Undefined if what it was for has been cancelled meanwhile. */
  take(turn: Turn): EventObject | undefined {
    this.#turn = null;
    const due = this.#queue.shift() ?? this.#zeros.shift();
    if (due !== undefined) turn.event = due.event;
    return due?.event;
  }

  /** An event has been handled, or none if it was the start. `before` is where the machine was. */
  eventHandled(event: EventObject | undefined, before: Configuration): void {
    const { configuration } = this.#self;
    // That it begins cannot be put off.
    if (this.#postponing.length > 0 && event !== undefined) this.#postponed.push(...this.#postponing);
    if (this.#hasEventTimeout && !this.#isEventTimeoutNew) {
      this.#hasEventTimeout = false;
      this.#cancel(EVENT_TIMEOUT);
    }
    const hasChanged = configuration !== before && configuration.valueKey !== before.valueKey;
    if (hasChanged && this.#hasStateTimeout && !this.#isStateTimeoutNew) {
      this.#hasStateTimeout = false;
      this.#cancel(STATE_TIMEOUT);
    }
    let retried: readonly EventObject[] = [];
    if (hasChanged && this.#postponed.length > 0) {
      retried = this.#postponed;
      this.#postponed = [];
    }
    this.#arrange(retried);
  }

  #arrange(retried: readonly EventObject[]): void {
    for (const event of retried.toReversed()) this.#queue.unshift(this.#due(event));
    for (const due of this.#inserted.toReversed()) this.#queue.unshift(due);
    if (this.#inserted.length > 0) this.#inserted = [];
    const first = this.#queue.length > 0 ? this.#queue.at(0) : this.#zeros[0];
    if (first === undefined) return;
    if (this.#turn !== null) {
      // It waits still, since the actor is suspended.
      this.#turn.event = first.event;
      return;
    }
    const turn = new Turn(first.event);
    this.#turn = turn;
    const { kernel } = this.#self.interpreter.scope;
    this.#self.process.unreceive(kernel.tracer === null ? turn : new Traced(turn, first.cause));
  }
}
