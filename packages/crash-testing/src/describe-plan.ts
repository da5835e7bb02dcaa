import { type Deviation, LATENCIES, TLS_LATENCIES } from "./deviation.ts";
import type { PeerScript } from "./peer-script.ts";
import type { Plan } from "./plan.ts";

/** So many characters fit on a line with the rest of it; of what is longer, so many of its beginning and of its end. */
const MOST_SHOWN = 96;
const HEAD = 60;
const TAIL = 35;

/** Bytes as a text in quotes; of many, how they begin and how they end, since commands may stand at either end. */
export function showBytes(bytes: Uint8Array): string {
  const head = Array.from(bytes.subarray(0, MOST_SHOWN), escaped);
  if (bytes.length <= MOST_SHOWN && head.join("").length <= MOST_SHOWN) return `"${head.join("")}"`;
  const tail = Array.from(bytes.subarray(-TAIL), escaped).toReversed();
  // No byte is shown as the sign between the two. They are one quotation, which shrinking takes for one value.
  return `"${fitting(head, HEAD).join("")}…${fitting(tail, TAIL).toReversed().join("")}" (${bytes.length} bytes)`;
}

/** As many of them as have room, from the first. */
function fitting(characters: readonly string[], room: number): readonly string[] {
  let left = room;
  const end = characters.findIndex(({ length }) => (left -= length) < 0);
  return end < 0 ? characters : characters.slice(0, end);
}

/** A byte as a character, as in a literal of JavaScript. */
function escaped(byte: number): string {
  const character = String.fromCodePoint(byte);
  if (byte > 0x7e && byte < 0xa0) return `\\x${byte.toString(16)}`;
  return JSON.stringify(character).slice(1, -1).replace("\\u00", "\\x");
}

/** What the clients of a plan do, and what is done to the server: a line each. */
export function describeWorkload({ peers, operations }: Plan): string[] {
  return [
    ...peers.map((peer) =>
      [`${peer.host} connects ${comingOf(peer, peers)}`, ...beginningOf(peer), ...peer.ops.map(describeOp)].join(", "),
    ),
    ...operations.map(({ at, name }) => `operation ${name} at ${at} ms`),
  ];
}

function comingOf({ at, after }: PeerScript, peers: readonly PeerScript[]): string {
  if (after === undefined || peers.every(({ host }) => host !== after)) return `at ${at} ms`;
  return `${at} ms after ${after} is gone`;
}

/** What comes before the operations. */
function beginningOf({ proxy, tls }: PeerScript): string[] {
  const { version = 2, source } = proxy ?? {};
  return [
    ...(proxy === undefined ? [] : [`sends a PROXY header of version ${version} for ${source?.host ?? "nobody"}`]),
    ...(tls === true ? ["begins TLS"] : []),
  ];
}

/** What a client does, in a few words that follow its name. */
function describeOp(op: PeerScript["ops"][number]): string {
  switch (op.type) {
    case "send":
      return `sends ${showBytes(op.bytes)}`;
    case "wait":
      return `waits ${op.ms} ms`;
    case "receive":
      return `waits for ${op.count} bytes in all, ${op.withinMs} ms at most`;
    case "answer":
      return `answers ${JSON.stringify(op.to)} with ${JSON.stringify(op.with)}, ${op.withinMs} ms at most`;
    case "startTls":
      return op.after === "" ? "begins TLS" : `begins TLS after ${JSON.stringify(op.after)}`;
    case "end":
      return "ends its direction";
    case "pause":
      return "reads no more";
    case "resume":
      return "reads again";
    case "close":
    case "reset":
    case "vanish":
      return DEPARTURES[op.type];
  }
}

const DEPARTURES = { close: "closes", reset: "resets the connection", vanish: "vanishes from the network" } as const;

/** By the value of a deviation, from 1. */
const ACCEPT_FAULTS: readonly string[] = [
  "is reset before it is accepted",
  "is reset as soon as it is accepted",
  "is closed instead of being accepted",
  "is lost before it is accepted",
];

/** The values that a target's settings may have, by their names. */
type Knobs = Readonly<Record<string, readonly unknown[]>>;

/** One thing that is out of the ordinary, as a sentence. */
export function describeDeviation({ kind, subject, ordinal, value }: Deviation, knobs: Knobs = {}): string {
  const late = `${LATENCIES[value] ?? value} ms late`;
  const nth = `#${ordinal + 1}`;
  switch (kind) {
    case "delay":
      return `signal ${nth} from ${subject.replace(">", " to ")} is ${late}`;
    case "crash":
      return `${subject} ${value === 1 ? "throws" : "is killed"} before its effect ${nth}`;
    case "timer":
      return `timer ${nth} of ${subject} is ${late}`;
    case "net":
      return `network event ${nth} at ${endOf(subject)} is ${late}`;
    case "chunk":
      return `read ${nth} at ${endOf(subject)} brings ${plural(value, "byte")} only`;
    case "write":
      return `of write ${nth} at ${endOf(subject)} only ${plural(value - 1, "byte")} go out at once`;
    case "reset":
      return `the connection ${value === 1 ? "is reset" : "goes silent"} at ${endOf(subject)}, instead of event ${nth}`;
    case "accept":
      return `the connection at ${endOf(subject)} ${ACCEPT_FAULTS[value - 1] ?? value}`;
    case "bind":
      return `the address ${subject} is taken, time ${nth}`;
    case "connect":
      return `the connection from ${subject} ${value === 1 ? "is refused" : "gets no answer"}`;
    case "knob":
      return `the knob ${subject} is ${shown(knobs[subject]?.[value] ?? `its value #${value + 1}`)}`;
    case "tls":
      return `the TLS handshake at ${endOf(subject)} ${handshake(value)}`;
  }
}

function handshake(value: number): string {
  if (value <= 2) return value === 1 ? "fails" : "hangs";
  return `takes ${TLS_LATENCIES[value - 3] ?? value} ms`;
}

/** The server's end of a connection is named after its client. */
function endOf(subject: string): string {
  return subject.startsWith(">") ? `the server's end of ${subject.slice(1)}` : subject;
}

function shown(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? String(value));
}

export function plural(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
