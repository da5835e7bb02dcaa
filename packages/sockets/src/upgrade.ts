import {
  CallExitError,
  type Definition,
  type MachineState,
  type NewMachineState,
  type Pid,
  sys,
  type System,
} from "@espalier/actors";
import type { ConnectionInput } from "./connection-event.ts";

/** `Context` is that of the old machine, as far as `migrate` says what it takes it for. */
export interface UpgradeOptions<Context = unknown> {
  /**
   * Makes the state of a connection's old machine into one of the new machine. Absent: states and context are taken as
   * they are. It is called once for each connection; a throw leaves that connection with its old machine.
   */
  readonly migrate?: (state: MachineState & { readonly context: Context }) => NewMachineState;
  /** How long to wait for a connection that is busy, in milliseconds. @defaultValue 5000 */
  readonly timeoutMs?: number;
}

/** A connection that goes on with its old machine. */
export interface Stayed {
  readonly pid: Pid;
  /** What `migrate` threw, or why the new machine cannot be in the migrated state. */
  readonly error: unknown;
}

/** What became of the connections that were there. */
export interface Upgrade {
  readonly upgraded: number;
  readonly stayed: readonly Stayed[];
}

/** How many connections are asked at a time. */
const BATCH = 1000;

/** Gives running connections a new handler, each between two of its events. */
export async function upgradeConnections<Context>(
  system: System,
  connections: readonly Pid[],
  handler: Definition<ConnectionInput>,
  { migrate, timeoutMs = 5000 }: UpgradeOptions<Context>,
): Promise<Upgrade> {
  const stayed: Stayed[] = [];
  let upgraded = 0;
  const upgrade = async (pid: Pid): Promise<void> => {
    try {
      await sys.swapCode(system, pid, handler, { migrate }, { timeoutMs });
      upgraded += 1;
    } catch (error) {
      // One that has ended meanwhile is neither upgraded nor left behind.
      if (!(error instanceof CallExitError)) stayed.push({ pid, error });
    }
  };
  for (let done = 0; done < connections.length; done += BATCH) {
    await Promise.all(connections.slice(done, done + BATCH).map(upgrade));
  }
  return { upgraded, stayed };
}
