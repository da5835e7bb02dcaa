import { formatReason, type Pid, type TraceEvent } from "@espalier/actors";
import { describeDeviation, showBytes } from "./describe-plan.ts";
import type { RunView } from "./invariant.ts";
import type { Peer, PeerEvent } from "./peer.ts";
import { ShortNames } from "./short-names.ts";

/** One thing that happened, in a line of its own. */
export interface Line {
  /** Of the event; 0 for what is no event of the system. */
  readonly id: number;
  readonly time: number;
  /** What sort of thing it is, in a word: it says how it is drawn. */
  readonly verb: "signal" | "spawn" | "exit" | "dead" | "failed" | "state" | "timer" | "socket" | "client" | "inject";
  /** Whom it is about: an actor by its full name, or a client by its host. */
  readonly who: string;
  /** From whom it came or to whom it goes, if there is one. */
  readonly other: string | undefined;
  /** Without the names of those two. */
  readonly text: string;
  /** The same for all lines that say as much, where not all of the text is news. @defaultValue the text */
  readonly likeness?: string;
}

/** How much of what a client has done is known already. */
interface Heard {
  events: number;
  sent: number;
  received: number;
}

/** Collects what happens in a run as lines for people. */
export class Timeline {
  readonly names: ShortNames = new ShortNames();
  readonly #lines: Line[] = [];
  /** By the id of an event: that which has caused it, and who sent it if it is a message. */
  readonly #causes = new Map<number, number>();
  readonly #senders = new Map<number, string>();
  readonly #byPid = new Map<Pid, string>();
  readonly #run: () => RunView | undefined;
  #deviations = 0;
  #injections = 0;
  readonly #heard = new Map<Peer, Heard>();
  /** Who serves a client, by its host: the last one. */
  readonly #serving = new Map<string, string>();
  #begin = 0;
  #isOver = false;

  /** @param run - the view of the run that is watched, once there is one */
  constructor(run: () => RunView | undefined) {
    this.#run = run;
  }

