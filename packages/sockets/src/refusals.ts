import { Account } from "./account.ts";
import { connectionRefused } from "./diagnostics.ts";
import { formatAddress } from "./listen-on.ts";
import type { ListenerCounter } from "./stats.ts";
import type { Address } from "./transport.ts";

/** What is said of clients that an actor of a listener refuses: counted always, told to those who want to know. */
export class Refusals extends Account {
  /** A client was refused. The caller closes the socket. */
  add(peer: Address, counter: ListenerCounter): void {
    const { id: listener, stats } = this.record;
    stats.increment(counter);
    if (this.process.isTraced) this.process.observe("connectionRefused", { listener, peer, counter });
    if (connectionRefused.hasSubscribers) connectionRefused.publish({ listener, peer, counter });
    // It is the server that is in trouble then, of which there is a warning.
    if (counter === "closedSysLimit") return;
    this.log(counter, "info", () => {
      const client = formatAddress(peer);
      return [{ peer: client, reason: counter }, `${listener}: refused ${client}: ${counter}`];
    });
  }
}
