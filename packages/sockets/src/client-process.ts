import {
  type Definition,
  type ExitReason,
  failure,
  type From,
  killed,
  normal,
  type Pid,
  type Process,
  shutdown,
  type StartResult,
  type Waiting,
} from "@espalier/actors";
import type { ChildCounts, ChildInfo, ErrorContext } from "@espalier/supervisor";
import { Burials } from "./burials.ts";
import { ClientAttempts } from "./client-attempts.ts";
import { type ClientCalls, ClientChanged, type ClientFacts, type ClientRef, ConnectAnew } from "./client-calls.ts";
import { ChildOverdue, ClientChild } from "./client-child.ts";
import { type ClientEnd, isReconnecting, type PoolStep, shouldReconnect, stepOf } from "./client-plan.ts";
import { type ClientInfo, type ClientOrder, ClientRecord } from "./client-record.ts";
import { ConnectError } from "./errors.ts";
import { HandmadeSupervisor, handmadeSupervisor } from "./handmade-supervisor.ts";
import { LastWill } from "./last-will.ts";
import { formatAddress } from "./listen-on.ts";
import { type AttemptOutcome, isAttemptOutcome } from "./outgoing.ts";
import { refusing, sendOn } from "./send-on.ts";
import { Waiters } from "./waiters.ts";

/** The definition of a client. */
export function clientDefinition(facts: ClientFacts): Definition<void, ClientRef> {
  return handmadeSupervisor("client", (process) => new Client(process, facts));
}

/*
 * A client: connects, has a handler run for each connection, and connects anew.
 *
 *   start ─▶ CONNECTING ── connected ──▶ (handler starts) CONNECTED
 *              ▲   │ failed                     │ handler ends
 *              │   ▼                            ▼
 *           WAITING ◀── reconnect ── what the plan says ── stop ──▶ STOPPED: the client ends
 *
 * It is the supervisor of its one handler. Of the resources of a connection it owns the socket until the handler has it,
 * and what is left of it when the handler is dead.
 */
class Client extends HandmadeSupervisor<ClientCalls> {
  protected readonly name = "client";
  protected readonly refusal = "simpleOneForOne";
  readonly #facts: ClientFacts;
  readonly #record: ClientRecord;
  readonly #burials: Burials;
  readonly #attempts: ClientAttempts;
  readonly #waiters = new Waiters();
  #child: ClientChild | undefined;
  #hasWarned = false;
  #onFirst: ((failed: ExitReason | undefined) => void) | undefined;

  constructor(process: Process, facts: ClientFacts) {
    super(process);
    const { system, config, record = new ClientRecord(), onFirst } = facts;
    this.#facts = facts;
    this.#record = record;
    this.#burials = new Burials(process, system, () => config.connection.sendTimeoutMs, "always");
    this.#attempts = new ClientAttempts(process, facts, record, this.#burials);
    this.#onFirst = onFirst;
  }

