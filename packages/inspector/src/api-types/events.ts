import type { ListenersAnswer } from "./listeners.ts";
import type { LogAnswer } from "./log.ts";
import type { OverviewAnswer } from "./overview.ts";
import type { ProcessAnswer } from "./process.ts";
import type { ProcessId } from "./process-id.ts";
import type { RateSample } from "./rates.ts";
import type { TraceAnswer } from "./trace.ts";
import type { TreeAnswer } from "./tree.ts";

// GET /api/v1/events?topics=

/**
 * A stream of server-sent events. `topics` is a list with commas, of `overview`, `tree`, `listeners`, `rates`, `log`,
 * `process`, `trace`; the last two need an `id`. Each tick sends one event of each topic whose name is the topic's, and
 * whose data is what the question of that name answers: of `rates` the newest sample alone, of `log` and `trace` only what
 * is new. `gone` is sent once when the actor of `process` or `trace` has died, after what a traced one has heard and said last.
 * The stream begins with a tick.
 */
export interface StreamEvents {
  readonly overview: OverviewAnswer;
  readonly tree: TreeAnswer;
  readonly listeners: ListenersAnswer;
  readonly rates: RateSample;
  readonly log: LogAnswer;
  readonly process: ProcessAnswer;
  readonly trace: TraceAnswer;
  readonly gone: { readonly id: ProcessId };
}

export type Topic = Exclude<keyof StreamEvents, "gone">;
