import type { Host } from "@espalier/actors";
import { buildProxyHeader, type SocketEvents, type Transport, type TransportSocket } from "@espalier/sockets";
import { type AnswerOp, answerTo } from "./peer-answer.ts";
import { PeerBytes } from "./peer-bytes.ts";
import type { PeerOp, PeerScript } from "./peer-script.ts";
import { PeerTls } from "./tls/peer-tls.ts";

/**
 * How it stands with a client.
 *
 * - `waiting`: its time has not come
 * - `connecting`: it has had no answer
 * - `open`: it is connected; either side may have ended its own direction
 * - `refused`: it never got a connection; the code says why
 * - `closed`: the connection has come to an orderly end, or the client itself has ended it
 * - `reset`: the connection broke; the code says how
 */
export type PeerState = "waiting" | "connecting" | "open" | "refused" | "closed" | "reset";

/** Something that a client did or that happened to it. */
export interface PeerEvent {
  readonly time: number;
  /** An operation of its script as it begins, or what its socket told. An answer that goes out is a `send` as well. */
  readonly type: PeerOp["type"] | "connect" | "connected" | "secured" | "data" | "ended" | "closed" | "leave";
  /** How many went out or came in; 0 where it is not about bytes. */
  readonly bytes: number;
  /** Of `closed`: the error, unless it was an orderly end. */
  readonly code: string | undefined;
}

/** Where clients live, which may be a simulated network or a real one. */
export interface PeerNetwork {
  from(host: string): Pick<Transport, "connect">;
  nameOf(socket: TransportSocket): string | undefined;
  /** Neither end hears of the other any more. */
  sever(socket: TransportSocket): void;
}

/** For how long a client whose script is over looks on before it counts as done: longer than anything is late. */
const REST_MS = 10_000;

/** For how long it waits to speak TLS: longer than servers do. */
const TLS_PATIENCE_MS = 60_000;

/** The address of the server, as clients know it. */
const SERVER_HOST = "10.0.0.254";

/**
 * A client of a run, which performs its script in the time of the world, and keeps what came of it. It never throws.
 *
 * The operations begin once it is connected. Those that follow each other without a wait happen at once, so that their
 * bytes travel together. When the other side ends, it ends as well, but not before its script is over.
 */
export class Peer {
  readonly script: PeerScript;
  /** All of it, in order. */
  readonly events: PeerEvent[] = [];
  readonly #world: Pick<Host, "now" | "at">;
  readonly #network: PeerNetwork;
  readonly #port: number;
  readonly #sent = new PeerBytes();
  readonly #received = new PeerBytes();
  #state: PeerState = "waiting";
  #socket: TransportSocket | undefined;
  #name: string;
  #code: string | undefined;
  #connectedAt: number | undefined;
  #endedAt: number | undefined;
  #closedAt: number | undefined;
  /** The operation that is next. */
  #next = 0;
  /** It goes on when it has received so many bytes. */
  #awaited = Infinity;
  /** It goes on when there is something to answer, which stands behind so many bytes that were answered. */
  #question: AnswerOp | undefined;
  #answered = 0;
  /** It begins TLS when what it has received ends so. */
  #cue: string | undefined;
  #tls: PeerTls | undefined;
  #isMisled = false;
  /** Its script is over. */
  #isResting = false;
  #hasEnded = false;
  #hasLeft = false;
  #isDone = false;
  /** It does not come before this one is gone. */
  #leader: Peer | undefined;
  /** Those that come when it is gone. */
  #followers: Peer[] = [];
  #isGone = false;
  /** What it waits for, if it is time that it waits for. */
  #cancel: (() => void) | undefined;

  readonly #restMs: number;

  /**
   * The script begins now; who is to come `after` another one has to `follow` that one as well.
   *
   * @param port - that of the server
   * @param restMs - for how long it looks on when its script is over, before it counts as done
   */
  constructor(
    world: Pick<Host, "now" | "at">,
    network: PeerNetwork,
    port: number,
    script: PeerScript,
    restMs: number = REST_MS,
  ) {
    this.#restMs = restMs;
    this.#world = world;
    this.#network = network;
    this.#port = port;
    this.script = script;
    this.#name = script.host;
    this.#begin();
  }

  /** That of its end of the connection, such as `10.0.0.3#1`; its host until it connects. */
  get name(): string {
    return this.#name;
  }

  get state(): PeerState {
    return this.#state;
  }

  /** What its connection broke with, or was refused with. */
  get code(): string | undefined {
    return this.#code;
  }

  /** It speaks TLS, and the server has sent what is none. It hears nothing more. */
  get isMisled(): boolean {
    return this.#isMisled;
  }

