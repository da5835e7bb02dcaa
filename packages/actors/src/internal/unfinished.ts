import type { Match, Progress, Waiting } from "../behaviour.ts";
import { type ExitReason, normal } from "../exit-reason.ts";
import type { StartListener } from "./spawn-request.ts";

/**
 * All that is unfinished about one actor: its start, a callback that waits for something, its end. An actor that does
 * nothing but wait for its next message has none, so this may be large.
 */
export class Unfinished {
  /** The event that leads to the next step when no message does: a spawn, an exit signal, what a promise was begun by. */
  cause = 0;

  // — Its start —
  onStarted: StartListener | null = null;

  // — A callback that goes on —
  /** The message that it is about. */
  message: unknown = undefined;
  /** What is to be done now that a promise has settled. */
  completion: (() => Progress) | null = null;
  /** The callback is blocked in a selective receive: it waits for a message that matches. */
  waiting: Waiting | null = null;
  match: Match = matchNothing;
  /** How many messages at the front of the mailbox have been looked at and did not match. */
  scanned = 0;

  // — Its end —
  /** An exit signal that cannot be refused has arrived: this actor dies before it handles anything else. */
  doom: ExitReason | null = null;
  /** Code of this actor has thrown outside its steps. */
  thrown: { readonly error: unknown } | null = null;
  /** The actor has called `exit`; kept so that code which swallows the throw changes nothing. */
  exiting: ExitReason | null = null;
  /** What it ends with when its clean-up is done, */
  exitReason: ExitReason = normal;
  /** and what comes before anybody else learns of that. */
  beforeExit: (() => void) | null = null;

  /** Its end is near, and whatever is done meanwhile leaves that standing. */
  get isEnd(): boolean {
    return this.doom !== null || this.thrown !== null || this.exiting !== null;
  }
}

function matchNothing(): boolean {
  return false;
}
