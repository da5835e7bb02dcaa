import {
  type Behaviour,
  CallMessage,
  Exit,
  type ExitReason,
  type From,
  type Pid,
  type Process,
  type Progress,
} from "@espalier/actors";

/** A supervisor that runs, static or dynamic: what differs between the two. `Init` is complete. */
export interface RunningSupervisor<Init, Child> {
  /** Those of its start. */
  readonly args: unknown;
  /** Starts what is to run from the beginning. */
  begin(): Progress;
  /** Takes a new answer of `init`. If it throws, nothing has changed. */
  change(init: Init): void;
  /** A process has ended that was linked to it, and is not its parent. */
  exited(pid: Pid, reason: ExitReason): Progress;
  tryAgain(message: TryAgain<Child>): Progress;
  answer(request: unknown, from: From): Progress;
  terminateAll(): Progress;
  describe(): object;
}

/** A restart that has to wait: until the supervisor has served what came in meanwhile, or for a pause. */
export class TryAgain<Child> {
  readonly child: Child;
  /** For whom it was meant, if it comes after a pause. */
  readonly incarnation: number | undefined;

  constructor(child: Child, incarnation?: number) {
    this.child = child;
    this.incarnation = incarnation;
  }
}

type RunningClass<Init, Child> = new (process: Process, init: Init, args: unknown) => RunningSupervisor<Init, Child>;

/** The program of all supervisors: they differ in what `init` answers, and in what runs by it. */
export class SupervisorBehaviour<Args, Init, CompleteInit, Child> implements Behaviour<Args> {
  readonly kind = "supervisor";
  readonly #init: (args: Args) => Init | undefined;
  readonly #complete: (init: Init) => CompleteInit;
  readonly #Running: RunningClass<CompleteInit, Child>;

  /** @param complete - throws for what is wrong with an answer of `init` */
  constructor(
    init: (args: Args) => Init | undefined,
    complete: (init: Init) => CompleteInit,
    Running: RunningClass<CompleteInit, Child>,
  ) {
    this.#init = init;
    this.#complete = complete;
    this.#Running = Running;
  }

  start(process: Process, args: Args): Progress {
    const init = this.#init(args);
    if (init === undefined) {
      process.ignore();
      return undefined;
    }
    const supervisor = new this.#Running(process, this.#complete(init), args);
    process.state = supervisor;
    return supervisor.begin();
  }

  /** OTP: `init` runs again with the arguments of the start; what is wrong with its answer leaves all as it was. */
  changeCode(process: Process): void {
    const supervisor = this.#of(process);
    // The arguments are those of a definition of this kind; whether they are right for it, `init` finds out.
    const init = this.#init(supervisor.args as Args);
    if (init !== undefined) supervisor.change(this.#complete(init));
  }

  receive(process: Process, message: unknown): Progress {
    const supervisor = this.#of(process);
    if (message instanceof Exit) {
      if (message.from === process.parentPid) return process.stop(message.reason);
      return supervisor.exited(message.from, message.reason);
    }
    // It sends these to itself.
    if (message instanceof TryAgain) return supervisor.tryAgain(message as TryAgain<Child>);
    if (message instanceof CallMessage) return supervisor.answer(message.request, message.from);
    return process.warn("a supervisor received a message that it does not know; it is dropped");
  }

  terminate(process: Process): Progress {
    return this.#of(process).terminateAll();
  }

  describe(process: Process): unknown {
    return process.state instanceof this.#Running ? process.state.describe() : undefined;
  }

  #of(process: Process): RunningSupervisor<CompleteInit, Child> {
    // Set by `start` before anything else can run.
    return process.state as RunningSupervisor<CompleteInit, Child>;
  }
}
