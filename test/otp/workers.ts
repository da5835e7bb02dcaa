import {
  type Call,
  type Callable,
  CallTimeoutError,
  type Context,
  defineServer,
  type Definition,
  Exit,
  type Ignore,
  ignore,
  type NoReply,
  noreply,
  type Ok,
  ok,
  reply,
  type Stop,
  stop,
} from "@espalier/actors";
import type { Processes, TreeProcess } from "./processes.ts";
import { Raised, toExitReason } from "./reason.ts";
import type { Action, WorkerBody } from "./scenario.ts";

/** What a worker answers. */
export type WorkerCalls = Call<"ping", "pong"> | Call<"act", "pong", { action: Action }>;

interface WorkerTypes {
  readonly state: TreeProcess;
  readonly call: WorkerCalls;
  readonly cast: Action;
}

type Done = NoReply<TreeProcess, never> | Stop<TreeProcess>;

/** Makes servers out of the worker bodies of a scenario. */
export class Workers {
  readonly #processes: Processes;
  readonly #silent: Callable<Call<"wait", void>>;

  /** @param silent - an actor that never answers */
  constructor(processes: Processes, silent: Callable<Call<"wait", void>>) {
    this.#processes = processes;
    this.#silent = silent;
  }

  /** The worker at this path. */
  define(path: string, { trapExit = false, init, stopMs = 0, stopRaise }: WorkerBody): Definition {
    const afterCleanup = (): void => {
      if (stopRaise !== undefined) throw new Raised(stopRaise);
    };
    return defineServer<WorkerTypes>({
      name: "worker",
      trapExit,
      init: (_args, self) => {
        const process = this.#processes.enter(path, "worker");
        const { delayMs } = process.planOf(init);
        const proceed = () => this.#finishInit(process, self, init);
        return delayMs === 0 ? proceed() : this.#stayBusy(self, delayMs).then(proceed);
      },
      handleCall: (request, _from, process, self) => {
        if (request.type === "ping") return reply("pong", process);
        const answer = (done: Done) =>
          done.type === "stop" ? done : reply<TreeProcess, never, "pong">("pong", process);
        const done = this.#perform(request.action, process, self);
        return "then" in done ? done.then(answer) : answer(done);
      },
      handleCast: (action, process, self) => this.#perform(action, process, self),
      handleInfo: (message, process) => {
        if (message instanceof Exit) this.#processes.trapped(process, message.from, message.reason);
        return noreply(process);
      },
      terminate: (_reason, process, self) => {
        process.hasCleanedUp = true;
        return stopMs === 0 ? afterCleanup() : this.#stayBusy(self, stopMs).then(afterCleanup);
      },
    });
  }

  #finishInit(
    process: TreeProcess,
    self: Context<never>,
    init: WorkerBody["init"],
  ): Ok<TreeProcess, never> | Ignore | Stop<TreeProcess> {
    const { outcome, reason } = process.planOf(init);
    switch (outcome) {
      case "ok":
        this.#processes.started(process);
        return ok(process);
      case "ignore":
        this.#processes.failed(process, "ignore");
        return ignore();
      case "error":
        this.#processes.failed(process, { error: reason });
        return stop(toExitReason(reason));
      case "exit":
        this.#processes.failed(process, { exit: reason });
        return self.exit(toExitReason(reason));
      case "raise":
        this.#processes.failed(process, { raise: reason });
        throw new Raised(reason);
    }
  }

  #perform(action: Action, process: TreeProcess, self: Context<never>): Done | Promise<Done> {
    if ("raise" in action) throw new Raised(action.raise);
    if ("exit" in action) return self.exit(toExitReason(action.exit));
    if ("stop" in action) return stop(toExitReason(action.stop), process);
    return this.#stayBusy(self, action.sleepMs).then(() => noreply<TreeProcess>(process));
  }

  /** Lets time pass inside a callback: a call that nobody answers. Unlike a timer of the host, it ends with its actor. */
  async #stayBusy(self: Context<never>, ms: number): Promise<void> {
    try {
      await self.call(this.#silent, { type: "wait" }, { timeoutMs: ms });
    } catch (error) {
      if (!(error instanceof CallTimeoutError)) throw error;
    }
  }
}
