import { arbBytes, type arbPeers, type Invariant, type Target } from "../kit.ts";

/** A system that is searched, and what must be so in it. */
export interface TargetCase<Knobs extends object = object> {
  readonly name: string;
  readonly target: Target<unknown, Knobs>;
  readonly invariants: readonly Invariant[];
  readonly peers: ReturnType<typeof arbPeers>;
}

/** Settings of listeners that make what is rare frequent; the first of each is the ordinary one. */
export const LISTENER_KNOBS = {
  maxClients: [3, 1, 2],
  acceptors: [2, 1],
  highWaterMark: [65_536, 1, 16],
  overLimit: ["reject", "queue"],
  shutdown: [5000, "brutalKill", "infinity", 1],
  // Short enough that whoever waits for a place gets one before the server is probed.
  idleTimeoutMs: [8000, 2000],
  sendTimeoutMs: [10_000, 500],
  packetTimeoutMs: [60_000, 700],
} as const;

/** One of the values of each. */
export type ListenerKnobs = {
  -readonly [Name in keyof typeof LISTENER_KNOBS]: (typeof LISTENER_KNOBS)[Name][number];
};

/** What a client gets back of what it has sent, line by line. */
export function wholeLines(sent: Uint8Array): Uint8Array {
  return sent.subarray(0, sent.lastIndexOf(0x0a) + 1);
}

/** Bytes of which every other piece ends a line: those who cut lines have something to do. */
export const arbLines: ReturnType<typeof arbBytes> = arbBytes().map((bytes) =>
  bytes.length % 2 === 0 ? bytes : Uint8Array.from([...bytes.subarray(0, -1), 0x0a]),
);

/** A few short lines at a time: for those who take their time for each of them. */
export const arbShortLines: ReturnType<typeof arbBytes> = arbBytes({ maxLength: 12 }).map((bytes) =>
  bytes.map((byte) => (byte % 4 === 0 ? 0x0a : byte)),
);
