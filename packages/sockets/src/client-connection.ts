import type { System } from "@espalier/actors";
import { Connection } from "./connection.ts";
import type { ListenerConfig } from "./options.ts";
import { clientEnd, type TlsEnd, type TlsMaterial } from "./start-tls.ts";
import type { Address, TransportSocket } from "./transport.ts";
import type { Undertaker } from "./undertaker.ts";

/** A connection that this end has made: in a TLS handshake it is the client. */
export class ClientConnection extends Connection {
  readonly #to: Address;

  /**
   * @param to - where it was to go, which may be a name
   * @internal
   */
  constructor(system: System, socket: TransportSocket, to: Address, config: ListenerConfig, loss: Undertaker) {
    super(system, socket, socket.peer ?? to, config, loss);
    this.#to = to;
  }

  protected override tlsEnd(material: TlsMaterial | undefined): TlsEnd {
    return clientEnd(material, this.#to);
  }
}
