import type { ProcessView, System } from "@espalier/actors";
import type {
  ChildrenAnswer,
  HeatMapAnswer,
  HeatMeasure,
  ListenersAnswer,
  LogAnswer,
  LogKind,
  OverviewAnswer,
  ProcessAnswer,
  ProcessId,
  RatesAnswer,
  StatechartAnswer,
  TraceAnswer,
  TreeAnswer,
} from "./api-types.ts";
import { childrenAnswer, type PageQuery } from "./children-page.ts";
import { heatMapAnswer } from "./heat-map.ts";
import type { Journal } from "./journal.ts";
import { toListenerFact } from "./listener-facts.ts";
import { Moment } from "./moment.ts";
import type { InspectorConfig } from "./options.ts";
import { Pace } from "./pace.ts";
import { processAnswer } from "./process-answer.ts";
import { findByPid, findProcess, formatProcessId } from "./process-id.ts";
import type { Sampler } from "./sampler.ts";
import { statechartAnswer } from "./statechart.ts";
import type { Tracing } from "./tracing.ts";
import { treeAnswer } from "./tree.ts";

/** How deep a tree is listed unless something else is asked for. */
const USUAL_DEPTH = 16;

/**
 * What the API answers, for those who stand beside it in the program: the same facts, under the same rules of what is
 * shown. Everything is a pure read; no actor notices. An actor that is not there any more is undefined.
 */
export class Readings {
  readonly #system: System;
  readonly #config: InspectorConfig;
  readonly #journal: Journal;
  readonly #sampler: Sampler;
  readonly #tracing: Tracing;
  readonly #pace: Pace;
  readonly #attached: { readonly at: number; readonly wallClock: number };

  /** @internal */
  constructor(system: System, config: InspectorConfig, journal: Journal, sampler: Sampler, tracing: Tracing) {
    this.#system = system;
    this.#config = config;
    this.#journal = journal;
    this.#sampler = sampler;
    this.#tracing = tracing;
    this.#pace = new Pace(system);
    this.#attached = { at: system.now(), wallClock: system.host.wallClock() };
  }

  overview(moment: Moment = this.moment()): OverviewAnswer {
    const { name, processCount, runQueue, timers, tasks } = this.#system.figures();
    const { token, show } = this.#config;
    return {
      version: 1,
      system: name,
      at: moment.at,
      wallClock: this.#system.host.wallClock(),
      attachedAt: this.#attached.wallClock,
      attachedFor: moment.at - this.#attached.at,
      processes: processCount,
      runQueue,
      mailboxes: moment.survey.roots.below.mailbox,
      timers,
      tasks,
      counters: this.#sampler.counters(moment),
      listeners: moment.listeners.length,
      takesCommands: token !== undefined,
      shows: show,
    };
  }

  tree(options: { readonly root?: ProcessId; readonly depth?: number } = {}): TreeAnswer | undefined {
    return this.treeAt(this.moment(), options);
  }

  /** @internal */
  treeAt(
    moment: Moment,
    { root, depth = USUAL_DEPTH }: { readonly root?: ProcessId | undefined; readonly depth?: number | undefined },
  ): TreeAnswer | undefined {
    const process = root === undefined ? undefined : this.find(root);
    if (root !== undefined && process === undefined) return undefined;
    return treeAnswer(moment.survey, process, depth);
  }

  children(id: ProcessId, query: Partial<PageQuery> = {}): ChildrenAnswer | undefined {
    const { offset = 0, limit = 50, sort = "age", order = "asc", filter, state } = query;
    const parent = this.find(id);
    const page = { offset, limit, sort, order, filter, state };
    return parent && childrenAnswer(this.#system, parent, page, this.#pace);
  }

  heatMap(id: ProcessId, by: HeatMeasure = "state"): HeatMapAnswer | undefined {
    const parent = this.find(id);
    return parent && heatMapAnswer(this.#system, parent, by);
  }

  process(id: ProcessId): ProcessAnswer | undefined {
    return this.#processAnswer(this.find(id));
  }

  /** The same by the number in its pid: 84 for `<0.84>`. Its id, which means nobody else ever, stands in the answer. */
  processOf(pid: number): ProcessAnswer | undefined {
    return this.#processAnswer(findByPid(this.#system, pid));
  }

  #processAnswer(process: ProcessView | undefined): ProcessAnswer | undefined {
    if (process === undefined) return undefined;
    const { show } = this.#config;
    return processAnswer({ system: this.#system, journal: this.#journal, tracing: this.#tracing, show }, process);
  }

  /** Undefined too for an actor that runs no machine. */
  statechart(id: ProcessId): StatechartAnswer | undefined {
    const process = this.find(id);
    return process && statechartAnswer(process, this.#system.now());
  }

  listeners(moment: Moment = this.moment()): ListenersAnswer {
    const { show } = this.#config;
    return { at: moment.at, listeners: moment.listeners.map((one) => toListenerFact(this.#system, one, show)) };
  }

  /** Takes a sample, if a second has passed since the last one. */
  rates(moment: Moment = this.moment()): RatesAnswer {
    this.#sampler.sample(moment);
    return { at: moment.at, samples: this.#sampler.samples };
  }

  log(
    options: { readonly after?: number | undefined; readonly limit?: number; readonly kind?: LogKind | undefined } = {},
  ): LogAnswer {
    const { after, limit = 100, kind } = options;
    const { counts, oldest } = this.#journal;
    return { at: this.#system.now(), entries: this.#journal.entries(after, limit, kind), counts, oldest };
  }

  trace(id: ProcessId, after?: number): TraceAnswer | undefined {
    const process = this.find(id);
    if (process === undefined) return undefined;
    const at = this.#system.now();
    return { at, id, isTraced: this.#tracing.isTraced(id), events: this.#tracing.events(id, after) };
  }

  /** What a traced actor that is gone has heard and said last. @internal */
  lastWords(id: ProcessId, after: number): TraceAnswer | undefined {
    const events = this.#tracing.events(id, after);
    return events.length === 0 ? undefined : { at: this.#system.now(), id, isTraced: false, events };
  }

  /** The id of a registered actor. */
  idOf(name: string): ProcessId | undefined {
    const pid = this.#system.whereis(name);
    const process = pid && this.#system.process(pid);
    return process && formatProcessId(process);
  }

  /** @internal */
  moment(): Moment {
    return new Moment(this.#system, this.#config.sources);
  }

  /** Keeps nothing that only those need who come again. @internal */
  close(): void {
    this.#pace.close();
  }

  /** @internal */
  find(id: ProcessId): ProcessView | undefined {
    return findProcess(this.#system, id);
  }
}
