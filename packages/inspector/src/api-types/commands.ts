import type { ProcessId } from "./process-id.ts";

// POST /api/v1/commands/…

/**
 * The actor of a command: by its id, which names one actor and no other, or by its pid, such as `"<0.84>"`, `"84"` or 84,
 * which after a start of the program is somebody else's.
 */
export type Whom =
  | { readonly id: ProcessId; readonly pid?: never }
  | { readonly pid: string | number; readonly id?: never };

/** The body of each command. All need the header `Authorization: Bearer <token>`. */
export interface Commands {
  /** Ends an actor at once; none of its code runs. */
  readonly kill: Whom;
  /** The actor handles nothing until it is resumed, or the inspector is closed; its mail waits. */
  readonly suspend: Whom;
  /** The actor goes on, whoever has suspended it. */
  readonly resume: Whom;
  /**
   * Shows each message in and out of one actor from now on, for the next 10,000 at most, or until the inspector is closed. It
   * takes the place of another `sys.trace`; off, it ends its own and no other.
   */
  readonly trace: Whom & { readonly on: boolean };
  /** Ends a child of a supervisor in order, if it lives, and starts it anew. `child` is its id in the child spec. */
  readonly restartChild: Whom & { readonly child: string };
  readonly suspendListener: { readonly listener: string };
  readonly resumeListener: { readonly listener: string };
  /** Closes a listener with care. Answers at once; `timeoutMs` is 30,000 if absent. */
  readonly drainListener: { readonly listener: string; readonly timeoutMs?: number };
  /** From 1. Whoever is there already stays. */
  readonly setMaxClients: { readonly listener: string; readonly maxClients: number | "infinity" };
  /** `peers` is `"all"`, an address or a block. */
  readonly allow: { readonly listener: string; readonly peers: string };
  readonly deny: { readonly listener: string; readonly peers: string };
  /** `rule` is one of `accessRules`, as it stands there. */
  readonly removeRule: { readonly listener: string; readonly rule: string };
}

export type CommandName = keyof Commands;

/** A command was carried out. */
export interface CommandAnswer {
  readonly ok: true;
  /** What has become of it, for people. */
  readonly text: string;
  /** The actor that `restartChild` has started. */
  readonly id?: ProcessId | undefined;
}
