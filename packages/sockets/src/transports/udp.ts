import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { lookup } from "node:dns";
import { isIP } from "node:net";
import type { Address } from "../transport.ts";
import type {
  BufferName,
  DatagramEvents,
  DatagramSocket,
  DatagramSocketOptions,
  DatagramTransport,
} from "../udp/datagram-transport.ts";
import { descriptors } from "./descriptors.ts";

/**
 * UDP by Node's public `node:dgram`.
 *
 * - Without a host it listens on `::`, which takes IPv4 in as well, or on `0.0.0.0` where there is no IPv6.
 * - A datagram for which the system has no room waits here, up to 1 MiB of them for one socket; then `send` answers false.
 * - Linux does not tell a socket with many peers that one of them is gone (`ECONNREFUSED`), so such a peer is idle.
 */
export function udpTransport(): DatagramTransport {
  return { name: "udp", bind: (options, events) => new UdpDatagramSocket(options, events) };
}

/** What waits in this process because the system's buffer is full. */
const MOST_UNSENT_BYTES = 1_048_576;

/** What is said about a datagram that was sent before, or about the way to one peer. The socket is as good as ever. */
const FAULTS_OF_ONE_DATAGRAM: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTDOWN",
  "EHOSTUNREACH",
  "EMSGSIZE",
  "ENETDOWN",
  "ENETUNREACH",
  "ENOBUFS",
  "EPERM",
  "EPROTO",
]);

class UdpDatagramSocket implements DatagramSocket {
  readonly #options: DatagramSocketOptions;
  readonly #events: DatagramEvents;
  #socket: Socket | undefined;
  #isIpv6 = false;
  #state: "opening" | "open" | "closed" = "opening";
  #isCloseWanted = false;

  constructor(options: DatagramSocketOptions, events: DatagramEvents) {
    this.#options = options;
    this.#events = events;
    const { host } = options;
    // Node may answer from within `bind`, and nothing is to be told from within this call.
    if (host === undefined) process.nextTick(() => this.#bind("::", 6));
    else if (isIP(host) !== 0) process.nextTick(() => this.#bind(host, isIP(host)));
    else lookup(host, (error, address, family) => (error ? this.#fail(error) : this.#bind(address, family)));
  }

  send(bytes: Uint8Array, { host, port }: Address): boolean {
    const socket = this.#socket;
    if (socket === undefined || this.#state !== "open" || socket.getSendQueueSize() > MOST_UNSENT_BYTES) return false;
    // Anybody can write 0 as the port that a datagram comes from, and Node throws at it.
    if (port === 0) process.nextTick(() => this.#tellSendFailed({ host, port }, "EINVAL"));
    else {
      const address = this.#isIpv6 && isIP(host) === 4 ? `::ffff:${host}` : host;
      socket.send(bytes, port, address, (error) => {
        if (error !== null) this.#tellSendFailed({ host, port }, codeOf(error));
      });
    }
    return true;
  }

  setBuffer(which: BufferName, bytes: number): string | undefined {
    // One that is not open yet, or not any more, is replaced by one that is bound with it.
    if (this.#state !== "open") return undefined;
    try {
      if (which === "receiveBuffer") this.#socket?.setRecvBufferSize(bytes);
      else this.#socket?.setSendBufferSize(bytes);
      return undefined;
    } catch (error) {
      return error instanceof Error ? codeOf(error) : "EUNKNOWN";
    }
  }

  close(): void {
    // While it is opening there may be nothing to close; and somebody waits for the outcome.
    if (this.#state === "opening") this.#isCloseWanted = true;
    else this.#shut();
  }

  #bind(address: string, family: number): void {
    if (this.#isCloseWanted) {
      this.#fail({ code: "ECANCELED" });
      return;
    }
    const { port, receiveBuffer, sendBuffer } = this.#options;
    this.#isIpv6 = family === 6;
    const socket = createSocket({
      type: this.#isIpv6 ? "udp6" : "udp4",
      // Addresses are addresses already; Node's own look-up would take a turn for each datagram that is sent.
      lookup: (host, _options, found) => found(null, host, family),
      ...(receiveBuffer !== undefined && { recvBufferSize: receiveBuffer }),
      ...(sendBuffer !== undefined && { sendBufferSize: sendBuffer }),
    });
    this.#socket = socket;
    descriptors.sockets += 1;
    socket.on("close", () => this.#onClose());
    socket.on("error", (error) => this.#onError(error));
    socket.on("message", (bytes, from) => this.#onMessage(bytes, from));
    socket.on("listening", () => this.#onListening());
    try {
      socket.bind({ port, address });
    } catch (error) {
      // Node throws when the system refuses the size of a buffer.
      this.#onError(error as Error);
    }
  }

  #onListening(): void {
    const socket = this.#socket;
    if (socket === undefined || this.#state !== "opening") return;
    this.#state = "open";
    const { address, port } = socket.address();
    this.#events.bound({ host: address, port });
    if (this.#isCloseWanted) this.#shut();
  }

  #onError(error: Error): void {
    if (this.#state === "opening") {
      const { host } = this.#options;
      this.#socket?.removeAllListeners("close").on("close", () => void (descriptors.sockets -= 1));
      this.#socket?.close();
      this.#socket = undefined;
      // Node's own servers fall back to IPv4 as well.
      if (host === undefined && this.#isIpv6) this.#bind("0.0.0.0", 4);
      else this.#fail(error);
    } else if (!FAULTS_OF_ONE_DATAGRAM.has(codeOf(error))) {
      this.#shut();
    }
  }

  #onMessage(bytes: Uint8Array, { address, port }: RemoteInfo): void {
    if (this.#state === "open") this.#events.received(bytes, { host: address.replace(MAPPED_IPV4, ""), port });
  }

  #fail(error: object): void {
    this.#state = "closed";
    this.#events.failed(codeOf(error));
  }

  #shut(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#socket?.close();
  }

  /** Also when a cluster has taken it away. */
  #onClose(): void {
    descriptors.sockets -= 1;
    this.#state = "closed";
    this.#socket = undefined;
    this.#events.closed();
  }

  #tellSendFailed(to: Address, code: string): void {
    if (this.#state === "open") this.#events.sendFailed(to, code);
  }
}

/** On a socket for both families the system shows an IPv4 peer as IPv6. */
const MAPPED_IPV4 = /^::ffff:(?=\d+\.)/i;

function codeOf(error: object): string {
  return "code" in error && typeof error.code === "string" ? error.code : "EUNKNOWN";
}
