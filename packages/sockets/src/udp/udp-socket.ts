import { type Process, Resource } from "@espalier/actors";
import { isAllowed } from "../access-rules.ts";
import { Connection } from "../connection.ts";
import { StartConnection } from "../connection-supervisor.ts";
import { formatAddress } from "../listen-on.ts";
import type { OpenSocket } from "../listener-record.ts";
import type { ListeningEvent } from "../listening-socket.ts";
import { announceClose } from "../listener-news.ts";
import { Overload } from "../overload.ts";
import { RareWarning } from "../rare-warning.ts";
import { Refusals } from "../refusals.ts";
import type { ListenerCounter } from "../stats.ts";
import type { Address } from "../transport.ts";
import type { BufferName, DatagramEvents, DatagramSocket } from "./datagram-transport.ts";
import { PeerSocket } from "./peer-socket.ts";
import type { Identified } from "./udp-options.ts";
import type { UdpRecord } from "./udp-record.ts";

/**
 * The socket that all peers of a listener share, owned by the listener. It finds the peer of each datagram, and has a
 * handler started for a new one, in this order:
 *
 *   size ▶ health check ▶ identify ▶ a peer that is known ▶ its rate ▶ its handler, or its queue
 *                                  └ a new one ▶ access ▶ maxClients ▶ overload ▶ rate of new peers ▶ connection_sup
 */
export class UdpSocket extends Resource implements OpenSocket, DatagramEvents {
  readonly kind = "udpSocket";
  readonly #record: UdpRecord;
  readonly #listener: Process;
  readonly #socket: DatagramSocket;
  readonly #overload: Overload;
  readonly #refusals: Refusals;
  readonly #warning: RareWarning;
  /** For peers whose handler could not be started because the supervisor died: they are counted like any refusal. */
  readonly #loss = { bury: ({ peername }: Connection) => this.#refuse(peername, "closedOther") };
  /** The listener is told to end, and the peers are given time: there are to be no new ones. */
  #isRetired = false;
  #isReleased = false;

  constructor(record: UdpRecord, listener: Process) {
    super();
    this.#record = record;
    this.#listener = listener;
    this.#overload = new Overload(record, listener);
    this.#refusals = new Refusals(listener, record);
    this.#warning = new RareWarning(listener);
    const { host } = record.listenOn;
    const { receiveBuffer, sendBuffer } = record.udp;
    const options = {
      port: record.address?.port ?? record.listenOn.port,
      ...(host !== undefined && { host }),
      ...(receiveBuffer !== undefined && { receiveBuffer }),
      ...(sendBuffer !== undefined && { sendBuffer }),
    };
    this.#socket = record.datagrams.bind(options, this);
  }

  // — For the listener ———————————————————————————————————————————————————————————————————————————————————————————

  accept(): void {
    // It has no acceptors.
  }

  close(): void {
    this.#listener.disown(this);
    this.release();
  }

  /**
   * Lives on for the peers while they end, under the supervisor that waits for them: what they say as a goodbye is to
   * reach their clients. False: that one is dead, and so are they.
   */
  retire(): boolean {
    const { connectionSupervisor } = this.#record;
    this.#isRetired = connectionSupervisor !== undefined && this.#listener.give(this, connectionSupervisor);
    return this.#isRetired;
  }

