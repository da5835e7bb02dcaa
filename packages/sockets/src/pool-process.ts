import {
  type Behaviour,
  type Call,
  type Callable,
  CallMessage,
  type Definition,
  Exit,
  type ExitReason,
  type From,
  isExpected,
  type Pid,
  type Process,
  type Progress,
  shutdown,
  Started,
  type System,
  type TimerRef,
  type Waiting,
} from "@espalier/actors";
import { type ChildInfo, type CommonCalls, shutdownAll, SupervisorReport } from "@espalier/supervisor";
import type { ClientConfig } from "./client-options.ts";
import { ClientChanged, clientDefinition, ConnectAnew, type Refused, sendOn } from "./client-process.ts";
import { type ClientInfo, ClientRecord } from "./client-record.ts";
import type { Connection } from "./connection.ts";
import type { ConnectionInput } from "./connection-event.ts";
import { formatAddress } from "./listen-on.ts";
import { choose, type PoolChoice } from "./pool-choice.ts";
import { Retries } from "./retries.ts";
import type { Address } from "./transport.ts";
import { Waiters } from "./waiters.ts";

/** A connection of a pool, checked. */
export interface PoolEntry {
  readonly id: string;
  readonly address: Address;
  readonly config: ClientConfig;
  readonly handler: Definition<ConnectionInput>;
}

/** The connections by id. Made once, outside the process that keeps it, so that it outlives a crash of that. */
export type PoolTable = Map<string, PoolEntry>;

/** What is known of a pool before it runs. */
export interface PoolFacts {
  readonly system: System;
  readonly table: PoolTable;
  /** What `send` and `call` go by unless they say otherwise. */
  readonly choice: PoolChoice;
}

/** A connection of a pool as it is at one moment. */
export interface PoolConnectionInfo extends Omit<ClientInfo, "name"> {
  readonly id: string;
  /** How often its client was started anew after a crash of its own; that is not a crash of a handler. */
  readonly restarts: number;
}

/** What became of a packet that was handed to a pool. */
export type PoolSendResult =
  /** It is on its way on the connection `id`; `isFull`: more than `highWaterMark` bytes are unsent on that. */
  | { readonly ok: true; readonly id: string; readonly isFull: boolean }
  /** Nothing was sent: no connection is up, or not the one that was asked for. */
  | { readonly ok: false; readonly error: "notConnected" };

/** Where a packet to all has gone: the ids of those that have sent it, and of those that were not connected. */
export interface Broadcast {
  readonly sent: readonly string[];
  readonly missed: readonly string[];
}

/** What a pool answers; its handle makes these calls. */
export type PoolCalls =
  | Call<"addConnection", boolean, { entry: PoolEntry }>
  | Call<"removeConnection", boolean, { id: string }>
  | Call<"restartConnection", boolean, { id: string }>
  | Call<"connections", readonly PoolConnectionInfo[]>
  | Call<"choose", Pid | undefined, { choice: PoolChoice | undefined }>
  | Call<"sendByPool", PoolSendResult | Refused, { packet: Uint8Array | string; choice: PoolChoice | undefined }>
  | Call<"broadcast", Broadcast | Refused, { packet: Uint8Array | string }>
  | Call<"whenSoMany", true, { count: number; until: number }>;

export type PoolRef = Callable<PoolCalls | CommonCalls>;

/** The pause before a crashed client is started anew is over. */
class RestartDue {
  readonly type = "restartDue";
  readonly member: Member;

  constructor(member: Member) {
    this.member = member;
  }
}

/** A connection of the pool and the client that keeps it. */
class Member {
  readonly entry: PoolEntry;
  readonly order: number;
  readonly record = new ClientRecord();
  /** Of its client, after crashes of that. */
  readonly retries: Retries;
  /** The client; undefined when there is none. */
  pid: Pid | undefined;
  startedAt = 0;
  incarnation = 0;
  restart: TimerRef | undefined;
  /** Who waits for its removal; undefined when it is to stay. */
  removal: From[] | undefined;

  constructor(entry: PoolEntry, order: number) {
    this.entry = entry;
    this.order = order;
    this.retries = new Retries(entry.config.backoff, "infinity");
  }

  get id(): string {
    return this.entry.id;
  }

  get unsentBytes(): number {
    return this.record.connection?.unsentBytes ?? 0;
  }

  /** The connection, if something may be sent on it. */
  get open(): Connection | undefined {
    return this.removal === undefined ? this.record.open : undefined;
  }
}

/*
 * A pool:
 *
 *   pool
 *    ├─ a      a client: connects, and connects anew
 *    │  └─ 1   the handler of its present connection
 *    └─ b
 *
 * It is a supervisor, written by hand, without an intensity: what one connection does is counted for that connection
 * alone, by its client, and for a client that crashes by its member.
 */
