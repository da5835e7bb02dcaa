import { Down, type MonitorRef } from "../monitor.ts";
import { type ExitReason, noproc } from "../exit-reason.ts";
import { Resource } from "../resource.ts";
import type { Pid } from "../pid.ts";
import type { ActorProcess } from "./process.ts";

/**
 * Somebody who wants to know of one actor's death: a monitor, a call under way, an outside waiter. It stands in the
 * list of the actor it watches, and as a resource in that of its owner, so the death of either end is O(1).
 */
export abstract class Watch extends Resource {
  target: ActorProcess | null;
  nextWatch: Watch | null = null;
  previousWatch: Watch | null = null;

  constructor(target: ActorProcess) {
    super();
    this.target = target;
    const first = target.watchers;
    if (first !== null) {
      this.nextWatch = first;
      first.previousWatch = this;
    }
    target.watchers = this;
  }

  /** The target is dead; the watch has been taken off it already. */
  abstract targetDied(reason: ExitReason): void;

  unwatch(): void {
    const { target } = this;
    if (target === null) return;
    this.target = null;
    if (this.previousWatch === null) target.watchers = this.nextWatch;
    else this.previousWatch.nextWatch = this.nextWatch;
    if (this.nextWatch !== null) this.nextWatch.previousWatch = this.previousWatch;
    this.nextWatch = null;
    this.previousWatch = null;
  }

  release(): void {
    this.unwatch();
  }
}

/** A monitor: its target's death becomes one `Down` in its owner's mailbox. */
export class Monitor extends Watch implements MonitorRef {
  readonly pid: Pid;
  readonly name: string | undefined;

  constructor(target: ActorProcess, name: string | undefined) {
    super(target);
    this.pid = target.pid;
    this.name = name;
  }

  get kind(): "monitor" {
    return "monitor";
  }

  targetDied(reason: ExitReason): void {
    const { owner } = this;
    if (owner === null) return;
    owner.disown(this);
    owner.accept(new Down(this, this.pid, this.name, reason), this.pid);
  }

  override describe(): string {
    return this.name ?? this.pid.toString();
  }
}

/**
 * A monitor of an actor to which a signal that it cannot refuse was sent before: it has found nobody. As in OTP, that is told
 * behind the exit signals of the links, so whoever is linked as well has the true reason by then.
 */
export class LateMonitor extends Monitor {
  override targetDied(): void {
    super.targetDied(noproc);
  }
}

/** An outside party that waits for an actor's end. */
export class EndWaiter extends Watch {
  readonly #ended: (reason: ExitReason) => void;

  constructor(target: ActorProcess, ended: (reason: ExitReason) => void) {
    super(target);
    this.#ended = ended;
  }

  get kind(): "waiter" {
    return "waiter";
  }

  targetDied(reason: ExitReason): void {
    this.#ended(reason);
  }
}
