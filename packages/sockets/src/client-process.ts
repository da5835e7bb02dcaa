import {
  type Behaviour,
  type Call,
  type Callable,
  CallMessage,
  type Definition,
  Exit,
  type ExitReason,
  failure,
  type From,
  isExpected,
  killed,
  kill,
  normal,
  type Pid,
  type Process,
  type Progress,
  shutdown,
  Started,
  type StartResult,
  type System,
  type TimerRef,
  type Waiting,
} from "@espalier/actors";
import {
  type CommonCalls,
  type ErrorContext,
  isOrderlyEnd,
  shutdownChild,
  SupervisorReport,
} from "@espalier/supervisor";
import { AllBuried, Burials } from "./burials.ts";
import type { ClientConfig } from "./client-options.ts";
import { type ClientEnd, endKind, type PoolStep, shouldReconnect, stepOf } from "./client-plan.ts";
import { type ClientInfo, type ClientOrder, ClientRecord, type ClientState } from "./client-record.ts";
import type { Connection } from "./connection.ts";
import type { ConnectionInput } from "./connection-event.ts";
import { ConnectError, FrameTooLargeError } from "./errors.ts";
import { LastWill } from "./last-will.ts";
import { formatAddress } from "./listen-on.ts";
import { Attempt, type AttemptOutcome, isAttemptOutcome } from "./outgoing.ts";
import { Retries } from "./retries.ts";
import type { Address } from "./transport.ts";
import { Waiters } from "./waiters.ts";

/** What is known of a client before it runs, and never changes. */
export interface ClientFacts {
  readonly system: System;
  readonly name: string;
  readonly address: Address;
  readonly config: ClientConfig;
  readonly handler: Definition<ConnectionInput>;
  /** The pool's, of a client that belongs to one, which is told of each change of it. */
  readonly record?: ClientRecord;
  /** Of a client that is to be connected at once, or not at all: told once, of the reason if it is not. */
  readonly onFirst?: (failed: ExitReason | undefined) => void;
}

/** What became of a packet that was to be sent. */
export type SendResult =
  /** It is on its way; `isFull`: more than `highWaterMark` bytes are unsent, and more should be sent later. */
  | { readonly ok: true; readonly isFull: boolean }
  /** Nothing was sent: there is no connection at present. */
  | { readonly ok: false; readonly error: "notConnected"; readonly state: ClientState };

/** A packet that cannot be sent on any connection; for the handle to throw. */
export interface Refused {
  readonly thrown: FrameTooLargeError;
}

/** What a client answers; its handle makes these calls. */
export type ClientCalls =
  | Call<"send", SendResult | Refused, { packet: Uint8Array | string }>
  | Call<"info", ClientInfo>
  | Call<"whenConnected", true, { until: number }>
  | Call<"reconnect", true>;

export type ClientRef = Callable<ClientCalls | CommonCalls>;

/** A client in a pool is in another state. It comes to the pool. */
export class ClientChanged {
  readonly type = "clientChanged";
}

/** A pool wants a client of its own to connect anew. */
export class ConnectAnew {
  readonly type = "connectAnew";
}

/** The pause before the next attempt is over. */
class PauseOver {
  readonly type = "pauseOver";
}

/** A handler that was told to end takes too long, or what it has sent does. */
class ChildOverdue {
  readonly type = "childOverdue";
  readonly child: Child;

  constructor(child: Child) {
    this.child = child;
  }
}

/*
 * A client: connects, has a handler run for each connection, and connects anew.
 *
 *   start ─▶ CONNECTING ── connected ──▶ (handler starts) CONNECTED
 *              ▲   │ failed                     │ handler ends
 *              │   ▼                            ▼
 *           WAITING ◀── reconnect ── what the plan says ── stop ──▶ STOPPED: the client ends
 *
 * It is the supervisor of its one handler, and written by hand as that of a listener's connections is. Of the resources of
 * a connection it owns the socket until the handler has it, and what is left of it when the handler is dead.
 */