class PoolBehaviour implements Behaviour<void> {
  readonly kind = "supervisor";
  readonly #facts: PoolFacts;

  constructor(facts: PoolFacts) {
    this.#facts = facts;
  }

  start(process: Process): void {
    const pool = new Pool(process, this.#facts);
    process.state = pool;
    pool.start();
  }

  receive(process: Process, message: unknown): Progress {
    return poolOf(process).receive(message);
  }

  terminate(process: Process): Progress {
    return poolOf(process).terminate();
  }

  describe(process: Process): unknown {
    return process.state instanceof Pool ? process.state.describe() : undefined;
  }
}

function poolOf(process: Process): Pool {
  // Set by `start` before anything else can run.
  return process.state as Pool;
}

/** The definition of a pool. */
export function poolDefinition(facts: PoolFacts): Definition<void, PoolRef> {
  return { name: "pool", trapExit: true, behaviour: new PoolBehaviour(facts) };
}

class Pool {
  readonly #process: Process;
  readonly #facts: PoolFacts;
  readonly #members = new Map<string, Member>();
  readonly #byPid = new Map<Pid, Member>();
  readonly #waiters = new Waiters();
  #added = 0;
  #lastChosen = 0;

  constructor(process: Process, facts: PoolFacts) {
    this.#process = process;
    this.#facts = facts;
  }

