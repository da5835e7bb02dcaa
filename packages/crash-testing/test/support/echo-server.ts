import type { Transport, TransportSocket } from "@espalier/sockets";

export const PORT = 1883;

/** Listens, and brings back what comes; whoever ends is ended. Written on the transport alone: no actor has a part in it. */
export function listenAndEcho(transport: Transport): void {
  transport.listen(
    { port: PORT, backlog: 511, noDelay: true, keepAlive: false },
    { listening() {}, failed() {}, closed() {}, accepted: echo },
  );
}

function echo(socket: TransportSocket): void {
  socket.setEvents({
    connected() {},
    data: (bytes) => void socket.write(bytes),
    end: () => socket.end(),
    drain() {},
    closed() {},
  });
  socket.resume();
}
