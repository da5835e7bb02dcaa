// GET /api/v1/overview

/** The version in the path. It changes when an answer changes so that an old client would misread it. */
export type ApiVersion = 1;

/** The whole at a glance. */
export interface OverviewAnswer {
  readonly version: ApiVersion;
  readonly system: string;
  readonly at: number;
  readonly wallClock: number;
  /** What the wall clock showed when the inspector was attached: another one is another run of the program. */
  readonly attachedAt: number;
  /** Milliseconds since then. */
  readonly attachedFor: number;
  readonly processes: number;
  /** Actors with something to do. */
  readonly runQueue: number;
  /** Messages that wait in mailboxes. */
  readonly mailboxes: number;
  readonly timers: number;
  /** User promises that actors wait for. */
  readonly tasks: number;
  readonly counters: Counters;
  readonly listeners: number;
  /** Whether a token makes it take commands. */
  readonly takesCommands: boolean;
  /** What is shown that may hold payloads or secrets. */
  readonly shows: Shown;
}

/** What is shown beside the facts; each is false unless the inspector was told otherwise. */
export interface Shown {
  /** States of servers, contexts of machines. */
  readonly states: boolean;
  /** Messages of traced actors, beyond their types. */
  readonly messages: boolean;
  /** Texts of errors and details of exit reasons. */
  readonly errors: boolean;
  /** What connections say of themselves by `metadata`. */
  readonly metadata: boolean;
}

/** What only grows. The difference of two readings is what happened between them. */
export interface Counters {
  /** Signals delivered. */
  readonly steps: number;
  /** Actors that ended by their own failure. */
  readonly crashes: number;
  /** Actors that were started anew; counted since the inspector was attached. */
  readonly restarts: number;
  /** Of the listeners that the inspector knows. A listener that is closed takes its share away. */
  readonly accepted: number;
  readonly refused: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
}
