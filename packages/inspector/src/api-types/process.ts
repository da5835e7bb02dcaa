import type { LogEntry } from "./log.ts";
import type { ProcessId } from "./process-id.ts";
import type { SupervisorFacts } from "./supervisor.ts";

// GET /api/v1/process?id=, or ?pid= with a pid such as `<0.84>`, `0.84` or `84`

export type ProcessStatus = "starting" | "waiting" | "runnable" | "busy" | "suspended" | "terminating" | "dead";

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