class ClientBehaviour implements Behaviour<void> {
  readonly kind = "supervisor";
  readonly #facts: ClientFacts;

  constructor(facts: ClientFacts) {
    this.#facts = facts;
  }

  start(process: Process): void {
    const client = new Client(process, this.#facts);
    process.state = client;
    client.start();
  }

  receive(process: Process, message: unknown): Progress {
    return clientOf(process).receive(message);
  }

  terminate(process: Process): Progress {
    return clientOf(process).terminate();
  }

  describe(process: Process): unknown {
    return process.state instanceof Client ? process.state.info : undefined;
  }

  summary(process: Process): string | undefined {
    return process.state instanceof Client ? process.state.info.state : undefined;
  }
}

function clientOf(process: Process): Client {
  // Set by `start` before anything else can run.
  return process.state as Client;
}

/** The definition of a client. */
export function clientDefinition(facts: ClientFacts): Definition<void, ClientRef> {
  return { name: "client", trapExit: true, behaviour: new ClientBehaviour(facts) };
}

/** A connection and the handler that was started for it. */
interface Child {
  readonly pid: Pid;
  readonly connection: Connection;
  /** When it was given the socket; undefined before. */
  since: number | undefined;
  /** It was told to end, so that the client can connect anew. */
  isReplaced: boolean;
  /** It has had its time to end. */
  isOverdue: boolean;
}

class Client {
  readonly #process: Process;
  readonly #facts: ClientFacts;
  readonly #record: ClientRecord;
  readonly #retries: Retries;
  readonly #burials: Burials;
  readonly #waiters = new Waiters();
  #attempt: Attempt | undefined;
  #child: Child | undefined;
  #pause: { readonly timer: TimerRef; readonly over: PauseOver } | undefined;
  /** The pause is over, but the last socket still sends. */
  #isDue = false;
  #hasWarned = false;
  #onFirst: ((failed: ExitReason | undefined) => void) | undefined;

  constructor(process: Process, facts: ClientFacts) {
    const { system, config, record = new ClientRecord(), onFirst } = facts;
    this.#process = process;
    this.#facts = facts;
    this.#record = record;
    this.#retries = new Retries(config.backoff, config.attempts);
    this.#burials = new Burials(process, system, config.connection.sendTimeoutMs);
    this.#onFirst = onFirst;
  }

  start(): void {
    this.#process.label ??= formatAddress(this.#facts.address);
    this.#process.own(new LastWill(() => this.#settle()));
    this.#record.start();
    this.#connect();
  }

  get info(): ClientInfo {
    const { name, address } = this.#facts;
    return this.#record.snapshot(name, address, this.#process.now());
  }

