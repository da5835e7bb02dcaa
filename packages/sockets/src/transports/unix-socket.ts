import { chmodSync, existsSync, lstatSync, unlinkSync } from "node:fs";
import { connect, type Server, Socket } from "node:net";
import { dirname } from "node:path";
import {
  type Address,
  type ListenEvents,
  type ListenSocketOptions,
  type SocketEvents,
  type TransportSocket,
  unixAddress,
} from "../transport.ts";
import { NetListenSocket } from "./net-listen-socket.ts";
import { codeOf, NetSocket } from "./net-socket.ts";

/** What a client is called: it has bound no path. */
const NAMELESS = unixAddress("");

/** A connection to a unix socket, as a client. */
export function connectUnix(path: string, events: SocketEvents): TransportSocket {
  const ends = { peer: unixAddress(path), local: NAMELESS };
  return NetSocket.connect(new Socket({ allowHalfOpen: true }), { path }, events, ends);
}

/** A listening unix socket. */
export class UnixListenSocket extends NetListenSocket {
  readonly #path: string;
  readonly #backlog: number;
  readonly #mode: number | undefined;
  readonly #ends: { readonly peer: Address; readonly local: Address };
  #hasRetried = false;

  constructor({ path = "", backlog, mode, ...options }: ListenSocketOptions, events: ListenEvents) {
    super(options, events);
    this.#path = path;
    this.#backlog = backlog;
    this.#mode = mode;
    this.#ends = { peer: NAMELESS, local: unixAddress(path) };
    this.#open();
  }

  protected toSocket(socket: Socket): TransportSocket {
    return new NetSocket(socket, this.#ends);
  }

  protected addressOf(_server: Server): Address {
    return this.#ends.local;
  }

  /** One try: if the file is there again after it was removed, somebody else is starting a server, and was first. */
  protected override retry(code: string): boolean {
    if (code !== "EADDRINUSE" || this.#hasRetried) return false;
    this.#hasRetried = true;
    this.#replaceStaleFile();
    return true;
  }

  protected override fail(code: string): void {
    // libuv says EACCES of a directory that is not there.
    super.fail(code === "EACCES" && !existsSync(dirname(this.#path)) ? "ENOENT" : code);
  }

  #open(): void {
    const server = this.bind({ path: this.#path, backlog: this.#backlog });
    if (!server.listening || this.#mode === undefined) return;
    // The file is there when `listen` returns, and nobody has been accepted.
    try {
      chmodSync(this.#path, this.#mode);
    } catch (error) {
      // First, so that it has failed when it is closed, and nothing more is told.
      process.nextTick(() => this.fail(toCode(error)));
      server.close();
    }
  }

  /**
   * Removes the file and tries again, if it is a socket on which nobody listens. Whether somebody does, only connecting
   * can tell. What was probed must still be there: a server that has started meanwhile has a file of its own. From that
   * check to the new file nothing else runs in this process, and other processes have no more than that moment.
   */
  #replaceStaleFile(): void {
    const probed = lookAt(this.#path);
    if (probed !== undefined && !probed.isSocket) {
      process.nextTick(() => this.fail("EADDRINUSE"));
      return;
    }
    const probe = connect(this.#path);
    probe.on("connect", () => {
      probe.destroy();
      this.fail("EADDRINUSE");
    });
    probe.on("error", (error) => {
      const code = codeOf(error);
      if (code === "ECONNREFUSED" && lookAt(this.#path)?.identity === probed?.identity) tryToRemove(this.#path);
      if (code === "ECONNREFUSED" || code === "ENOENT") this.#open();
      else this.fail("EADDRINUSE");
    });
  }
}

/** What lies at the path, links not followed; undefined: nothing, as far as one can see. */
function lookAt(path: string): { readonly identity: string; readonly isSocket: boolean } | undefined {
  try {
    const stats = lstatSync(path);
    // File systems use the number of a file again as soon as it is removed.
    return { identity: `${stats.dev} ${stats.ino} ${stats.ctimeMs}`, isSocket: stats.isSocket() };
  } catch {
    return undefined;
  }
}

function tryToRemove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It stays, and the address in use.
  }
}

function toCode(error: unknown): string {
  return error instanceof Error ? codeOf(error) : "EPERM";
}
