import { type Call, shutdown, statem } from "@espalier/actors";
import { connectionMachine, formatAddress, type ListenerConfig } from "@espalier/sockets";
import { log, stateIn } from "xstate";

/*
 * One connection of the echo server of OTP's classic tutorial, where it is a gen_fsm:
 *
 *   ┌─────────────────┐ socketReady  ┌───────────────┐ ⟲ data / send, activate
 *   │ WAIT_FOR_SOCKET │ ───────────▶ │ WAIT_FOR_DATA │
 *   └─────────────────┘              └───────────────┘
 *     │ after socketReadyTimeoutMs     │ timeout: 120 s without any event
 *     ▼                                ▼
 *   handOffTimeout                   idleTimeout
 *
 *   in both:   closed → peerClosed   error → socketError   shutdown → shutDown
 *              call, allState: a crash   anything else: a line in the log
 */

const IDLE_MS = 120_000;

/** gen_fsm's event for all states. This machine knows none. */
export interface AllStateEvent {
  readonly type: "allState";
  readonly event: unknown;
}

/** Somebody takes this actor for another. It crashes, so that the mistake is seen where it was made. */
export class UndefinedEventError extends Error {
  readonly state: unknown;
  readonly event: unknown;

  constructor(state: unknown, event: { readonly type: string }) {
    super(`${event.type} in ${String(state)} is undefined`);
    this.state = state;
    this.event = event;
  }
}

interface TcpEcho {
  readonly context: { readonly config: ListenerConfig };
  readonly events: AllStateEvent;
  readonly calls: Call<string, never>;
}

export const tcpEchoFsm = connectionMachine<TcpEcho>()
  .extend({
    actions: {
      // gen_fsm's timeout: each event ends the wait, and each transition has to begin it anew.
      arm: statem.eventTimeout(IDLE_MS),
      logUnexpected: log(({ event }) => `Unexpected message: ${event.type}`),
      logIgnored: log(({ event }) => `Ignoring data: ${event.type}`),
      logEnd: log(({ context, event }) => `${formatAddress(context.connection.peername)}: ${event.type}`),
      refuse({ event, self }) {
        throw new UndefinedEventError(self.getSnapshot().value, event);
      },
    },
    guards: { hasNoSocket: stateIn("WAIT_FOR_SOCKET") },
    delays: { handOff: ({ context }) => context.config.socketReadyTimeoutMs },
  })
  .createMachine({
    id: "tcpEchoFsm",
    context: ({ input }) => input,
    // Here and not in the states: the wildcard of a state would come before all that the machine says for both.
    on: {
      closed: { target: ".peerClosed", actions: "logEnd" },
      error: { target: ".socketError", actions: "logEnd" },
      shutdown: ".shutDown",
      call: { actions: "refuse" },
      allState: { actions: "refuse" },
      "*": [{ guard: "hasNoSocket", actions: "logUnexpected" }, { actions: ["logIgnored", "arm"] }],
    },
    initial: "WAIT_FOR_SOCKET",
    states: {
      WAIT_FOR_SOCKET: {
        on: {
          socketReady: {
            target: "WAIT_FOR_DATA",
            // The connection's own timeout counts the client's data alone, and would be a second one.
            actions: [{ type: "setOptions", params: { idleTimeoutMs: "infinity" } }, "activate", "arm"],
          },
        },
        // The tutorial waits for ever.
        after: { handOff: "handOffTimeout" },
      },
      WAIT_FOR_DATA: {
        on: {
          // The next packet is let in behind the answer. The tutorial asks for it first, and so has it in the mailbox
          // while it is still at this one.
          data: { actions: [{ type: "send", params: ({ event }) => event.data }, "activate", "arm"] },
          timeout: { target: "idleTimeout", actions: "logEnd" },
        },
      },
      handOffTimeout: { type: "final", output: shutdown("handOffTimeout") },
      idleTimeout: { type: "final", output: shutdown("idleTimeout") },
      peerClosed: { type: "final", output: shutdown("peerClosed") },
      socketError: { type: "final", output: shutdown("socketError") },
      shutDown: { type: "final", output: shutdown() },
    },
    output: ({ event }) => event.output,
  });