  receive(message: unknown): Progress {
    if (message instanceof Exit) {
      if (message.from === this.#process.parentPid) return this.#process.stop(message.reason);
      return message.from === this.#child?.pid ? this.#ended(this.#child, message.reason) : undefined;
    }
    if (isAttemptOutcome(message)) return this.#attempted(message);
    if (message instanceof Started) return this.#handlerStarted(message.pid, message.result);
    // A pause that was cut short may have been over already.
    if (message instanceof PauseOver) return message === this.#pause?.over ? this.#connect() : undefined;
    if (message instanceof AllBuried) return this.#isDue && this.#burials.count === 0 ? this.#connect() : undefined;
    if (message instanceof ConnectAnew) return this.#reconnect();
    if (message instanceof ChildOverdue) return this.#cut(message.child);
    if (message instanceof CallMessage) {
      // Only the handles and the functions of the supervisor package make calls, and they are typed.
      return this.#answer(message.request as ClientCalls | CommonCalls, message.from);
    }
    return this.#process.warn("a client received a message that it does not know; it is dropped");
  }

  *terminate(): Waiting {
    const { shutdown: how } = this.#facts.config.connection;
    const started = this.#process.now();
    this.#giveUpAttempt();
    // Nothing is to be sent any more.
    this.#record.stopped();
    const child = this.#child;
    if (child !== undefined) {
      const reason = yield* shutdownChild(this.#process, child.pid, how);
      this.#child = undefined;
      if (!isOrderlyEnd(reason, how, "temporary")) this.#report("shutdownError", child, reason);
      this.#account(child, reason);
    }
    if (how === "brutalKill") return;
    // The time is one for both: for the handler to end, and for what it has sent to go out.
    const left = how === "infinity" ? how : Math.max(started + how - this.#process.now(), 0);
    yield* this.#burials.settle(left);
  }

  // — Attempts ———————————————————————————————————————————————————————————————————————————————————————————————————

  #connect(): void {
    this.#cancelPause();
    // A client has one socket at most.
    this.#isDue = this.#burials.count > 0;
    if (this.#isDue) return;
    const { system, name, address, config } = this.#facts;
    const attempt = this.#retries.begin();
    this.#record.connecting(attempt);
    this.#process.observe("clientConnecting", { client: name, address, attempt });
    this.#changed();
    if (config.transport.hasRoom) {
      this.#attempt = new Attempt(system, this.#process, address, config, this.#burials);
    } else {
      this.#failed("EMFILE");
    }
  }

  #attempted(outcome: AttemptOutcome): void {
    // Of the present one, since one that is given up tells nothing.
    this.#attempt = undefined;
    if (outcome.type === "attemptFailed") {
      this.#failed(outcome.code);
      return;
    }
    const { connection } = outcome;
    const { handler, config } = this.#facts;
    const id = String(this.#record.connections + 1);
    const input: ConnectionInput = { connection, config: config.connection };
    const pid = this.#process.startChild(handler, input, { id, label: connection.describe() });
    this.#child = { pid, connection, since: undefined, isReplaced: false, isOverdue: false };
  }

  #failed(code: string): void {
    const { name, address } = this.#facts;
    const { attempt } = this.#retries;
    const error = new ConnectError(address, code, attempt);
    this.#process.observe("clientFailed", { client: name, address, attempt, error });
    this.#warn(error.message);
    this.#over({ kind: "connectFailed", reason: failure(error), error, attempt, lastedMs: 0 });
  }

  /** Once for each time without a connection, however many attempts that takes. */
  #warn(text: string): void {
    if (this.#hasWarned || this.#onFirst !== undefined) return;
    this.#hasWarned = true;
    this.#process.warn(`client ${this.#facts.name}: ${text}`);
  }

  #giveUpAttempt(): void {
    this.#cancelPause();
    this.#attempt?.giveUp();
    this.#attempt = undefined;
  }

  // — Connections ————————————————————————————————————————————————————————————————————————————————————————————————

  #handlerStarted(pid: Pid, result: StartResult): void {
    const child = this.#child;
    if (child?.pid !== pid) return;
    const { connection } = child;
    if (!result.ok) {
      this.#child = undefined;
      this.#process.disown(connection);
      connection.abort();
      const reason = result.error === "failed" ? result.reason : normal;
      this.#conclude(child, reason, "startError");
      return;
    }
    if (!this.#process.give(connection, pid)) {
      // It is dead; why, its exit will tell.
      this.#process.disown(connection);
      connection.abort();
      return;
    }
    child.since = this.#process.now();
    this.#record.connected(connection, pid);
    const { name } = this.#facts;
    const { peername: peer } = connection;
    const { attempt } = this.#retries;
    this.#process.observe("clientConnected", { client: name, peer, attempt, connection: pid.toString() });
    if (this.#hasWarned) this.#process.logger.info({ client: name }, `client ${name}: connected, attempt ${attempt}`);
    this.#hasWarned = false;
    connection.begin(this.#burials);
    this.#tellFirst(undefined);
    this.#waiters.answer(() => true);
    this.#changed();
  }

  #ended(child: Child, reason: ExitReason): void {
    this.#child = undefined;
    this.#conclude(child, reason, "childTerminated");
  }

  #conclude(child: Child, reason: ExitReason, context: ErrorContext): void {
    const { stableMs, connection } = this.#facts.config;
    const { since, isReplaced } = child;
    const isOrderly = isExpected(reason) || (isReplaced && isOrderlyEnd(reason, connection.shutdown, "temporary"));
    if (!isOrderly) this.#report(context, child, reason);
    const end = this.#account(child, reason);
    if (isReplaced) {
      if (child.isOverdue) this.#burials.cut(child.connection);
      this.#retries.reset();
      this.#connect();
      return;
    }
    if (since !== undefined && end.lastedMs >= stableMs) this.#retries.reset();
    this.#over(end);
  }

