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
   * Whether an actor ends here, and how. Asked when code of that actor runs, right before
   *
   * - its start, and each message that it takes;
   * - each call of its context that has an effect: `send`, `call`, `spawn`, `link`, `monitor`, `register`, `sendAfter`,
   *   `task`, `exit` and the like;
   * - each action of its machine;
   * - each call by which it sends, lets in, asks for bytes, begins TLS or ends on a connection of its own.
   *
   * That code may be a step, or what an asynchronous callback or function does behind an `await`: such an actor is asked
   * wherever none of the kernel's steps, timers and I/O callbacks is on the stack.
   *
   * What stands before has happened, and what stands behind never does. Whoever catches the error of a throw goes no further:
   * the next of these throws it again, and the actor ends with the step. Behind an `await` it ends in a step of its own, which
   * is its next: that comes when the promises that are settled have had their reactions, the rejections among them. Who is
   * ended by an exit signal meanwhile goes no further either.
   *
   * Nowhere else: not between two lines of code that do none of this, not in promises that run beside an actor (those of
   * `task` and of machines), not in callbacks of resources, and not for what others do to the actor in their steps. What
   * the kernel does in one go, such as to release all that the dead have owned, is never cut in two.
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
