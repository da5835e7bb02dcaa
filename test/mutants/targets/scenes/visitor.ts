import type { SocketEvents, Transport, TransportSocket } from "@espalier/sockets";

const MOST = 1000;

/** A client on the bare network, who says and reads what a scene has him say and read. What he has read is Latin-1 text. */
export class Visitor implements SocketEvents {
  readonly socket: TransportSocket;
  /** What has come so far, as far as anybody wants to look at it. */
  read = "";
  bytes = 0;
  /** When the last of it has come, and when all was over. */
  readAt = 0;
  overAt: number | undefined;
  isConnected = false;
  /** The server will send nothing more. */
  hasEnded = false;
  /** The connection is gone: `""`, or the code of what broke it. */
  over: string | undefined;
  readonly #now: () => number;

  constructor(transport: Transport, to: { readonly host: string; readonly port: number }, now: () => number) {
    this.#now = now;
    this.socket = transport.connect(to, this);
    this.socket.resume();
  }

  say(...words: ReadonlyArray<string | Uint8Array>): this {
    for (const word of words) this.socket.write(typeof word === "string" ? latin1(word) : word);
    return this;
  }

  /** Closes his side. */
  shut(...words: ReadonlyArray<string | Uint8Array>): this {
    this.say(...words).socket.end();
    return this;
  }

  reset(): void {
    this.socket.close("reset");
  }

  /** Reads nothing until `listen`. */
  ignore(): this {
    this.socket.pause();
    return this;
  }

  listen(): this {
    this.socket.resume();
    return this;
  }

  get isOver(): boolean {
    return this.over !== undefined;
  }

  connected(): void {
    this.isConnected = true;
  }

  data(bytes: Uint8Array): void {
    this.bytes += bytes.length;
    if (this.read.length < MOST) this.read += textOf(bytes.subarray(0, MOST));
    this.readAt = this.#now();
  }

  end(): void {
    this.hasEnded = true;
  }

  drain(): void {
    // What he says takes its time.
  }

  closed(code: string | undefined): void {
    this.over = code ?? "";
    this.overAt = this.#now();
  }
}

function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Bytes as Latin-1 text. */
export function textOf(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
