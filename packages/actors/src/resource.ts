import { type ActorProcess } from "./internal/process.ts";

/**
 * Something that has exactly one owner and is released when that owner dies, whether by throw or by kill: a timer, a
 * name, a monitor, a pending call, a socket. A package that brings a new kind of resource extends this class and hands
 * it to `process.own`.
 */
export abstract class Resource {
  /** @internal */
  owner: ActorProcess | null = null;
  /** @internal */
  nextOwned: Resource | null = null;
  /** @internal */
  previousOwned: Resource | null = null;

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
