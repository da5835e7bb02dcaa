export { replayOnSockets, type SocketsReplay, type SocketsReplayOptions } from "./replay-on-sockets.ts";
