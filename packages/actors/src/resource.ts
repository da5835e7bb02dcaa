import type { ActorProcess } from "./internal/process.ts";
import type { Pid } from "./pid.ts";
import type { Deadline } from "./timer.ts";

/**
 * Something that has exactly one owner and is released when that owner dies, whether by throw or by kill: a timer, a
 * name, a monitor, a pending call, a socket. A package that brings a new kind of resource extends this class and hands
 * it to `process.own`.
 */
export abstract class Resource {
  /** @internal */
  declare owner: ActorProcess | null;
  /** @internal */
  declare nextOwned: Resource | null;
  /** @internal */
  declare previousOwned: Resource | null;

  // Assigned and not initialized: Node 20 takes many times as long to define the fields of a class that many extend.
  constructor() {
    this.owner = null;
    this.nextOwned = null;
    this.previousOwned = null;
  }

  /** The actor that owns it now. */
  get ownerPid(): Pid | undefined {
    return this.owner?.pid;
  }

  /**
   * A timer that belongs to the present owner and is armed again and again. `run` is called by the kernel and not as a
   * step of the owner: it is for the code of the resource.
   */
  protected deadline(run: () => void): Deadline | undefined {
    return this.owner?.deadline(run);
  }

  /**
   * The owner's code is about to have an effect by this resource: a simulator may have it end instead. To be called first
   * thing by functions that an actor's code calls.
   */
  protected mayCrash(effect: string): void {
    this.owner?.mayCrash(effect);
  }

  /** What it is, for traces and inspection: `"timer"`, `"socket"`. */
  abstract readonly kind: string;

  /**
   * Gives the thing back. Called once, by the kernel, when the owner dies; it must not throw and must not run an
   * actor's code.
   */
  abstract release(): void;

  /** A short text for inspection, such as the peer's address. */
  describe(): string {
    return this.kind;
  }
}
