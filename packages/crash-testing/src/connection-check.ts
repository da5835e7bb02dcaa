import type { System } from "@espalier/actors";
import { startSockets, type ConnectionDefinition, type ListenerOptions } from "@espalier/sockets";
import type { AnyStateMachine } from "xstate";
import { replaying } from "./choices.ts";
import type { Deviation } from "./deviation.ts";
import type { Invariant } from "./invariant.ts";
import { ownCrashes } from "./invariants/own-crashes.ts";
import type { PeerOp, PeerScript } from "./peer-script.ts";
import type { Plan } from "./plan.ts";
import { type Failure, run } from "./run.ts";
import { singleFaults } from "./single-faults.ts";
import type { Target } from "./target.ts";

export interface ConnectionCheckOptions {
  /** What clients send, each as one conversation: texts are UTF-8. */
  readonly conversations: ReadonlyArray<Uint8Array | string>;
  /** The listener's options. @defaultValue none */
  readonly options?: ListenerOptions;
  /** Starts what the connection needs beside it, such as actors that it calls by name. @defaultValue nothing */
  readonly start?: (system: System) => unknown;
  /**
   * It may crash by itself although nothing is out of the ordinary, since a conversation is one that it cannot take.
   *
   * @defaultValue false
   */
  readonly mayCrash?: boolean;
  /** What has to hold besides. */
  readonly invariants: readonly Invariant[];
}

/** A way in which a connection has gone wrong. */
interface ConnectionFault {
  readonly failure: Failure;
  readonly plan: Plan;
  /** What had to hold. */
  readonly invariants: readonly Invariant[];
}

/** What a connection was put through. */
export interface ConnectionCheckResult {
  readonly fault: ConnectionFault | undefined;
  readonly runs: number;
  /** How often it was cut off, or crashed, by kind. */
  readonly tried: ReadonlyMap<string, number>;
}

const HOST = "10.0.0.1";
const SERVER_END = `>${HOST}#1`;
const PORT = 5000;

/** The least that a server is: one listener for this handler. */
export function listenerOf(
  handler: AnyStateMachine | ConnectionDefinition,
  { options = {}, start }: Pick<ConnectionCheckOptions, "options" | "start">,
): Target<{ readonly port: number }> {
  return {
    async start({ system, transport }) {
      await start?.(system);
      const sockets = await startSockets(system, { transport });
      // The two kinds of handlers are two overloads.
      return sockets.open("test", PORT, options, handler as ConnectionDefinition);
    },
  };
}

/**
 * Puts one handler through everything that can happen to a connection, for each conversation: its bytes cut at each place and
 * one by one, FIN and RST after each byte, a client that does not read, and everything that can be out of the ordinary in the
 * run, one at a time: a throw and a kill before each of its effects, each event late, each write taken in part.
 *
 * What the client receives must be the same wherever the bytes are cut, and otherwise the beginning of it; and where nothing is
 * out of the ordinary, nobody crashes.
 */
export async function checkConnection(
  handler: AnyStateMachine | ConnectionDefinition,
  { conversations, invariants, mayCrash = false, ...server }: ConnectionCheckOptions,
): Promise<ConnectionCheckResult> {
  const target = listenerOf(handler, server);
  // A handler that always crashes does the same wherever its bytes are cut; that is not what it was written for.
  const ordinarily = mayCrash ? invariants : [...invariants, ownCrashes()];
  const tried = new Map<string, number>();
  let runs = 0;
  for (const conversation of conversations) {
    const bytes = typeof conversation === "string" ? new TextEncoder().encode(conversation) : conversation;
    const whole = planOf([{ type: "send", bytes }, { type: "end" }], []);
    const ordinary = await run({ target, plan: whole, chooser: replaying([]), invariants: ordinarily });
    runs += 1;
    if (ordinary.failure !== undefined) {
      return { fault: { failure: ordinary.failure, plan: whole, invariants: ordinarily }, runs, tried };
    }
    const [expected = new Uint8Array(0)] = ordinary.peers.map(({ received }) => received);
    for (const { kind, plan, isWhole } of trials(bytes, ordinary.choices)) {
      tried.set(kind, (tried.get(kind) ?? 0) + 1);
      runs += 1;
      const outcome = await run({ target, plan, chooser: replaying(plan.deviations), invariants });
      const { failure, endedAt } = outcome;
      if (failure !== undefined) return { fault: { failure, plan, invariants }, runs, tried };
      const [received = new Uint8Array(0)] = outcome.peers.map((peer) => peer.received);
      const message = difference(received, expected, isWhole);
      if (message === undefined) continue;
      const found = { invariant: "I15-bytes", message, phase: "workload", time: endedAt } as const;
      return { fault: { failure: found, plan, invariants }, runs, tried };
    }
  }
  return { fault: undefined, runs, tried };
}

