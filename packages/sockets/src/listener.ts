import {
  type Behaviour,
  type Call,
  CallMessage,
  type Definition,
  Exit,
  type From,
  type Process,
  type Progress,
  shutdown,
  type Waiting,
} from "@espalier/actors";
import { ListenError, type PostListenError } from "./errors.ts";
import type { ListenerRecord } from "./listener-record.ts";
import { announceOpen, announceResume, announceSuspend } from "./listener-news.ts";
import { formatAddress } from "./listen-on.ts";
import { type ListeningEvent, ListeningSocket } from "./listening-socket.ts";
import { callPostListen, type ListenOccasion } from "./post-listen.ts";

/** Why there is no listening socket: the address cannot be bound, or `postListen` has refused. */
export type ListenFailure = ListenError | PostListenError;

/** What the listener answers: undefined, or why it does not listen. */
export type ListenerCalls = Call<"suspend", undefined> | Call<"resume", ListenFailure | undefined>;

/*
 * The listener owns the listening socket.
 *
 *   start ── bind ──▶ listening ──▶ (started) LISTENING ── socket lost ──▶ crash: its supervisor starts it anew,
 *     │         └───▶ failed ─────▶ start fails   │  ▲       with everything after it; connections stay
 *     │                │                   suspend│  │resume
 *     │                └ but not the first time   ▼  │
 *     └ if it is suspended ──────────────▶ SUSPENDED or RECOVERING ⟲ tries again, after ever longer pauses
 */
class ListenerBehaviour implements Behaviour<ListenerRecord> {
  readonly kind = "listener";

  *start(process: Process, record: ListenerRecord): Waiting {
    process.state = record;
    record.listener = process.pid;
    // One that was suspended stays so when it is started anew.
    if (record.isSuspended) return;
    const isFirst = !record.hasListened;
    const error = yield* listen(process, record, isFirst ? "start" : "restart");
    if (error === undefined) return;
    // No crash: somebody has said no, and whoever opens is told.
    if (isFirst) process.stop(shutdown(error));
    else recover(process, record, error, FIRST_PAUSE_MS);
  }

  receive(process: Process, message: unknown): Progress {
    if (message instanceof Exit && message.from === process.parentPid) return process.stop(message.reason);
    // One that is still ending does not speak for its successor: who asks it hears of its end.
    if (recordOf(process).listener !== process.pid) return;
    // Only the handle of the listener makes calls, and they are typed.
    if (message instanceof CallMessage) return answer(process, message.request as ListenerCalls, message.from);
    if (message instanceof Recover) return retry(process, recordOf(process), message.pauseMs);
    const { listeningSocket } = recordOf(process);
    if (isListeningEvent(message) && message.socket === listeningSocket) throw new ListeningSocketLost();
  }

  describe(process: Process): unknown {
    return process.label;
  }
}

function recordOf(process: Process): ListenerRecord {
  // The state is what `start` was given.
  return process.state as ListenerRecord;
}

/** Binds the address and lets clients in; answers why that is not possible. */
function* listen(
  process: Process,
  record: ListenerRecord,
  occasion: ListenOccasion,
): Waiting<ListenFailure | undefined> {
  const socket = record.openSocket?.(process) ?? new ListeningSocket(record, process);
  process.own(socket);
  const event = (yield (message) => isListeningEvent(message) && message.socket === socket) as ListeningEvent;
  if (event.type !== "listening" || record.listener !== process.pid) {
    socket.close();
    return new ListenError(record.listenOn, event.type === "listenFailed" ? event.code : "ECONNABORTED");
  }
  const refusal = callPostListen(record, event.address, occasion);
  if (refusal !== undefined) {
    socket.close();
    return refusal;
  }
  record.address = event.address;
  record.hasListened = true;
  record.isSuspended = false;
  record.isRecovering = false;
  process.label = formatAddress(event.address);
  process.observe("listening", { listener: record.id, address: event.address });
  announceOpen(record, socket, event.address);
  // They have asked while there was nobody to ask.
  for (const acceptor of record.idleAcceptors.splice(0)) socket.accept(acceptor);
  return undefined;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 30_000;

/** The pause before another try to listen is over. */
class Recover {
  readonly type = "recover";
  readonly pauseMs: number;

  constructor(pauseMs: number) {
    this.pauseMs = pauseMs;
  }
}

/** Whoever has taken the address may give it back: giving up would leave the connections without a listener. */
function recover(process: Process, record: ListenerRecord, error: ListenFailure, pauseMs: number): void {
  if (record.listener !== process.pid) return;
  record.isRecovering = true;
  process.label = `recovering: ${error instanceof ListenError ? error.reason : error.code}`;
  if (pauseMs === FIRST_PAUSE_MS)
    process.warn(`listener ${record.id} cannot listen any more, and goes on trying: ${error.message}`);
  process.sendAfter<Recover>(process.pid, new Recover(pauseMs), pauseMs);
}

function* retry(process: Process, record: ListenerRecord, pauseMs: number): Waiting {
  if (!record.isRecovering || record.isSuspended) return;
  const error = yield* listen(process, record, "restart");
  if (error !== undefined) recover(process, record, error, Math.min(2 * pauseMs, LONGEST_PAUSE_MS));
}

function* answer(process: Process, request: ListenerCalls, from: From): Waiting {
  const record = recordOf(process);
  if (request.type === "suspend") {
    const wasSuspended = record.isSuspended;
    record.isSuspended = true;
    record.isRecovering = false;
    record.listeningSocket?.close();
    process.label = "suspended";
    if (!wasSuspended) announceSuspend(record);
    from.reply(undefined);
  } else if (record.isSuspended) {
    const error = yield* listen(process, record, "resume");
    if (error === undefined) announceResume(record);
    from.reply(error);
  } else {
    from.reply(undefined);
  }
}

/** The system has closed the listening socket. */
class ListeningSocketLost extends Error {
  override readonly name = "ListeningSocketLost";

  constructor() {
    super("the listening socket is gone");
  }
}

function isListeningEvent(message: unknown): message is ListeningEvent {
  if (typeof message !== "object" || message === null || !("type" in message)) return false;
  return message.type === "listening" || message.type === "listenFailed" || message.type === "listenClosed";
}

export const listener: Definition<ListenerRecord> = {
  name: "listener",
  trapExit: true,
  behaviour: new ListenerBehaviour(),
};
