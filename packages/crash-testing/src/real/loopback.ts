/** Where everything of a replay on sockets is. */
export const LOOPBACK = "127.0.0.1";
