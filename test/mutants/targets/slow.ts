import { connectionMachine, startSockets } from "@espalier/sockets";
import { arbPeers, standard } from "../kit.ts";
import { connectionsKeepTime } from "./connection-laws.ts";
import { nobodyCrashesUnasked } from "./crash-law.ts";
import { listenersAreTidy } from "./listener-laws.ts";
import { arbShortLines, LISTENER_KNOBS, type ListenerKnobs, type TargetCase, wholeLines } from "./target-case.ts";

interface Knobs extends ListenerKnobs {
  /** So long it has enough of one line. */
  readonly restMs: number;
}

/** Sends a line back, and rests before it lets in the next one: what comes meanwhile has to wait. */
function unhurried(restMs: number) {
  return connectionMachine().createMachine({
    id: "unhurried",
    context: ({ input }) => ({ connection: input.connection }),
    initial: "waiting",
    states: {
      waiting: { on: { socketReady: "open" } },
      open: {
        entry: "activate",
        on: {
          data: { target: "resting", actions: { type: "send", params: ({ event }) => event.data } },
          timeout: "over",
          closed: "over",
          error: "over",
        },
      },
      // It does not listen, so that it hears nothing is no wonder.
      resting: { after: { [restMs]: "open" }, on: { closed: "over", error: "over" } },
      over: { type: "final", entry: "close" },
    },
  });
}

/** A listener whose connections take their time. */
export const slow: TargetCase<Knobs> = {
  name: "slow",
  target: {
    async start({ system, transport, knobs: { restMs, ...options } }) {
      const sockets = await startSockets(system, { transport });
      return sockets.open("slow", 5000, { ...options, packet: "line" }, unhurried(restMs));
    },
    knobs: { ...LISTENER_KNOBS, restMs: [5, 20, 1] },
    probe: { ops: [{ type: "send", bytes: new TextEncoder().encode("probe\nprobe\n") }], receives: "probe\nprobe\n" },
  },
  invariants: [
    nobodyCrashesUnasked,
    ...standard({ model: ({ sent }) => wholeLines(sent) }),
    listenersAreTidy,
    connectionsKeepTime(),
  ],
  // Few lines, so that nobody is kept waiting for as long as an idle timeout takes.
  peers: arbPeers({ messages: arbShortLines }),
};