  /** What it has written, in one. When the connection has ended, the last of it may never have been sent. */
  get sent(): Uint8Array {
    return this.#sent.whole;
  }

  get sentBytes(): number {
    return this.#sent.count;
  }

  /** What it has received, in one. */
  get received(): Uint8Array {
    return this.#received.whole;
  }

  get receivedBytes(): number {
    return this.#received.count;
  }

  /** When it was connected. */
  get connectedAt(): number | undefined {
    return this.#connectedAt;
  }

  /** When it heard that the server sends nothing more. */
  get endedAt(): number | undefined {
    return this.#endedAt;
  }

  /** When its connection was over, or refused. */
  get closedAt(): number | undefined {
    return this.#closedAt;
  }

  /** It has ended its own direction. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** It has closed or reset the connection itself. */
  get hasLeft(): boolean {
    return this.#hasLeft;
  }

  /** Its connection is over, or its script has been for a while. Of one that follows: it never comes, as far as can be seen. */
  get isDone(): boolean {
    return this.#isDone || this.#leader?.isDone === true;
  }

  /**
   * It comes when the other one is gone, and its `at` counts from then; to be said before it has come. Of those that follow
   * each other in a circle none ever comes.
   */
  follow(other: Peer): void {
    this.#stopWaiting();
    for (let leader: Peer | undefined = other; leader !== undefined; leader = leader.#leader) {
      if (leader !== this) continue;
      this.#isDone = true;
      return;
    }
    if (other.#isGone) {
      this.#begin();
      return;
    }
    this.#leader = other;
    other.#followers.push(this);
  }

  /** Ends what there is, whatever the script says. */
  leave(): void {
    if (this.#isOver) return;
    this.#note("leave");
    if (this.#socket === undefined) this.#close(undefined);
    else this.#quit("now");
  }

  get #isOver(): boolean {
    return this.#closedAt !== undefined || this.#hasLeft;
  }

  // — Its script —————————————————————————————————————————————————————————————————————————————————————————————————

  #begin(): void {
    this.#after(this.script.at, () => this.#connect());
  }

  /** Nobody hears of it any more, and those that wait for that may come. */
  #depart(): void {
    this.#isGone = true;
    for (const follower of this.#followers) {
      follower.#leader = undefined;
      if (!follower.#isOver) follower.#begin();
    }
    this.#followers = [];
  }

