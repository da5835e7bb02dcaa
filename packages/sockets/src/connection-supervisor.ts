import {
  type Behaviour,
  CallMessage,
  type Definition,
  Exit,
  type ExitReason,
  isExpected,
  killed,
  type Pid,
  type Process,
  type Progress,
  Started,
  type StartResult,
  type Waiting,
} from "@espalier/actors";
import {
  type CommonCalls,
  type ErrorContext,
  isOrderlyEnd,
  type Shutdown,
  shutdownAll,
  shutdownChild,
  SupervisorReport,
} from "@espalier/supervisor";
import { isAllowed } from "./access-rules.ts";
import { Alarms } from "./alarms.ts";
import { Burials } from "./burials.ts";
import type { Connection } from "./connection.ts";
import { ConnectionAccount } from "./connection-account.ts";
import { ConnectionTable } from "./connection-table.ts";
import { LastWill } from "./last-will.ts";
import { type ListenerRecord, serverName } from "./listener-record.ts";
import { RareWarning } from "./rare-warning.ts";
import { Refusals } from "./refusals.ts";
import type { ListenerStarted } from "./server.ts";
import type { ListenerCounter } from "./stats.ts";
import type { Undertaker } from "./undertaker.ts";

/** An acceptor asks for a handler for this connection, which it has given to the supervisor. `HandedOff` comes back. */
export class StartConnection {
  readonly type = "startConnection";
  readonly connection: Connection;
  readonly acceptor: Pid;

  constructor(connection: Connection, acceptor: Pid) {
    this.connection = connection;
    this.acceptor = acceptor;
  }
}

/** The acceptor's connection has been started or refused; it can take the next. */
export interface HandedOff {
  readonly type: "handedOff";
}

/** There are no descriptors left for the acceptor's connection, which has been refused. */
export interface Exhausted {
  readonly type: "exhausted";
}

/** Options have changed, or there is a place for a connection that waits for one. */
class Recheck {
  readonly type = "recheck";
}

class ConnectionSupervisorBehaviour implements Behaviour<ListenerRecord> {
  readonly kind = "supervisor";

  start(process: Process, record: ListenerRecord): void {
    record.connectionSupervisor = process.pid;
    record.supervisor = process.parentPid;
    const server = process.whereis(serverName(record.root));
    if (server !== undefined) process.send<ListenerStarted>(server, { type: "listenerStarted", record });
    process.state = new ConnectionSupervisor(process, record);
  }

  receive(process: Process, message: unknown): Progress {
    return supervisorOf(process).receive(message);
  }

  terminate(process: Process): Progress {
    return supervisorOf(process).terminate();
  }

  describe(process: Process): unknown {
    return process.state instanceof ConnectionSupervisor ? process.state.describe() : undefined;
  }
}

function supervisorOf(process: Process): ConnectionSupervisor {
  // Set by `start` before anything else can run.
  return process.state as ConnectionSupervisor;
}

export const connectionSupervisor: Definition<ListenerRecord> = {
  name: "connection_sup",
  trapExit: true,
  behaviour: new ConnectionSupervisorBehaviour(),
};

/**
 * The supervisor of one listener's connections: `simpleOneForOne` with temporary children, plus what a server asks of
 * it: a limit, access rules, and counts of how connections ended. Written by hand as eSockd's is, since it is passed
 * once by each connection.
 */