interface Trial {
  readonly kind: string;
  readonly plan: Plan;
  /** Nothing is lost: all that the client received in the ordinary run has to come. */
  readonly isWhole: boolean;
}

/** So many places of a conversation are tried one by one; of longer ones, as many spread over it. */
const MOST_PLACES = 256;

function* trials(bytes: Uint8Array, choices: Parameters<typeof singleFaults>[0]): Generator<Trial> {
  const places = placesOf(bytes.length);
  const send: PeerOp = { type: "send", bytes };
  for (const place of places) {
    const cut: Deviation = { kind: "chunk", subject: SERVER_END, ordinal: 0, value: place };
    yield { kind: "cut", plan: planOf([send, { type: "end" }], [cut]), isWhole: true };
    const paused: PeerOp[] = [
      { type: "send", bytes: bytes.slice(0, place) },
      { type: "wait", ms: 5 },
      { type: "send", bytes: bytes.slice(place) },
      { type: "end" },
    ];
    yield { kind: "pause", plan: planOf(paused, []), isWhole: true };
  }
  const singly = Array.from(bytes, (_, ordinal): Deviation => ({
    kind: "chunk",
    subject: SERVER_END,
    ordinal,
    value: 1,
  }));
  yield { kind: "byte by byte", plan: planOf([send, { type: "end" }], singly), isWhole: true };
  for (const place of [0, ...places, bytes.length]) {
    for (const type of ["end", "reset", "close", "vanish"] as const) {
      const ops: PeerOp[] = [{ type: "send", bytes: bytes.slice(0, place) }, { type: "wait", ms: 1 }, { type }];
      yield { kind: type, plan: planOf(ops, []), isWhole: false };
    }
  }
  const slow: PeerOp[] = [{ type: "pause" }, send, { type: "wait", ms: 1000 }, { type: "resume" }, { type: "end" }];
  yield { kind: "slow client", plan: planOf(slow, []), isWhole: true };
  for (const deviation of singleFaults(choices)) {
    const isWhole = deviation.kind === "chunk" || deviation.kind === "write";
    yield { kind: deviation.kind, plan: planOf([send, { type: "end" }], [deviation]), isWhole };
  }
}

function placesOf(length: number): number[] {
  const step = Math.max(1, Math.ceil((length - 1) / MOST_PLACES));
  return Array.from({ length: Math.ceil(Math.max(length - 1, 0) / step) }, (_, index) => 1 + index * step);
}

function planOf(ops: PeerScript["ops"], deviations: readonly Deviation[]): Plan {
  return { peers: [{ at: 0, host: HOST, ops }], operations: [], deviations };
}

function difference(received: Uint8Array, expected: Uint8Array, isWhole: boolean): string | undefined {
  const place = received.findIndex((byte, index) => byte !== expected[index]);
  if (place >= 0) return `the client received something else from byte ${place} on`;
  if (!isWhole || received.length === expected.length) return undefined;
  return `the client received ${received.length} bytes of ${expected.length}, though nothing was lost on the way`;
}
