import type { TransportSocket } from "./transport.ts";

/** Has every end of this socket be a reset, whoever asks for which. Other sockets pay nothing for that. */
export function endByReset(socket: TransportSocket): void {
  const close = socket.close.bind(socket);
  socket.close = () => close("reset");
}
