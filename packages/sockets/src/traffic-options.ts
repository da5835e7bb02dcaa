import * as v from "valibot";
import type { CustomFraming } from "./custom-framing.ts";
import type { Framing } from "./framing.ts";
import {
  BYTES,
  flag,
  integer,
  LARGEST_SIZE,
  milliseconds,
  orInfinity,
  setting,
  type Settings,
  TIMEOUT,
} from "./setting.ts";

/** How a connection is read and written, and for how long. */
export interface TrafficOptions {
  /**
   * How received bytes are cut into packets, and what is put before sent ones: not at all, by a length before each, by
   * lines, or by a {@link CustomFraming}, an object with a function `lengthOf`.
   *
   * @defaultValue `"raw"`: bytes as they come, as Erlang's `inet`.
   */
  readonly packet?: Framing;

  /**
   * Largest packet to receive, in bytes without its length header, from 1 to 2147483647; of a framing of one's own all
   * bytes count. A client that announces more is disconnected before it can send it. Without meaning for `packet: "raw"`.
   *
   * @defaultValue 1048576 (1 MiB), as EMQX. Erlang sets no limit, which lets every client take memory at will; with this
   * one the default 1024 clients can claim 1 GiB together, and the packets of most protocols are smaller.
   */
  readonly maxPacketSize?: number;

  /**
   * How long a client may send nothing before its connection ends, at least 1 ms. It counts from the last bytes that were
   * read, also while the handler lets nothing in and so nothing is read: one that is slow on purpose gives its connection
   * more time by `setOptions`. What `pipe` sends to the client counts, too. To a function that asks for bytes a client is silent only
   * while it asks.
   *
   * @defaultValue 120000, as the echo server of the OTP tutorial that the connection machine follows.
   */
  readonly idleTimeoutMs?: number | "infinity";

  /**
   * How long a packet that has begun may take to become whole, at least 1 ms; then the connection ends, as
   * `packetTimeout`. It bounds clients who keep a connection by sending a byte now and then. The time while nothing is
   * read does not count. Without meaning for `packet: "raw"`.
   *
   * @defaultValue 60000, as nginx gives a request's header.
   */
  readonly packetTimeoutMs?: number | "infinity";

  /**
   * Sends small packets at once instead of waiting to join them (TCP_NODELAY).
   *
   * @defaultValue true, as eSockd.
   */
  readonly noDelay?: boolean;

  /**
   * Lets the kernel probe silent peers (SO_KEEPALIVE), to find those that vanished without a word.
   *
   * @defaultValue false, as every system does.
   */
  readonly keepAlive?: boolean;

  /**
   * Ends connections by RST instead of FIN, whoever ends them and however: what was not sent yet is lost, and the system
   * remembers nothing of them (no TIME_WAIT). For clients who may take any end for a failure. EMQX's `nolinger`.
   *
   * @defaultValue false
   */
  readonly noLinger?: boolean;

  /**
   * Bytes waiting to be sent on one connection from which on nothing more is read from it, at least 1. It resumes when
   * they are gone, so a client that does not read its answers sends no more requests.
   *
   * @defaultValue 65536 (64 KiB), the size of one read in Node.
   */
  readonly highWaterMark?: number;

  /**
   * Bytes waiting to be sent on one connection beyond which it ends, as `tooManyUnsentBytes`, at least 1. It keeps a
   * client that does not read from filling the memory with what others have to say. One packet may not be larger.
   *
   * @defaultValue 67108864 (64 MiB)
   */
  readonly maxUnsentBytes?: number | "infinity";

  /**
   * How long sent bytes may stay unaccepted by the peer before the connection ends, at least 1 ms.
   *
   * @defaultValue 30000, as eSockd and Ranch.
   */
  readonly sendTimeoutMs?: number | "infinity";

  /**
   * How long a started connection waits for its socket in `WAIT_FOR_SOCKET`, at least 1 ms. It ends a connection whose
   * hand-off was lost; in the tutorial such a process stays for ever.
   *
   * @defaultValue 15000, eSockd's bound on a handshake.
   */
  readonly socketReadyTimeoutMs?: number;
}

/** May be an object of a class, with more in it. */
const customFraming = v.looseObject({
  lengthOf: v.function(),
  maxHeaderBytes: v.optional(integer(1, LARGEST_SIZE)),
});

export const trafficSettings: Settings<TrafficOptions> = {
  packet: setting<Framing>(
    v.union([v.picklist(["raw", 1, 2, 4, "line"]), v.custom<CustomFraming>((value) => v.is(customFraming, value))]),
    `"raw", 1, 2, 4, "line" or { lengthOf: a function, maxHeaderBytes?: ${BYTES} }`,
    "raw",
  ),
  maxPacketSize: setting(integer(1, LARGEST_SIZE), BYTES, 1_048_576),
  idleTimeoutMs: setting(orInfinity(milliseconds(1)), `${TIMEOUT}, or "infinity"`, 120_000),
  packetTimeoutMs: setting(orInfinity(milliseconds(1)), `${TIMEOUT}, or "infinity"`, 60_000),
  noDelay: flag(true),
  keepAlive: flag(false),
  noLinger: flag(false),
  highWaterMark: setting(integer(1, LARGEST_SIZE), BYTES, 65_536),
  maxUnsentBytes: setting(orInfinity(integer(1, LARGEST_SIZE)), `${BYTES}, or "infinity"`, 67_108_864),
  sendTimeoutMs: setting(orInfinity(milliseconds(1)), `${TIMEOUT}, or "infinity"`, 30_000),
  socketReadyTimeoutMs: setting(milliseconds(1), TIMEOUT, 15_000),
};
