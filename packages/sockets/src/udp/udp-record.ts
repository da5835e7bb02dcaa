import type { ListenerRecord } from "../listener-record.ts";
import type { DatagramStats } from "./datagram-stats.ts";
import type { DatagramTransport } from "./datagram-transport.ts";
import type { PeerSocket } from "./peer-socket.ts";
import type { UdpConfig, UdpOptions } from "./udp-options.ts";
import type { UdpSocket } from "./udp-socket.ts";

/** What the actors of a UDP listener share beside what those of each listener do. It outlives them all. */
export interface UdpRecord extends ListenerRecord {
  readonly datagrams: DatagramTransport;
  readonly datagramStats: DatagramStats;
  /** Those who have a handler, or are getting one, by what they are known by. */
  readonly peers: Map<string, PeerSocket>;
  /** By `setOptions`: what was given, of which `udp` is made. */
  udpOptions: UdpOptions;
  /** By `setOptions`. */
  udp: UdpConfig;
  /** By the socket itself: the one by which is sent. */
  socket: UdpSocket | undefined;
}
