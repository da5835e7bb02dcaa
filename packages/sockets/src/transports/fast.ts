import type { Transport } from "../transport.ts";
import { FastClient } from "./fast-client.ts";
import { FastListenSocket } from "./fast-listen-socket.ts";
import { netTransport } from "./net.ts";
import { codeOf } from "./net-socket.ts";
import { Driver } from "./tcp-driver.ts";
import { findInternals } from "./tcp-handle.ts";

export interface FastTransport extends Transport {
  /** What this Node lacks, so that it is no faster than `tcpTransport`; undefined: nothing. */
  readonly fallback: string | undefined;
}

/**
 * TCP by what Node's own sockets stand on, without those sockets: the same as `tcpTransport` in all that one can see,
 * for less CPU for each packet and each connection, and less memory for each connection. One memory that all sockets read
 * into takes the place of one for each read, and no stream stands between the system and the connection.
 *
 * It rests on parts of Node that are not public: `process.binding`, the handles of servers and sockets, and their
 * methods. They are the same in Node 20, 24 and 26. When it is made it looks whether they are all there and answer as
 * they should; if not, as with Node's permission model, it is `tcpTransport` by another name, and `fallback` says why.
 * It prints nothing, unless Node was asked for pending deprecations (`--pending-deprecation`).
 *
 * Node's diagnostics do not see its connections: no channel `net.server.socket`, and no `maxConnections` of a server. An
 * address with a path is a unix socket, as with `unixTransport`, and no faster.
 */
export function fastTransport(): FastTransport {
  const found = findDriver();
  return typeof found === "string" ? withFallback(netTransport("fast"), found) : withFallback(fast(found), undefined);
}

function fast(driver: Driver): Transport {
  return netTransport("fast", {
    listen: (options, events) => new FastListenSocket(driver, options, events),
    connect: (options, events) => new FastClient(driver, options, events),
  });
}

/** A copy would lose what the transport finds out each time it is asked. */
function withFallback(transport: Transport, fallback: string | undefined): FastTransport {
  return Object.assign(transport, { fallback });
}

/** Or what is missing. */
function findDriver(): Driver | string {
  try {
    return new Driver(findInternals());
  } catch (error) {
    return error instanceof Error ? `${codeOf(error)}: ${error.message}` : String(error);
  }
}
