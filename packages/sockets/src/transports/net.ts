import type {
  ConnectOptions,
  ListenEvents,
  ListenSocket,
  ListenSocketOptions,
  SocketEvents,
  Transport,
  TransportSocket,
} from "../transport.ts";
import { descriptors } from "./descriptors.ts";
import { canReusePort, REUSE_PORT_NEEDS } from "./reuse-port.ts";
import { connectTcp, TcpListenSocket } from "./tcp-socket.ts";
import { connectUnix, UnixListenSocket } from "./unix-socket.ts";

/** Who makes the sockets of TCP. */
interface TcpMaker {
  listen(options: ListenSocketOptions, events: ListenEvents): ListenSocket;
  connect(options: ConnectOptions, events: SocketEvents): TransportSocket;
}

const NODE: TcpMaker = {
  listen: (options, events) => new TcpListenSocket(options, events),
  connect: connectTcp,
};

/** All that `node:net` has: an address with a path is a unix socket, any other is TCP. */
export function netTransport(name: string, tcp: TcpMaker = NODE): Transport {
  return {
    name,
    get hasRoom() {
      return descriptors.hasRoom;
    },
    get mostSockets() {
      return descriptors.most;
    },
    canReusePort: canReusePort(process.versions.node, process.platform),
    reusePortNeeds: REUSE_PORT_NEEDS,
    listen: (options, events) =>
      options.path === undefined ? tcp.listen(options, events) : new UnixListenSocket(options, events),
    connect: (options, events) =>
      options.path === undefined ? tcp.connect(options, events) : connectUnix(options.path, events),
  };
}
