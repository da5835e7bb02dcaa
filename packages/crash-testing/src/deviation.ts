/**
 * What can be out of the ordinary, and about whom it is asked. The subject is a path or the name of a peer, never a pid or a
 * counter, so that the removal of one deviation renames no other.
 *
 * | kind | subject | asked | values, 0 being the ordinary |
 * | --- | --- | --- | --- |
 * | `delay` | `sender>receiver` | for each signal of that pair | it is late, by {@link LATENCIES} |
 * | `crash` | an actor | before each of its effects | 1: it throws, 2: it is killed |
 * | `timer` | an actor | for each of its timers that is due | it is late, by {@link LATENCIES} |
 * | `net` | one end of a connection, or an address that is listened on | for each thing it is to be told | it is told later, by {@link LATENCIES} |
 * | `chunk` | one end of a connection | for each read | so many bytes come, and the rest later |
 * | `write` | one end of a connection | for each write | the system takes one byte less than this at once |
 * | `reset` | one end of a connection | for each thing it is to be told | 1: the connection is reset instead, 2: it goes silent, and neither end hears of the other any more |
 * | `accept` | a server's end | once | 1: it is gone before it is accepted, 2: it is reset right behind, 3: it is closed instead, as libuv does without descriptors, 4: it is lost, and neither end hears of the other |
 * | `bind` | an address | for each listening socket | 1: the address is taken |
 * | `connect` | a client's end | once | 1: refused, 2: no answer comes at all |
 * | `knob` | the name of a setting | once | which of its values it has |
 * | `tls` | an end | for each handshake in simulated TLS | 1: it fails, 2: it hangs, from 3: it is slow, by {@link TLS_LATENCIES} |
 *
 * Ends of connections are named after the host of the client and the number of its connection: `10.0.0.3#1` is the client's
 * end of the first from there, and `>10.0.0.3#1` the server's. An address is as it was asked for: `:1883`, `:0`, or a path.
 */
export type Kind =
  | "delay"
  | "crash"
  | "timer"
  | "net"
  | "chunk"
  | "write"
  | "reset"
  | "accept"
  | "bind"
  | "connect"
  | "knob"
  | "tls";

/** The line of a plan names a kind by its place in this list: a kind that is added goes to the end, and none moves. */
export const KINDS: readonly Kind[] = [
  "delay",
  "crash",
  "timer",
  "net",
  "chunk",
  "write",
  "reset",
  "accept",
  "bind",
  "connect",
  "knob",
  "tls",
];

/**
 * By how many milliseconds something is late: next to nothing, which tries out another order, up to more than any timeout
 * that is usual for a call.
 */
export const LATENCIES: readonly number[] = [0, 0.001, 0.002, 0.005, 1, 3, 20, 300, 6000];

/** By how many milliseconds a handshake is slow: up to what is too late for it, by next to nothing and by much. */
export const TLS_LATENCIES: readonly number[] = [1, 300, 6000, 15_000, 20_000];

/** One thing that is out of the ordinary: at the `ordinal`-th time, counted from 0, that it is asked about this subject. */
export interface Deviation {
  readonly kind: Kind;
  readonly subject: string;
  readonly ordinal: number;
  /** From 1: which of the extraordinary outcomes. */
  readonly value: number;
}

/** What stands for the subject of a deviation in a text: `#` and the number of its topic in hexadecimal digits. */
const HASHED = /^#[0-9a-f]{1,8}$/;

/**
 * What a deviation is about as a number of 32 bits (FNV-1a), by which it is looked up: the text of a plan has no room for
 * paths.
 */
export function topicOf(kind: Kind, subject: string): number {
  if (HASHED.test(subject)) return Number.parseInt(subject.slice(1), 16);
  let hash = Math.imul(0x811c9dc5 ^ KINDS.indexOf(kind), 0x01000193);
  for (let index = 0; index < subject.length; index += 1) {
    hash = Math.imul(hash ^ subject.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}

/** A subject of which nothing but its topic is known. */
export function hashedSubject(topic: number): string {
  return `#${topic.toString(16)}`;
}
