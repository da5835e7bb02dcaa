/*
 * The answers of the API, for those who ask: the page, the terminal, scripts. Types only: a client imports them and
 * nothing of the server.
 *
 * All paths begin with `/api/v1`. Questions are asked by GET, commands are given by POST with a JSON body. Times are
 * milliseconds: `at` of the system's monotonic clock, `wallClock` since the epoch. Byte counts are bytes. What is absent
 * in JSON is undefined here.
 */

/** The version in the path. It changes when an answer changes so that an old client would misread it. */
export type ApiVersion = 1;

/**
 * Names one actor and no other, also across restarts of the actor and of the program: its pid, its incarnation and its path,
 * such as `12.1.sockets/server`. Opaque to clients; it goes into a query as `encodeURIComponent(id)`.
 */
export type ProcessId = string;

/** Why a question or a command was refused. */
export interface ApiError {
  readonly error: {
    readonly code: ApiErrorCode;
    /** For people. */
    readonly message: string;
  };
}

export type ApiErrorCode =
  /** 400: a parameter is missing or not allowed. */
  | "badRequest"
  /** 401: a token is needed, and it was absent or wrong. */
  | "unauthorized"
  /** 403: the `Host` is not one under which this inspector may be reached. */
  | "hostRefused"
  /** 403: the request comes from another site. */
  | "originRefused"
  /** 403: this inspector takes no commands, since it was given no token. */
  | "commandsOff"
  /** 404: no such path, actor or listener; the actor may have died. */
  | "notFound"
  /** 409: the actor or listener is there, and the command does not fit it. */
  | "conflict"
  /** 413 or 414: more than a question or a command can need. */
  | "tooLarge"
  /** 415: a command is not JSON. */
  | "notJson"
  /** 503: too many streams are open, or too many actors traced. */
  | "busy"
  /** 504: the actor was asked and has not answered in time. */
  | "timeout"
  /** 500 */
  | "internal";

// — GET /api/v1/overview ———————————————————————————————————————————————————————————————————————————————————————————

/** The whole at a glance. */
export interface OverviewAnswer {
  readonly version: ApiVersion;
  readonly system: string;
  readonly at: number;
  readonly wallClock: number;
  /** Milliseconds since the inspector was attached. */
  readonly attachedFor: number;
  readonly processes: number;
  /** Actors with something to do. */
  readonly runQueue: number;
  /** Messages that wait in mailboxes. */
  readonly mailboxes: number;
  readonly timers: number;
  /** User promises that actors wait for. */
  readonly tasks: number;
  readonly counters: Counters;
  readonly listeners: number;
  /** Whether a token makes it take commands. */
  readonly takesCommands: boolean;
  /** What is shown that may hold payloads or secrets. */
  readonly shows: Shown;
}

/** What is shown beside the facts; each is false unless the inspector was told otherwise. */
export interface Shown {
  /** States of servers, contexts of machines. */
  readonly states: boolean;
  /** Messages of traced actors, beyond their types. */
  readonly messages: boolean;
  /** Texts of errors and details of exit reasons. */
  readonly errors: boolean;
  /** What connections say of themselves by `metadata`. */
  readonly metadata: boolean;
}

/** What only grows. The difference of two readings is what happened between them. */
export interface Counters {
  /** Signals delivered. */
  readonly steps: number;
  /** Actors that ended by their own failure. */
  readonly crashes: number;
  /** Actors that were started anew; counted since the inspector was attached. */
  readonly restarts: number;
  /** Of the listeners that the inspector knows. A listener that is closed takes its share away. */
  readonly accepted: number;
  readonly refused: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
}

// — GET /api/v1/tree?root=&depth= ——————————————————————————————————————————————————————————————————————————————————

/** The living tree, bounded: many like children are an aggregate, and come in pages by `/api/v1/children`. */
export interface TreeAnswer {
  readonly at: number;
  /** Actors that no living actor has started, or the one that was asked for. */
  readonly roots: readonly TreeNode[];
  /** Actors that neither a node nor an aggregate stands for, because the tree is larger than an answer may be. */
  readonly omitted: number;
}

export interface TreeNode {
  readonly id: ProcessId;
  /** The last part of the path. */
  readonly key: string;
  readonly pid: string;
  readonly name?: string | undefined;
  readonly label?: string | undefined;
  /** `server`, `machine`, `async`, `supervisor`, … */
  readonly behaviour: string;
  readonly definition: string;
  readonly status: ProcessStatus;
  /** In which state its machine is. */
  readonly state?: string | undefined;
  readonly incarnation: number;
  readonly mailbox: number;
  /** All actors below it. */
  readonly below: Totals;
  /** Empty when its children are an aggregate, or deeper than was asked. */
  readonly children: readonly TreeNode[];
  /** Stands for its children, when they are not listed. */
  readonly aggregate?: Aggregate | undefined;
  readonly supervisor?: SupervisorFacts | undefined;
}

