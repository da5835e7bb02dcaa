import type { ProcessView, Resource } from "@espalier/actors";
import { Connection } from "@espalier/sockets";
import type { Totals } from "./api-types.ts";

/** Sums that grow as actors are added to them. */
export class Sums implements Totals {
  processes = 0;
  mailbox = 0;
  bytesReceived = 0;
  bytesSent = 0;
  unsentBytes = 0;

  addProcess(process: ProcessView): void {
    this.processes += 1;
    this.mailbox += process.mailboxLength;
    process.visitResources(this.#addResource);
  }

  /** One function for all actors: there may be thousands to be looked at. */
  readonly #addResource = (resource: Resource): void => {
    if (!(resource instanceof Connection)) return;
    this.bytesReceived += resource.bytesReceived;
    this.bytesSent += resource.bytesSent;
    this.unsentBytes += resource.unsentBytes;
  };

  add(other: Totals): void {
    this.processes += other.processes;
    this.mailbox += other.mailbox;
    this.bytesReceived += other.bytesReceived;
    this.bytesSent += other.bytesSent;
    this.unsentBytes += other.unsentBytes;
  }
}

/** Past so many different keys, new ones are counted together. */
const MOST_KEYS = 50;

/** How many there are of each kind; the kinds are few, whatever they are counted by. */
export class Histogram {
  readonly #counts = new Map<string, number>();
  /** Of many that are alike only the first is looked up. */
  #last: string | undefined;
  #run = 0;

  count(key: string): void {
    if (key !== this.#last) {
      this.#settle();
      this.#last = key;
    }
    this.#run += 1;
  }

  #settle(): void {
    if (this.#last !== undefined) this.#add(this.#last, this.#run);
    this.#last = undefined;
    this.#run = 0;
  }

  #add(key: string, more: number): void {
    const count = this.#counts.get(key);
    if (count !== undefined) this.#counts.set(key, count + more);
    else if (this.#counts.size < MOST_KEYS) this.#counts.set(key, more);
    else this.#counts.set("other", (this.#counts.get("other") ?? 0) + more);
  }

  toRecord(): Readonly<Record<string, number>> {
    this.#settle();
    return Object.fromEntries(this.#counts);
  }
}
