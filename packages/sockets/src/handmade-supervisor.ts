import {
  type Behaviour,
  type Callable,
  CallMessage,
  type Definition,
  Exit,
  type ExitReason,
  type From,
  type Pid,
  type Process,
  type Progress,
  Started,
  type StartResult,
} from "@espalier/actors";
import type { ChildCounts, ChildInfo, CommonCalls } from "@espalier/supervisor";

/**
 * A supervisor that is written by hand, since its children come and go by rules that no strategy has. An object of it is the
 * state of one incarnation of the process.
 */
export abstract class HandmadeSupervisor<Request extends { readonly type: string }> {
  protected readonly process: Process;
  /** What it is called when it has to be told about. */
  protected abstract readonly name: string;
  /** What it answers to who wants to change its children in the way of other supervisors. */
  protected abstract readonly refusal: "notFound" | "simpleOneForOne";

  constructor(process: Process) {
    this.process = process;
  }

  abstract start(): void;

  /** Ends its children. */
  abstract terminate(): Progress;

  /** What inspection shows of it. */
  abstract describe(): unknown;

  /** The same in a word. */
  summary(): string | undefined {
    return undefined;
  }

  receive(message: unknown): Progress {
    const { process } = this;
    if (message instanceof Exit) {
      if (message.from === process.parentPid) return process.stop(message.reason);
      return this.childEnded(message.from, message.reason);
    }
    if (message instanceof Started) return this.childStarted(message.pid, message.result);
    if (message instanceof CallMessage) {
      // Only the handles and the functions of the supervisor package make calls, and they are typed.
      return this.#answer(message.request as Request | CommonCalls, message.from);
    }
    if (!this.hear(message)) process.warn(`a ${this.name} received a message that it does not know; it is dropped`);
    return undefined;
  }

  /** Something linked to it has ended; it may be no child. */
  protected abstract childEnded(pid: Pid, reason: ExitReason): void;

  protected abstract childStarted(pid: Pid, result: StartResult): void;

  /** A message that is neither an end nor a start nor a call. False: it does not know it. */
  protected abstract hear(message: unknown): boolean;

  protected abstract call(request: Request, from: From): void;

  protected abstract readonly children: readonly ChildInfo[];

  protected abstract readonly counts: ChildCounts;

  #answer(request: Request | CommonCalls, from: From): void {
    const { type } = request;
    if (type === "whichChildren") from.reply(this.children);
    else if (type === "countChildren") from.reply(this.counts);
    else if (type === "getChildSpec") from.reply(undefined);
    else if (type === "terminateChild" || type === "restartChild" || type === "deleteChild") {
      from.reply({ ok: false, error: this.refusal });
    } else {
      // It is none of those that all supervisors answer.
      this.call(request as Request, from);
    }
  }
}

/** The definition of one; what it may be called with, its own type says. */
export function handmadeSupervisor<Ref extends Callable>(
  name: string,
  create: (process: Process) => HandmadeSupervisor<never>,
): Definition<void, Ref> {
  return { name, trapExit: true, behaviour: new HandmadeBehaviour(create) };
}

class HandmadeBehaviour implements Behaviour<void> {
  readonly kind = "supervisor";
  readonly #create: (process: Process) => HandmadeSupervisor<never>;

  constructor(create: (process: Process) => HandmadeSupervisor<never>) {
    this.#create = create;
  }

  start(process: Process): void {
    const supervisor = this.#create(process);
    process.state = supervisor;
    supervisor.start();
  }

  receive(process: Process, message: unknown): Progress {
    return supervisorOf(process)?.receive(message);
  }

  terminate(process: Process): Progress {
    return supervisorOf(process)?.terminate();
  }

  describe(process: Process): unknown {
    return supervisorOf(process)?.describe();
  }

  summary(process: Process): string | undefined {
    return supervisorOf(process)?.summary();
  }
}

/** Set by `start` before anything else can run; inspection may look earlier. */
function supervisorOf({ state }: Process): HandmadeSupervisor<never> | undefined {
  return state instanceof HandmadeSupervisor ? state : undefined;
}
