import {
  type ExitReason,
  type From,
  type Pid,
  type Process,
  type Progress,
  shutdown,
  type Waiting,
} from "@espalier/actors";
import type { SupervisorCalls } from "./api.ts";
import { shouldShutDown } from "./auto-shutdown.ts";
import type { CompleteChildSpec } from "./child-spec.ts";
import { type Child, Children } from "./children.ts";
import type { CompleteFlags, Strategy } from "./flags.ts";
import { Lifecycle } from "./lifecycle.ts";
import { Management } from "./management.ts";
import { decide } from "./on-exit.ts";
import { RestartBudget } from "./restart-budget.ts";
import { shouldReport, shouldRestart } from "./restart.ts";
import { reasonOf } from "./start-failure.ts";
import { restartGroup } from "./strategy.ts";
import { type RunningSupervisor, TryAgain } from "./supervisor-behaviour.ts";

/** What `init` of a static supervisor has answered, with everything filled in. */
export interface StaticInit {
  readonly strategy: Strategy;
  readonly flags: CompleteFlags;
  readonly specs: readonly CompleteChildSpec[];
}

/** A running supervisor of `oneForOne`, `oneForAll` or `restForOne`: what the ends of its children lead to. */
export class StaticSupervisor implements RunningSupervisor<StaticInit, Child> {
  readonly args: unknown;
  readonly #process: Process;
  #strategy: Strategy;
  #flags: CompleteFlags;
  readonly #children = new Children();
  readonly #restarts: RestartBudget;
  readonly #lifecycle: Lifecycle;
  readonly #management: Management;

  constructor(process: Process, { strategy, flags, specs }: StaticInit, args: unknown) {
    this.args = args;
    this.#process = process;
    this.#strategy = strategy;
    this.#flags = flags;
    this.#restarts = new RestartBudget(process, flags);
    this.#lifecycle = new Lifecycle(process, this.#children);
    this.#management = new Management(process, this.#children, this.#lifecycle);
    for (const spec of specs) this.#children.add(spec);
  }

  describe(): object {
    return {
      strategy: this.#strategy,
      ...this.#flags,
      children: this.#children.size,
      ...this.#restarts.describe(),
    };
  }

  change({ strategy, flags, specs }: StaticInit): void {
    this.#strategy = strategy;
    this.#flags = flags;
    this.#restarts.change(flags);
    this.#children.update(specs);
  }

  *begin(): Waiting {
    const failed = yield* this.#lifecycle.startEach([...this.#children.all()]);
    if (failed === undefined) return;
    yield* this.terminateAll();
    const { child, failure } = failed;
    this.#process.stop(shutdown({ type: "failedToStart", id: child.spec.id, reason: reasonOf(failure) }));
  }

  *terminateAll(): Waiting {
    for (const child of [...this.#children.all()].toReversed()) yield* this.#lifecycle.terminate(child);
  }

  answer(request: unknown, from: From): Progress {
    // Only the functions of api.ts make calls, and they are typed.
    return this.#management.answer(request as SupervisorCalls, from, this.#flags.autoShutdown);
  }

  exited(pid: Pid, reason: ExitReason): Progress {
    const child = this.#children.byPid(pid);
    // OTP: the exit of a process that is no child, or is one no more, is ignored.
    return child === undefined ? undefined : this.#ended(child, reason);
  }

  *#ended(child: Child, reason: ExitReason): Waiting {
    const { id, restart, onExit } = child.spec;
    if (shouldReport(restart, reason)) this.#lifecycle.report("childTerminated", reason, child);
    const decision = decide(onExit, { id, reason, starts: child.incarnation });
    if (decision === "default") {
      if (shouldRestart(restart, reason)) yield* this.#restartWhenDue(child);
      else this.#endedForGood(child);
    } else if (decision === "restart") {
      yield* this.#restartWhenDue(child);
    } else if (decision === "keep") {
      this.#children.setState(child, undefined);
    } else if (decision === "delete") {
      this.#children.remove(child);
    } else if (decision === "stop") {
      this.#children.ended(child);
      this.#process.stop(shutdown());
    } else if ("stop" in decision) {
      this.#children.ended(child);
      this.#process.stop(decision.stop);
    } else {
      this.#restartLater(child, decision.restartAfterMs);
    }
  }

  #endedForGood(child: Child): void {
    this.#children.ended(child);
    if (!child.spec.significant) return;
    const isLast = !this.#children.all().some(({ spec, state }) => spec.significant && state !== undefined);
    if (shouldShutDown(this.#flags.autoShutdown, isLast)) this.#process.stop(shutdown());
  }

  /** Restarts a child at once, or after the pause of the back-off. */
  *#restartWhenDue(failed: Child): Waiting {
    const pause = this.#restarts.pause();
    if (pause === undefined) yield* this.#restart(failed);
    else this.#restartLater(failed, pause);
  }

  #restartLater(child: Child, afterMs: number): void {
    this.#children.setState(child, "restarting");
    this.#process.sendAfter<TryAgain<Child>>(this.#process.pid, new TryAgain(child, child.incarnation), afterMs);
  }

  *#restart(failed: Child): Waiting {
    if (!this.#restarts.take()) {
      this.#lifecycle.report("shutdown", "reachedMaxRestartIntensity", failed);
      this.#children.ended(failed);
      this.#process.stop(shutdown());
      return;
    }
    this.#children.setState(failed, undefined);
    const group = restartGroup(this.#strategy, this.#children.all(), failed);
    for (const child of group.toReversed()) if (child !== failed) yield* this.#lifecycle.terminate(child);
    // Those that had ended by themselves are revived; temporary ones are gone for good.
    const revived = group.filter(({ spec }) => this.#children.byId(spec.id) !== undefined);
    const result = yield* this.#lifecycle.startEach(revived);
    if (result === undefined) return;
    if (this.#flags.backoff !== undefined) {
      yield* this.#restartWhenDue(result.child);
      return;
    }
    this.#children.setState(result.child, "restarting");
    // To itself, behind all that waits: OTP's way to keep a supervisor answering while a child does not come up.
    this.#process.sendSelf(new TryAgain(result.child));
  }

  tryAgain({ child, incarnation }: TryAgain<Child>): Progress {
    // Whoever was terminated or started by hand meanwhile is not waiting for this any more. OTP: if a restart of the group
    // has failed meanwhile, for the same child, there are two of these, and the first that is served tries again.
    const isWaiting = child.state === "restarting" && (incarnation ?? child.incarnation) === child.incarnation;
    return isWaiting ? this.#restart(child) : undefined;
  }
}
