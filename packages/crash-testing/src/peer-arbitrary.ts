import * as fc from "fast-check";
import type { PeerOp, PeerProxy, PeerScript } from "./peer-script.ts";
import { Random } from "./random.ts";

export interface BytesOptions {
  /** @defaultValue 4096 */
  readonly maxLength?: number;
}

export interface PeerOptions {
  /** What it sends with one operation. @defaultValue `arbBytes()` */
  readonly messages?: fc.Arbitrary<Uint8Array>;
  /** What else it does among the rest, such as its answers. @defaultValue nothing */
  readonly ops?: fc.Arbitrary<PeerOp>;
  /** The addresses that it may have. @defaultValue `10.0.0.1` to `10.0.0.8` */
  readonly hosts?: readonly string[];
  /** The most operations before it comes to its end. @defaultValue 8 */
  readonly maxOps?: number;
  /** The latest time at which it connects, in milliseconds. @defaultValue 200 */
  readonly maxAtMs?: number;
  /** For how long it may do nothing, in milliseconds. @defaultValue 10,000 */
  readonly maxWaitMs?: number;
  /** Whether it speaks the simulated TLS from the beginning. @defaultValue it does not */
  readonly tls?: fc.Arbitrary<boolean>;
  /** The PROXY header that it sends first. @defaultValue none */
  readonly proxy?: fc.Arbitrary<PeerProxy | undefined>;
}

export interface PeersOptions extends PeerOptions {
  /** At most as many as there are hosts: each has one of its own. @defaultValue 5 */
  readonly maxPeers?: number;
  /**
   * Some of them come back, each `after` one that is named before it, so that none waits for itself: about every second one.
   *
   * @defaultValue false
   */
  readonly returns?: boolean;
}

const HOSTS = Array.from({ length: 8 }, (_, index) => `10.0.0.${index + 1}`);

/** What people type: each character that can be seen, and every fifth time the end of a line. */
const TYPED: readonly number[] = [
  ...Array.from({ length: 95 }, (_, index) => 0x20 + index),
  ...Array.from({ length: 24 }, (_, index) => (index % 2 === 0 ? 0x0a : 0x0d)),
];

/** So many bytes, all values among them, that follow from the seed. */
function noise([length, seed]: readonly [number, number]): Uint8Array {
  const random = new Random(seed);
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index += 1) bytes[index] = random.below(256);
  return bytes;
}

/**
 * Bytes to send, at least one: mostly a few, often such as people type with their ends of lines, and now and then many. How
 * they are cut on their way is not their business.
 */
export function arbBytes({ maxLength = 4096 }: BytesOptions = {}): fc.Arbitrary<Uint8Array> {
  const upTo = (length: number): number => Math.max(1, Math.min(length, maxLength));
  const typed = fc.integer({ min: 0, max: TYPED.length - 1 });
  return fc.oneof(
    {
      arbitrary: fc
        .array(typed, { minLength: 1, maxLength: upTo(12) })
        .map((keys) => Uint8Array.from(keys, (key) => TYPED[key] ?? 0)),
      weight: 6,
    },
    { arbitrary: fc.uint8Array({ minLength: 1, maxLength: upTo(32) }), weight: 3 },
    // To draw each of them would take longer than the run.
    { arbitrary: fc.tuple(fc.integer({ min: 1, max: upTo(maxLength) }), fc.nat()).map(noise), weight: 1 },
  );
}

/** Times to wait: nothing, a moment, or more than what servers usually have patience for. */
function arbWait(maxMs: number): fc.Arbitrary<number> {
  return fc.oneof(
    { arbitrary: fc.nat(Math.min(5, maxMs)), weight: 3 },
    { arbitrary: fc.nat(Math.min(500, maxMs)), weight: 2 },
    { arbitrary: fc.nat(maxMs), weight: 1 },
  );
}

function just<Type extends PeerOp["type"]>(type: Type): fc.Arbitrary<{ readonly type: Type }> {
  return fc.constant({ type });
}

/** What one client does: it connects, mostly sends a little, and leaves in one way or another, or does not. */
export function arbPeer(options: PeerOptions = {}): fc.Arbitrary<PeerScript> {
  const { messages = arbBytes(), ops: own, hosts = HOSTS, maxOps = 8, maxAtMs = 200, maxWaitMs = 10_000 } = options;
  const middle: fc.Arbitrary<PeerOp> = fc.oneof(
    { arbitrary: fc.record({ type: fc.constant("send" as const), bytes: messages }), weight: 12 },
    { arbitrary: fc.record({ type: fc.constant("wait" as const), ms: arbWait(maxWaitMs) }), weight: 4 },
    {
      arbitrary: fc.record({
        type: fc.constant("receive" as const),
        count: fc.integer({ min: 1, max: 64 }),
        withinMs: fc.nat(maxWaitMs),
      }),
      weight: 3,
    },
    { arbitrary: just("pause"), weight: 1 },
    { arbitrary: just("resume"), weight: 1 },
    // As often as all the others but those that send.
    ...(own === undefined ? [] : [{ arbitrary: own, weight: 9 }]),
  );
  // After the end of its own direction a client may still wait for what comes.
  const last: fc.Arbitrary<readonly PeerOp[]> = fc.oneof(
    { arbitrary: fc.constant([]), weight: 3 },
    { arbitrary: just("end").map((op) => [op]), weight: 3 },
    { arbitrary: just("close").map((op) => [op]), weight: 2 },
    { arbitrary: just("reset").map((op) => [op]), weight: 1 },
    { arbitrary: just("vanish").map((op) => [op]), weight: 1 },
    {
      arbitrary: fc.tuple(just("end"), fc.record({ type: fc.constant("wait" as const), ms: arbWait(maxWaitMs) })),
      weight: 1,
    },
  );
  const script: fc.Arbitrary<PeerScript> = fc.record({
    at: fc.oneof(fc.constant(0), fc.nat(maxAtMs)),
    host: fc.constantFrom(...hosts),
    ops: fc.tuple(fc.array(middle, { maxLength: maxOps }), last).map(([ops, end]) => ops.concat(end)),
  });
  const { tls, proxy } = options;
  if (tls === undefined && proxy === undefined) return script;
  return fc
    .tuple(script, tls ?? fc.constant(false), proxy ?? fc.constant(undefined))
    .map(([plain, speaksTls, header]) => beginning(plain, speaksTls, header));
}

function beginning(script: PeerScript, tls: boolean, proxy: PeerProxy | undefined): PeerScript {
  return { ...script, ...(tls && { tls: true }), ...(proxy !== undefined && { proxy }) };
}

/** Clients that differ in their hosts, so that what is said about one of them stays true when another is left out. */
export function arbPeers(options: PeersOptions = {}): fc.Arbitrary<readonly PeerScript[]> {
  const { maxPeers = 5, hosts = HOSTS, returns = false } = options;
  const maxLength = Math.min(maxPeers, hosts.length);
  const scripts = fc.uniqueArray(arbPeer(options), { selector: ({ host }) => host, minLength: 1, maxLength });
  if (!returns) return scripts;
  const leaders = fc.array(fc.option(fc.nat(), { freq: 2, nil: undefined }), {
    minLength: maxLength,
    maxLength,
  });
  return fc.tuple(scripts, leaders).map(([peers, numbers]) =>
    peers.map((peer, index) => {
      const number = numbers[index];
      const leader = number === undefined ? undefined : peers[number % index];
      return leader === undefined ? peer : { ...peer, after: leader.host };
    }),
  );
}
