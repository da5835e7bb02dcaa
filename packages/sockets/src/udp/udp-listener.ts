import type { System } from "@espalier/actors";
import type { Connection } from "../connection.ts";
import { InvalidOptionError, type OptionIssue } from "../errors.ts";
import { Listener, type ListenerInfo } from "../listener-handle.ts";
import { createListenerRecord, type ListenerFacts } from "../listener-record.ts";
import type { ConnectionDefinition } from "../handler.ts";
import { DatagramStats, type DatagramStatsSnapshot } from "./datagram-stats.ts";
import type { BufferName, DatagramTransport } from "./datagram-transport.ts";
import {
  type CompleteUdpOptions,
  formatUdpConfig,
  toUdpConfig,
  type UdpConfig,
  type UdpOptions,
} from "./udp-options.ts";
import type { UdpRecord } from "./udp-record.ts";
import { UdpSocket } from "./udp-socket.ts";

/** What {@link UdpListener.info} answers. */
export interface UdpListenerInfo extends ListenerInfo {
  readonly options: CompleteUdpOptions;
  readonly datagrams: DatagramStatsSnapshot;
}

/**
 * An open UDP listener. Its connections are its peers: those whose handlers live. `stats` tells what became of would-be
 * peers, `datagrams` what became of each datagram. It has no acceptors.
 */
export class UdpListener extends Listener {
  readonly #record: UdpRecord;

  /** @internal */
  constructor(system: System, record: UdpRecord, close: () => Promise<void>) {
    super(system, record, close);
    this.#record = record;
  }

  /** What became of datagrams, each under exactly one cause. */
  get datagrams(): DatagramStatsSnapshot {
    return this.#record.datagramStats.snapshot();
  }

  override get info(): UdpListenerInfo {
    const { udp, config } = this.#record;
    return { ...super.info, options: formatUdpConfig(udp, config), datagrams: this.datagrams };
  }

  /**
   * The connection of the peer that `identify` knows by this id; undefined when there is none, or none any more. eSockd's
   * table of its UDP proxy.
   */
  connectionById(id: string): Connection | undefined {
    return this.#record.udp.identify && this.#record.peers.get(id)?.connection;
  }

  /**
   * Changes options, and leaves the others as they are. All are checked before any of them counts; if not all can be put
   * into effect, none is. Peers keep `idleTimeoutMs`, `maxWaiting` and `maxDatagramRate` as they were when they came;
   * everything else counts at once. So do the sizes of the system's buffers, while one that is not given any more stays as
   * it is until the next `resume`.
   *
   * @throws InvalidOptionError (`ERR_INVALID_OPTION`) naming every fault
   */
  override async setOptions(changes: UdpOptions): Promise<void> {
    this.#apply({ ...this.#record.udpOptions, ...changes });
  }

  /** The same with all options: what is not given has its default again. */
  override async resetOptions(options: UdpOptions): Promise<void> {
    this.#apply(options);
  }

  #apply(options: UdpOptions): void {
    const record = this.#record;
    const udp = toUdpConfig(options);
    if ((udp.transport ?? record.datagrams) !== record.datagrams) {
      const expected = "what it was when the listener was opened";
      throw new InvalidOptionError([{ option: "transport", value: udp.transport, expected }]);
    }
    setBuffers(record, udp);
    Object.assign(record, { udpOptions: options, udp, config: udp.listener });
    record.limits.apply(udp.listener, record.system.now());
  }
}

const BUFFERS: readonly BufferName[] = ["receiveBuffer", "sendBuffer"];

/** Gives the socket the buffers that have changed, or leaves all as they were. */
function setBuffers({ socket, udp: before }: UdpRecord, after: UdpConfig): void {
  const changed = BUFFERS.filter((name) => after[name] !== before[name]);
  const issues = changed.flatMap((name): OptionIssue[] => {
    const value = after[name];
    const code = value === undefined ? undefined : socket?.setBuffer(name, value);
    return code === undefined ? [] : [{ option: name, value, expected: `a size that the system takes (${code})` }];
  });
  if (issues.length === 0) return;
  for (const name of changed) {
    const value = before[name];
    if (value !== undefined) socket?.setBuffer(name, value);
  }
  throw new InvalidOptionError(issues);
}

/** What is known of a UDP listener before it runs. */
export interface UdpFacts extends Omit<ListenerFacts, "transport"> {
  /** Where datagrams come from unless the options name another transport. */
  readonly datagrams: DatagramTransport;
}

/**
 * The record of a UDP listener that has not been started yet.
 *
 * @throws InvalidOptionError (`ERR_INVALID_OPTION`)
 */
export function createUdpRecord(facts: UdpFacts, options: UdpOptions, handler: ConnectionDefinition): UdpRecord {
  const udp = toUdpConfig(options);
  const { listenOn, system } = facts;
  if (listenOn.path !== undefined) {
    throw new InvalidOptionError([{ option: "listenOn", value: listenOn.path, expected: "an address with a port" }]);
  }
  const datagrams = udp.transport ?? facts.datagrams;
  const record: UdpRecord = {
    ...createListenerRecord({ ...facts, transport: withoutStreams(datagrams.name) }, {}, handler),
    config: udp.listener,
    isSuspended: udp.listener.paused,
    openSocket: (listener) => new UdpSocket(record, listener),
    datagrams,
    datagramStats: new DatagramStats(),
    peers: new Map(),
    udpOptions: options,
    udp,
    socket: undefined,
  };
  record.limits.apply(udp.listener, system.now());
  return record;
}

export function isUdpRecord(record: object): record is UdpRecord {
  return "datagrams" in record;
}

/** What the supervisor of connections asks of a transport is whether it has room: a peer takes nothing of the system. */
function withoutStreams(name: string) {
  const refuse = (): never => {
    throw new TypeError(`${name} has no streams`);
  };
  return { name, hasRoom: true, listen: refuse, connect: refuse };
}
