import type { System } from "@espalier/actors";
import type { Listener, ListenOn, Sockets } from "@espalier/sockets";
import { child, defineSupervisor } from "@espalier/supervisor";
import { connection } from "./connection.ts";
import { framing } from "./packet.ts";
import { type Retained, router } from "./router.ts";

/** Until it has said who it is, a client has so long for each thing that it says. */
const GREETING_MS = 10_000;

/** A broker of MQTT 3.1.1: a router under a supervisor, and a listener whose connections talk to it. */
export async function openBroker(system: System, sockets: Sockets, listenOn: ListenOn): Promise<Listener> {
  const retained: Retained = new Map();
  const routing = { id: "router", start: child(router, retained, { name: "router" }) };
  await system.start(defineSupervisor({ intensity: 5, periodMs: 10_000, children: [routing] }), undefined, {
    id: "broker",
  });
  const options = { packet: framing, packetTimeoutMs: GREETING_MS, idleTimeoutMs: GREETING_MS };
  return sockets.open("mqtt", listenOn, options, connection);
}
