import { connector, fromConnector, startSockets } from "@espalier/sockets";
import { arbPeers, standard } from "../kit.ts";
import { connectionsKeepTime, silenceIsSilence } from "./connection-laws.ts";
import { listenersAreTidy } from "./listener-laws.ts";
import { arbLines, LISTENER_KNOBS, type ListenerKnobs, type TargetCase, wholeLines } from "./target-case.ts";
import { nobodyCrashesUnasked } from "./crash-law.ts";

interface Knobs extends ListenerKnobs {
  readonly silenceMs: number | "infinity";
  readonly receiveMs: number | "infinity";
}

/** One that cares about silence cares about this much of it. */
const SILENCE_MS = 700;

/** A listener whose connections are callback objects; some ask for packets with a time limit. */
export const callbacks: TargetCase<Knobs> = {
  name: "callbacks",
  target: {
    async start({ system, transport, knobs: { silenceMs, receiveMs, ...options } }) {
      const sockets = await startSockets(system, { transport });
      const handler = fromConnector<{ state: number }>({
        name: "echo",
        connectorInit: () => connector.ok({ state: 0, timeoutMs: silenceMs, srtimeoutMs: receiveMs }),
        handlePacket: (packet, lines) => connector.ok({ state: lines + 1, packet }),
        timeout: (lines) => connector.ok({ state: lines }),
        srtimeout: (lines) => connector.ok({ state: lines }),
        terminate: () => undefined,
      });
      return sockets.open("callbacks", 5000, { ...options, packet: "line" }, handler);
    },
    knobs: { ...LISTENER_KNOBS, silenceMs: ["infinity", SILENCE_MS], receiveMs: ["infinity", 900] },
    probe: { ops: [{ type: "send", bytes: new TextEncoder().encode("probe\n") }], receives: "probe\n" },
  },
  invariants: [
    nobodyCrashesUnasked,
    ...standard({ model: ({ sent }) => wholeLines(sent) }),
    listenersAreTidy,
    connectionsKeepTime(),
    silenceIsSilence(SILENCE_MS),
  ],
  peers: arbPeers({ maxWaitMs: 3000, messages: arbLines }),
};
