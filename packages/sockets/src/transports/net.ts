import type { Transport } from "../transport.ts";
import { descriptors } from "./descriptors.ts";
import { connectTcp, TcpListenSocket } from "./tcp-socket.ts";
import { connectUnix, UnixListenSocket } from "./unix-socket.ts";

/** All that `node:net` has: an address with a path is a unix socket, any other is TCP. */
export function netTransport(name: string): Transport {
  return {
    name,
    get hasRoom() {
      return descriptors.hasRoom;
    },
    get mostSockets() {
      return descriptors.most;
    },
    listen: (options, events) =>
      options.path === undefined ? new TcpListenSocket(options, events) : new UnixListenSocket(options, events),
    connect: (options, events) =>
      options.path === undefined ? connectTcp(options, events) : connectUnix(options.path, events),
  };
}
