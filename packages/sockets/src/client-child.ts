import { type ExitReason, isExpected, kill, type Pid, type Process, shutdown, type Waiting } from "@espalier/actors";
import { type ErrorContext, isOrderlyEnd, shutdownChild, SupervisorReport } from "@espalier/supervisor";
import type { Burials } from "./burials.ts";
import type { ClientFacts } from "./client-calls.ts";
import { type ClientEnd, endKind } from "./client-plan.ts";
import type { Connection } from "./connection.ts";
import type { ConnectionInput } from "./connection-event.ts";

/** A handler that was told to end takes too long. It comes to the client. */
export class ChildOverdue {
  readonly type = "childOverdue";
  readonly child: ClientChild;

  constructor(child: ClientChild) {
    this.child = child;
  }
}

/** A connection of a client, and the handler that it has started for it. */
export class ClientChild {
  readonly pid: Pid;
  readonly connection: Connection;
  readonly #process: Process;
  readonly #facts: ClientFacts;
  readonly #burials: Burials;
  /** When it was given the socket; undefined before. */
  #since: number | undefined;
  #isReplaced = false;
  /** It has had its time to end. */
  #isOverdue = false;

  /** @param id - its number among those of the client */
  constructor(process: Process, facts: ClientFacts, burials: Burials, connection: Connection, id: number) {
    const input: ConnectionInput = { connection, config: facts.config.connection };
    this.pid = process.startChild(facts.handler, input, { id: String(id), label: connection });
    this.connection = connection;
    this.#process = process;
    this.#facts = facts;
    this.#burials = burials;
  }

  /** It was told to end, so that the client can connect anew. */
  get isReplaced(): boolean {
    return this.#isReplaced;
  }

  get hasConnected(): boolean {
    return this.#since !== undefined;
  }

  /** It has started, and gets the socket. False: it is dead by now; why, its exit will tell. */
  take(): boolean {
    const { connection, pid } = this;
    if (!connection.giveFrom(this.#process, pid)) {
      this.refuse();
      return false;
    }
    this.#since = this.#process.now();
    return true;
  }

  /** It will not get the socket. */
  refuse(): void {
    this.#process.disown(this.connection);
    this.connection.abort();
  }

  /** Tells it to end, within its time. */
  replace(): void {
    if (this.#isReplaced) return;
    this.#isReplaced = true;
    const { shutdown: how } = this.#facts.config.connection;
    if (how === "brutalKill") {
      this.cut();
      return;
    }
    this.#process.exit(this.pid, shutdown());
    if (how !== "infinity") this.#process.sendAfter<ChildOverdue>(this.#process.pid, new ChildOverdue(this), how);
  }

  /** Its time is up, and that of what it has sent. */
  cut(): void {
    this.#isOverdue = true;
    this.#process.exit(this.pid, kill);
    this.#burials.cut(this.connection);
  }

  /** It is dead. If its time was up, so is that of what it has sent. */
  settle(): void {
    if (this.#isOverdue) this.#burials.cut(this.connection);
  }

  /** Ends it, as a supervisor does; answers how it has ended. */
  *shutDown(): Waiting<ExitReason> {
    const { shutdown: how } = this.#facts.config.connection;
    const reason = yield* shutdownChild(this.#process, this.pid, how);
    if (!isOrderlyEnd(reason, how, "temporary")) this.#report("shutdownError", reason);
    return reason;
  }

  /** Reports an end that was not in order. */
  complain(context: ErrorContext, reason: ExitReason): void {
    const { shutdown: how } = this.#facts.config.connection;
    const isOrderly = isExpected(reason) || (this.#isReplaced && isOrderlyEnd(reason, how, "temporary"));
    if (!isOrderly) this.#report(context, reason);
  }

  /** How its connection has ended. One `clientDisconnected` for each `clientConnected`. */
  account(reason: ExitReason, attempt: number): ClientEnd {
    const { pid, connection } = this;
    const since = this.#since;
    const last = connection.last?.type;
    const kind = endKind(reason, last === "closed" || last === "error" ? last : undefined);
    const lastedMs = since === undefined ? 0 : this.#process.now() - since;
    const end: ClientEnd = { kind, reason, error: undefined, attempt, lastedMs };
    if (since === undefined) return end;
    const { peername: peer, bytesReceived, bytesSent } = connection;
    const facts = { client: this.#facts.name, peer, connection: pid.toString(), kind, reason };
    this.#process.observe("clientDisconnected", { ...facts, bytesReceived, bytesSent });
    return end;
  }

  #report(context: ErrorContext, reason: ExitReason): void {
    const { handler, config } = this.#facts;
    const { pid, connection } = this;
    const common = { restart: "temporary", type: "worker", significant: false, count: 1 } as const;
    const { shutdown: how } = config.connection;
    const offender = { id: connection.describe(), pid, definition: handler.name, shutdown: how, ...common };
    this.#process.report(new SupervisorReport(this.#process, context, reason, offender));
  }
}