  start(): void {
    this.process.label ??= formatAddress(this.#facts.address);
    this.process.own(new LastWill(() => this.#settle()));
    this.#connect();
  }

  describe(): ClientInfo {
    const { name, address } = this.#facts;
    return this.#record.snapshot(name, address, this.process.now());
  }

  override summary(): string {
    return this.#record.state;
  }

  *terminate(): Waiting {
    const { shutdown: how } = this.#facts.config.connection;
    const started = this.process.now();
    this.#attempts.giveUp();
    // Nothing is to be sent any more.
    this.#record.stopped();
    const child = this.#child;
    if (child !== undefined) {
      const reason = yield* child.shutDown();
      this.#child = undefined;
      this.#account(child, reason);
    }
    if (how === "brutalKill") return;
    // The time is one for both: for the handler to end, and for what it has sent to go out.
    const left = how === "infinity" ? how : Math.max(started + how - this.process.now(), 0);
    yield* this.#burials.settle(left);
  }

  // — Attempts ———————————————————————————————————————————————————————————————————————————————————————————————————

  protected hear(message: unknown): boolean {
    if (isAttemptOutcome(message)) this.#attempted(message);
    else if (message instanceof ConnectAnew) this.#reconnect();
    else if (message instanceof ChildOverdue) message.child.cut();
    else {
      const isDue = this.#attempts.isDue(message);
      if (isDue === true) this.#connect();
      return isDue !== undefined;
    }
    return true;
  }

  #connect(): void {
    const code = this.#attempts.begin();
    this.#changed();
    if (code !== undefined) this.#failed(code);
  }

  #attempted(outcome: AttemptOutcome): void {
    this.#attempts.settled();
    if (outcome.type === "attemptFailed") {
      this.#failed(outcome.code);
      return;
    }
    const id = this.#record.connections + 1;
    this.#child = new ClientChild(this.process, this.#facts, this.#burials, outcome.connection, id);
  }

  #failed(code: string): void {
    const { name, address } = this.#facts;
    const { number: attempt } = this.#attempts;
    const error = new ConnectError(address, code, attempt);
    this.process.observe("clientFailed", { client: name, address, attempt, error });
    this.#warn(error.message);
    this.#over({ kind: "connectFailed", reason: failure(error), error, attempt, lastedMs: 0 });
  }

  /** Once for each time without a connection, however many attempts that takes. */
  #warn(text: string): void {
    if (this.#hasWarned || this.#onFirst !== undefined) return;
    this.#hasWarned = true;
    this.process.warn(`client ${this.#facts.name}: ${text}`);
  }

  /** At once, and as if it were for the first time. An attempt that is under way is left alone. */
  #reconnect(): void {
    this.#record.isToConnectAnew = false;
    if (this.#attempts.isUnderWay) return;
    if (this.#child !== undefined) {
      this.#child.replace();
      return;
    }
    this.#attempts.startAnew();
    this.#connect();
  }

  // — Connections ————————————————————————————————————————————————————————————————————————————————————————————————

  protected childStarted(pid: Pid, result: StartResult): void {
    const child = this.#child;
    if (child?.pid !== pid) return;
    if (!result.ok) {
      this.#child = undefined;
      child.refuse();
      this.#conclude(child, result.error === "failed" ? result.reason : normal, "startError");
      return;
    }
    if (!child.take()) return;
    const { connection } = child;
    this.#record.connected(connection, pid);
    const { name } = this.#facts;
    const { peername: peer } = connection;
    const { number: attempt } = this.#attempts;
    this.process.observe("clientConnected", { client: name, peer, attempt, connection: pid.toString() });
    if (this.#hasWarned) this.process.logger.info({ client: name }, `client ${name}: connected, attempt ${attempt}`);
    this.#hasWarned = false;
    connection.begin(this.#burials);
    this.#tellFirst(undefined);
    this.#waiters.answer(() => true);
    this.#changed();
  }

  protected childEnded(pid: Pid, reason: ExitReason): void {
    const child = this.#child;
    if (child?.pid !== pid) return;
    this.#child = undefined;
    this.#conclude(child, reason, "childTerminated");
  }

  #conclude(child: ClientChild, reason: ExitReason, context: ErrorContext): void {
    child.complain(context, reason);
    const end = this.#account(child, reason);
    if (child.isReplaced) {
      child.settle();
      this.#attempts.startAnew();
      this.#connect();
      return;
    }
    if (child.hasConnected && end.lastedMs >= this.#facts.config.stableMs) this.#attempts.startAnew();
    this.#over(end);
  }

  #account(child: ClientChild, reason: ExitReason): ClientEnd {
    const end = child.account(reason, this.#attempts.number);
    this.#record.lastEnd = end;
    return end;
  }

  // — What comes next ————————————————————————————————————————————————————————————————————————————————————————————

  /** A connection has ended, or there was none. */
  #over(end: ClientEnd): void {
    this.#record.lastEnd = end;
    if (this.#onFirst !== undefined) {
      // Whoever asked for it is told, and nobody else.
      this.#tellFirst(end.reason);
      this.#stop({ type: "stay" }, shutdown());
      return;
    }
    const { config, record } = this.#facts;
    const isPooled = record !== undefined;
    let step = stepOf(config.plan, end, isPooled);
    if (step === "default") step = shouldReconnect(config.reconnect, end.kind) ? "reconnect" : "stop";
    if (isReconnecting(step) && this.#attempts.isSpent) this.#gaveUp(end);
    else this.#take(step, end);
  }

  #gaveUp(end: ClientEnd): void {
    const { config, record, address } = this.#facts;
    const error = end.error ?? new ConnectError(address, "unstable", end.attempt, { cause: end.reason });
    const last: ClientEnd = { ...end, kind: "gaveUp", error };
    this.#record.lastEnd = last;
    const step = stepOf(config.plan, last, record !== undefined);
    if (isReconnecting(step)) this.#attempts.startAnew();
    this.#take(step === "default" || step === "stop" ? { stop: failure(error) } : step, last);
  }

  #take(step: PoolStep, end: ClientEnd): void {
    if (step === "reconnect") this.#wait();
    else if (step === "stop" || step === "default") this.#stop({ type: "stay" }, end.reason);
    else if (step === "delete") this.#stop({ type: "delete" }, shutdown());
    else if (step === "stopPool") this.#stop({ type: "stopPool", reason: shutdown() }, shutdown());
    else if ("reconnectAfterMs" in step) this.#wait(step.reconnectAfterMs);
    else if ("stop" in step) this.#stop({ type: "stay" }, step.stop);
    else this.#stop({ type: "stopPool", reason: step.stopPool }, shutdown());
  }

