import type { ExitReason, Pid, StartResult, System } from "@espalier/actors";
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
  /** Runs before the tree is told to stop, while everything still works: to leave a load balancer, for example. */
  readonly prepareStop?: () => unknown;
  /** Runs when the tree is gone, however it ended. */
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
    await options.stopped?.(reason);
    const endsSystem = type === "permanent" || (type === "transient" && reason.type !== "normal");
    if (endsSystem && !life.isStopping) await system.shutdown();
    return reason;
  });

  async function stop(timeoutMs: number | "infinity" = "infinity"): Promise<ExitReason> {
    life.isStopping = true;
    await options.prepareStop?.();
    await system.terminate(top, timeoutMs);
    return ended;
  }

  return { ok: true, application: { name, top, ended, stop } };
}
