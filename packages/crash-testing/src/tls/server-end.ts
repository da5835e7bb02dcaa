import type { Duplex } from "node:stream";
import type { HandshakeOutcome } from "@espalier/sockets";
import { CLIENT_HELLO, FINISHED, HANDSHAKE_FAILURE, RECORD, says, type SealedRecord, SERVER_HELLO } from "./record.ts";
import { type Answerer, NO_TLS, SimEnd } from "./sim-end.ts";

/** What OpenSSL says of a client with which it has nothing in common. */
const REFUSED = "ERR_SSL_NO_SHARED_CIPHER";

/** The server's end of simulated TLS: it hears a hello, answers it, and waits until the client has finished. */
export class ServerEnd extends SimEnd {
  readonly #answerer: Answerer;
  #awaited: "hello" | "answer" | "finished" = "hello";

  constructor(stream: Duplex, outcome: HandshakeOutcome, answerer: Answerer) {
    super(stream, outcome);
    this.#answerer = answerer;
  }

  protected override heard(record: SealedRecord): void {
    const isHandshake = record.type === RECORD.handshake;
    if (this.#awaited === "hello" && isHandshake && says(record, CLIENT_HELLO)) {
      this.#awaited = "answer";
      this.ask(this.#answerer, (isAccepted) => this.#answer(isAccepted));
    } else if (this.#awaited === "finished" && isHandshake && says(record, FINISHED)) {
      this.secured();
    } else if (this.#awaited === "finished" && record.type === RECORD.alert) {
      this.fail(UNWANTED);
    } else {
      this.fail(NO_TLS);
    }
  }

  #answer(isAccepted: boolean): void {
    if (isAccepted) {
      this.#awaited = "finished";
      this.say(RECORD.handshake, SERVER_HELLO);
      return;
    }
    this.say(RECORD.alert, HANDSHAKE_FAILURE);
    this.fail(REFUSED);
  }
}

/** What OpenSSL says of a client that does not want the server's certificate. */
const UNWANTED = "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA";
