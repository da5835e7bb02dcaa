import { type Server, Socket, type TcpNetConnectOpts } from "node:net";
import { NetListenSocket } from "./net-listen-socket.ts";
import { NetSocket } from "./net-socket.ts";
import type {
  Address,
  ConnectOptions,
  ListenEvents,
  ListenSocketOptions,
  SocketEvents,
  TransportSocket,
} from "../transport.ts";

/** A connection over TCP, as a client. */
export function connectTcp(options: ConnectOptions, events: SocketEvents): TransportSocket {
  const [socket, to] = prepareTcp(options);
  return NetSocket.connect(socket, to, events);
}

/** A socket of Node's, and where it is to connect to. */
export function prepareTcp({ host, port, localHost, noDelay }: ConnectOptions): [Socket, TcpNetConnectOpts] {
  const socket = new Socket({ allowHalfOpen: true });
  if (noDelay) socket.setNoDelay(true);
  return [socket, localHost === undefined ? { host, port } : { host, port, localAddress: localHost }];
}

/** A listening socket of TCP. */
export class TcpListenSocket extends NetListenSocket {
  constructor(options: ListenSocketOptions, events: ListenEvents) {
    super(options, events);
    const { host, port, backlog, reusePort = false } = options;
    const to = { port, backlog, reusePort };
    // Without a host Node tries "::", which takes IPv4 in as well, and then "0.0.0.0".
    this.bind(host === undefined ? to : { ...to, host });
  }

  protected toSocket(socket: Socket): TransportSocket {
    return new NetSocket(socket);
  }

  protected addressOf(server: Server): Address | undefined {
    const address = server.address();
    // Null or a path only of servers that are no TCP servers, or closed.
    return address !== null && typeof address === "object" ? { host: address.address, port: address.port } : undefined;
  }
}
