import type { From, Pid, Process, Progress, Waiting } from "@espalier/actors";
import type {
  AdoptChildResult,
  ChildCounts,
  ChildInfo,
  DeleteChildResult,
  RestartChildResult,
  StartChildResult,
  SupervisorCalls,
} from "./api.ts";
import { type ChildSpec, completeChildSpec, type CompleteChildSpec } from "./child-spec.ts";
import { type Child, type Children, pidOf } from "./children.ts";
import { InvalidChildSpecError } from "./errors.ts";
import type { AutoShutdown } from "./flags.ts";
import type { Lifecycle } from "./lifecycle.ts";
import { asResult } from "./start-failure.ts";

type Added = { readonly ok: true; readonly child: Child } | Extract<StartChildResult, { ok: false }>;

/** Answers those who manage a static supervisor with the functions of `api.ts`. */
export class Management {
  readonly #process: Process;
  readonly #children: Children;
  readonly #lifecycle: Lifecycle;

  constructor(process: Process, children: Children, lifecycle: Lifecycle) {
    this.#process = process;
    this.#children = children;
    this.#lifecycle = lifecycle;
  }

  /** @param autoShutdown - of the supervisor, for which new children have to be right */
  answer(request: SupervisorCalls, from: From, autoShutdown: AutoShutdown): Progress {
    switch (request.type) {
      case "startChild":
        return this.#answerStartChild(this.#addNew(request.spec, autoShutdown), from);
      case "adoptChild":
        return from.reply(this.#adoptChild(this.#addNew(request.spec, autoShutdown), request.pid));
      case "terminateChild":
        return this.#answerTerminateChild(request.child, from);
      case "restartChild":
        return this.#answerRestartChild(request.id, from);
      case "deleteChild":
        return from.reply(this.#deleteChild(request.id));
      case "getChildSpec":
        return from.reply(this.#find(request.child)?.spec);
      case "whichChildren":
        return from.reply(this.#whichChildren());
      case "countChildren":
        return from.reply(this.#countChildren());
      default:
        // By name, a request for the other kind of supervisor gets past the types.
        return from.reply({ ok: false, error: "badSpec", problem: wrongKind(request) });
    }
  }

  #find(child: string | Pid): Child | undefined {
    // OTP: a static child goes by its id alone; a pid names the child of a dynamic supervisor.
    return typeof child === "string" ? this.#children.byId(child) : undefined;
  }

  *#answerStartChild(added: Added, from: From): Waiting {
    from.reply(yield* this.#startNew(added));
  }

  *#startNew(added: Added): Waiting<StartChildResult> {
    if (!added.ok) return added;
    const { child } = added;
    const failure = yield* this.#lifecycle.start(child);
    if (failure === undefined) return { ok: true, child: pidOf(child) };
    // OTP: a spec whose first start fails is not kept.
    this.#children.remove(child);
    return asResult(failure);
  }

  /** Adds the child of a spec that was handed in, unless the spec is wrong or its id taken. */
  #addNew(given: ChildSpec, autoShutdown: AutoShutdown): Added {
    let spec: CompleteChildSpec;
    try {
      spec = completeChildSpec(given, autoShutdown);
    } catch (problem) {
      if (problem instanceof InvalidChildSpecError) return { ok: false, error: "badSpec", problem };
      throw problem;
    }
    const present = this.#children.byId(spec.id);
    if (present === undefined) return { ok: true, child: this.#children.add(spec) };
    return typeof present.state === "object"
      ? { ok: false, error: "alreadyStarted", pid: present.state }
      : { ok: false, error: "alreadyPresent" };
  }

  #adoptChild(added: Added, pid: Pid): AdoptChildResult {
    if (!added.ok) return added.error === "startFailed" ? { ok: false, error: "noProcess" } : added;
    const { child } = added;
    const adoption = this.#process.adopt(pid, child.spec.id);
    if (adoption !== "adopted") {
      this.#children.remove(child);
      return { ok: false, error: adoption };
    }
    child.incarnation = 1;
    this.#children.setState(child, pid);
    return { ok: true };
  }

  *#answerTerminateChild(id: string | Pid, from: From): Waiting {
    const child = this.#find(id);
    if (child === undefined) {
      from.reply({ ok: false, error: "notFound" });
      return;
    }
    yield* this.#lifecycle.terminate(child);
    from.reply({ ok: true });
  }

  *#answerRestartChild(id: string, from: From): Waiting {
    from.reply(yield* this.#restartById(id));
  }

  *#restartById(id: string): Waiting<RestartChildResult> {
    const child = this.#children.byId(id);
    if (child === undefined) return { ok: false, error: "notFound" };
    if (child.state === "restarting") return { ok: false, error: "restarting" };
    if (child.state !== undefined) return { ok: false, error: "running" };
    const failure = yield* this.#lifecycle.start(child);
    if (failure !== undefined) return asResult(failure);
    return { ok: true, child: pidOf(child) };
  }

  #deleteChild(id: string): DeleteChildResult {
    const child = this.#children.byId(id);
    if (child === undefined) return { ok: false, error: "notFound" };
    if (child.state === "restarting") return { ok: false, error: "restarting" };
    if (child.state !== undefined) return { ok: false, error: "running" };
    this.#children.remove(child);
    return { ok: true };
  }

  #whichChildren(): ChildInfo[] {
    return this.#children
      .all()
      .map(({ spec, state }) => ({ id: spec.id, child: state, type: spec.type }))
      .toReversed();
  }

  #countChildren(): ChildCounts {
    const all = this.#children.all();
    const supervisors = all.filter(({ spec }) => spec.type === "supervisor").length;
    const active = all.filter(({ state }) => typeof state === "object" && this.#process.isAlive(state)).length;
    return { specs: all.length, active, supervisors, workers: all.length - supervisors };
  }
}

function wrongKind(request: unknown): InvalidChildSpecError {
  const message = "startDynamicChild is for dynamic supervisors; this one has static children";
  return new InvalidChildSpecError({ problem: "invalidChildSpec", path: "request", value: request, message });
}
