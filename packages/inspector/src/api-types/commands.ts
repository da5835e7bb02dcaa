import type { ProcessId } from "./process-id.ts";

// POST /api/v1/commands/…

/** The body of each command. All need the header `Authorization: Bearer <token>`. */
export interface Commands {
  /** Ends an actor at once; none of its code runs. */
  readonly kill: { readonly id: ProcessId };
  /** The actor handles nothing until it is resumed, or the inspector is closed; its mail waits. */
  readonly suspend: { readonly id: ProcessId };
  /** The actor goes on, whoever has suspended it. */
  readonly resume: { readonly id: ProcessId };
  /**
   * Shows each message in and out of one actor from now on, for the next 10,000 at most, or until the inspector is closed. It
   * takes the place of another `sys.trace`; off, it ends its own and no other.
   */
  readonly trace: { readonly id: ProcessId; readonly on: boolean };
  /** Ends a child of a supervisor in order, if it lives, and starts it anew. `child` is its id in the child spec. */
  readonly restartChild: { readonly id: ProcessId; readonly child: string };
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
