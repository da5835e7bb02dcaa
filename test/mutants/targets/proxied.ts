import { startSockets } from "@espalier/sockets";
import { arbPeers, type PeerScript, standard } from "../kit.ts";
import { echoMachine } from "./echo.ts";
import { connectionsKeepTime } from "./connection-laws.ts";
import { listenersAreTidy } from "./listener-laws.ts";
import { arbLines, LISTENER_KNOBS, type ListenerKnobs, type TargetCase, wholeLines } from "./target-case.ts";
import { nobodyCrashesUnasked } from "./crash-law.ts";

const PROBE = "10.255.255.254";
/** So long a header may take. */
const HEADER_MS = 2000;

/** Each client comes through a proxy that has its own address. */
function headerOf(host: string): string {
  return `PROXY TCP4 ${host} 10.0.0.254 4711 5000\r\n`;
}

/** What a client sends behind a proxy: its header comes first. */
function behindProxy(script: PeerScript): PeerScript {
  const header = new TextEncoder().encode(headerOf(script.host));
  if (script.at % 3 > 0) return { ...script, ops: [{ type: "send", bytes: header }, ...script.ops] };
  // A slow one, which may leave in between.
  const begin: PeerScript["ops"] = [
    { type: "send", bytes: header.subarray(0, 9) },
    { type: "wait", ms: 300 + script.at * 30 },
  ];
  if (script.at % 2 > 0) return { ...script, ops: [...begin, { type: "close" }] };
  return { ...script, ops: [...begin, { type: "send", bytes: header.subarray(9) }, ...script.ops] };
}

/** What follows a header that has come whole; of a client that was shrunk it may be missing, and then there is nothing to get. */
function behindHeader(sent: Uint8Array, host: string): Uint8Array {
  const header = headerOf(host);
  const start = new TextDecoder("latin1").decode(sent.subarray(0, header.length));
  return start === header ? wholeLines(sent.subarray(header.length)) : new Uint8Array();
}

/** A listener behind a proxy, whose header each connection reads before its handler hears of it. */
export const proxied: TargetCase<ListenerKnobs> = {
  name: "proxied",
  target: {
    async start({ system, transport, knobs }) {
      const sockets = await startSockets(system, { transport });
      const proxyProtocol = { trusted: ["10.0.0.0/8"], timeoutMs: HEADER_MS };
      return sockets.open("proxied", 5000, { ...knobs, packet: "line", proxyProtocol }, echoMachine);
    },
    knobs: LISTENER_KNOBS,
    probe: {
      ops: [{ type: "send", bytes: new TextEncoder().encode(`${headerOf(PROBE)}probe\n`) }],
      receives: "probe\n",
    },
  },
  invariants: [
    nobodyCrashesUnasked,
    ...standard({ model: ({ sent, peer }) => behindHeader(sent, peer.script.host) }),
    listenersAreTidy,
    connectionsKeepTime({ headerMs: HEADER_MS }),
  ],
  peers: arbPeers({ messages: arbLines }).map((scripts) => scripts.map(behindProxy)),
};
