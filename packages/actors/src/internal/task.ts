import { Resource } from "../resource.ts";
import type { ActorProcess } from "./process.ts";

/** A promise that runs beside an actor and belongs to it. */
class Task extends Resource {
  readonly kind = "task";
  readonly #process: ActorProcess;

  constructor(process: ActorProcess) {
    super();
    this.#process = process;
    process.kernel.tasks += 1;
    process.own(this);
  }

  /** It has come to its end; answers whether the actor still wants to know. */
  end(): boolean {
    if (this.owner === null) return false;
    this.#process.disown(this);
    this.release();
    return true;
  }

  release(): void {
    this.#process.kernel.tasks -= 1;
  }
}

/** Makes the promise's outcome a message to the actor, or its crash. */
export function startTask<Value>(
  process: ActorProcess,
  promise: PromiseLike<Value>,
  toMessage: ((value: Value) => unknown) | undefined,
): void {
  const task = new Task(process);

  function fulfilled(value: Value): void {
    if (!task.end() || toMessage === undefined) return;
    try {
      process.accept(toMessage(value), process.pid);
    } catch (error) {
      process.crash(error);
    }
  }

  function rejected(error: unknown): void {
    if (task.end()) process.crash(error);
  }

  promise.then(fulfilled, rejected);
}
