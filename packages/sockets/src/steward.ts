import {
  type Behaviour,
  type Context,
  describeValue,
  Down,
  Exit,
  type ExitReason,
  isExpected,
  kill,
  normal,
  Pid,
  type Process,
  type Progress,
  shutdown,
  type Waiting,
} from "@espalier/actors";
import type { Connection } from "./connection.ts";
import type { ConnectionInput } from "./connection-event.ts";
import type { Giver } from "./connection-life.ts";
import type { ConnectionDefinition } from "./handler.ts";
import { LastWill } from "./last-will.ts";

/**
 * Starts, or finds, the actor that is to own a connection. It runs in an actor of its own, `self`, which is the parent of
 * what it spawns.
 */
export type Start = (connection: Connection, self: Context<never>, input: ConnectionInput) => Pid | Promise<Pid>;

export interface FromStartOptions {
  /** For inspection and paths. @defaultValue "steward" */
  readonly name?: string;
  /**
   * One actor owns many connections, none of which is its life. Each event says by `connection` which one it is about. A
   * connection ends then when its socket is gone and all that came has been let in, for which the actor has to `close` what
   * its client has closed; what ends a connection from outside closes its socket, and leaves the actor alone.
   * @defaultValue false
   */
  readonly isShared?: boolean;
}

/**
 * A handler that gives each connection to an actor of the user's own. That actor becomes the owner of the socket and then
 * gets a `socketReady`, before which it must not activate the connection; all events of the connection follow. Reagent's
 * `start/1` and its `ack`.
 *
 * The connection lasts as long as that actor, and ends with its reason. When the listener closes, the actor gets an exit
 * signal, as from its parent if it was started by `self`; one that does not end in the time for that is killed.
 *
 * An actor that owns many connections, as a pool does, is given with `isShared`.
 *
 * @param start - a throw, a rejection, or a dead actor refuses the connection
 */
export function fromStart(start: Start, options: FromStartOptions = {}): ConnectionDefinition {
  const { name = "steward", isShared = false } = options;
  return { name, trapExit: true, behaviour: new StewardBehaviour(start, isShared) };
}

/** The socket of a connection is gone. */
class SocketGone {
  readonly type = "socketGone";
}

/** Stands in the tree for an actor that stands elsewhere. */
class StewardBehaviour implements Behaviour<ConnectionInput> {
  readonly kind = "steward";
  readonly #start: Start;
  readonly #isShared: boolean;

  constructor(start: Start, isShared: boolean) {
    this.#start = start;
    this.#isShared = isShared;
  }

  start(process: Process, input: ConnectionInput): Progress {
    const found = this.#start(input.connection, process, input);
    if (!(found instanceof Promise)) {
      process.state = new Steward(process, input.connection, found, this.#isShared);
      return undefined;
    }
    return found.then((owner) => () => {
      process.state = new Steward(process, input.connection, owner, this.#isShared);
    });
  }

  receive(process: Process, message: unknown): Progress {
    // Set by `start` before anything else can run.
    (process.state as Steward).receive(message);
  }

  terminate(process: Process, reason: ExitReason): Progress {
    return process.state instanceof Steward ? process.state.terminate(reason) : undefined;
  }

  describe(process: Process): unknown {
    return process.state instanceof Steward ? { owner: process.state.owner.toString() } : undefined;
  }
}

class Steward implements Giver {
  readonly owner: Pid;
  readonly isShared: boolean;
  readonly #process: Process;
  readonly #connection: Connection;
  /** The owner is gone, or does not end when it is told to. */
  #isDismissed = false;

  constructor(process: Process, connection: Connection, owner: Pid, isShared: boolean) {
    if (!(owner instanceof Pid))
      throw new TypeError(`the start of a connection has answered ${describeValue(owner)}, and no pid`);
    this.isShared = isShared;
    this.owner = owner;
    this.#process = process;
    this.#connection = connection;
    // First of all: whatever becomes of the steward, nobody is left who has a connection that is not in the tree.
    process.own(new LastWill(() => this.#dismiss()));
    process.monitor(owner);
    // It is given to the owner at once, and never to the steward, which would be told what the owner is to hear.
    connection.giver = this;
  }

  get pid(): Pid {
    return this.#process.pid;
  }

  gone(): void {
    this.#connection.tell(this.pid, new SocketGone());
  }

  receive(message: unknown): void {
    if (message instanceof Down) this.#ended(message.reason);
    else if (message instanceof SocketGone) this.#outlived();
    else if (message instanceof Exit) this.#exited(message);
    else this.#process.warn("a steward has got a message; it is dropped");
  }

  #outlived(): void {
    if (!this.isShared) return;
    const { last } = this.#connection;
    // The owner lives on, and is not to keep what is over.
    this.#process.own(this.#connection);
    this.#isDismissed = true;
    if (last === null) this.#process.stop(normal);
    else this.#process.stop(shutdown(last.type === "error" ? last.reason : "peerClosed"));
  }

  #exited({ from, reason }: Exit): void {
    if (from === this.#process.parentPid) this.#process.stop(reason);
    // What the owner dies of, its `Down` tells; who else is linked to the steward, wants it to die.
    else if (from !== this.owner && reason.type !== "normal") this.#process.exit(reason);
  }

  /** The owner ends first, in its own way. */
  *terminate(reason: ExitReason): Waiting {
    if (this.#isDismissed) return;
    if (this.isShared) {
      // It dies with the steward, as that of any handler: what was sent still goes out.
      if (this.#connection.ownerPid === this.owner) this.#process.own(this.#connection);
      return;
    }
    // Should the steward crash at the news of its owner's end, there is no other news to come.
    const monitor = this.#process.monitor(this.owner);
    // A signal of `normal` is none.
    this.#process.exit(this.owner, reason.type === "normal" ? shutdown() : reason);
    yield (message) => message instanceof Down && message.ref === monitor;
    this.#isDismissed = true;
  }

  #ended(reason: ExitReason): void {
    this.#isDismissed = true;
    if (isExpected(reason)) {
      this.#process.stop(reason);
      return;
    }
    // The owner has reported its crash; this one dies of it as one dies of a link.
    this.#process.trapExit(false);
    this.#process.exit(this.#process.pid, reason);
  }

  #dismiss(): void {
    if (this.#isDismissed) return;
    this.#isDismissed = true;
    if (!this.isShared) this.#connection.exitOwner(this.owner, kill);
    // The owner lives on, and the connection goes where those of the dead go.
    else if (this.#connection.ownerPid === this.owner) this.#connection.release();
  }
}