export type ProcessStatus = "starting" | "waiting" | "runnable" | "busy" | "suspended" | "terminating" | "dead";

/** Sums over actors. */
export interface Totals {
  readonly processes: number;
  readonly mailbox: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly unsentBytes: number;
}

/** The children of one actor, taken together. */
export interface Aggregate {
  readonly count: number;
  /** How many children are in which state; a child without a machine counts under its status. At most 50 states, then `other`. */
  readonly states: Readonly<Record<string, number>>;
  /** How many children run what. At most 50, then `other`. */
  readonly definitions: Readonly<Record<string, number>>;
  /** The children's own, not of those below them. */
  readonly totals: Totals;
  readonly longestMailbox: number;
}

/** What a supervisor says of itself. What one does not have is absent. */
export interface SupervisorFacts {
  readonly strategy?: string | undefined;
  readonly intensity?: number | undefined;
  readonly periodMs?: number | undefined;
  readonly restarts?: number | undefined;
  readonly restartsInPeriod?: number | undefined;
  readonly maxClients?: number | "infinity" | undefined;
}

// — GET /api/v1/children?id=&offset=&limit=&sort=&order=&filter=&state= ————————————————————————————————————————————

/** A page of the children of one actor. `limit` is from 1 to 200, 50 if absent. */
export interface ChildrenAnswer {
  readonly at: number;
  readonly parent: ProcessId;
  /** Living children. */
  readonly total: number;
  /** Those that the filter lets through. */
  readonly matching: number;
  readonly offset: number;
  readonly items: readonly ChildRow[];
}

/** `age` is the order in which they were started. Ties stand in that order, whatever is asked for. */
export type ChildSort =
  | "age"
  | "mailbox"
  | "reductions"
  | "bytesReceived"
  | "bytesSent"
  | "unsentBytes"
  | "state"
  | "key";
export type SortOrder = "asc" | "desc";

export interface ChildRow {
  readonly id: ProcessId;
  readonly key: string;
  readonly pid: string;
  readonly name?: string | undefined;
  readonly label?: string | undefined;
  readonly definition: string;
  readonly status: ProcessStatus;
  readonly state?: string | undefined;
  readonly incarnation: number;
  readonly mailbox: number;
  readonly reductions: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly unsentBytes: number;
}

// — GET /api/v1/heatMap?id=&by= ————————————————————————————————————————————————————————————————————————————————————

/** All children of one actor at a glance, in the order in which they were started: that of `age` in a page of them. */
export interface HeatMapAnswer {
  readonly at: number;
  readonly parent: ProcessId;
  /** Living children. */
  readonly total: number;
  readonly by: HeatMeasure;
  /** The states, for `state`: by the numbers in `cells`. */
  readonly states: readonly string[];
  /**
   * One character for each of the first 100,000 children; its code less 48 is the number of its state, or how many binary
   * digits its value has: 0 for 0, 1 for 1, 2 for 2 and 3, 3 for 4 to 7.
   */
  readonly cells: string;
}

/** `state` if absent. */
export type HeatMeasure = "state" | "mailbox" | "reductions" | "bytesReceived" | "bytesSent" | "unsentBytes";

// — GET /api/v1/process?id= ————————————————————————————————————————————————————————————————————————————————————————

/** One actor in full. Lists have at most 200 entries; `more` tells how many each leaves out. */
export interface ProcessAnswer {
  readonly at: number;
  readonly id: ProcessId;
  readonly pid: string;
  readonly path: string;
  readonly incarnation: number;
  readonly name?: string | undefined;
  readonly label?: string | undefined;
  readonly definition: string;
  readonly behaviour: string;
  readonly status: ProcessStatus;
  readonly trapsExits: boolean;
  readonly parent?: Neighbour | undefined;
  readonly children: number;
  readonly links: readonly Neighbour[];
  readonly monitors: readonly Neighbour[];
  readonly monitoredBy: readonly Neighbour[];
  readonly mailbox: number;
  /** Messages handled so far. */
  readonly reductions: number;
  readonly timers: readonly TimerFact[];
  readonly sockets: readonly SocketFact[];
  /** What else it owns, by kind: how many. */
  readonly resources: Readonly<Record<string, number>>;
  /** In which state its machine is, in one line. */
  readonly state?: string | undefined;
  /** The active states of its machine, by the ids of its statechart. */
  readonly active?: readonly string[] | undefined;
  readonly tags?: readonly string[] | undefined;
  /** The state as its behaviour shows it, as JSON, cut where it is long. Only when states are shown. */
  readonly detail?: unknown;
  readonly supervisor?: SupervisorFacts | undefined;
  /** How often it was started anew: its incarnation less one. */
  readonly restarts: number;
  /** The last crash of an actor of this path that the log still has. */
  readonly lastCrash?: LogEntry | undefined;
  readonly isTraced: boolean;
  readonly hasStatechart: boolean;
  readonly more: Readonly<Record<"links" | "monitors" | "monitoredBy" | "timers" | "sockets", number>>;
}