  start(): void {
    for (const entry of this.#facts.table.values()) this.#enter(entry);
  }

  describe(): object {
    const connections = Object.fromEntries([...this.#members].map(([id, { record }]) => [id, record.state]));
    return { connected: this.#connected, connections };
  }

  receive(message: unknown): Progress {
    if (message instanceof Exit) {
      if (message.from === this.#process.parentPid) return this.#process.stop(message.reason);
      return this.#ended(message.from, message.reason);
    }
    if (message instanceof ClientChanged) {
      const connected = this.#connected;
      return this.#waiters.answer((count) => count <= connected);
    }
    // One whose start fails is dead, and its exit tells more.
    if (message instanceof Started) return undefined;
    if (message instanceof RestartDue) return this.#restartDue(message.member);
    if (message instanceof CallMessage) {
      // Only the handles and the functions of the supervisor package make calls, and they are typed.
      return this.#answer(message.request as PoolCalls | CommonCalls, message.from);
    }
    return this.#process.warn("a pool received a message that it does not know; it is dropped");
  }

  /** All at once, the newest first, each within its own `shutdown` time. */
  *terminate(): Waiting {
    const clients = [...this.#byPid.keys()].toReversed();
    yield* shutdownAll(this.#process, clients, "infinity");
  }

  // — Clients ————————————————————————————————————————————————————————————————————————————————————————————————————

  #enter(entry: PoolEntry): void {
    this.#added += 1;
    const member = new Member(entry, this.#added);
    this.#members.set(entry.id, member);
    this.#startClient(member);
  }

  #startClient(member: Member): void {
    const { system } = this.#facts;
    const { entry, record } = member;
    const { id, address, config, handler } = entry;
    member.incarnation += 1;
    member.startedAt = this.#process.now();
    const definition = clientDefinition({ system, name: id, address, config, handler, record });
    const options = { id, incarnation: member.incarnation, label: formatAddress(address) };
    const pid = this.#process.startChild(definition, undefined, options);
    member.pid = pid;
    this.#byPid.set(pid, member);
  }

  #ended(pid: Pid, reason: ExitReason): void {
    const member = this.#byPid.get(pid);
    if (member === undefined) return;
    this.#byPid.delete(pid);
    member.pid = undefined;
    const { order } = member.record;
    if (member.removal !== undefined || order?.type === "delete") this.#forget(member);
    else if (order === undefined) this.#crashed(member, pid, reason);
    else if (order.type === "stopPool") this.#process.stop(order.reason);
  }

  /** It has not ended by its own decision. The others must not pay for it, however often that happens. */
  #crashed(member: Member, pid: Pid, reason: ExitReason): void {
    const { id, retries, entry, startedAt } = member;
    if (!isExpected(reason)) {
      const common = { restart: "permanent", shutdown: "infinity", type: "supervisor", significant: false } as const;
      const offender = { id, pid, definition: "client", count: 1, ...common };
      this.#process.report(new SupervisorReport(this.#process, "childTerminated", reason, offender));
    }
    if (this.#process.now() - startedAt >= entry.config.stableMs) retries.reset();
    const pauseMs = retries.pause(this.#process.random());
    member.record.waiting(this.#process.now() + pauseMs);
    this.#process.observe("clientWaiting", { client: id, pauseMs });
    member.restart = this.#process.sendAfter<RestartDue>(this.#process.pid, new RestartDue(member), pauseMs);
  }

  #restartDue(member: Member): void {
    // It may have been removed, or restarted by hand, when this was in the mailbox already.
    if (member.restart === undefined) return;
    member.restart = undefined;
    this.#startClient(member);
  }

  #cancelRestart(member: Member): void {
    if (member.restart !== undefined) this.#process.cancelTimer(member.restart);
    member.restart = undefined;
  }

  #forget(member: Member): void {
    this.#cancelRestart(member);
    this.#members.delete(member.id);
    this.#facts.table.delete(member.id);
    for (const from of member.removal ?? []) from.reply(true);
  }

  // — Calls ——————————————————————————————————————————————————————————————————————————————————————————————————————

  #answer(request: PoolCalls | CommonCalls, from: From): Progress {
    switch (request.type) {
      case "addConnection":
        return from.reply(this.#add(request.entry));
      case "removeConnection":
        return this.#remove(request.id, from);
      case "restartConnection":
        return from.reply(this.#restart(request.id));
      case "connections":
        return from.reply([...this.#members.values()].map((member) => this.#infoOf(member)));
      case "choose":
        return from.reply(this.#choose(request.choice)?.record.handler);
      case "sendByPool":
        return from.reply(this.#send(request.packet, request.choice));
      case "broadcast":
        return from.reply(this.#broadcast(request.packet));
      case "whenSoMany":
        if (this.#connected >= request.count) return from.reply(true);
        return this.#waiters.add(from, request.count, request.until, this.#process.now());
      case "whichChildren":
        return from.reply([...this.#members.values()].map(childInfo).toReversed());
      case "countChildren": {
        const { size } = this.#members;
        return from.reply({ specs: size, active: this.#byPid.size, supervisors: size, workers: 0 });
      }
      case "terminateChild":
      case "restartChild":
      case "deleteChild":
        return from.reply({ ok: false, error: "notFound" });
      case "getChildSpec":
        return from.reply(undefined);
    }
  }

  #add(entry: PoolEntry): boolean {
    if (this.#members.has(entry.id)) return false;
    this.#facts.table.set(entry.id, entry);
    this.#enter(entry);
    return true;
  }

  #remove(id: string, from: From): void {
    const member = this.#members.get(id);
    if (member === undefined) return from.reply(false);
    if (member.removal !== undefined) {
      member.removal.push(from);
      return;
    }
    member.removal = [from];
    if (member.pid === undefined) this.#forget(member);
    else this.#process.exit(member.pid, shutdown());
  }

  #restart(id: string): boolean {
    const member = this.#members.get(id);
    if (member === undefined || member.removal !== undefined) return false;
    if (member.pid === undefined) {
      this.#cancelRestart(member);
      this.#startClient(member);
    } else {
      this.#process.send<ConnectAnew>(member.pid, new ConnectAnew());
    }
    return true;
  }

  #infoOf({ id, entry, record, incarnation }: Member): PoolConnectionInfo {
    const { name: _name, ...info } = record.snapshot(id, entry.address, this.#process.now());
    return { id, ...info, restarts: incarnation - 1 };
  }

  get #connected(): number {
    let count = 0;
    for (const member of this.#members.values()) if (member.open !== undefined) count += 1;
    return count;
  }

  #choose(choice: PoolChoice = this.#facts.choice): Member | undefined {
    const candidates = [...this.#members.values()].filter(({ open }) => open !== undefined);
    const member = choose(candidates, choice, this.#lastChosen, () => this.#process.random());
    if (member !== undefined && (choice === "roundRobin" || choice === "leastUnsent")) this.#lastChosen = member.order;
    return member;
  }

  #send(packet: Uint8Array | string, choice: PoolChoice | undefined): PoolSendResult | Refused {
    const member = this.#choose(choice);
    const result = sendOn(member?.open, packet);
    if (member === undefined || result === undefined) return { ok: false, error: "notConnected" };
    return "thrown" in result ? result : { id: member.id, ...result };
  }

  #broadcast(packet: Uint8Array | string): Broadcast | Refused {
    const sent: string[] = [];
    const missed: string[] = [];
    let refused: Refused | undefined;
    for (const { id, open } of this.#members.values()) {
      const result = sendOn(open, packet);
      if (result !== undefined && "thrown" in result) refused ??= result;
      else (result === undefined ? missed : sent).push(id);
    }
    return refused ?? { sent, missed };
  }
}

function childInfo({ id, pid, restart }: Member): ChildInfo {
  return { id, child: restart === undefined ? pid : "restarting", type: "supervisor" };
}
