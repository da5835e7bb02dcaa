/** What part of the project a mutant is in. */
type MutantClass =
  | "kernel"
  | "mailbox"
  | "links"
  | "monitors"
  | "timers"
  | "registry"
  | "calls"
  | "machine"
  | "async"
  | "supervision"
  | "restart"
  | "shutdown"
  | "listener"
  | "acceptor"
  | "connection"
  | "framing"
  | "backpressure"
  | "proxy"
  | "drain"
  | "upgrade"
  | "connector"
  | "client"
  | "pool";

/** Where a mistake like this was made before. */
type Origin =
  /** A bug of OTP, or a rule of OTP that its own tests hold because it was broken once. */
  | "otp"
  /** eSockd, Ranch, ThousandIsland: issues and changelogs. */
  | "peers"
  /** libuv and Node. */
  | "node"
  /** This project's own history. */
  | "history"
  /** Erlang's older actors in other languages: what their issue lists are full of. */
  | "classic";

/** One realistic mistake in one place of the sources. */
export interface Mutant {
  readonly id: string;
  readonly class: MutantClass;
  /** What is wrong, in one sentence. */
  readonly wrong: string;
  readonly origin: Origin;
  /** How many things must be out of the ordinary at least, as far as its author can tell; 3 stands for more too. */
  readonly faults: 0 | 1 | 2 | 3;
  /** The ids of invariants that may rightly see it, the most direct one first. */
  readonly seenBy: readonly string[];
  /** The targets to search on, in this order. */
  readonly targets: readonly string[];
  readonly change: Change;
}

/** One text of one file replaced by another. */
export interface Change {
  /** From the root of the repository. */
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
}
