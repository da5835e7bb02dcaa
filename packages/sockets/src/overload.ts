import type { Process } from "@espalier/actors";
import type { ListenerRecord } from "./listener-record.ts";
import { RareWarning } from "./rare-warning.ts";
import type { Address } from "./transport.ts";

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
    const { id, connections, config } = this.#record;
    const { overload } = config;
    if (overload === false) return false;
    try {
      return overload({ listener: id, peer, connections, waiting });
    } catch (error) {
      this.#warning.warn(`${id}: overload has thrown ${String(error)}; refusing connections`);
      return true;
    }
  }
}
