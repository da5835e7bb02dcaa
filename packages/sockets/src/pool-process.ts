import {
  type Definition,
  type ExitReason,
  type From,
  type Pid,
  type Process,
  shutdown,
  type Waiting,
} from "@espalier/actors";
import { type ChildCounts, type ChildInfo, shutdownAll } from "@espalier/supervisor";
import { ClientChanged } from "./client-calls.ts";
import { HandmadeSupervisor, handmadeSupervisor } from "./handmade-supervisor.ts";
import type { Broadcast, PoolCalls, PoolEntry, PoolFacts, PoolRef, PoolSendResult } from "./pool-calls.ts";
import { choose, type PoolChoice } from "./pool-choice.ts";
import { PoolMember, RestartDue } from "./pool-member.ts";
import { type Refused, sendOn } from "./send-on.ts";
import { Waiters } from "./waiters.ts";

/** The definition of a pool. */
export function poolDefinition(facts: PoolFacts): Definition<void, PoolRef> {
  return handmadeSupervisor("pool", (process) => new Pool(process, facts));
}

/*
 * A pool:
 *
 *   pool
 *    ├─ a      a client: connects, and connects anew
 *    │  └─ 1   the handler of its present connection
 *    └─ b
 *
 * It is a supervisor without an intensity: what one connection does is counted for that connection
 * alone, by its client, and for a client that crashes by its member.
 */
class Pool extends HandmadeSupervisor<PoolCalls> {
  protected readonly name = "pool";
  protected readonly refusal = "notFound";
  readonly #facts: PoolFacts;
  readonly #members = new Map<string, PoolMember>();
  readonly #byPid = new Map<Pid, PoolMember>();
  readonly #waiters = new Waiters();
  #added = 0;
  #lastChosen = 0;

  constructor(process: Process, facts: PoolFacts) {
    super(process);
    this.#facts = facts;
  }

  start(): void {
    for (const entry of this.#facts.table.values()) this.#enter(entry);
  }

  describe(): object {
    const connections = Object.fromEntries([...this.#members].map(([id, { record }]) => [id, record.state]));
    return { connected: this.#connected, connections };
  }

  /** All at once, the newest first, each within its own `shutdown` time. */
  *terminate(): Waiting {
    const clients = [...this.#byPid.keys()].toReversed();
    yield* shutdownAll(this.process, clients, "infinity");
  }

  // — Clients ————————————————————————————————————————————————————————————————————————————————————————————————————

  protected hear(message: unknown): boolean {
    if (message instanceof ClientChanged) {
      const connected = this.#connected;
      this.#waiters.answer((count) => count <= connected);
    } else if (message instanceof RestartDue) {
      if (message.member.isRestartDue) this.#startClient(message.member);
    } else {
      return false;
    }
    return true;
  }

  protected childStarted(): void {
    // One whose start fails is dead, and its exit tells more.
  }

  protected childEnded(pid: Pid, reason: ExitReason): void {
    const member = this.#byPid.get(pid);
    if (member === undefined) return;
    this.#byPid.delete(pid);
    member.ended();
    const { order, isToConnectAnew } = member.record;
    if (member.isLeaving) return this.#forget(member);
    if (order?.type === "stopPool") return this.process.stop(order.reason);
    if (order === undefined) member.crashed(pid, reason);
    if (isToConnectAnew) this.#startClient(member);
  }

  #enter(entry: PoolEntry): void {
    this.#added += 1;
    const member = new PoolMember(this.process, this.#facts.system, entry, this.#added);
    this.#members.set(entry.id, member);
    this.#startClient(member);
  }

  #startClient(member: PoolMember): void {
    this.#byPid.set(member.start(), member);
  }

  #forget(member: PoolMember): void {
    this.#members.delete(member.id);
    this.#facts.table.delete(member.id);
    member.left();
  }

  // — Calls ——————————————————————————————————————————————————————————————————————————————————————————————————————

  protected get children(): readonly ChildInfo[] {
    return [...this.#members.values()].map(({ childInfo }) => childInfo).toReversed();
  }

  protected get counts(): ChildCounts {
    const { size } = this.#members;
    return { specs: size, active: this.#byPid.size, supervisors: size, workers: 0 };
  }

  protected call(request: PoolCalls, from: From): void {
    switch (request.type) {
      case "addConnection":
        return from.reply(this.#add(request.entry));
      case "removeConnection":
        return this.#remove(request.id, from);
      case "restartConnection":
        return from.reply(this.#restart(request.id));
      case "connections":
        return from.reply([...this.#members.values()].map(({ info }) => info));
      case "choose":
        return from.reply(this.#choose(request.choice)?.record.handler);
      case "sendByPool":
        return from.reply(this.#send(request.packet, request.choice));
      case "broadcast":
        return from.reply(this.#broadcast(request.packet));
      case "whenSoMany":
        if (this.#connected >= request.count) return from.reply(true);
        return this.#waiters.add(from, request.count, request.until, this.process.now());
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
    const isLeaving = member.isLeaving;
    member.leave(from);
    if (isLeaving) return undefined;
    if (member.pid === undefined) this.#forget(member);
    else this.process.exit(member.pid, shutdown());
    return undefined;
  }

  #restart(id: string): boolean {
    const member = this.#members.get(id);
    if (member === undefined || member.isLeaving) return false;
    if (member.pid === undefined) this.#startClient(member);
    else member.connectAnew(member.pid);
    return true;
  }

  get #connected(): number {
    let count = 0;
    for (const member of this.#members.values()) if (member.open !== undefined) count += 1;
    return count;
  }

  #choose(choice: PoolChoice = this.#facts.choice): PoolMember | undefined {
    const candidates = [...this.#members.values()].filter(({ open }) => open !== undefined);
    const member = choose(candidates, choice, this.#lastChosen, () => this.process.random());
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
