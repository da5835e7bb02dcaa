import type { ActorProcess } from "./internal/process.ts";

declare const understands: unique symbol;
declare const answers: unique symbol;
declare const obeys: unique symbol;

/**
 * The identity of an actor: opaque, comparable with `===`, printable as `<0.84>`, never reused. A pid outlives its
 * actor; a message to a dead one vanishes, as in Erlang.
 */
export class Pid {
  /** Counts up within one system and is never given out twice. */
  readonly id: number;

  /**
   * The running actor, or null once it is dead, so that a pid kept for long keeps nothing else alive.
   *
   * @internal
   */
  process: ActorProcess | null = null;

  /** @internal */
  constructor(id: number) {
    this.id = id;
  }

  toString(): string {
    return `<0.${this.id}>`;
  }

  toJSON(): string {
    return this.toString();
  }
}

// What Node's console shows; set from outside, since declarations cannot name a member by a registered symbol.
Object.defineProperty(Pid.prototype, Symbol.for("nodejs.util.inspect.custom"), {
  value(this: Pid) {
    return this.toString();
  },
});

/**
 * The typed address of an actor that understands `Message`. At run time it is the pid itself, so a ref goes wherever a
 * pid is asked for.
 */
export interface ActorRef<in Message = never> extends Pid {
  readonly [understands]?: (message: Message) => void;
}

/** The typed address of an actor that answers the calls of `Calls`. */
export interface Callable<in Calls = never> extends Pid {
  readonly [answers]?: (request: Calls) => void;
}

/** The typed address of an actor that takes the casts of `Message`. */
export interface Castable<in Message = never> extends Pid {
  readonly [obeys]?: (message: Message) => void;
}

/** Where a message can be sent: an actor, or the name under which one is registered. */
export type Destination = Pid | string;
