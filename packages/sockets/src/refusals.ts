import type { Process } from "@espalier/actors";
import { BoundedLog } from "./bounded-log.ts";
import { connectionRefused } from "./diagnostics.ts";
import { formatAddress } from "./listen-on.ts";
import type { ListenerRecord } from "./listener-record.ts";
import type { ListenerCounter } from "./stats.ts";
import type { Address } from "./transport.ts";

/** What is said of clients that an actor of a listener refuses: counted always, told to those who want to know. */
export class Refusals {
  readonly #process: Process;
  readonly #record: ListenerRecord;
  #log: BoundedLog | undefined;

  constructor(process: Process, record: ListenerRecord) {
    this.#process = process;
    this.#record = record;
  }

  /** Nothing more will be refused here. */
  end(): void {
    this.#log?.flush();
  }

  /** A client was refused. The caller closes the socket. */
  add(peer: Address, counter: ListenerCounter): void {
    const { id: listener, stats } = this.#record;
    stats.increment(counter);
    if (this.#process.isTraced) this.#process.observe("connectionRefused", { listener, peer, counter });
    if (connectionRefused.hasSubscribers) connectionRefused.publish({ listener, peer, counter });
    // It is the server that is in trouble then, of which there is a warning.
    if (counter === "closedSysLimit") return;
    this.#log ??= new BoundedLog(this.#process);
    this.#log.log(counter, "info", () => {
      const client = formatAddress(peer);
      return [{ peer: client, reason: counter }, `${listener}: refused ${client}: ${counter}`];
    });
  }
}
