import type { Subject } from "./event.ts";
import type { Pid } from "./pid.ts";

/** How a simulator has an actor end: by an error in its own code, or so that none of its code runs any more. */
export type InjectedEnd = "throw" | "kill";

/**
 * What a simulator decides about the systems that run on it: where actors crash, and how late signals and timers are. A
 * host has one or has none; with none, each of these questions costs a comparison with null.
 *
 * What it is asked, and in which order, follows from what it has answered: the same answers give the same run.
 */
export interface Simulation {
  /**
   * An actor is about to have an effect: to handle a message, send, spawn, set a timer, write to its socket, take the next
   * action of its machine. It may end there, as any line of code may fail. Whoever catches the error goes no further: the
   * next effect throws it again, and the actor ends with the step.
   */
  crashAt(actor: Subject, effect: string): InjectedEnd | undefined;
  /**
   * A signal (a message, an exit, the news of a start) is on its way from one actor to another; `from` may be dead. True:
   * the simulator calls `arrive` later, outside all steps. That signals of a pair keep their order is then its to see to.
   */
  delays(from: Pid, to: Subject, arrive: () => void): boolean;
  /** A timer of this actor is due. So many milliseconds it is late; 0: not at all. */
  lateness(owner: Subject): number;
  /** A step of this actor begins, and with null it is over: a simulator may watch over what is done meanwhile. */
  onStep?(actor: Subject | null): void;
}
