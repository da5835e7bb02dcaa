import {
  type Callable,
  type Castable,
  Down,
  Exit,
  type MonitorRef,
  type Pid,
  type StartResult,
  sys,
} from "@espalier/actors";
import { createProbe, type Probe } from "@espalier/actors/testing";
import { Management } from "./management.ts";
import { Processes, type TreeProcess } from "./processes.ts";
import { failureOfCall, fromExitReason, problemOf, toExitReason } from "./reason.ts";
import { Recorder } from "./record.ts";
import type { Action, Kind, Leaf, SupervisionScenario, SupervisionStep, SupervisorBody, Trace } from "./scenario.ts";
import { Tree } from "./tree.ts";
import { VirtualTime } from "./virtual-time.ts";
import { type WorkerCalls, Workers } from "./workers.ts";

/** Plays a scenario of the family "supervision". */
export async function playSupervision({ root, steps }: SupervisionScenario): Promise<Trace> {
  const play = new Play();
  await play.boot(root);
  for (const step of steps) await play.step(step);
  return play.trace;
}

type StepOf<Op extends SupervisionStep["op"]> = Extract<SupervisionStep, { op: Op }>;

class Play {
  readonly #time = new VirtualTime();
  readonly #system = this.#time.system;
  readonly #recorder = new Recorder();
  /** The parent of the root. It does nothing else, so it also serves as somebody who answers no call. */
  readonly #owner: Probe = createProbe(this.#system, "owner");
  /** A stranger to the tree. */
  readonly #probe: Probe = createProbe(this.#system, "probe");
  readonly #strangers = new Map<Pid, string>([
    [this.#owner.ref, "owner"],
    [this.#probe.ref, "probe"],
  ]);
  readonly #processes = new Processes(this.#system, this.#recorder, this.#strangers);
  readonly #tree = new Tree(this.#processes, new Workers(this.#processes, this.#owner.ref));
  readonly #management = new Management(this.#system, this.#processes, this.#tree);
  readonly #monitors = new Map<string, MonitorRef>();
  readonly #tags = new Map<MonitorRef, string>();
  #noticesTaken = 0;

  get trace(): Trace {
    return this.#recorder.trace;
  }

  async boot(body: SupervisorBody): Promise<void> {
    const root = this.#tree.supervisor("root", body);
    const started = await this.#time.until(this.#owner.self.startLink(root, undefined, { id: "root" }));
    await this.#settle("boot", this.#bootResult(started));
  }

  async step(step: SupervisionStep): Promise<void> {
    const result = step.op === "wait" ? await this.#time.advance(step.ms) : await this.#time.until(this.#perform(step));
    if (step.settle === false) this.#recorder.deferred({ op: step.op }, result);
    else await this.#settle(step.op, result);
  }

  async #settle(op: string, result: unknown): Promise<void> {
    await this.#time.settle();
    const probe = this.#takeNotices();
    const rootDown = this.#processes.takeRootDown();
    const snapshot = await this.#time.until(this.#management.snapshot());
    this.#recorder.settled({ op }, { result, probe, rootDown, snapshot });
  }

  #bootResult(started: StartResult): unknown {
    if (started.ok) return { ok: this.#processes.byPid(started.ref).who };
    if (started.error !== "failed") return { ok: null };
    const problem = started.reason.type === "error" ? problemOf(started.reason.error) : undefined;
    return { error: problem === undefined ? { startFailed: fromExitReason(started.reason) } : { badSpec: problem } };
  }

  /** What the probe has received since this was last asked. */
  #takeNotices(): Leaf[] {
    const notices = this.#probe.messages.slice(this.#noticesTaken);
    this.#noticesTaken = this.#probe.messages.length;
    return notices.map((notice) => {
      if (notice instanceof Exit)
        return { exit: this.#processes.byPid(notice.from).who, reason: fromExitReason(notice.reason) };
      if (!(notice instanceof Down) || notice.pid === undefined) return { stray: String(notice) };
      const { ref, pid, reason } = notice;
      return { down: this.#tags.get(ref), of: this.#processes.byPid(pid).who, reason: fromExitReason(reason) };
    });
  }

  async #perform(step: Exclude<SupervisionStep, { op: "wait" }>): Promise<unknown> {
    switch (step.op) {
      case "act":
        return this.#with(step.target, "worker", (worker) => this.#act(worker, step.do));
      case "call":
        return this.#with(step.target, "worker", (worker) => this.#call(worker, step));
      case "exit":
        return this.#with(step.target, "any", (process) => this.#exit(process, step));
      case "stopRoot": {
        const root = this.#processes.find("root");
        return root === undefined ? "dead" : this.#exit(root, { from: "owner", reason: "shutdown" });
      }
      case "stopProcess":
        return this.#with(step.target, "any", (process) => this.#stop(process, step));
      case "monitor":
        return this.#with(step.target, "any", (process) => this.#monitor(process, step.tag));
      case "demonitor":
        return this.#demonitor(step);
      case "link":
      case "unlink":
        return this.#with(step.target, "any", ({ pid }) => {
          this.#probe.self[step.op](pid);
          return "ok";
        });
      case "startChild":
      case "terminateChild":
      case "restartChild":
      case "deleteChild":
      case "whichChildren":
      case "countChildren":
        return this.#with(step.sup, "supervisor", (supervisor) => orFailure(this.#management.ask(supervisor, step)));
    }
  }

  #with(target: string, kind: Kind | "any", perform: (process: TreeProcess) => unknown): unknown {
    const process = this.#processes.find(target);
    if (process === undefined) return "noTarget";
    return kind === "any" || process.kind === kind ? perform(process) : "wrongKind";
  }

  #act(worker: TreeProcess, action: Action): "ok" | "dead" {
    if (!this.#processes.isAlive(worker)) return "dead";
    const ref: Castable<Action> = worker.pid;
    this.#system.cast(ref, action);
    return "ok";
  }

  #call({ pid }: TreeProcess, { do: action, timeoutMs }: StepOf<"call">): Promise<unknown> {
    const ref: Callable<WorkerCalls> = pid;
    const request = action === undefined ? ({ type: "ping" } as const) : ({ type: "act", action } as const);
    return orFailure(this.#system.call(ref, request, { timeoutMs: timeoutMs ?? "infinity" }));
  }

  #exit(process: TreeProcess, { from, reason }: Pick<StepOf<"exit">, "from" | "reason">): "ok" | "dead" {
    if (!this.#processes.isAlive(process)) return "dead";
    const sender = from === "owner" ? this.#owner : this.#probe;
    sender.self.exit(process.pid, toExitReason(reason));
    return "ok";
  }

  #stop({ pid }: TreeProcess, { reason }: StepOf<"stopProcess">): Promise<unknown> {
    return orFailure(sys.stopActor(this.#system, pid, toExitReason(reason)).then(() => "ok"));
  }

  #monitor({ pid }: TreeProcess, tag: string): "ok" {
    const ref = this.#probe.self.monitor(pid);
    this.#monitors.set(tag, ref);
    this.#tags.set(ref, tag);
    return "ok";
  }

  #demonitor({ tag, flush = false }: StepOf<"demonitor">): "ok" {
    const ref = this.#monitors.get(tag);
    if (ref !== undefined) this.#probe.self.demonitor(ref, { flush });
    return "ok";
  }
}

/** How a call ended, its failures included. */
async function orFailure(call: Promise<unknown>): Promise<unknown> {
  try {
    return await call;
  } catch (error) {
    return failureOfCall(error);
  }
}
