import type { Deadline } from "@espalier/actors";
import { Received, type ReceiveOutcome, type SocketRequest } from "./socket-request.ts";

/** One request to receive. */
interface Demand {
  readonly request: SocketRequest;
  /** Exactly so many bytes; undefined: what there is, or the next packet. */
  readonly length: number | undefined;
  readonly timeoutMs: number | "infinity";
}

/** Who is asked for bytes. */
export interface Demanding {
  /** A timer of the connection's owner. */
  timer(run: () => void): Deadline | undefined;
  /** What there is for a request; undefined: it has to wait. */
  answer(length: number | undefined): ReceiveOutcome | undefined;
  tell(received: Received): void;
  /** A request is over, and nothing has come for it. */
  syncReading(): void;
}

/** The requests to receive of one connection, which are answered in the order in which they were made. */
export class Demands {
  readonly #waiting: Demand[] = [];
  readonly #connection: Demanding;
  /** Of the first that waits. */
  #limit: Deadline | undefined;
  #limited: Demand | undefined;

  constructor(connection: Demanding) {
    this.#connection = connection;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  add(length: number | undefined, timeoutMs: number | "infinity"): SocketRequest {
    const request: SocketRequest = { kind: "receive" };
    this.#waiting.push({ request, length, timeoutMs });
    return request;
  }

  /** No reply comes any more, unless it is in the mailbox already. */
  abandon(request: SocketRequest): void {
    const index = this.#waiting.findIndex((demand) => demand.request === request);
    if (index !== -1) this.#waiting.splice(index, 1);
  }

  /** Answers the first, and so on, as long as there is an answer. */
  serve(): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const outcome = this.#connection.answer(first.length);
      if (outcome === undefined) break;
      this.#answerFirst(first, outcome);
    }
  }

  /** Answers the first that waits, if there is one. */
  failFirst(error: string): void {
    const [first] = this.#waiting;
    if (first !== undefined) this.#answerFirst(first, { ok: false, error });
  }

  /** Answers all. */
  failAll(error: string): void {
    while (!this.isEmpty) this.failFirst(error);
    this.watch();
  }

  /** The time of the first stands still, until `watch` has it begin anew. */
  rest(): void {
    this.#limited = undefined;
    this.#limit?.cancel();
  }

  /** Has the time of the first run, from when it has become the first. */
  watch(): void {
    const [first] = this.#waiting;
    if (first === this.#limited) return;
    this.#limited = first;
    if (first === undefined || first.timeoutMs === "infinity") {
      this.#limit?.cancel();
      return;
    }
    this.#limit ??= this.#connection.timer(() => {
      this.#limited = undefined;
      this.failFirst("timeout");
      this.watch();
      this.#connection.syncReading();
    });
    this.#limit?.arm(first.timeoutMs);
  }

  #answerFirst({ request }: Demand, outcome: ReceiveOutcome): void {
    this.#waiting.shift();
    this.#connection.tell(new Received(request, outcome));
  }
}

/** The first `length` bytes of the chunks, which are taken out of them; undefined if there are not so many. */
export function takeBytes(chunks: Uint8Array[], length: number): Uint8Array | undefined {
  const [first] = chunks;
  if (first !== undefined && first.length > length) {
    chunks[0] = first.subarray(length);
    return first.subarray(0, length);
  }
  let filled = 0;
  let whole = 0;
  while (filled < length) {
    const chunk = chunks[whole];
    if (chunk === undefined) return undefined;
    if (filled + chunk.length > length) break;
    filled += chunk.length;
    whole += 1;
  }
  const taken = chunks.splice(0, whole);
  if (taken.length === 1 && filled === length) return taken[0];
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of taken) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  const [rest] = chunks;
  if (offset < length && rest !== undefined) {
    bytes.set(rest.subarray(0, length - offset), offset);
    chunks[0] = rest.subarray(length - offset);
  }
  return bytes;
}
