import type { Behaviour, Definition, Process } from "../behaviour.ts";
import type { CallMessage, CastMessage } from "../call.ts";
import type { Context } from "../context.ts";
import { type Down, Exit } from "../monitor.ts";
import type { ActorRef } from "../pid.ts";
import type { System } from "../system.ts";

/** Everything that a probe can receive. */
export type Observed<Message> = Message | CallMessage | CastMessage | Down | Exit;

/**
 * An actor that a test holds in its hand: it traps exits, keeps every message it gets, and lends its context, so that
 * the test can link, monitor and send as that actor. It ends with its system.
 */
export class Probe<Message = unknown> {
  readonly ref: ActorRef<Message>;
  /** What it received, oldest first. */
  readonly messages: Array<Observed<Message>> = [];
  readonly #waiting: Array<(message: Observed<Message>) => void> = [];
  #taken = 0;

  constructor(system: System, name = "probe") {
    this.ref = system.spawn(probeDefinition<Message>(name), (message) => this.#observe(message));
  }

  /** What this actor may do. */
  get self(): Context<Message> {
    const { process } = this.ref;
    if (process === null) throw new Error("the probe is dead");
    // The process is that of `ref`, which understands Message.
    return process as unknown as Context<Message>;
  }

  /** The next message that was not yet taken, in order; waits for it if need be. */
  receive(): Promise<Observed<Message>> {
    const message = this.messages[this.#taken];
    if (this.#taken < this.messages.length && message !== undefined) {
      this.#taken += 1;
      return Promise.resolve(message);
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #observe(message: Observed<Message>): void {
    this.messages.push(message);
    const waiting = this.#waiting.shift();
    if (waiting === undefined) return;
    this.#taken += 1;
    waiting(message);
  }
}

type Observe<Message> = (message: Observed<Message>) => void;

class ProbeBehaviour implements Behaviour<Observe<never>> {
  readonly kind = "probe";

  start(process: Process, observe: Observe<never>): void {
    process.state = observe;
  }

  receive(process: Process, message: unknown): void {
    // The state is what `start` was given.
    (process.state as Observe<unknown>)(message);
    // Or the system could not be shut down.
    if (message instanceof Exit && message.from === process.parentPid) process.stop(message.reason);
  }

  describe(): unknown {
    return undefined;
  }
}

function probeDefinition<Message>(name: string): Definition<Observe<Message>, ActorRef<Message>> {
  return { name, trapExit: true, behaviour: new ProbeBehaviour() };
}

/** Starts a probe. */
export function createProbe<Message = unknown>(system: System, name?: string): Probe<Message> {
  return new Probe<Message>(system, name);
}
