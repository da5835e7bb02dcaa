import type { Transport } from "../transport.ts";
import { netTransport } from "./net.ts";

/**
 * TCP by Node's public `node:net`, which is the default: it rests on nothing that Node may change. `fastTransport` is the
 * same for less. An address with a path is a unix socket, as with `unixTransport`.
 *
 * What the interface leaves open, and is the same in the fast and the in-memory transport and for unix sockets, but for the reset:
 *
 * - A socket that was never resumed reads nothing, so it hears of its peer's end or reset when it is resumed, or when it
 *   writes. One that was resumed and is paused goes on reading a little ahead: it may hear `end` with no byte before it,
 *   and a reset, while paused.
 * - `close("flush")` lingers. Once everything and the FIN are handed to the system, input is thrown away until the peer
 *   has sent its FIN too; then `closed` comes. Giving the socket back earlier would make the system answer whatever the
 *   peer still sends with RST, and an RST destroys bytes that the peer has not received yet. A peer that keeps its side
 *   open keeps the socket: whoever cannot wait calls `close("now")` after a while.
 * - `close("now")` with input that nobody has read, or a peer that writes afterwards, is an RST at the peer: the system
 *   does so. Otherwise the peer gets `end`.
 * - From `close` on, only `drain` (of a flush) and `closed` come.
 * - A peer that is reset after it got `end` hears of that at its second write (`EPIPE`), or not at all.
 */
export function tcpTransport(): Transport {
  return netTransport("tcp");
}
