import type { System } from "@espalier/actors";
import { InvalidOptionError } from "../errors.ts";
import { Listener } from "../listener-handle.ts";
import { createListenerRecord, type ListenerFacts } from "../listener-record.ts";
import type { ConnectionDefinition } from "../handler.ts";
import { DatagramStats, type DatagramStatsSnapshot } from "./datagram-stats.ts";
import type { DatagramTransport } from "./datagram-transport.ts";
import { toUdpConfig, type UdpOptions } from "./udp-options.ts";
import type { UdpRecord } from "./udp-record.ts";
import { UdpSocket } from "./udp-socket.ts";

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

  /**
   * Changes options, and leaves the others as they are. All are checked before any of them counts. Peers keep
   * `idleTimeoutMs`, `maxWaiting` and `maxDatagramRate` as they were when they came; the size of the system's buffers counts
   * from the next `resume` on; everything else counts at once.
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
    Object.assign(record, { udpOptions: options, udp, config: udp.listener });
    record.limits.apply(udp.listener, record.system.now());
  }
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
