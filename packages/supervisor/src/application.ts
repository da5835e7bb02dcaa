import { type ExitReason, InvalidOptionError, type Pid, type StartResult, type System } from "@espalier/actors";
import type { Start } from "./child-spec.ts";

/** What the end of an application's tree means for the system it runs in. Source: OTP's `application:start/2`. */
export type ApplicationType =
  /** Whatever the reason, the system is shut down: without this part the program is of no use. */
  | "permanent"
  /** The system is shut down if the end was abnormal: anything but `normal`. */
  | "transient"
  /** It is reported and nothing else happens. */
  | "temporary";

export interface ApplicationOptions {
  /** The id and registered name of the top of its tree. */
  readonly name: string;
  /** The top supervisor, as `child(definition, args)` gives it. */
  readonly start: Start;
  /** @defaultValue "temporary", as in OTP */
  readonly type?: ApplicationType;
  /**
   * Runs before the tree is told to stop, while everything still works: to leave a load balancer, for example. If it throws
   * or rejects, that is logged as an error, and the tree stops all the same. OTP's `prep_stop`.
   */
  readonly prepareStop?: () => unknown;
  /** Runs when the tree is gone, however it ended. If it throws or rejects, that is logged as an error. OTP's `stop`. */
  readonly stopped?: (reason: ExitReason) => unknown;
}

/** A running tree, from its start to its ordered stop. OTP's application. */
export interface Application {
  readonly name: string;
  readonly top: Pid;
  /** Resolves with the reason when the tree has ended, by `stop` or by itself, and `stopped` has run. */
  readonly ended: Promise<ExitReason>;
  /**
   * Stops the tree: every child in the reverse of the start order, within the time that its spec gives it. What takes
   * longer than `timeoutMs` as a whole is killed.
   *
   * @param timeoutMs - default "infinity", as in OTP
   * @throws `ERR_INVALID_OPTION`, and then nothing has changed.
   */
  stop(timeoutMs?: number | "infinity"): Promise<ExitReason>;
}

/** How `startApplication` ended. */
export type StartApplicationResult =
  | { readonly ok: true; readonly application: Application }
  | Extract<StartResult, { readonly ok: false }>;

/** Starts a whole tree and resolves when all of it is up, or with why it is not; then nothing of it is left. */
export async function startApplication(system: System, options: ApplicationOptions): Promise<StartApplicationResult> {
  const { name, start, type = "temporary" } = options;
  const started = await system.start(start.definition, start.args, { id: name, name });
  if (!started.ok) return started;
  const top = started.ref;
  const life = { isStopping: false };
  const ended = system.exited(top).then(async (reason) => {
    await attempt("stopped", () => options.stopped?.(reason));
    const endsSystem = type === "permanent" || (type === "transient" && reason.type !== "normal");
    if (endsSystem && !life.isStopping) await system.shutdown();
    return reason;
  });

  /** As in OTP, what a callback fails with changes nothing about the end. */
  async function attempt(what: string, callback: () => unknown): Promise<void> {
    try {
      await callback();
    } catch (err) {
      system.logger.error({ application: name, err }, `application ${name}: ${what} has failed`);
    }
  }

  async function stop(timeoutMs: number | "infinity" = "infinity"): Promise<ExitReason> {
    if (timeoutMs !== "infinity" && !(timeoutMs >= 0)) {
      throw new InvalidOptionError("timeoutMs", timeoutMs, 'milliseconds of at least 0, or "infinity"');
    }
    life.isStopping = true;
    await attempt("prepareStop", () => options.prepareStop?.());
    await system.terminate(top, timeoutMs);
    return ended;
  }

  return { ok: true, application: { name, top, ended, stop } };
}
