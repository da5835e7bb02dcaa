import type { Process } from "@espalier/actors";
import type { OverloadFacts } from "./limit-options.ts";
import type { ListenerRecord } from "./listener-record.ts";
import { RareWarning } from "./rare-warning.ts";
import type { Address } from "./transport.ts";

/** What a hook is told. To count takes time, and is left to those who ask. */
class Facts implements OverloadFacts {
  readonly listener: string;
  readonly peer: Address;
  readonly connections: number;
  readonly waiting: number;
  readonly #record: ListenerRecord;

  constructor(record: ListenerRecord, peer: Address, waiting: number) {
    this.listener = record.id;
    this.peer = peer;
    this.connections = record.connections;
    this.waiting = waiting;
    this.#record = record;
  }

  get fromSameHost(): number {
    let count = 0;
    for (const { socketPeername } of this.#record.openConnections()) {
      if (socketPeername?.host === this.peer.host) count += 1;
    }
    return count;
  }
}

/** Asks the hook of a listener whether there is too much to do, on behalf of the actor that owns its socket. */
export class Overload {
  readonly #record: ListenerRecord;
  readonly #warning: RareWarning;

  constructor(record: ListenerRecord, listener: Process) {
    this.#record = record;
    this.#warning = new RareWarning(listener);
  }

  /** Whether this client is too much. A hook that throws does not know, and it is better to be careful then. */
  refuses(peer: Address, waiting: number): boolean {
    const { id, config } = this.#record;
    const { overload } = config;
    if (overload === false) return false;
    try {
      return overload(new Facts(this.#record, peer, waiting));
    } catch (error) {
      this.#warning.warn(`${id}: overload has thrown ${String(error)}; refusing connections`);
      return true;
    }
  }
}
