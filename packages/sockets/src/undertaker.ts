import type { Connection } from "./connection.ts";

/**
 * Who has started the handler of a connection. It sees to what is left when the owner has died: what that has sent should
 * still reach the client.
 */
export interface Undertaker {
  /** Takes the connection over. The answer is to be called when its socket is gone; undefined: it is not taken. */
  bury(connection: Connection): (() => void) | undefined;
  /** It is not to count against `maxClients` any more. Absent: there is no such limit. */
  leaveLimit?(connection: Connection): void;
  /** The handler is about to get the socket: the client is known, and so is its TLS. Absent: nobody asks. */
  opened?(connection: Connection): void;
}
