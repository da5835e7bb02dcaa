import type { Definition } from "@espalier/actors";
import {
  child,
  type ChildSpec as RealChildSpec,
  defineDynamicSupervisor,
  defineSupervisor,
  type DynamicChildSpec,
  type SupervisorFlags,
  type SupervisorInit,
} from "@espalier/supervisor";
import type { Processes } from "./processes.ts";
import { Raised } from "./reason.ts";
import type { ChildSpec, ChildTemplate, SupervisorBody, WorkerBody } from "./scenario.ts";
import type { Workers } from "./workers.ts";

/** What a dynamic child is started with: the last part of its path, and what differs from the template's worker. */
export interface DynamicExtra {
  readonly key: string;
  readonly worker: WorkerBody | undefined;
}

/** Makes supervisors and child specs out of the bodies of a scenario. */
export class Tree {
  readonly #processes: Processes;
  readonly #workers: Workers;

  constructor(processes: Processes, workers: Workers) {
    this.#processes = processes;
    this.#workers = workers;
  }

  /** The supervisor at this path. */
  supervisor(path: string, body: SupervisorBody): Definition {
    const { flags, children = [], template } = body;
    if (template !== undefined) {
      const init = { ...flagsOf(body), child: this.#template(path, template) };
      return defineDynamicSupervisor(() => this.#enter(path, body, init));
    }
    // Scenarios may hold invalid values; refusing them is the package's task.
    const init = {
      ...flagsOf(body),
      strategy: flags.strategy,
      children: this.#childSpecs(path, children),
    } as SupervisorInit;
    return defineSupervisor(() => this.#enter(path, body, init));
  }

  /** The spec of a child of the supervisor at this path. */
  childSpec(path: string, { id, ...template }: ChildSpec): RealChildSpec {
    const start = child(this.#define(`${path}/${id}`, template, template.worker));
    return { id, start, ...fieldsOf(template) };
  }

  #childSpecs(path: string, specs: readonly ChildSpec[]): RealChildSpec[] {
    return specs.map((spec) => this.childSpec(path, spec));
  }

  #template(path: string, template: ChildTemplate): DynamicChildSpec<DynamicExtra> {
    return {
      ...fieldsOf(template),
      start: ({ key, worker }) => child(this.#define(`${path}/${key}`, template, { ...template.worker, ...worker })),
    };
  }

  #define(path: string, template: ChildTemplate, worker: WorkerBody = {}): Definition {
    const { flags } = template;
    return flags === undefined ? this.#workers.define(path, worker) : this.supervisor(path, { ...template, flags });
  }

  /** The init callback of a supervisor. */
  #enter<Init>(path: string, body: SupervisorBody, init: Init): Init | undefined {
    const process = this.#processes.enter(path, "supervisor");
    const { outcome, reason } = process.planOf(body.init);
    switch (outcome) {
      case "ignore":
        this.#processes.failed(process, "ignore");
        return undefined;
      case "raise":
        this.#processes.failed(process, { raise: reason });
        throw new Raised(reason);
      case "error":
      case "exit":
        throw new Error(`${process.who} is a supervisor; its init knows no "${outcome}"`);
      case "ok":
        process.isDynamic = body.template !== undefined;
        this.#processes.started(process);
        return init;
    }
  }
}

/** The flags that both kinds of supervisor have. Here and in specs, undefined is as good as absent. */
function flagsOf({ flags: { intensity, period, autoShutdown } }: SupervisorBody): SupervisorFlags {
  return { intensity, periodMs: period === undefined ? undefined : period * 1000, autoShutdown } as SupervisorFlags;
}

function fieldsOf({ restart, shutdown, type, significant }: ChildTemplate): Omit<RealChildSpec, "id" | "start"> {
  return { restart, shutdown, type, significant } as Omit<RealChildSpec, "id" | "start">;
}