  release(): void {
    this.#isReleased = true;
    this.#refusals.end();
    if (this.#record.socket === this) this.#record.socket = undefined;
    announceClose(this.#record, this);
    this.#socket.close();
  }

  override describe(): string {
    const { address } = this.#record;
    return address === undefined ? "not bound" : formatAddress(address);
  }

  // — For peers ——————————————————————————————————————————————————————————————————————————————————————————————————

  send(bytes: Uint8Array, to: Address): void {
    this.#record.datagramStats.count(this.#socket.send(bytes, to) ? "sent" : "sendFailed");
  }

  /** Behind one address there may be several peers when they are known by something else. */
  forget(peer: Address): void {
    if (this.#record.udp.identify === undefined) this.#socket.forget?.(peer);
  }

  /** Answers the system's code if it refuses the size. A transport without buffers has nothing to refuse. */
  setBuffer(which: BufferName, bytes: number): string | undefined {
    return this.#socket.setBuffer?.(which, bytes);
  }

  // — From the transport —————————————————————————————————————————————————————————————————————————————————————————

  bound(address: Address): void {
    if (this.#isReleased) return;
    this.#record.socket = this;
    this.#tell({ socket: this, type: "listening", address });
  }

  failed(code: string): void {
    if (!this.#isReleased) this.#tell({ socket: this, type: "listenFailed", code });
  }

  received(bytes: Uint8Array, from: Address): void {
    if (this.#isReleased) return;
    const { datagramStats, peers, config } = this.#record;
    datagramStats.count("received");
    if (bytes.length > config.maxPacketSize) {
      datagramStats.count("tooLarge");
      return;
    }
    if (this.#isHealthCheck(bytes)) {
      this.#answerHealthCheck(from);
      return;
    }
    const named = this.#identify(bytes, from);
    if (named === undefined) {
      datagramStats.count("unidentified");
      return;
    }
    const peer = peers.get(named.id);
    if (peer === undefined) this.#admit(named, from);
    else if (this.#follows(peer, from)) peer.receive(named.data);
  }

  sendFailed(to: Address, code: string): void {
    const { id, datagramStats } = this.#record;
    datagramStats.count("sendFailed");
    this.#listener.observe("sendFailed", { listener: id, peer: to, code });
    if (code === "ECONNREFUSED") this.ended(to, code);
  }

  ended(peer: Address, code: string | undefined): void {
    // Whoever is known by something else may have moved on by now.
    if (this.#record.udp.identify === undefined) this.#record.peers.get(keyOf(peer))?.finish(code);
  }

  closed(): void {
    if (!this.#isReleased) this.#tell({ socket: this, type: "listenClosed" });
  }

  // — Inside —————————————————————————————————————————————————————————————————————————————————————————————————————

  #isHealthCheck(bytes: Uint8Array): boolean {
    const request = this.#record.udp.healthCheck?.request;
    return request?.length === bytes.length && request.every((byte, index) => byte === bytes[index]);
  }

  /** A listener that is closing lets its load balancer think what it should. */
  #answerHealthCheck(from: Address): void {
    const { datagramStats, config, udp } = this.#record;
    if (this.#isRetired || udp.healthCheck === undefined || !isAllowed(config.accessRules, from.host)) {
      datagramStats.count("refused");
      return;
    }
    datagramStats.count("healthChecks");
    this.send(udp.healthCheck.reply, from);
  }

  #identify(bytes: Uint8Array, from: Address): Identified | undefined {
    const { identify } = this.#record.udp;
    if (identify === undefined) return { id: keyOf(from), data: bytes };
    try {
      const found = identify(bytes, from);
      if (typeof found === "string") return { id: found, data: bytes };
      // Whatever else it answers, nobody is in it. The types say so; a table that is asked may say null.
      return typeof found?.id === "string" && found.data instanceof Uint8Array ? found : undefined;
    } catch (error) {
      // A stranger's datagram, for which nobody else is to pay: not the peers, and not the program.
      this.#warning.warn(`${this.#record.id}: identify has thrown ${String(error)}`);
      return undefined;
    }
  }

  /** Whether the peer may be at this address, where it is from now on if so. */
  #follows(peer: PeerSocket, from: Address): boolean {
    const { peer: before } = peer;
    if (before.port === from.port && before.host === from.host) return true;
    const { id, config, datagramStats } = this.#record;
    if (!isAllowed(config.accessRules, from.host)) {
      datagramStats.count("refused");
      this.#refuse(from, "closedForbidden");
      return false;
    }
    peer.moveTo(from);
    this.#listener.observe("peerMoved", { listener: id, from: before, to: from });
    return true;
  }

  /** eSockd's order. Spoofed addresses are for free, so what is refused must cost next to nothing. */
  #admit({ id, data }: Identified, from: Address): void {
    const { config, datagramStats, limits, peers, system } = this.#record;
    if (this.#isRetired) {
      datagramStats.count("refused");
    } else if (!isAllowed(config.accessRules, from.host)) {
      datagramStats.count("refused");
      this.#refuse(from, "closedForbidden");
    } else if (config.maxClients !== "infinity" && peers.size - this.#uncounted >= config.maxClients) {
      datagramStats.count("refused");
      this.#refuse(from, "closedMaxLimit");
    } else if (this.#overload.refuses(from, 0)) {
      // Before the rate: it is not to cost others their place.
      datagramStats.count("refused");
      this.#refuse(from, "closedOverloaded");
    } else if (!limits.admit(system.now())) {
      datagramStats.count("refused");
      this.#refuse(from, "closedRateLimited");
    } else {
      this.#begin(id, data, from);
    }
  }

  /** Those that have left the limit. Where one of them has ended before its handler, the supervisor says who is too many. */
  get #uncounted(): number {
    const { connections, activeConnections } = this.#record;
    return connections - activeConnections;
  }

  #begin(id: string, data: Uint8Array, from: Address): void {
    const { system, config, peers, connectionSupervisor: supervisor } = this.#record;
    const socket = new PeerSocket(this.#record, id, from);
    const connection = new Connection(system, socket, from, config, this.#loss);
    socket.connection = connection;
    peers.set(id, socket);
    socket.receive(data);
    this.#listener.own(connection);
    // The supervisor owns it before it hears of it. If it is dead, its restart takes this socket along.
    if (supervisor === undefined || !this.#listener.give(connection, supervisor)) {
      this.#listener.disown(connection);
      this.#refuse(from, "closedOther");
      connection.abort();
      return;
    }
    system.sendIo(supervisor, new StartConnection(connection, this.#listener.pid));
  }

  #refuse(peer: Address, counter: ListenerCounter): undefined {
    this.#refusals.add(peer, counter);
  }

  #tell(event: ListeningEvent): void {
    this.#record.system.sendIo(this.#listener.pid, event);
  }
}

/** What a peer is known by that is known by its address. */
function keyOf({ host, port }: Address): string {
  return `${host} ${port}`;
}