  #connect(): void {
    const { host } = this.script;
    this.#state = "connecting";
    this.#note("connect");
    const socket = this.#network.from(host).connect({ host: SERVER_HOST, port: this.#port }, this.#socketEvents());
    this.#socket = socket;
    this.#name = this.#network.nameOf(socket) ?? host;
  }

  /** Does what can be done without waiting. */
  #perform(socket: TransportSocket): void {
    const { ops } = this.script;
    while (!this.#isOver) {
      const op = ops[this.#next];
      if (op === undefined) {
        this.#rest(socket);
        return;
      }
      this.#next += 1;
      if (op.type !== "send") this.#note(op.type);
      if (op.type === "wait") {
        this.#after(op.ms, () => this.#perform(socket));
        return;
      }
      if (op.type === "receive") {
        if (this.#received.count >= op.count) continue;
        this.#awaited = op.count;
        this.#after(op.withinMs, () => this.#goOn(socket));
        return;
      }
      if (op.type === "answer") {
        this.#question = op;
        if (this.#answer(socket)) continue;
        this.#after(op.withinMs, () => this.#goOn(socket));
        return;
      }
      if (op.type === "startTls") {
        this.#awaitCue(op.after, socket);
        return;
      }
      this.#do(op, socket);
    }
  }

  /** Begins TLS, now or when the server has said so. */
  #awaitCue(cue: string, socket: TransportSocket): void {
    this.#after(TLS_PATIENCE_MS, () => this.#quit("now"));
    this.#cue = cue;
    this.#takeCue(socket);
  }

  #takeCue(socket: TransportSocket): void {
    if (this.#cue === undefined || this.#tls !== undefined || !this.#received.endsWith(this.#cue)) return;
    this.#cue = undefined;
    this.#tls = new PeerTls();
    socket.write(this.#tls.hello());
  }

  #send(message: Uint8Array, socket: TransportSocket): void {
    this.#note("send", this.#hasEnded ? 0 : message.length);
    if (this.#hasEnded) return;
    // The transport keeps the array, and the script has to stay what it is.
    const bytes = new Uint8Array(message);
    this.#sent.push(bytes);
    socket.write(this.#tls?.seal(bytes) ?? bytes);
  }

  /** Answers what it waits for, if that has come. */
  #answer(socket: TransportSocket): boolean {
    const question = this.#question;
    const answer = question && answerTo(this.#received.textFrom(this.#answered), question);
    if (answer === undefined) return false;
    this.#question = undefined;
    this.#answered += answer.end;
    this.#send(answer.bytes, socket);
    return true;
  }

  #do(
    op: Exclude<PeerOp, { readonly type: "wait" | "receive" | "answer" | "startTls" }>,
    socket: TransportSocket,
  ): void {
    switch (op.type) {
      case "send":
        this.#send(op.bytes, socket);
        break;
      case "end":
        this.#end(socket);
        break;
      case "close":
        this.#quit("now");
        break;
      case "reset":
        this.#quit("reset");
        break;
      case "vanish":
        this.#network.sever(socket);
        this.#depart();
        break;
      case "pause":
        socket.pause();
        break;
      case "resume":
        socket.resume();
        break;
    }
  }

  /** It has waited for bytes for long enough. */
  #goOn(socket: TransportSocket): void {
    this.#stopWaiting();
    this.#perform(socket);
  }

  #rest(socket: TransportSocket): void {
    this.#isResting = true;
    if (this.#endedAt !== undefined) this.#end(socket);
    this.#after(this.#restMs, () => void (this.#isDone = true));
  }

  #end(socket: TransportSocket): void {
    if (!this.#hasEnded && this.#tls?.isSecured === true) socket.write(this.#tls.bye());
    this.#hasEnded = true;
    socket.end();
  }

  #quit(how: "now" | "reset"): void {
    this.#hasLeft = true;
    this.#stopWaiting();
    this.#socket?.close(how);
    this.#depart();
  }

  #after(ms: number, run: () => void): void {
    this.#cancel = this.#world.at(this.#world.now() + ms, () => {
      this.#cancel = undefined;
      run();
    });
  }

  #stopWaiting(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#awaited = Infinity;
    this.#question = undefined;
  }

  // — Its socket —————————————————————————————————————————————————————————————————————————————————————————————————

  #socketEvents(): SocketEvents {
    return {
      connected: () => this.#onConnected(),
      data: (bytes) => this.#onData(bytes),
      end: () => this.#onEnd(),
      drain() {},
      closed: (code) => this.#close(code),
    };
  }

  #onConnected(): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    this.#state = "open";
    this.#connectedAt = this.#world.now();
    this.#note("connected");
    socket.resume();
    const { proxy, tls } = this.script;
    if (proxy !== undefined) socket.write(buildProxyHeader(proxy));
    if (tls === true) this.#awaitCue("", socket);
    else this.#perform(socket);
  }

  #onData(bytes: Uint8Array): void {
    if (this.#tls === undefined) this.#take(bytes);
    else this.#open(bytes, this.#tls);
  }

  #open(sealed: Uint8Array, tls: PeerTls): void {
    const { bytes, reply, isSecured, isRefused } = tls.open(sealed);
    const socket = this.#socket;
    if (socket === undefined) return;
    if (reply !== undefined) socket.write(reply);
    if (isSecured) {
      this.#note("secured");
      this.#stopWaiting();
      this.#perform(socket);
    }
    for (const opened of bytes) this.#take(opened);
    this.#isMisled ||= tls.isBroken;
    if ((tls.isBroken || isRefused) && !this.#isOver) this.#quit("now");
  }

  #take(bytes: Uint8Array): void {
    this.#received.push(bytes);
    this.#note("data", bytes.length);
    const socket = this.#socket;
    if (socket === undefined) return;
    this.#takeCue(socket);
    if (this.#received.count < this.#awaited && !this.#answer(socket)) return;
    this.#stopWaiting();
    this.#perform(socket);
  }

  #onEnd(): void {
    this.#endedAt = this.#world.now();
    this.#note("ended");
    // Nobody will say anything about TLS any more.
    const isWaitingForTls = this.#cue !== undefined || this.#tls?.isSecured === false;
    if (isWaitingForTls) this.#quit("now");
    else if (this.#isResting && this.#socket !== undefined) this.#end(this.#socket);
  }

  #close(code: string | undefined): void {
    this.#stopWaiting();
    this.#code = code;
    if (code === undefined) this.#state = "closed";
    else this.#state = this.#connectedAt === undefined ? "refused" : "reset";
    this.#closedAt = this.#world.now();
    this.#isDone = true;
    this.#note("closed", 0, code);
    this.#depart();
  }

  #note(type: PeerEvent["type"], bytes = 0, code?: string): void {
    this.events.push({ time: this.#world.now(), type, bytes, code });
  }
}

/** Those of a plan that come after another one of them follow it. */
export function followEachOther(peers: readonly Peer[]): void {
  for (const peer of peers) {
    const other = peers.find(({ script }) => script.host === peer.script.after);
    if (other !== undefined) peer.follow(other);
  }
}
