import { connectionMachine, startSockets } from "@espalier/sockets";
import { arbPeers, standard } from "../kit.ts";
import { connectionsKeepTime } from "./connection-laws.ts";
import { listenersAreTidy } from "./listener-laws.ts";
import { arbLines, LISTENER_KNOBS, type ListenerKnobs, type TargetCase, wholeLines } from "./target-case.ts";
import { nobodyCrashesUnasked } from "./crash-law.ts";

/** Sends each packet back, one at a time. */
export const echoMachine = connectionMachine().createMachine({
  id: "echo",
  context: ({ input }) => ({ connection: input.connection }),
  initial: "waiting",
  states: {
    waiting: { on: { socketReady: { target: "open", actions: "activate" } }, after: { 4000: "over" } },
    open: {
      on: {
        data: { actions: [{ type: "send", params: ({ event }) => event.data }, "activate"] },
        timeout: "over",
        closed: "over",
        error: "over",
      },
    },
    over: { type: "final", entry: "close" },
  },
});

/** The same listener with another machine. */
export function withMachine(machine: typeof echoMachine): TargetCase<ListenerKnobs>["target"] {
  return {
    async start({ system, transport, knobs }) {
      const sockets = await startSockets(system, { transport });
      return sockets.open("echo", 5000, { ...knobs, packet: "line" }, machine);
    },
    knobs: LISTENER_KNOBS,
    probe: { ops: [{ type: "send", bytes: new TextEncoder().encode("probe\n") }], receives: "probe\n" },
  };
}

/** An eSockd listener whose connections are machines. */
export const echo: TargetCase<ListenerKnobs> = {
  name: "echo",
  target: withMachine(echoMachine),
  invariants: [
    nobodyCrashesUnasked,
    ...standard({ model: ({ sent }) => wholeLines(sent) }),
    listenersAreTidy,
    connectionsKeepTime(),
  ],
  peers: arbPeers({ messages: arbLines }),
};
