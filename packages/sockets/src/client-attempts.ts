import type { Process, TimerRef } from "@espalier/actors";
import { AllBuried, type Burials } from "./burials.ts";
import type { ClientFacts } from "./client-calls.ts";
import type { ClientRecord } from "./client-record.ts";
import { Attempt } from "./outgoing.ts";
import { Retries } from "./retries.ts";

/** The pause before the next attempt is over. */
class PauseOver {
  readonly type = "pauseOver";
}

/** The attempts of a client to connect, one at a time, and the pauses between them. */
export class ClientAttempts {
  readonly #process: Process;
  readonly #facts: ClientFacts;
  readonly #record: ClientRecord;
  readonly #burials: Burials;
  readonly #retries: Retries;
  #present: Attempt | undefined;
  #pause: { readonly timer: TimerRef; readonly over: PauseOver } | undefined;
  /** The pause is over, but the last socket still sends. */
  #isDue = false;

  constructor(process: Process, facts: ClientFacts, record: ClientRecord, burials: Burials) {
    const { backoff, attempts } = facts.config;
    this.#process = process;
    this.#facts = facts;
    this.#record = record;
    this.#burials = burials;
    this.#retries = new Retries(backoff, attempts);
  }

  /** The number of the present one; 1 is the first since the start, or since the last connection that was stable. */
  get number(): number {
    return this.#retries.attempt;
  }

  get isUnderWay(): boolean {
    return this.#present !== undefined;
  }

  /** There is to be no further one. */
  get isSpent(): boolean {
    return this.#retries.isSpent;
  }

  /** The next one is the first. */
  startAnew(): void {
    this.#retries.reset();
  }

  /**
   * Begins the next one, whose outcome comes to the client; if the last socket still sends, when it is gone. Answers the
   * code of one that has failed at once.
   */
  begin(): string | undefined {
    this.#cancelPause();
    // A client has one socket at most.
    this.#isDue = this.#burials.count > 0;
    if (this.#isDue) {
      this.#record.waiting(this.#process.now());
      return undefined;
    }
    const { system, name, address, config } = this.#facts;
    const attempt = this.#retries.begin();
    this.#record.connecting(attempt);
    this.#process.observe("clientConnecting", { client: name, address, attempt });
    if (!config.transport.hasRoom) return "EMFILE";
    this.#present = new Attempt(system, this.#process, address, config, this.#burials);
    return undefined;
  }

  /** The outcome of the present one has come; one that is given up tells nothing. */
  settled(): void {
    this.#present = undefined;
  }

  /** Waits before the next one: as long as the back-off says, unless another time is given. */
  wait(pauseMs: number = this.#retries.pause(this.#process.random())): void {
    this.#record.waiting(this.#process.now() + pauseMs);
    this.#process.observe("clientWaiting", { client: this.#facts.name, pauseMs });
    const over = new PauseOver();
    this.#pause = { over, timer: this.#process.sendAfter<PauseOver>(this.#process.pid, over, pauseMs) };
  }

  /** Whether a message says that the next one is due; undefined: it is about something else. */
  isDue(message: unknown): boolean | undefined {
    // A pause that was cut short may have been over already.
    if (message instanceof PauseOver) return message === this.#pause?.over;
    return message instanceof AllBuried ? this.#isDue && this.#burials.count === 0 : undefined;
  }

  /** There is to be none, neither now nor later. */
  giveUp(): void {
    this.#cancelPause();
    this.#present?.giveUp();
    this.#present = undefined;
  }

  #cancelPause(): void {
    if (this.#pause !== undefined) this.#process.cancelTimer(this.#pause.timer);
    this.#pause = undefined;
  }
}
