import type { Duplex } from "node:stream";
import type { HandshakeOutcome } from "@espalier/sockets";
import { CLIENT_HELLO, FINISHED, HANDSHAKE_FAILURE, RECORD, says, type SealedRecord, SERVER_HELLO } from "./record.ts";
import { type Answerer, NO_TLS, SimEnd } from "./sim-end.ts";

/** What Node says of a server that refuses, and of a certificate in which nobody has to believe. */
const REFUSED = "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE";
const UNTRUSTED = "DEPTH_ZERO_SELF_SIGNED_CERT";

/** The client's end of simulated TLS: it says hello, looks at what the server has answered, and has finished. */
export class ClientEnd extends SimEnd {
  readonly #answerer: Answerer;

  constructor(stream: Duplex, outcome: HandshakeOutcome, answerer: Answerer) {
    super(stream, outcome);
    this.#answerer = answerer;
    this.say(RECORD.handshake, CLIENT_HELLO);
  }

  protected override heard(record: SealedRecord): void {
    if (record.type === RECORD.alert) this.fail(REFUSED);
    else if (record.type !== RECORD.handshake || !says(record, SERVER_HELLO)) this.fail(NO_TLS);
    else this.ask(this.#answerer, (isAccepted) => this.#verify(isAccepted));
  }

  #verify(isAccepted: boolean): void {
    if (isAccepted) {
      this.say(RECORD.handshake, FINISHED);
      this.secured();
      return;
    }
    this.say(RECORD.alert, HANDSHAKE_FAILURE);
    this.fail(UNTRUSTED);
  }
}