class ConnectionSupervisor {
  readonly #process: Process;
  readonly #record: ListenerRecord;
  readonly #children = new ConnectionTable();
  readonly #account: ConnectionAccount;
  readonly #refusals: Refusals;
  readonly #burials: Burials;
  readonly #exhaustion: RareWarning;
  #started = 0;
  readonly #undertaker: Undertaker = {
    bury: (connection) => this.#burials.bury(connection),
    opened: (connection) => this.#opened(connection),
    leaveLimit: (connection) => {
      this.#children.leaveLimit(connection);
      this.#publish();
    },
  };
  /** Connections that wait for a place, each with its acceptor: at most as many as there are acceptors. */
  #queue: StartConnection[] = [];
  #alarms: Alarms | undefined;
  readonly #recheckSoon = (): void => this.#record.system.sendIo(this.#process.pid, new Recheck());
  readonly #lookAtConnections = (): void => this.#alarms?.lookAtConnections();

  constructor(process: Process, record: ListenerRecord) {
    this.#process = process;
    this.#record = record;
    this.#account = new ConnectionAccount(process, record);
    this.#refusals = new Refusals(process, record);
    this.#exhaustion = new RareWarning(process);
    this.#burials = new Burials(process, record.system, () => record.config.sendTimeoutMs, "settling");
    process.own(new LastWill(() => this.#settle()));
    record.connectionOf = (pid) => this.#children.connectionOf(pid);
    record.openConnections = () => this.#children.connections();
    record.handlers = () => this.#children.pids;
    record.withoutPlace = () => this.#queue.length;
    record.limits.watchers.add(this.#recheckSoon);
    this.#publish();
    this.#recheck();
  }

  describe(): object {
    const { maxClients } = this.#record.config;
    return { strategy: "simpleOneForOne", children: this.#children.size, maxClients };
  }

  receive(message: unknown): Progress {
    if (message instanceof StartConnection) return this.#start(message);
    if (message instanceof Started) return this.#hasStarted(message.pid, message.result);
    if (message instanceof Recheck) return this.#recheck();
    if (message instanceof Exit) {
      if (message.from === this.#process.parentPid) return this.#process.stop(message.reason);
      return this.#ended(message.from, message.reason);
    }
    if (message instanceof CallMessage) {
      // Only the functions of the supervisor package make calls, and they are typed.
      return this.#answer(message.request as CommonCalls, message);
    }
  }

  /** What connections are given to end. */
  get #shutdown(): Shutdown {
    return this.#record.drainMs ?? this.#record.config.shutdown;
  }

  *terminate(): Waiting {
    const shutdown = this.#shutdown;
    const started = this.#process.now();
    for (const { connection } of this.#queue.splice(0)) this.#refuse(connection, "closedOther");
    yield* shutdownAll(this.#process, this.#children.pids, shutdown, ({ pid, reason }) =>
      this.#ended(pid, reason, "shutdownError"),
    );
    if (shutdown === "brutalKill") return;
    // The time is one for both: for handlers to end, and for what they have sent to go out.
    const left = shutdown === "infinity" ? shutdown : Math.max(started + shutdown - this.#process.now(), 0);
    yield* this.#burials.settle(left);
  }

  // — Starts —————————————————————————————————————————————————————————————————————————————————————————————————————

  /** eSockd's order: limit, access, start. A refusal closes the socket, counts one cause and costs nobody else. */
  #start(request: StartConnection): void {
    const { connection, acceptor } = request;
    const { config, handler, transport } = this.#record;
    // The acceptor has died before it could give it.
    if (connection.ownerPid !== this.#process.pid) return;
    if (!transport.hasRoom) {
      const { id } = this.#record;
      this.#exhaustion.warn(`${id}: the file descriptors of this process are used up; refusing connections`);
      this.#refuse(connection, "closedSysLimit");
      this.#process.send<Exhausted>(acceptor, { type: "exhausted" });
      return;
    }
    if (!this.#hasPlace) {
      // An acceptor that gets no answer takes no other connection, as Ranch's, which sleep.
      if (config.overLimit === "queue") {
        this.#queue.push(request);
        return;
      }
      this.#refuse(connection, "closedMaxLimit");
      this.#release(acceptor);
      return;
    }
    if (!isAllowed(config.accessRules, connection.peername.host)) {
      this.#refuse(connection, "closedForbidden");
      this.#release(acceptor);
      return;
    }
    this.#started += 1;
    const options = { id: String(this.#started), label: connection };
    const pid = this.#process.startChild(handler, { connection, config }, options);
    this.#children.add(pid, connection, acceptor);
    this.#publish();
  }

  get #hasPlace(): boolean {
    const { maxClients } = this.#record.config;
    return maxClients === "infinity" || this.#children.counted < maxClients;
  }

  #recheck(): void {
    this.#warnOfClamp();
    if (this.#alarms?.isCurrent !== true) this.#setUpAlarms();
    for (const request of this.#queue.splice(0)) this.#start(request);
  }

  #setUpAlarms(): void {
    const { connectionWatchers, config } = this.#record;
    this.#alarms?.end();
    this.#alarms = config.alarms === false ? undefined : new Alarms(this.#process, this.#record);
    if (this.#alarms === undefined) connectionWatchers.delete(this.#lookAtConnections);
    else connectionWatchers.add(this.#lookAtConnections);
    this.#lookAtConnections();
  }

  /** A limit that was asked for is not what it was asked to be: once for each, however often this actor is started anew. */
  #warnOfClamp(): void {
    const { id, config, options, warnedOf } = this.#record;
    const { maxClients: asked } = options;
    if (asked === undefined || asked === "infinity" || asked === config.maxClients || asked === warnedOf) return;
    this.#record.warnedOf = asked;
    this.#process.warn(
      `${id}: maxClients is ${config.maxClients} instead of ${asked}: this process may have no more file descriptors, ` +
        "and all its listeners share them",
    );
  }

  #hasStarted(pid: Pid, result: StartResult): void {
    const child = this.#children.get(pid);
    if (child?.acceptor === undefined) return;
    const { connection, acceptor } = child;
    if (!result.ok || !connection.giveFrom(this.#process, pid)) {
      this.#forget(pid);
      this.#refuse(connection, "closedOther");
      this.#release(acceptor);
      return;
    }
    // Not before the handler has it: should this actor die, it is counted as accepted or as refused, and not as both.
    child.acceptor = undefined;
    if (connection.giver !== undefined) this.#children.handOver(pid, connection.giver.owner);
    this.#record.stats.increment("accepted");
    connection.begin(this.#undertaker);
    this.#release(acceptor);
  }

  /** The handler is about to get its socket, which may be long after its start. */
  #opened(connection: Connection): void {
    const pid = connection.handlerPid;
    const child = pid && this.#children.get(pid);
    if (pid === undefined || child === undefined) return;
    child.hasStarted = true;
    this.#account.started(pid, connection);
  }

  #refuse(connection: Connection, counter: ListenerCounter): void {
    this.#refusals.add(connection.peername, counter);
    this.#process.disown(connection);
    connection.abort();
  }

  #release(acceptor: Pid): void {
    this.#process.send<HandedOff>(acceptor, { type: "handedOff" });
  }

  // — Ends ———————————————————————————————————————————————————————————————————————————————————————————————————————

  #ended(pid: Pid, reason: ExitReason, context: ErrorContext = "childTerminated"): void {
    const child = this.#children.get(pid);
    if (child === undefined) return;
    this.#forget(pid);
    if (child.acceptor !== undefined) {
      // A start that fails is told by its `Started`, which comes before this; but one may be told to end meanwhile.
      this.#refuse(child.connection, "closedOther");
      this.#release(child.acceptor);
      return;
    }
    this.#account.ended(pid, child.connection, child.hasStarted, reason);
    const { handler } = this.#record;
    const shutdown = this.#shutdown;
    // eSockd: who kills a connection knows what he does.
    if (reason.type === "killed" && context === "childTerminated") return;
    // One that was told to end may be killed for it, if that is how they are told.
    if (isExpected(reason) || (context === "shutdownError" && isOrderlyEnd(reason, shutdown, "temporary"))) return;
    const common = { restart: "temporary", shutdown, type: "worker", significant: false, count: 1 } as const;
    const offender = { id: child.connection.label, pid, definition: handler.name, ...common };
    this.#process.report(new SupervisorReport(this.#process, context, reason, offender));
  }

  /** It was killed if it has children left. They go down with it by their links, and nobody else will tell. */
  #settle(): void {
    for (const [pid, { connection, acceptor, hasStarted }] of this.#children.entries) {
      if (acceptor === undefined) this.#account.ended(pid, connection, hasStarted, killed);
    }
    this.#account.end();
    this.#refusals.end();
    this.#children.clear();
    this.#publish();
    this.#record.limits.watchers.delete(this.#recheckSoon);
    this.#record.connectionWatchers.delete(this.#lookAtConnections);
    this.#alarms?.end();
  }

  #forget(pid: Pid): void {
    this.#children.remove(pid);
    this.#publish();
  }

  #publish(): void {
    // One that is still ending does not speak for its successor.
    if (this.#record.connectionSupervisor !== this.#process.pid) return;
    this.#record.connections = this.#children.size;
    this.#record.activeConnections = this.#children.counted;
    for (const tell of this.#record.connectionWatchers) tell();
    if (this.#queue.length > 0 && this.#hasPlace) this.#recheckSoon();
  }

  // — Management —————————————————————————————————————————————————————————————————————————————————————————————————

  #answer(request: CommonCalls, { from }: CallMessage): Progress {
    const { size } = this.#children;
    switch (request.type) {
      case "whichChildren":
        return from.reply(
          this.#children.pids.toReversed().map((pid) => ({ id: undefined, child: pid, type: "worker" })),
        );
      case "countChildren":
        return from.reply({ specs: 1, active: size, supervisors: 0, workers: size });
      case "terminateChild":
        return this.#terminateChild(request.child, from.reply.bind(from));
      case "restartChild":
      case "deleteChild":
        return from.reply({ ok: false, error: "simpleOneForOne" });
      case "getChildSpec":
        return from.reply(undefined);
    }
  }

  *#terminateChild(child: string | Pid, reply: (result: object) => void): Waiting {
    if (typeof child === "string") {
      reply({ ok: false, error: "simpleOneForOne" });
    } else if (this.#children.has(child)) {
      this.#ended(child, yield* shutdownChild(this.#process, child, this.#shutdown), "shutdownError");
      reply({ ok: true });
    } else {
      // OTP: a dead process is as good as terminated, whosever child it was.
      reply(this.#process.isAlive(child) ? { ok: false, error: "notFound" } : { ok: true });
    }
  }
}
