import type { ProcessId } from "./process-id.ts";

// GET /api/v1/listeners

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
  /** Clients that wait for a place, or while the acceptors sleep; they are no connections yet. */
  readonly waiting: number;
  readonly maxClients: number | "infinity";
  /** What became of accepted sockets, each under one cause. */
  readonly stats: Readonly<Record<string, number>>;
  /** How connections ended. A reason that is no plain word counts under `other` unless errors are shown. */
  readonly shutdowns: Readonly<Record<string, number>>;
  readonly acceptErrors: Readonly<Record<string, number>>;
  /** Such as `deny 10.0.0.0/8`, in the order in which they are tried. */
  readonly accessRules: readonly string[];
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly unsentBytes: number;
  /** Of a UDP listener: what became of datagrams, each under one cause. */
  readonly datagrams?: Readonly<Record<string, number>> | undefined;
  /** The supervisor of the listener, and that of its connections; absent when there is none. */
  readonly supervisor?: ProcessId | undefined;
  readonly connectionSupervisor?: ProcessId | undefined;
}
