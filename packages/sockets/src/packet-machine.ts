import { shutdown } from "@espalier/actors";
import type { AnyStateMachine } from "xstate";
import type { Connection } from "./connection.ts";
import { connectionMachine } from "./connection-machine.ts";
import type { ListenerConfig } from "./options.ts";

/** What the ready-made machine asks its user. */
export interface PacketCallbacks {
  /** The connection is up: a greeting, if the protocol has one. */
  onReady?(connection: Connection): void;
  /**
   * One packet. The next one is let in when this returns; one who has closed the connection is through with it, and its
   * actor ends. A throw crashes this connection, and no other.
   */
  onData(connection: Connection, data: Uint8Array): void;
}

/*
 * The connection of the OTP tutorial's server, as a statechart:
 *
 *                     socketReady / activate            data / onData, activate
 *   ┌─────────────────┐              ┌───────────────┐ ⟲
 *   │ WAIT_FOR_SOCKET │ ───────────▶ │ WAIT_FOR_DATA │
 *   └─────────────────┘              └───────────────┘
 *      │ after socketReadyTimeoutMs     │ closed       │ timeout        │ error        │ shutdown
 *      ▼                                ▼              ▼                ▼              ▼
 *   handOffTimeout                   peerClosed     idleTimeout      socketError    shutDown
 *                                    closed (done)           tooManyUnsentBytes, packetTimeout
 *
 * All ends are `shutdown`, with the state's name as detail, so they are counted and not reported as crashes. Of the
 * tutorial's machine it differs where that has bugs: the wait for the socket is bounded, only the client's data counts
 * as activity, and errors of the socket are ends like any other.
 */
export function packetMachine(callbacks: PacketCallbacks): AnyStateMachine {
  const machine = connectionMachine<{
    context: { readonly config: ListenerConfig };
    events: { readonly type: "done" };
  }>().extend({
    actions: {
      ready({ context: { connection }, self }) {
        callbacks.onReady?.(connection);
        if (connection.isOver) self.send({ type: "done" });
      },
      handle({ context: { connection }, event, self }) {
        if (event.type !== "data") return;
        callbacks.onData(connection, event.data);
        // Nothing follows what this end has closed.
        if (connection.isOver) self.send({ type: "done" });
      },
    },
    delays: { handOff: ({ context }) => context.config.socketReadyTimeoutMs },
  });
  return machine.createMachine({
    id: "connection",
    context: ({ input }) => input,
    initial: "WAIT_FOR_SOCKET",
    states: {
      WAIT_FOR_SOCKET: {
        on: { socketReady: { target: "WAIT_FOR_DATA", actions: ["ready", "activate"] } },
        after: { handOff: "handOffTimeout" },
      },
      WAIT_FOR_DATA: {
        on: {
          data: { actions: ["handle", "activate"] },
          closed: "peerClosed",
          timeout: "idleTimeout",
          error: [
            { guard: ({ event }) => event.reason === "tooManyUnsentBytes", target: "tooManyUnsentBytes" },
            { guard: ({ event }) => event.reason === "packetTimeout", target: "packetTimeout" },
            { target: "socketError" },
          ],
          shutdown: "shutDown",
          done: "closed",
        },
      },
      handOffTimeout: { type: "final", output: shutdown("handOffTimeout") },
      peerClosed: { type: "final", output: shutdown("peerClosed") },
      closed: { type: "final", output: shutdown("closed") },
      idleTimeout: { type: "final", output: shutdown("idleTimeout") },
      socketError: { type: "final", output: shutdown("socketError") },
      tooManyUnsentBytes: { type: "final", output: shutdown("tooManyUnsentBytes") },
      packetTimeout: { type: "final", output: shutdown("packetTimeout") },
      shutDown: { type: "final", output: shutdown() },
    },
    // The exit reason is what the final state says.
    output: ({ event }) => event.output,
  });
}
