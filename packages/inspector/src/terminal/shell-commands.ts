import type { CommandName } from "../api-types.ts";

/** A command of the inspector that the shell gives by its name and a few words. */
export interface ShellCommand {
  /** What it is in the API. */
  readonly tells: Exclude<CommandName, "trace">;
  /** What the first word names. */
  readonly of: "actor" | "listener";
  /** The second word: what it is called in the usage, and in the body of the command. */
  readonly word?: readonly [usage: string, field: string];
  /** The second word may be several, which are one then: nobody has to quote a rule. */
  readonly isText?: boolean;
  /** It takes `--timeout`. */
  readonly hasTimeout?: boolean;
}

/** The names that a shell has for them. */
export type ShellCommandName =
  | "kill"
  | "suspend"
  | "resume"
  | "restart-child"
  | "suspend-listener"
  | "resume-listener"
  | "drain-listener"
  | "set-max-clients"
  | "allow"
  | "deny"
  | "remove-rule";

export const shellCommands: Readonly<Record<ShellCommandName, ShellCommand>> = {
  kill: { tells: "kill", of: "actor" },
  suspend: { tells: "suspend", of: "actor" },
  resume: { tells: "resume", of: "actor" },
  "restart-child": { tells: "restartChild", of: "actor", word: ["CHILD", "child"] },
  "suspend-listener": { tells: "suspendListener", of: "listener" },
  "resume-listener": { tells: "resumeListener", of: "listener" },
  "drain-listener": { tells: "drainListener", of: "listener", hasTimeout: true },
  "set-max-clients": { tells: "setMaxClients", of: "listener", word: ["NUMBER", "maxClients"] },
  allow: { tells: "allow", of: "listener", word: ["PEERS", "peers"] },
  deny: { tells: "deny", of: "listener", word: ["PEERS", "peers"] },
  "remove-rule": { tells: "removeRule", of: "listener", word: ["RULE", "rule"], isText: true },
};

export function isShellCommand(name: string): name is ShellCommandName {
  return Object.hasOwn(shellCommands, name);
}
