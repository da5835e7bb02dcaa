import type { EventDescriptor, EventObject, MachineConfig, MachineContext, TransitionConfig } from "xstate";
import type { Misfit } from "./misfit.ts";

/*
 * XState takes any text for the name of a state, an event or a property, and says so only when it runs, if it does. The
 * types of this file go through the config of a machine, of which the compiler knows every text, and have it refuse the
 * names that lead nowhere, each at its own place:
 *
 *   initial             a state of this one
 *   on                  an event of the machine, "*", or the beginning of one ("user.*")
 *   after               milliseconds, or a delay of the machine
 *   target "b", "b.c"   a state beside this one, or inside one of those
 *   target ".b", ".b.c" a state inside this one; from the machine itself the only way down
 *   target "#b"         not looked at, since ids are free
 *
 * What is in order becomes `unknown`, which takes nothing away from the type that the config has by itself, and so
 * leaves alone what the functions in it are told of their arguments. A text that the compiler does not know is let by.
 */

/** To be intersected with the type of the config of a machine. */
export type CheckedConfig<Config, Events extends EventObject, Delay extends string> = CheckedState<
  Config,
  NoParent,
  EventDescriptor<Events> | `xstate.${string}`,
  Delay | `${number}` | number
>;

/** What the machine itself stands in. */
interface NoParent {
  readonly noParent: true;
}

type CheckedState<State, Parent, Event, Delay> = {
  readonly [Key in keyof State]: Key extends "states"
    ? { readonly [Name in keyof State[Key]]: CheckedState<State[Key][Name], State, Event, Delay> }
    : Key extends "initial"
      ? CheckedInitial<State[Key], State>
      : Key extends "on"
        ? CheckedTransitions<State[Key], State, Parent, Event, "event">
        : Key extends "after"
          ? CheckedTransitions<State[Key], State, Parent, Delay, "delay">
          : Key extends "always" | "onDone"
            ? CheckedTransition<State[Key], State, Parent>
            : Key extends "invoke"
              ? CheckedInvoke<State[Key], State, Parent>
              : Key extends "target"
                ? CheckedTarget<State[Key], State, Parent>
                : Key extends StateKey
                  ? unknown
                  : Misfit<`a state has no property "${Key & string}"`>;
};

type StateKey = keyof MachineConfig<MachineContext, EventObject>;

type TransitionKey = keyof TransitionConfig<MachineContext, EventObject, EventObject, never, never, never, string>;

type CheckedInvoke<Invoke, State, Parent> = Invoke extends readonly unknown[]
  ? { readonly [Index in keyof Invoke]: CheckedInvoke<Invoke[Index], State, Parent> & AnyValues<Invoke[Index]> }
  : (Invoke extends { readonly onDone: infer Done }
      ? { readonly onDone: CheckedTransition<Done, State, Parent> }
      : unknown) &
      (Invoke extends { readonly onError: infer Failed }
        ? { readonly onError: CheckedTransition<Failed, State, Parent> }
        : unknown) &
      (Invoke extends { readonly onSnapshot: infer Snapshot }
        ? { readonly onSnapshot: CheckedTransition<Snapshot, State, Parent> }
        : unknown);

/** Within arrays the compiler takes what is not named for superfluous. */
type AnyValues<Config> = { readonly [Key in keyof Config]: unknown };

type CheckedTransitions<Transitions, State, Parent, Known, Kind extends string> = {
  readonly [Key in keyof Transitions]: Key extends Known
    ? CheckedTransition<Transitions[Key], State, Parent>
    : Misfit<`this machine has no ${Kind} "${Key & string}"`>;
};

type CheckedTransition<Transition, State, Parent> = Transition extends string
  ? CheckedTarget<Transition, State, Parent>
  : Transition extends readonly unknown[]
    ? { readonly [Index in keyof Transition]: CheckedTransition<Transition[Index], State, Parent> }
    : {
        readonly [Key in keyof Transition]: Key extends "target"
          ? CheckedTarget<Transition[Key], State, Parent>
          : Key extends TransitionKey
            ? unknown
            : Misfit<`a transition has no property "${Key & string}"`>;
      };

type CheckedTarget<Target, State, Parent> = Target extends readonly unknown[]
  ? { readonly [Index in keyof Target]: CheckedTarget<Target[Index], State, Parent> }
  : Target extends string
    ? string extends Target
      ? unknown
      : Target extends `#${string}`
        ? unknown
        : Target extends `.${infer Path}`
          ? Inside<State, Path, `there is no state "${Path}" inside this one`>
          : Parent extends NoParent
            ? Misfit<`no state is beside the machine itself; those inside begin with a dot: ".${Target}"`>
            : Inside<Parent, Target, `there is no state "${Target}" beside this one`>
    : unknown;

type CheckedInitial<Initial, State> = Initial extends string
  ? string extends Initial
    ? unknown
    : Initial extends keyof StatesOf<State>
      ? unknown
      : Misfit<`there is no state "${Initial}" inside this one`>
  : Initial extends { readonly target: infer Target }
    ? { readonly target: CheckedInitial<Target, State> }
    : unknown;

type StatesOf<State> = State extends { readonly states: infer States } ? States : object;

type Inside<State, Path extends string, Why extends string> = Path extends keyof StatesOf<State>
  ? unknown
  : Path extends `${infer Name}.${infer Rest}`
    ? Name extends keyof StatesOf<State>
      ? Inside<StatesOf<State>[Name], Rest, Why>
      : Misfit<Why>
    : Misfit<Why>;
