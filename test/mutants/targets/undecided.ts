import { startSockets } from "@espalier/sockets";
import { arbPeers, type PeerScript, standard } from "../kit.ts";
import { connectionsKeepTime } from "./connection-laws.ts";
import { nobodyCrashesUnasked } from "./crash-law.ts";
import { echoMachine } from "./echo.ts";
import { listenersAreTidy } from "./listener-laws.ts";
import { arbLines, LISTENER_KNOBS, type ListenerKnobs, type TargetCase, wholeLines } from "./target-case.ts";

/** So long a header may take. */
const HEADER_MS = 2000;

/** Its first line begins as a header does, and goes on after a while. */
function doubtful(script: PeerScript): PeerScript {
  const encoder = new TextEncoder();
  const begin: PeerScript["ops"] = [
    { type: "send", bytes: encoder.encode("PROX") },
    { type: "wait", ms: 10 + script.at },
    { type: "send", bytes: encoder.encode("IMITY\n") },
  ];
  return script.at % 2 === 0 ? script : { ...script, ops: [...begin, ...script.ops] };
}

/** A listener that takes a PROXY header and need not have one: of some clients it cannot tell for a while. */
export const undecided: TargetCase<ListenerKnobs> = {
  name: "undecided",
  target: {
    async start({ system, transport, knobs }) {
      const sockets = await startSockets(system, { transport });
      const proxyProtocol = { trusted: ["10.0.0.0/8"], timeoutMs: HEADER_MS, required: false };
      return sockets.open("undecided", 5000, { ...knobs, packet: "line", proxyProtocol }, echoMachine);
    },
    knobs: LISTENER_KNOBS,
    probe: { ops: [{ type: "send", bytes: new TextEncoder().encode("probe\n") }], receives: "probe\n" },
  },
  invariants: [
    nobodyCrashesUnasked,
    ...standard({ model: ({ sent }) => wholeLines(sent) }),
    listenersAreTidy,
    connectionsKeepTime({ headerMs: HEADER_MS }),
  ],
  peers: arbPeers({ messages: arbLines }).map((scripts) => scripts.map(doubtful)),
};
