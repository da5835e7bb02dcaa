import type { Transport } from "../transport.ts";
import { tcpTransport } from "./tcp.ts";
import { TlsClientContext } from "./tls-client.ts";
import type { TlsClientOptions } from "./tls-client-options.ts";
import { TlsContext } from "./tls-context.ts";
import type { TlsOptions } from "./tls-options.ts";

export interface TlsTransportOptions extends TlsOptions {
  /** What its clients want. */
  readonly client?: TlsClientOptions;
  /** What it stands on. @defaultValue TCP and unix sockets by `node:net` */
  readonly over?: Transport;
}

export interface TlsTransport extends Transport {
  /** Changes options for connections that are accepted from now on; those that are not given stay. */
  reload(changes: Partial<TlsOptions>): void;
}

/**
 * TLS over another transport. A socket is accepted before its handshake, so that nobody waits for a slow client; in a
 * socket server the handshake is that of the connection, under its deadline, and elsewhere it begins by itself. A listener
 * that has the option `tls` needs no such transport.
 *
 * @throws InvalidOptionError (`ERR_INVALID_OPTION`) naming every fault
 */
export function tlsTransport({ client, over = tcpTransport(), ...options }: TlsTransportOptions): TlsTransport {
  const context = new TlsContext(options);
  const clients = new TlsClientContext(client, "client");
  return {
    name: "tls",
    get hasRoom() {
      return over.hasRoom;
    },
    get mostSockets() {
      return over.mostSockets ?? Infinity;
    },
    canReusePort: over.canReusePort === true,
    ...(over.reusePortNeeds !== undefined && { reusePortNeeds: over.reusePortNeeds }),
    listen: (listening, events) =>
      over.listen(listening, {
        listening: (address) => events.listening(address),
        failed: (code) => events.failed(code),
        closed: () => events.closed(),
        acceptFailed: (code) => events.acceptFailed?.(code),
        accepted: (socket) => {
          const secure = context.secure(socket);
          events.accepted(secure);
          if (!secure.isAwaited) secure.handshake([], { secured() {}, failed: () => secure.close("now") });
        },
      }),
    connect: (to, events) => clients.connect(over, to, events),
    reload: (changes) => context.reload(changes),
  };
}
