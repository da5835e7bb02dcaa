import { failure, type From, type Pid, type Process, type Progress, type Waiting } from "@espalier/actors";
import type { ChildCounts, ChildInfo, DynamicSupervisorCalls, StartChildResult } from "./api.ts";
import type { CompleteChildSpec, Start } from "./child-spec.ts";
import type { DynamicChild, DynamicChildren } from "./dynamic-children.ts";
import type { DynamicLifecycle } from "./dynamic-lifecycle.ts";
import { InvalidChildSpecError } from "./errors.ts";
import { asResult } from "./start-failure.ts";

/** Answers those who manage a dynamic supervisor with the functions of `api.ts`. */
export class DynamicManagement<Extra> {
  readonly #process: Process;
  readonly #children: DynamicChildren<Extra>;
  readonly #lifecycle: DynamicLifecycle<Extra>;
  #started = 0;

  constructor(process: Process, children: DynamicChildren<Extra>, lifecycle: DynamicLifecycle<Extra>) {
    this.#process = process;
    this.#children = children;
    this.#lifecycle = lifecycle;
  }

  answer(request: DynamicSupervisorCalls<Extra>, from: From): Progress {
    switch (request.type) {
      case "startDynamic":
        return this.#answerStart(request.extra, request.id, from);
      case "terminateChild":
        return this.#answerTerminate(request.child, from);
      case "restartChild":
      case "deleteChild":
        return from.reply({ ok: false, error: "simpleOneForOne" });
      case "getChildSpec":
        return from.reply(this.#childSpec(request.child));
      case "whichChildren":
        return from.reply(this.#whichChildren());
      case "countChildren":
        return from.reply(this.#countChildren());
      default:
        // By name, a request for the other kind of supervisor gets past the types.
        return from.reply({ ok: false, error: "badSpec", problem: wrongKind(request) });
    }
  }

  *#answerStart(extra: Extra, id: string | undefined, from: From): Waiting {
    from.reply(yield* this.#startNew(extra, id));
  }

  *#startNew(extra: Extra, id: string | undefined): Waiting<StartChildResult> {
    let start: Start;
    try {
      start = this.#children.template.start(extra);
    } catch (error) {
      // OTP: a start function that fails is a start that failed; the siblings must not pay for it.
      return { ok: false, error: "startFailed", reason: failure(error) };
    }
    this.#started += 1;
    const child: DynamicChild<Extra> = {
      id: id ?? String(this.#started),
      extra,
      start,
      pid: this.#process.pid,
      isRestarting: false,
      incarnation: 0,
    };
    const failed = yield* this.#lifecycle.start(child);
    if (failed === undefined) {
      return { ok: true, child: child.pid === this.#process.pid ? undefined : child.pid };
    }
    return asResult(failed);
  }

  *#answerTerminate(pid: string | Pid, from: From): Waiting {
    if (typeof pid === "string") {
      from.reply({ ok: false, error: "simpleOneForOne" });
      return;
    }
    const child = this.#children.byPid(pid);
    if (child === undefined) {
      // OTP: a dead process is as good as terminated, whosever child it was.
      from.reply(this.#process.isAlive(pid) ? { ok: false, error: "notFound" } : { ok: true });
      return;
    }
    yield* this.#lifecycle.terminate(child);
    from.reply({ ok: true });
  }

  #childSpec(pid: string | Pid): CompleteChildSpec | undefined {
    const child = typeof pid === "string" ? undefined : this.#children.byPid(pid);
    return child === undefined ? undefined : { ...this.#children.template, id: child.id, start: child.start };
  }

  #whichChildren(): ChildInfo[] {
    const { type } = this.#children.template;
    return this.#children
      .all()
      .map(({ pid, isRestarting }) => ({ id: undefined, child: isRestarting ? ("restarting" as const) : pid, type }))
      .toReversed();
  }

  #countChildren(): ChildCounts {
    const { size, active, template } = this.#children;
    const isSupervisor = template.type === "supervisor";
    return {
      specs: 1,
      active,
      supervisors: isSupervisor ? size : 0,
      workers: isSupervisor ? 0 : size,
    };
  }
}

function wrongKind(request: unknown): InvalidChildSpecError {
  const message = "this is a dynamic supervisor: startDynamicChild starts a child of its template";
  return new InvalidChildSpecError({ problem: "invalidChildSpec", path: "request", value: request, message });
}
