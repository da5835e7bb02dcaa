import * as fc from "fast-check";
import { connectionMachine, startSockets } from "@espalier/sockets";
import { arbPeers, type PeerScript, standard } from "../kit.ts";
import { connectionsKeepTime } from "./connection-laws.ts";
import { nobodyCrashesUnasked } from "./crash-law.ts";
import { listenersAreTidy } from "./listener-laws.ts";
import { arbLines, type TargetCase } from "./target-case.ts";

interface Knobs {
  readonly startTls: boolean;
}

/** Has TLS a while after the first line, when it is not there from the beginning. */
function machineOf(startTls: boolean) {
  return connectionMachine().createMachine({
    id: "securing",
    context: ({ input }) => ({ connection: input.connection }),
    initial: "waiting",
    states: {
      waiting: { on: { socketReady: { target: startTls ? "plain" : "open" } } },
      plain: { entry: "activate", on: { data: "resting", closed: "over", error: "over", timeout: "over" } },
      resting: { after: { 20: "beginning" }, on: { closed: "over", error: "over", timeout: "over" } },
      beginning: {
        entry: { type: "startTls", params: undefined },
        on: { secured: "open", error: "over", closed: "over" },
      },
      open: {
        entry: "activate",
        on: {
          data: { actions: [{ type: "send", params: ({ event }) => event.data }, "activate"] },
          closed: "over",
          error: "over",
          timeout: "over",
        },
      },
      over: { type: "final", entry: "close" },
    },
  });
}

/** Some begin their handshake at once, and leave in the middle of it. */
function hasty(script: PeerScript): PeerScript {
  if (script.tls === true || script.at % 3 > 0) return script;
  const begin = Uint8Array.from([0x0a, 0x16, 0x03, 0x01]);
  return { ...script, ops: [{ type: "send", bytes: begin }, { type: "wait", ms: 2 }, { type: "reset" }] };
}

/** A listener with TLS, of whose clients some do not speak it, and some leave before it is agreed on. */
export const securing: TargetCase<Knobs> = {
  name: "securing",
  target: {
    async start({ system, transport, tls, knobs: { startTls } }) {
      const sockets = await startSockets(system, { transport });
      // Longer than a handshake may take, in which nothing is heard.
      const options = { packet: "line", tls, startTls, idleTimeoutMs: 20_000 } as const;
      return sockets.open("securing", 5000, options, machineOf(startTls));
    },
    knobs: { startTls: [false, true] },
    hasStreams: true,
  },
  // The clients are of all kinds, and so would the probe have to be.
  invariants: [
    nobodyCrashesUnasked,
    ...standard().filter(({ id }) => id !== "I8-probe"),
    listenersAreTidy,
    connectionsKeepTime(),
  ],
  peers: arbPeers({ messages: arbLines, tls: fc.boolean() }).map((scripts) => scripts.map(hasty)),
};