/** An actor that another one has to do with. */
export interface Neighbour {
  readonly pid: string;
  /** Absent when it is dead. */
  readonly id?: ProcessId | undefined;
  readonly path?: string | undefined;
}

export interface TimerFact {
  readonly kind: string;
  readonly description: string;
}

export interface SocketFact {
  /** The client: what the PROXY header says, or the other end. */
  readonly peer: string;
  readonly local?: string | undefined;
  readonly tls?: string | undefined;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly unsentBytes: number;
  readonly packetsReceived: number;
  readonly packetsSent: number;
  /** Milliseconds since its handler got it; absent before. */
  readonly age?: number | undefined;
  /** Only when metadata is shown. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

// — GET /api/v1/statechart?id= —————————————————————————————————————————————————————————————————————————————————————

/** The machine of one actor as a directed graph, and where it is. */
export interface StatechartAnswer {
  readonly at: number;
  readonly id: ProcessId;
  readonly machine: string;
  /** The same for all actors of one machine: a client may keep the graph by it. */
  readonly definition: string;
  /** Parents stand before their children. The first is the machine itself. */
  readonly nodes: readonly StateNode[];
  readonly edges: readonly StateEdge[];
  /** Ids of the innermost active states. */
  readonly active: readonly string[];
}

export interface StateNode {
  readonly id: string;
  readonly key: string;
  readonly parent?: string | undefined;
  readonly type: "atomic" | "compound" | "parallel" | "final" | "history";
  /** Whether its parent begins with it. */
  readonly isInitial: boolean;
  readonly tags: readonly string[];
  readonly entry: readonly string[];
  readonly exit: readonly string[];
  /** Sources of the actors that it invokes. */
  readonly invokes: readonly string[];
}

export interface StateEdge {
  readonly id: string;
  readonly source: string;
  /** None for a transition that stays where it is. */
  readonly targets: readonly string[];
  /** The event's type; `after 1000 ms`, `always`, `done`. */
  readonly event: string;
  readonly guard?: string | undefined;
  readonly actions: readonly string[];
  readonly reenter: boolean;
}

// — GET /api/v1/listeners ——————————————————————————————————————————————————————————————————————————————————————————

export interface ListenersAnswer {
  readonly at: number;
  readonly listeners: readonly ListenerFact[];
}

export interface ListenerFact {
  readonly id: string;
  readonly name: string;
  readonly status: "running" | "suspended" | "recovering" | "down";
  readonly address: string;
  readonly transport: string;
  /** What new connections run. */
  readonly handler: string;
  readonly isAsleep: boolean;
  readonly connections: number;
  readonly maxClients: number | "infinity";
  /** What became of accepted sockets, each under one cause. */
  readonly stats: Readonly<Record<string, number>>;
  /** How connections ended. A reason that is no plain word counts under `other` unless errors are shown. */
  readonly shutdowns: Readonly<Record<string, number>>;
  readonly acceptErrors: Readonly<Record<string, number>>;
  readonly accessRules: readonly string[];
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly unsentBytes: number;
  /** The supervisor of the listener, and that of its connections; absent when there is none. */
  readonly supervisor?: ProcessId | undefined;
  readonly connectionSupervisor?: ProcessId | undefined;
}

// — GET /api/v1/rates ——————————————————————————————————————————————————————————————————————————————————————————————

/**
 * What happened over time. A sample is taken when somebody asks and a second has passed since the last one, and at each
 * tick of an open stream. The rates of all intervals, each times its length, add up to the counters' difference.
 */
export interface RatesAnswer {
  readonly at: number;
  /** Oldest first; 300 at most. */
  readonly samples: readonly RateSample[];
}

export interface RateSample {
  readonly at: number;
  /** Since the sample before; 0 for the first that was ever taken. */
  readonly seconds: number;
  readonly processes: number;
  readonly connections: number;
  readonly mailboxes: number;
  readonly runQueue: number;
  /** How late the event loop was since the sample before; only where the inspector itself listens. */
  readonly eventLoopDelay?: EventLoopDelayFact | undefined;
  /** Per second, since the sample before. */
  readonly perSecond: Counters;
}

/** In milliseconds. */
export interface EventLoopDelayFact {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

// — GET /api/v1/log?after=&limit=&kind= ————————————————————————————————————————————————————————————————————————————

/** What an operator should know, oldest first: the newest that fit when `after` is absent. `limit` is 100 if absent, 500 at most. */
export interface LogAnswer {
  readonly at: number;
  readonly entries: readonly LogEntry[];
  /** Entries so far of each kind, those that are kept no more included. */
  readonly counts: Readonly<Record<LogKind, number>>;
  /** The number of the oldest entry that is still kept; 0 when there is none. */
  readonly oldest: number;
}

/** `crash`: exactly one for each crash of an actor. `restart`: an actor was started anew. */
export type LogKind = "crash" | "restart" | "supervisor" | "alarm" | "command";

export interface LogEntry {
  /** Counts up from 1, without gaps. */
  readonly number: number;
  readonly kind: LogKind;
  readonly at: number;
  readonly wallClock: number;
  readonly id?: ProcessId | undefined;
  readonly path: string;
  /** One line for people. */
  readonly text: string;
  readonly reason?: ReasonFact | undefined;
}

/** Why an actor ended, as far as it may be shown. */
export interface ReasonFact {
  readonly type: string;
  /** The class and the code of an error, or a detail that is a plain word. */
  readonly detail?: string | undefined;
  /** Only when errors are shown. */
  readonly message?: string | undefined;
  /** Where it was thrown: places in the code. */
  readonly stack?: readonly string[] | undefined;
}

// — GET /api/v1/trace?id=&after= ———————————————————————————————————————————————————————————————————————————————————

/** What a traced actor has received and sent. Tracing is switched on and off by the command `trace`. */
export interface TraceAnswer {
  readonly at: number;
  readonly id: ProcessId;
  readonly isTraced: boolean;
  /** Oldest first; the last 200 at most. */
  readonly events: readonly TracedEvent[];
}

export interface TracedEvent {
  /** Counts up from 1, without gaps, for each time that tracing was switched on. */
  readonly number: number;
  readonly at: number;
  readonly direction: "in" | "out";
  /** What kind of message it is. */
  readonly type: string;
  /** The path of the receiver of one that was sent. */
  readonly to?: string | undefined;
  /** Only when messages are shown. */
  readonly message?: unknown;
}

// — GET /api/v1/events?topics= —————————————————————————————————————————————————————————————————————————————————————

/**
 * A stream of server-sent events. `topics` is a list with commas, of `overview`, `tree`, `listeners`, `rates`, `log`,
 * `process`, `trace`; the last two need an `id`. Each tick sends one event of each topic whose name is the topic's, and
 * whose data is what the question of that name answers: of `rates` the newest sample alone, of `log` and `trace` only what
 * is new. `gone` is sent once when the actor of `process` or `trace` has died. The stream begins with a tick.
 */
export interface StreamEvents {
  readonly overview: OverviewAnswer;
  readonly tree: TreeAnswer;
  readonly listeners: ListenersAnswer;
  readonly rates: RateSample;
  readonly log: LogAnswer;
  readonly process: ProcessAnswer;
  readonly trace: TraceAnswer;
  readonly gone: { readonly id: ProcessId };
}

export type Topic = Exclude<keyof StreamEvents, "gone">;

// — POST /api/v1/commands/… ————————————————————————————————————————————————————————————————————————————————————————

/** The body of each command. All need the header `Authorization: Bearer <token>`. */
export interface Commands {
  /** Ends an actor at once; none of its code runs. */
  readonly kill: { readonly id: ProcessId };
  /** The actor handles nothing until it is resumed; its mail waits. */
  readonly suspend: { readonly id: ProcessId };
  readonly resume: { readonly id: ProcessId };
  /** Shows each message in and out of one actor from now on, for the next 10,000 at most. It takes the place of another `sys.trace`. */
  readonly trace: { readonly id: ProcessId; readonly on: boolean };
  /** Ends a child of a supervisor in order, if it lives, and starts it anew. `child` is its id in the child spec. */
  readonly restartChild: { readonly id: ProcessId; readonly child: string };
  readonly suspendListener: { readonly listener: string };
  readonly resumeListener: { readonly listener: string };
  /** Closes a listener with care. Answers at once; `timeoutMs` is 30,000 if absent. */
  readonly drainListener: { readonly listener: string; readonly timeoutMs?: number };
  readonly setMaxClients: { readonly listener: string; readonly maxClients: number | "infinity" };
  /** `peers` is `"all"`, an address or a block. */
  readonly allow: { readonly listener: string; readonly peers: string };
  readonly deny: { readonly listener: string; readonly peers: string };
}

export type CommandName = keyof Commands;

/** A command was carried out. */
export interface CommandAnswer {
  readonly ok: true;
  /** What has become of it, for people. */
  readonly text: string;
  /** The actor that `restartChild` has started. */
  readonly id?: ProcessId | undefined;
}
