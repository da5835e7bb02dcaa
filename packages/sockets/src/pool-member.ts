import {
  type ExitReason,
  type From,
  isExpected,
  type Pid,
  type Process,
  type System,
  type TimerRef,
} from "@espalier/actors";
import { type ChildInfo, SupervisorReport } from "@espalier/supervisor";
import { ConnectAnew } from "./client-calls.ts";
import { clientDefinition } from "./client-process.ts";
import { ClientRecord } from "./client-record.ts";
import type { Connection } from "./connection.ts";
import { formatAddress } from "./listen-on.ts";
import type { PoolConnectionInfo, PoolEntry } from "./pool-calls.ts";
import { Retries } from "./retries.ts";

/** The pause before a crashed client is started anew is over. */
export class RestartDue {
  readonly type = "restartDue";
  readonly member: PoolMember;

  constructor(member: PoolMember) {
    this.member = member;
  }
}

/** A connection of a pool, and the client that keeps it. */
export class PoolMember {
  readonly entry: PoolEntry;
  /** Its place among the others: later ones have been added later. */
  readonly order: number;
  readonly record: ClientRecord = new ClientRecord();
  readonly #process: Process;
  readonly #system: System;
  /** Of its client, after crashes of that. */
  readonly #retries: Retries;
  #pid: Pid | undefined;
  #startedAt = 0;
  #incarnation = 0;
  /** After crashes of its client. */
  #restarts = 0;
  #restart: TimerRef | undefined;
  /** Who waits for its removal; undefined when it is to stay. */
  #removal: From[] | undefined;

  constructor(process: Process, system: System, entry: PoolEntry, order: number) {
    this.entry = entry;
    this.order = order;
    this.#process = process;
    this.#system = system;
    this.#retries = new Retries(entry.config.backoff, "infinity");
  }

  get id(): string {
    return this.entry.id;
  }

  /** The client; undefined when there is none. */
  get pid(): Pid | undefined {
    return this.#pid;
  }

  /** It is to be removed when its client is gone. */
  get isLeaving(): boolean {
    return this.#removal !== undefined || this.record.order?.type === "delete";
  }

  get unsentBytes(): number {
    return this.record.connection?.unsentBytes ?? 0;
  }

  /** The connection, if something may be sent on it. */
  get open(): Connection | undefined {
    return this.isLeaving ? undefined : this.record.open;
  }

  get childInfo(): ChildInfo {
    return { id: this.id, child: this.#restart === undefined ? this.#pid : "restarting", type: "supervisor" };
  }

  get info(): PoolConnectionInfo {
    const { id, entry, record } = this;
    const { name: _name, ...info } = record.snapshot(id, entry.address, this.#process.now());
    return { id, ...info, restarts: this.#restarts };
  }

  /** Starts its client. */
  start(): Pid {
    const { entry, record } = this;
    const { id, address, config, handler } = entry;
    if (this.isRestartDue) this.#restarts += 1;
    this.cancelRestart();
    record.start();
    this.#incarnation += 1;
    this.#startedAt = this.#process.now();
    const definition = clientDefinition({ system: this.#system, name: id, address, config, handler, record });
    const options = { id, incarnation: this.#incarnation, label: formatAddress(address) };
    this.#pid = this.#process.startChild(definition, undefined, options);
    return this.#pid;
  }

  /** Has its client connect anew. If that ends before it hears of it, there is to be another one. */
  connectAnew(pid: Pid): void {
    this.record.isToConnectAnew = true;
    this.#process.send<ConnectAnew>(pid, new ConnectAnew());
  }

  /** Its client is gone, in whatever way. */
  ended(): void {
    this.#pid = undefined;
  }

  /** Its client has not ended by its own decision. The others must not pay for it, however often that happens. */
  crashed(pid: Pid, reason: ExitReason): void {
    const { id, entry, record } = this;
    const process = this.#process;
    if (!isExpected(reason)) {
      const common = { restart: "permanent", shutdown: "infinity", type: "supervisor", significant: false } as const;
      const offender = { id, pid, definition: "client", count: 1, ...common };
      process.report(new SupervisorReport(process, "childTerminated", reason, offender));
    }
    if (process.now() - this.#startedAt >= entry.config.stableMs) this.#retries.reset();
    const pauseMs = this.#retries.pause(process.random());
    record.waiting(process.now() + pauseMs);
    process.observe("clientWaiting", { client: id, pauseMs });
    this.#restart = process.sendAfter<RestartDue>(process.pid, new RestartDue(this), pauseMs);
  }

  /** Its client has crashed, and there is no other yet: it may have been started by hand before the end of the pause came. */
  get isRestartDue(): boolean {
    return this.#restart !== undefined;
  }

  cancelRestart(): void {
    if (this.#restart !== undefined) this.#process.cancelTimer(this.#restart);
    this.#restart = undefined;
  }

  /** It is to be removed; `from` is told when it is. */
  leave(from: From): void {
    this.#removal = [...(this.#removal ?? []), from];
  }

  /** It is removed. */
  left(): void {
    this.cancelRestart();
    for (const from of this.#removal ?? []) from.reply(true);
  }
}