  #wait(pauseMs?: number): void {
    this.#attempts.wait(pauseMs);
    this.#changed();
  }

  #stop(order: ClientOrder, reason: ExitReason): void {
    this.#record.order = order;
    this.#record.stopped();
    this.process.stop(reason);
  }

  /** It is gone, in whatever way. If it was killed it has a handler left, which goes down with it by its link. */
  #settle(): void {
    if (this.#child !== undefined) this.#account(this.#child, killed);
    this.#child = undefined;
    this.#record.stopped();
  }

  #tellFirst(failed: ExitReason | undefined): void {
    const onFirst = this.#onFirst;
    this.#onFirst = undefined;
    onFirst?.(failed);
  }

  /** The pool may want to know. */
  #changed(): void {
    const { parentPid } = this.process;
    if (this.#facts.record === undefined || parentPid === undefined) return;
    this.process.send<ClientChanged>(parentPid, new ClientChanged());
  }

  // — Calls ——————————————————————————————————————————————————————————————————————————————————————————————————————

  protected get children(): readonly ChildInfo[] {
    return this.#child === undefined ? [] : [{ id: undefined, child: this.#child.pid, type: "worker" }];
  }

  protected get counts(): ChildCounts {
    const count = this.#child === undefined ? 0 : 1;
    return { specs: 1, active: count, supervisors: 0, workers: count };
  }

  protected call(request: ClientCalls, from: From): void {
    const { open, state } = this.#record;
    switch (request.type) {
      case "send":
        return from.reply(sendOn(open, request.packet) ?? { ok: false, error: "notConnected", state });
      case "sendSync":
        return this.#sendSync(request, from);
      case "info":
        return from.reply(this.describe());
      case "whenConnected":
        if (open !== undefined) return from.reply(true);
        return this.#waiters.add(from, 1, request.until, this.process.now());
      case "reconnect":
        this.#reconnect();
        return from.reply(true);
    }
  }

  #sendSync({ packet, timeoutMs }: Extract<ClientCalls, { type: "sendSync" }>, from: From): void {
    const { open, state } = this.#record;
    const refused = refusing(() => open?.sendThen(packet, timeoutMs, (outcome) => from.reply(outcome)));
    if (open === undefined) from.reply({ ok: false, error: "notConnected", state });
    else if (refused !== undefined) from.reply(refused);
  }
}
