import type { Transport } from "../transport.ts";
import { netTransport } from "./net.ts";

/**
 * Unix domain sockets by Node's public `node:net`. Of the address of a listening socket only `path` and `mode` count; one
 * without a path is that of TCP, as with `tcpTransport`: the two differ in name.
 *
 * - The file appears when the socket listens, and is removed when it is closed. A socket's file that a dead server has left
 *   behind is replaced; a file of any other kind, or a socket that somebody listens on, is `EADDRINUSE`.
 * - A client has no name. Its address has the path `""`.
 * - There is no reset: a peer of `close("reset")` is told of the end. It is reset, as by `close("now")`, when bytes that it
 *   has sent were not read; with the libuv of Node 20 bytes and such a reset that arrive together look like an end.
 */
export function unixTransport(): Transport {
  return netTransport("unix");
}