  /** One `clientDisconnected` for each `clientConnected`. */
  #account({ pid, connection, since }: Child, reason: ExitReason): ClientEnd {
    const last = connection.last?.type;
    const kind = endKind(reason, last === "closed" || last === "error" ? last : undefined);
    const lastedMs = since === undefined ? 0 : this.#process.now() - since;
    const end: ClientEnd = { kind, reason, error: undefined, attempt: this.#retries.attempt, lastedMs };
    this.#record.lastEnd = end;
    if (since === undefined) return end;
    const { peername: peer, bytesReceived, bytesSent } = connection;
    const facts = { client: this.#facts.name, peer, connection: pid.toString(), kind, reason };
    this.#process.observe("clientDisconnected", { ...facts, bytesReceived, bytesSent });
    return end;
  }

  #report(context: ErrorContext, { pid, connection }: Child, reason: ExitReason): void {
    const { handler, config } = this.#facts;
    const common = { restart: "temporary", type: "worker", significant: false, count: 1 } as const;
    const { shutdown: how } = config.connection;
    const offender = { id: connection.describe(), pid, definition: handler.name, shutdown: how, ...common };
    this.#process.report(new SupervisorReport(this.#process, context, reason, offender));
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
    if (isReconnecting(step) && this.#retries.isSpent) this.#gaveUp(end);
    else this.#take(step, end);
  }

  #gaveUp(end: ClientEnd): void {
    const { config, record, address } = this.#facts;
    const error = end.error ?? new ConnectError(address, "unstable", end.attempt, { cause: end.reason });
    const last: ClientEnd = { ...end, kind: "gaveUp", error };
    this.#record.lastEnd = last;
    const step = stepOf(config.plan, last, record !== undefined);
    if (isReconnecting(step)) this.#retries.reset();
    this.#take(step === "default" || step === "stop" ? { stop: failure(error) } : step, last);
  }

  #take(step: PoolStep, end: ClientEnd): void {
    if (step === "reconnect") this.#wait(this.#retries.pause(this.#process.random()));
    else if (step === "stop" || step === "default") this.#stop({ type: "stay" }, end.reason);
    else if (step === "delete") this.#stop({ type: "delete" }, shutdown());
    else if (step === "stopPool") this.#stop({ type: "stopPool", reason: shutdown() }, shutdown());
    else if ("reconnectAfterMs" in step) this.#wait(step.reconnectAfterMs);
    else if ("stop" in step) this.#stop({ type: "stay" }, step.stop);
    else this.#stop({ type: "stopPool", reason: step.stopPool }, shutdown());
  }

