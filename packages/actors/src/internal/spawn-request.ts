import type { Definition, StartResult } from "../behaviour.ts";
import type { SpawnOptions } from "../context.ts";
import type { Pid } from "../pid.ts";
import type { ActorProcess } from "./process.ts";

/** Whoever waits for the outcome of a start. */
export interface StartListener {
  childStarted(child: Pid, result: StartResult): void;
}

export interface SpawnRequest<Args, Ref extends Pid> {
  readonly definition: Definition<Args, Ref>;
  readonly args: Args;
  readonly options: SpawnOptions;
  readonly parent: ActorProcess | null;
  readonly onStarted: StartListener | null;
}
