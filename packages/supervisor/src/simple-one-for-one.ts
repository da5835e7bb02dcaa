import {
  type ExitReason,
  type From,
  type Pid,
  type Process,
  type Progress,
  shutdown,
  type Waiting,
} from "@espalier/actors";
import type { DynamicSupervisorCalls } from "./api.ts";
import { shouldShutDown } from "./auto-shutdown.ts";
import { type DynamicChild, DynamicChildren, type Template } from "./dynamic-children.ts";
import { DynamicLifecycle } from "./dynamic-lifecycle.ts";
import { DynamicManagement } from "./dynamic-management.ts";
import type { CompleteFlags } from "./flags.ts";
import { decide } from "./on-exit.ts";
import { RestartBudget } from "./restart-budget.ts";
import { shouldReport, shouldRestart } from "./restart.ts";
import { reasonOf } from "./start-failure.ts";
import { type RunningSupervisor, TryAgain } from "./supervisor-behaviour.ts";

/** What `init` of a dynamic supervisor has answered, with everything filled in. */
export interface DynamicInit<Extra> {
  readonly flags: CompleteFlags;
  readonly template: Template<Extra>;
}

/** A running supervisor of `simpleOneForOne`: what the ends of its children lead to. */
export class SimpleOneForOne<Extra> implements RunningSupervisor<DynamicInit<Extra>, DynamicChild<Extra>> {
  readonly args: unknown;
  readonly #process: Process;
  #flags: CompleteFlags;
  readonly #children: DynamicChildren<Extra>;
  readonly #restarts: RestartBudget;
  readonly #lifecycle: DynamicLifecycle<Extra>;
  readonly #management: DynamicManagement<Extra>;

  constructor(process: Process, { flags, template }: DynamicInit<Extra>, args: unknown) {
    this.args = args;
    this.#process = process;
    this.#flags = flags;
    this.#children = new DynamicChildren(template);
    this.#restarts = new RestartBudget(process, flags);
    this.#lifecycle = new DynamicLifecycle(process, this.#children);
    this.#management = new DynamicManagement(process, this.#children, this.#lifecycle);
  }

  describe(): object {
    return {
      strategy: "simpleOneForOne",
      ...this.#flags,
      children: this.#children.size,
      ...this.#restarts.describe(),
    };
  }

  change({ flags, template }: DynamicInit<Extra>): void {
    this.#children.update(template);
    this.#flags = flags;
    this.#restarts.change(flags);
  }

  /** It has no children at first. */
  begin(): void {}

  terminateAll(): Waiting {
    return this.#lifecycle.terminateAll();
  }

  answer(request: unknown, from: From): Progress {
    // Only the functions of api.ts make calls, and they are typed.
    return this.#management.answer(request as DynamicSupervisorCalls<Extra>, from);
  }

  exited(pid: Pid, reason: ExitReason): Progress {
    const child = this.#children.byPid(pid);
    // OTP: the exit of a process that is no child, or is one no more, is ignored.
    return child === undefined ? undefined : this.#ended(child, reason);
  }

  #ended(child: DynamicChild<Extra>, reason: ExitReason): Progress {
    const { restart, significant, onExit } = this.#children.template;
    if (shouldReport(restart, reason)) this.#lifecycle.report("childTerminated", reason, child);
    const decision = decide(onExit, { id: child.id, reason, starts: child.incarnation });
    if (decision === "restart" || (decision === "default" && shouldRestart(restart, reason))) {
      return this.#restartWhenDue(child);
    }
    if (typeof decision === "object" && "restartAfterMs" in decision) {
      return this.#restartLater(child, decision.restartAfterMs);
    }
    // A dynamic child is nothing but its process, so there is nothing to keep of it.
    this.#children.delete(child.pid);
    if (decision === "stop") this.#process.stop(shutdown());
    else if (typeof decision === "object") this.#process.stop(decision.stop);
    else if (decision === "default" && significant) this.#significantEnded();
  }

  #significantEnded(): void {
    if (shouldShutDown(this.#flags.autoShutdown, this.#children.size === 0)) this.#process.stop(shutdown());
  }

  /** Restarts a child at once, or after the pause of the back-off. */
  #restartWhenDue(child: DynamicChild<Extra>): Progress {
    const pause = this.#restarts.pause();
    return pause === undefined ? this.#restart(child) : this.#restartLater(child, pause);
  }

  #restartLater(child: DynamicChild<Extra>, afterMs: number): void {
    this.#children.setRestarting(child, true);
    this.#process.sendAfter<TryAgain<DynamicChild<Extra>>>(this.#process.pid, new TryAgain(child), afterMs);
  }

  *#restart(child: DynamicChild<Extra>): Waiting {
    // OTP: it is no child until it has a process again. If the new start is ignored, it never is.
    this.#children.setRestarting(child, false);
    this.#children.delete(child.pid);
    if (!this.#restarts.take()) {
      this.#lifecycle.report("shutdown", "reachedMaxRestartIntensity", child);
      this.#process.stop(shutdown());
      return;
    }
    const failed = yield* this.#lifecycle.start(child);
    if (failed === undefined) return;
    // Again under the pid that it had.
    this.#children.add(child);
    this.#lifecycle.report("startError", reasonOf(failed), child);
    if (this.#flags.backoff !== undefined) {
      this.#restartWhenDue(child);
      return;
    }
    this.#children.setRestarting(child, true);
    // To itself, behind all that waits: OTP's way to keep a supervisor answering while a child does not come up.
    this.#process.sendSelf(new TryAgain(child));
  }

  tryAgain({ child }: TryAgain<DynamicChild<Extra>>): Progress {
    return child.isRestarting && this.#children.byPid(child.pid) === child ? this.#restart(child) : undefined;
  }
}