  #wait(pauseMs: number): void {
    this.#record.waiting(this.#process.now() + pauseMs);
    this.#process.observe("clientWaiting", { client: this.#facts.name, pauseMs });
    const over = new PauseOver();
    this.#pause = { over, timer: this.#process.sendAfter<PauseOver>(this.#process.pid, over, pauseMs) };
    this.#changed();
  }

  #cancelPause(): void {
    if (this.#pause !== undefined) this.#process.cancelTimer(this.#pause.timer);
    this.#pause = undefined;
  }

  #stop(order: ClientOrder, reason: ExitReason): void {
    this.#record.order = order;
    this.#record.stopped();
    this.#process.stop(reason);
  }

  /** It is gone, in whatever way. If it was killed it has a handler left, which goes down with it by its link. */
  #settle(): void {
    if (this.#child !== undefined) this.#account(this.#child, killed);
    this.#child = undefined;
    this.#record.stopped();
    this.#tellFirst(killed);
  }

  #tellFirst(failed: ExitReason | undefined): void {
    const onFirst = this.#onFirst;
    this.#onFirst = undefined;
    onFirst?.(failed);
  }

  #changed(): void {
    const { parentPid } = this.#process;
    if (this.#facts.record === undefined || parentPid === undefined) return;
    this.#process.send<ClientChanged>(parentPid, new ClientChanged());
  }

  // — Calls ——————————————————————————————————————————————————————————————————————————————————————————————————————

  #answer(request: ClientCalls | CommonCalls, from: From): Progress {
    const child = this.#child?.pid;
    const count = child === undefined ? 0 : 1;
    switch (request.type) {
      case "send":
        return from.reply(this.#send(request.packet));
      case "info":
        return from.reply(this.info);
      case "whenConnected":
        if (this.#record.open !== undefined) return from.reply(true);
        return this.#waiters.add(from, 1, request.until, this.#process.now());
      case "reconnect":
        this.#reconnect();
        return from.reply(true);
      case "whichChildren":
        return from.reply(child === undefined ? [] : [{ id: undefined, child, type: "worker" }]);
      case "countChildren":
        return from.reply({ specs: 1, active: count, supervisors: 0, workers: count });
      case "terminateChild":
      case "restartChild":
      case "deleteChild":
        return from.reply({ ok: false, error: "simpleOneForOne" });
      case "getChildSpec":
        return from.reply(undefined);
    }
  }

  #send(packet: Uint8Array | string): SendResult | Refused {
    const { open, state } = this.#record;
    return sendOn(open, packet) ?? { ok: false, error: "notConnected", state };
  }

  /** At once, and as if it were for the first time. An attempt that is under way is left alone. */
  #reconnect(): void {
    if (this.#attempt !== undefined) return;
    const child = this.#child;
    if (child === undefined) {
      this.#retries.reset();
      this.#connect();
      return;
    }
    if (child.isReplaced) return;
    child.isReplaced = true;
    const { shutdown: how } = this.#facts.config.connection;
    if (how === "brutalKill") {
      this.#cut(child);
      return;
    }
    this.#process.exit(child.pid, shutdown());
    if (how !== "infinity") this.#process.sendAfter<ChildOverdue>(this.#process.pid, new ChildOverdue(child), how);
  }

  #cut(child: Child): void {
    child.isOverdue = true;
    this.#process.exit(child.pid, kill);
    this.#burials.cut(child.connection);
  }
}

/**
 * Sends a packet on a connection; undefined when that is not possible, or breaks it. A packet that does not fit is the
 * sender's fault, and not that of the client.
 */
export function sendOn(
  connection: Connection | undefined,
  packet: Uint8Array | string,
): { readonly ok: true; readonly isFull: boolean } | Refused | undefined {
  if (connection === undefined) return undefined;
  const before = connection.bytesSent;
  try {
    const isFull = !connection.send(packet);
    // One that may not send any more, or has too much unsent already, takes nothing.
    const isTaken = !isFull || (connection.isOpen && connection.bytesSent > before);
    return isTaken ? { ok: true, isFull } : undefined;
  } catch (error) {
    if (error instanceof FrameTooLargeError) return { thrown: error };
    throw error;
  }
}

function isReconnecting(step: PoolStep): boolean {
  return step === "reconnect" || (typeof step === "object" && "reconnectAfterMs" in step);
}
