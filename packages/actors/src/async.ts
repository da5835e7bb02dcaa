import type { Behaviour, Definition, Match, Process, Progress, Waiting } from "./behaviour.ts";
import { type CallMessage, type CastMessage, type RequestId, Response } from "./call.ts";
import type { Context } from "./context.ts";
import { ReceiveInProgressError } from "./errors.ts";
import { normal } from "./exit-reason.ts";
import type { ActorProcess } from "./internal/process.ts";
import { handleSystemMessage, SystemMessage } from "./internal/system-message.ts";
import { type Down, Exit } from "./monitor.ts";
import type { ActorRef } from "./pid.ts";
import { Resource } from "./resource.ts";

/** Everything that can stand in the mailbox of an actor written as an async function. */
export type Incoming<Message> = Message | CallMessage | CastMessage | Response | Down | Exit;

/** The context of an actor that is written as an async function. */
export interface AsyncContext<Message> extends Context<Message> {
  /**
   * Takes the first message that matches out of the mailbox and waits for one if there is none; the others stay, in
   * order. Erlang's `receive`. With `timeoutMs` (its `after`) it resolves with undefined when none came in time.
   */
  receive(): Promise<Incoming<Message>>;
  receive<Wanted extends Incoming<Message>>(options: {
    readonly match: (message: Incoming<Message>) => message is Wanted;
  }): Promise<Wanted>;
  receive<Wanted extends Incoming<Message>>(options: {
    readonly match: (message: Incoming<Message>) => message is Wanted;
    readonly timeoutMs: number;
  }): Promise<Wanted | undefined>;
  receive(options: {
    readonly match?: (message: Incoming<Message>) => boolean;
    readonly timeoutMs: number;
  }): Promise<Incoming<Message> | undefined>;
  receive(options: { readonly match?: (message: Incoming<Message>) => boolean }): Promise<Incoming<Message>>;
  /**
   * Waits for the response to one request. With `timeoutMs` it resolves with undefined when none came in time, and the
   * request is abandoned. OTP's `gen_server:receive_response`.
   */
  receiveResponse(id: RequestId, options?: { readonly timeoutMs?: number }): Promise<Response | undefined>;
}

export interface AsyncOptions {
  /** For inspection and paths. @defaultValue the function's name, or "async" */
  readonly name?: string;
  /** Exit signals arrive as `Exit` messages. */
  readonly trapExit?: boolean;
}

/**
 * An actor written as an async function: Erlang's plain process, the natural form for code that goes step by step. It
 * ends as `normal` when the function returns, and crashes with what it throws. When it is ended from outside, what it
 * awaits never settles and nothing of it runs again; what it owns is released all the same.
 */
export function fromAsync<Message = never, Args = void>(
  body: (self: AsyncContext<Message>, args: Args) => Promise<void>,
  options: AsyncOptions = {},
): Definition<Args, ActorRef<Message>> {
  const { name = body.name === "" ? "async" : body.name, trapExit = false } = options;
  return { name, trapExit, behaviour: new AsyncBehaviour(body as (self: unknown, args: Args) => Promise<void>) };
}

/** The body has come to its end, one way or the other. */
class Finished {
  readonly finish: () => Progress;

  constructor(finish: () => Progress) {
    this.finish = finish;
  }
}

/** The first message, at which the actor begins to receive selectively and never ends. */
class Begin {
  readonly type = "begin";
}

/** The wait of one `receive` has run out. */
class ReceiveTimeout {
  readonly type = "receiveTimeout";
}

interface Want {
  readonly match: Match;
  readonly timeout: ReceiveTimeout | undefined;
  readonly resolve: (message: unknown) => void;
}

/** The running function: what it waits for, and, while it waits for nothing of ours, that it may go on by itself. */
class Body extends Resource {
  readonly kind = "body";
  readonly #process: ActorProcess;
  #want: Want | null = null;

  constructor(process: ActorProcess) {
    super();
    this.#process = process;
    this.#setRunning(true);
    process.own(this);
  }

  release(): void {
    this.#setRunning(false);
  }

  override describe(): string {
    return this.#process.isAdrift ? "running" : "receiving";
  }

  #setRunning(isRunning: boolean): void {
    const process = this.#process;
    if (isRunning === process.isAdrift) return;
    process.isAdrift = isRunning;
    process.kernel.tasks += isRunning ? 1 : -1;
  }

  receive(options: { readonly match?: Match; readonly timeoutMs?: number } = {}): Promise<unknown> {
    const process = this.#process;
    process.assertAlive();
    // The one before would never be answered: a process waits for one thing at a time.
    if (this.#want !== null) throw new ReceiveInProgressError(process.path);
    const { match = () => true, timeoutMs } = options;
    return new Promise((resolve) => {
      const timeout = timeoutMs === undefined ? undefined : new ReceiveTimeout();
      const timer = timeout === undefined ? undefined : process.sendAfter(process.ref, timeout, timeoutMs ?? 0);
      this.#want = {
        match,
        timeout,
        resolve: (message) => {
          if (timer !== undefined && message !== timeout && process.cancelTimer(timer) === undefined) {
            // It had run out behind the message, and nobody waits for it any more.
            process.takeMessage((other) => other === timeout);
          }
          resolve(message === timeout ? undefined : message);
        },
      };
      this.#setRunning(false);
      process.rescan();
    });
  }

  readonly wants: Match = (message) => {
    if (message instanceof Finished || message instanceof SystemMessage) return true;
    if (this.#want === null) return false;
    // As for every process, the parent's end is heard of even then.
    if (this.#process.isSuspended && !isParentsEnd(this.#process, message)) return false;
    if (message instanceof ReceiveTimeout) return message === this.#want.timeout;
    return this.#want.match(message);
  };

  deliver(message: unknown): void {
    const want = this.#want;
    this.#want = null;
    this.#setRunning(true);
    want?.resolve(message);
  }
}

class AsyncBehaviour<Args> implements Behaviour<Args> {
  readonly kind = "async";
  readonly #body: (self: unknown, args: Args) => Promise<void>;

  constructor(body: (self: unknown, args: Args) => Promise<void>) {
    this.#body = body;
  }

  start(process: Process, args: Args): Progress {
    // The kernel gives behaviours of this package the process itself.
    const own = process as ActorProcess;
    const body = new Body(own);
    process.state = body;
    process.unreceive(new Begin());
    const receive: Body["receive"] = (options) => body.receive(options);
    const receiveResponse = async (id: RequestId, options: { readonly timeoutMs?: number } = {}): Promise<unknown> => {
      const match: Match = (message) => message instanceof Response && message.id === id;
      const response = await receive({ match, ...options });
      if (response === undefined) process.abandonRequest(id);
      return response;
    };
    this.#body(Object.assign(process, { receive, receiveResponse }), args).then(
      () => finishBody(own, () => process.stop(normal)),
      (error: unknown) =>
        finishBody(own, () => {
          throw error;
        }),
    );
    return undefined;
  }

  *receive(process: Process): Waiting {
    const body = process.state as Body;
    for (;;) {
      const message = yield body.wants;
      if (message instanceof Finished) message.finish();
      else if (message instanceof SystemMessage) handleSystemMessage(process as ActorProcess, message);
      else body.deliver(message);
    }
  }

  describe(process: Process): unknown {
    return process.state instanceof Body ? process.state.describe() : undefined;
  }
}

function isParentsEnd(process: ActorProcess, message: unknown): boolean {
  return message instanceof Exit && message.from === process.parentPid;
}

function finishBody(process: ActorProcess, end: () => Progress): void {
  if (!process.isDead) process.accept(new Finished(end), process.pid);
}
