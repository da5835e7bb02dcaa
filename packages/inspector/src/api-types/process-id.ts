/**
 * Names one actor and no other, also across restarts of the actor and of the program: its pid, its incarnation and its path,
 * such as `12.1.sockets/server`. Opaque to clients; it goes into a query as `encodeURIComponent(id)`.
 */
export type ProcessId = string;