  readonly see = (event: TraceEvent): void => {
    if (this.#isOver) return;
    this.catchUp();
    const { id, cause, time, subject } = event;
    const who = subject.incarnation === 1 ? subject.path : `${subject.path}~${subject.incarnation}`;
    this.names.add(who);
    this.#byPid.set(subject.pid, who);
    this.#causes.set(id, cause);
    if (event.type === "send") this.#senders.set(id, who);
    if (event.type === "connectionStarted") this.#serves(event.peer.host, event.connection);
    const said = this.#describe(event);
    if (said !== undefined) this.#lines.push({ id, time, who, ...said });
  };

  /** What comes from now on is of no interest any more. */
  end(): void {
    this.catchUp();
    this.#isOver = true;
  }

  get lines(): readonly Line[] {
    return this.#lines;
  }

  /** Those that the work began with: what stands before is the start. */
  get begin(): number {
    return this.#begin;
  }

  /** Who serves a client, or has served it last. */
  handlerOf(host: string): string | undefined {
    return this.#serving.get(host);
  }

  /** Adds what is no event of the system: what clients did, and what was out of the ordinary. */
  catchUp(): void {
    const run = this.#run();
    if (run === undefined || this.#isOver) return;
    if (run.phase === "boot") this.#begin = this.#lines.length;
    const { deviations } = run.world.choices;
    for (; this.#deviations < deviations.length; this.#deviations += 1) {
      const deviation = deviations[this.#deviations];
      if (deviation === undefined) break;
      const { kind, subject } = deviation;
      // Settings are no event.
      if (kind === "knob") continue;
      const text = kind === "crash" ? this.#describeCrash(run) : describeDeviation(deviation);
      const who = kind === "delay" ? (subject.split(">")[1] ?? subject) : subject;
      this.#lines.push({ id: 0, time: run.world.now(), verb: "inject", who, other: undefined, text });
    }
    const heard = this.#lines.length;
    for (const peer of run.peers) this.#hear(peer);
    this.#lines.push(...this.#lines.splice(heard).toSorted((one, other) => one.time - other.time));
  }

  #hear(peer: Peer): void {
    const heard = this.#heard.get(peer) ?? { events: 0, sent: 0, received: 0 };
    this.#heard.set(peer, heard);
    for (; heard.events < peer.events.length; heard.events += 1) {
      const event = peer.events[heard.events];
      if (event === undefined) break;
      const next = peer.events[heard.events + 1];
      // Both ends of an orderly end at once are one end.
      if (event.type === "ended" && next?.type === "closed" && next.time === event.time) continue;
      const { time } = event;
      const { host } = peer.script;
      const said = describePeerEvent(event, peer, heard);
      const other = this.#serving.get(host);
      if (said !== undefined) this.#lines.push({ id: 0, time, verb: "client", who: host, other, ...said });
    }
  }

  /** Something was done to the server from outside. */
  operation(name: string): void {
    this.catchUp();
    const time = this.#run()?.world.now() ?? 0;
    this.#lines.push({ id: 0, time, verb: "client", who: "operation", other: undefined, text: name });
  }

  /** The ids of an event and all that has led to it. */
  causesOf(id: number, known: Set<number> = new Set()): Set<number> {
    for (let next = id; next !== 0 && !known.has(next); next = this.#causes.get(next) ?? 0) known.add(next);
    return known;
  }

  /** Whether an event has come of one of these, near or far. */
  isAfter(id: number, ids: ReadonlySet<number>): boolean {
    for (let next = this.#causes.get(id) ?? 0; next !== 0; next = this.#causes.get(next) ?? 0) {
      if (ids.has(next)) return true;
    }
    return false;
  }

  /** The hosts of all clients. */
  get clients(): readonly string[] {
    return [...this.#heard.keys()].map(({ script }) => script.host);
  }

  #describeCrash({ world }: RunView): string {
    const injection = world.injections[this.#injections];
    this.#injections += 1;
    if (injection === undefined) return "crashes";
    const { actor, end, effect } = injection;
    const what = effect === "receive" ? "it takes a message" : effect;
    return `${actor} ${end === "throw" ? "throws" : "is killed"} before ${what}`;
  }

  #nameOf(pid: Pid | undefined): string | undefined {
    return pid === undefined ? undefined : this.#byPid.get(pid);
  }

  /** @param connection - the printed pid */
  #serves(host: string, connection: string): void {
    for (const [pid, name] of this.#byPid) if (pid.toString() === connection) this.#serving.set(host, name);
  }

  #describe(event: TraceEvent): Said | undefined {
    const { type } = event;
    if (type === "spawn") return { verb: "spawn", other: this.#nameOf(event.parent), text: "" };
    if (type === "exitSignal") {
      return { verb: "exit", other: this.#nameOf(event.to), text: formatReason(event.reason) };
    }
    if (type === "deliver") {
      return { verb: "signal", other: this.#senders.get(event.cause), text: describeMessage(event.message) };
    }
    if (type === "handled") return describeState(event.event, event.from, event.to);
    // Of the other ends of a call there is a message or a death.
    if (type === "callEnded" && event.ending.type === "timeout") {
      return { verb: "failed", other: undefined, text: "has a call that is not answered in time" };
    }
    const describe = DESCRIPTIONS[type] as ((event: TraceEvent) => readonly [Line["verb"], string]) | undefined;
    if (describe === undefined) return undefined;
    const [verb, text] = describe(event);
    return { verb, other: undefined, text };
  }
}

type Said = Pick<Line, "verb" | "other" | "text">;

/**
 * What is told of events that concern one actor alone. The rest can be seen without being told: each message is sent and
 * delivered, and one of the two is enough.
 */
const DESCRIPTIONS: {
  readonly [Type in TraceEvent["type"]]?: (
    event: Extract<TraceEvent, { readonly type: Type }>,
  ) => readonly [Line["verb"], string];
} = {
  startFailed: ({ reason }) => ["failed", `does not start: ${formatReason(reason)}`],
  exit: ({ reason }) => ["dead", formatReason(reason)],
  drop: ({ message }) => ["failed", `has no room for ${describeMessage(message)}`],
  timerFired: () => ["timer", "a timer fires"],
  listening: () => ["socket", "listens"],
  acceptFailed: ({ code }) => ["socket", `accepts nothing: ${code}`],
  connectionRefused: ({ peer, counter }) => ["socket", `refuses ${peer.host}: ${counter}`],
  connectionStarted: ({ peer }) => ["socket", `the socket of ${peer.host} is its handler's`],
  connectionStopped: ({ peer }) => ["socket", `the connection of ${peer.host} is over`],
  connectionFailed: ({ peer }) => ["socket", `the connection of ${peer.host} is over before its handler had it`],
  alarmSet: ({ alarm }) => ["socket", `alarm: too many ${alarm}`],
  clientConnected: ({ client }) => ["socket", `client ${client} is connected`],
  clientFailed: ({ client, error }) => ["socket", `client ${client} fails to connect: ${error.reason}`],
  clientDisconnected: ({ client, reason }) => ["socket", `client ${client} is disconnected: ${formatReason(reason)}`],
};

function describeState(event: unknown, from: unknown, to: unknown): Said | undefined {
  if (JSON.stringify(from) === JSON.stringify(to)) return undefined;
  if (event === undefined) return { verb: "state", other: undefined, text: `begins in ${formatState(to)}` };
  return {
    verb: "state",
    other: undefined,
    text: `${formatState(from)} → ${formatState(to)} at ${describeMessage(event)}`,
  };
}

/** The value of a machine's state: `ready.flowing`, or `ready.{in.open, out.open}` where there are several at once. */
function formatState(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null) return String(value);
  const parts = Object.entries(value).map(([name, below]) => {
    const inner = formatState(below);
    return inner === "" || inner === "{}" ? name : `${name}.${inner}`;
  });
  return parts.length === 1 ? (parts[0] ?? "") : `{${parts.join(", ")}}`;
}

/** Events of XState's own making have the names of machines and states in them. */
export function eventName(type: string): string {
  return type.replace(/^xstate\.after\.([^.]+)\..*$/, "after $1").replace(/^xstate\.(done|error)\.(\w+)\..*$/, "$1 $2");
}

/** A message by its type, and no more of it: it may hold a payload. */
function describeMessage(message: unknown): string {
  if (typeof message === "string") return JSON.stringify(message.slice(0, 30));
  if (message instanceof Uint8Array) return showBytes(message);
  if (typeof message !== "object" || message === null) return String(message);
  if ("request" in message && typeof message.request === "object" && message.request !== null) {
    return `call ${describeMessage(message.request)}`;
  }
  if ("message" in message && message.constructor.name === "CastMessage") {
    return `cast ${describeMessage(message.message)}`;
  }
  if ("type" in message && typeof message.type === "string") return eventName(message.type);
  // Words such as NewSocket become "new socket".
  return message.constructor.name.replaceAll(/\B[A-Z]/g, " $&").toLowerCase();
}

/** Frame numbers and times are no news: what is received may be the same but for them. */
function withoutNumbers(text: string): string {
  return text.replaceAll(/\d+/g, "0");
}

function describePeerEvent(event: PeerEvent, peer: Peer, heard: Heard): Pick<Line, "text" | "likeness"> | undefined {
  if (event.type === "data") {
    const text = `receives ${showBytes(peer.received.subarray(heard.received, (heard.received += event.bytes)))}`;
    return { text, likeness: withoutNumbers(text) };
  }
  const text = event.type === "send" ? describeSend(event, peer, heard) : describeAct(event, peer);
  return text === undefined ? undefined : { text };
}

function describeSend({ bytes }: PeerEvent, { sent }: Peer, heard: Heard): string {
  if (bytes === 0) return "sends nothing, having ended its direction";
  return `sends ${showBytes(sent.subarray(heard.sent, (heard.sent += bytes)))}`;
}

function describeAct({ type, code }: PeerEvent, { name, events }: Peer): string | undefined {
  const hasCome = events[0]?.type === "connect";
  switch (type) {
    case "connect":
      return "connects";
    case "connected":
      // The first of a host has its name.
      return name.endsWith("#1") ? undefined : `is connected as ${name}`;
    case "startTls":
      return "is about to begin TLS";
    case "secured":
      return "has TLS";
    case "end":
      return "ends its direction";
    case "ended":
      return "hears the end of the server's direction";
    case "close":
      return "closes";
    case "leave":
      return hasCome ? "closes" : "never comes";
    case "closed":
      if (!hasCome) return undefined;
      return code === undefined ? "its connection is over" : `its connection is over: ${code}`;
    case "reset":
      return "resets the connection";
    case "vanish":
      return "vanishes from the network";
    case "pause":
      return "reads no more";
    case "resume":
      return "reads again";
    case "send":
    case "data":
    case "wait":
    case "receive":
    case "answer":
      return undefined;
  }
}

/** Simulated milliseconds, for a column. */
export function formatTime(ms: number): string {
  return ms.toFixed(3).padStart(10);
}
