import type { EventObject } from "xstate";
import type { From } from "./call.ts";
import { InvalidOptionError } from "./errors.ts";
import { MachineSelf } from "./internal/machine/self.ts";
import { Shell } from "./internal/machine/shell.ts";
import { isEvent } from "./internal/machine/xstate.ts";

/*
 * What Erlang's `gen_statem` offers to state machines and statecharts have no word for, as actions of XState: they stand
 * in `entry`, `exit` and `actions`, by themselves or under a name in `setup`. They are for machines that actors run; in
 * an actor of XState's own, and in a machine that another one invokes, they throw.
 */

/** What these actions need of the arguments that every action gets. */
export interface Given<Event> {
  readonly self: { readonly send: (event: Event) => void };
}

type Action<Event> = (args: Given<Event>) => void;

/** A value, or what makes it of the arguments that every action gets: context and event. */
type Expression<Args, Value> = Value | ((args: Args) => Value);

/** The event of a timeout that names none. */
export interface TimeoutEvent {
  readonly type: "timeout";
}

const timeoutEvent: TimeoutEvent = { type: "timeout" };

/**
 * Puts the event that is being handled off until the state value changes; then it comes again, before anything that
 * waits in the mailbox. Transitions that lead back to the same states are no change. Of an event that was raised, this one
 * is put off, and not the one that has led to it. `gen_statem`: `postpone`.
 */
export function postpone({ event, self }: Given<never> & { readonly event: EventObject }): void {
  shellOf(self).postpone(event);
}

/**
 * Lets an event come right after this one, before postponed ones and before anything that waits in the mailbox. Several
 * come in their order. `gen_statem`: `next_event`.
 *
 * @throws `InvalidOptionError` (`ERR_INVALID_OPTION`), when it runs, for what is no event; so do the timeouts
 */
export function nextEvent<Args extends object, const Event extends EventObject>(
  event: Expression<Args, Event>,
): (args: Args & Given<Event>) => void {
  return (args) => shellOf(args.self).nextEvent(eventOf("nextEvent", event, args));
}

/**
 * Sends the machine an event if its state value does not change for so long. Set again, it begins anew; set in a
 * transition, it is for the state that this leads to. 0 is at once, before anything that waits in the mailbox.
 * `gen_statem`: `state_timeout`.
 *
 * @param afterMs - milliseconds; `Infinity` only cancels
 * @throws `InvalidOptionError` (`ERR_INVALID_OPTION`), when it runs, for anything else; so do the other timeouts
 */
export function stateTimeout<Args extends object>(
  afterMs: Expression<Args, number>,
): (args: Args & Given<TimeoutEvent>) => void;
export function stateTimeout<Args extends object, Event extends EventObject>(
  afterMs: Expression<Args, number>,
  event: Expression<Args, Event>,
): (args: Args & Given<Event>) => void;
export function stateTimeout<Args extends object>(
  afterMs: Expression<Args, number>,
  event: Expression<Args, EventObject> = timeoutEvent,
): (args: Args & Given<never>) => void {
  return (args) => shellOf(args.self).stateTimeout(valueOf(afterMs, args), eventOf("stateTimeout", event, args));
}

/**
 * Sends the machine an event if no other event comes for so long, whether it has a transition for that or not.
 * `gen_statem`: the event timeout.
 */
export function eventTimeout<Args extends object>(
  afterMs: Expression<Args, number>,
): (args: Args & Given<TimeoutEvent>) => void;
export function eventTimeout<Args extends object, Event extends EventObject>(
  afterMs: Expression<Args, number>,
  event: Expression<Args, Event>,
): (args: Args & Given<Event>) => void;
export function eventTimeout<Args extends object>(
  afterMs: Expression<Args, number>,
  event: Expression<Args, EventObject> = timeoutEvent,
): (args: Args & Given<never>) => void {
  return (args) => shellOf(args.self).eventTimeout(valueOf(afterMs, args), eventOf("eventTimeout", event, args));
}

/**
 * Sends the machine an event after so long, whatever happens meanwhile. Set again under the same name, it begins anew.
 * `gen_statem`: `{timeout, Name}`.
 */
export function namedTimeout<Args extends object, const Event extends EventObject>(
  name: string,
  afterMs: Expression<Args, number>,
  event: Expression<Args, Event>,
): (args: Args & Given<Event>) => void {
  return (args) => shellOf(args.self).namedTimeout(name, valueOf(afterMs, args), eventOf("namedTimeout", event, args));
}

/** Cancels the timeout of the state, of the next event, or of a name. Without one, nothing happens. */
export function cancelTimeout(which: "state" | "event" | { readonly name: string }): Action<never> {
  return ({ self }) => shellOf(self).cancelTimeout(which);
}

/**
 * Answers the call that is being handled, with a value or with what a function makes of context and event. Of an event
 * that is no call, nothing happens.
 */
export function reply<Args extends { readonly event: object }>(
  answer: ((args: Args) => unknown) | string | number | boolean | object | null | undefined,
): (args: Args) => void {
  return (args) => {
    const { from } = args.event as { readonly from?: From };
    from?.reply(typeof answer === "function" ? (answer as (given: Args) => unknown)(args) : answer);
  };
}

/** A hint that the actor will be idle. There is one heap for all, so it has no effect. `gen_statem`: `hibernate`. */
export function hibernate(): void {
  // See SEMANTICS.md, D10.
}

function valueOf<Args, Value>(expression: Expression<Args, Value>, args: Args): Value {
  return typeof expression === "function" ? (expression as (given: Args) => Value)(args) : expression;
}

function eventOf<Args, Event extends EventObject>(
  option: string,
  expression: Expression<Args, Event>,
  args: Args,
): Event {
  const event = valueOf(expression, args);
  if (!isEvent(event)) throw new InvalidOptionError(option, event, "an event: an object with a type");
  return event;
}

function shellOf(self: object): Shell {
  if (!(self instanceof MachineSelf)) throw new TypeError("expected the `self` of an action that an actor runs");
  self.shell ??= new Shell(self);
  return self.shell;
}
