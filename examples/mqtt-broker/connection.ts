import { actorOf, type Context, type Down, type RequestOf, type Response, shutdown, statem } from "@espalier/actors";
import { connectionMachine } from "@espalier/sockets";
import { assign } from "xstate";
import * as mqtt from "./packet.ts";
import type { Filters, RouterCall, RouterCast, RouterEvent, Session } from "./router.ts";

// One client. A packet becomes an event, which comes right behind it; one that no state wants is a violation of the
// protocol. Whatever else happens to a socket ends the connection by itself.

interface Mqtt {
  readonly context: Session & { readonly lastId: number };
  readonly events: mqtt.Packet | RouterEvent | Down | (Response<boolean> & { readonly label: mqtt.Request });
}

/** How long to wait for a new router. */
const PAUSE_MS = 50;

export const connection = connectionMachine<Mqtt>().createMachine({
  id: "mqtt",
  context: ({ input }) => ({
    connection: input.connection,
    clientId: "",
    will: undefined,
    filters: new Map(),
    lastId: 0,
  }),
  on: {
    data: { actions: [statem.nextEvent(({ event }) => mqtt.parse(event.data)), "activate"] },
    "mqtt.*": ".violating",
  },
  initial: "waiting",
  states: {
    waiting: { on: { socketReady: { target: "greeting", actions: "activate" } } },
    greeting: {
      on: {
        "mqtt.connect": [
          {
            guard: ({ event }) => refusalOf(event) !== 0,
            target: "refused",
            actions: { type: "send", params: ({ event }) => mqtt.connack(refusalOf(event)) },
          },
          {
            target: "online",
            actions: [
              assign({
                clientId: ({ event, self }) => (event.clientId === "" ? actorOf(self).path : event.clientId),
                will: ({ event }) => event.will,
              }),
              ({ context }) => void context.connection.metadata.set("clientId", context.clientId),
              // Who is silent for half as long again as he has promised is gone.
              {
                type: "setOptions",
                params: ({ event }) => ({ idleTimeoutMs: event.keepAliveSeconds * 1500 || "infinity" }),
              },
              { type: "send", params: mqtt.connack(0) },
            ],
          },
        ],
      },
    },
    online: {
      entry: ({ context, self }) => join(context, actorOf(self)),
      on: {
        "mqtt.publish": { actions: ({ context, event, self }) => ask(context, event, actorOf(self)) },
        "mqtt.subscribe": {
          actions: [
            assign({ filters: ({ context, event }) => new Map([...context.filters, ...event.filters]) }),
            ({ context, event, self }) => ask(context, event, actorOf(self)),
          ],
        },
        "mqtt.unsubscribe": {
          actions: [
            assign({ filters: ({ context, event }) => without(context.filters, event.filters) }),
            ({ context, event, self }) => ask(context, event, actorOf(self)),
          ],
        },
        response: [
          {
            guard: ({ event: { outcome } }) => outcome.ok && outcome.value,
            actions: { type: "send", params: ({ event }) => mqtt.confirm(event.label) },
          },
          // The router has crashed before it came to this, or is a new one.
          { actions: ({ context, event, self }) => ask(context, event.label, actorOf(self)) },
        ],
        deliver: {
          actions: [
            assign({ lastId: ({ context }) => (context.lastId % 65_535) + 1 }),
            { type: "send", params: ({ context, event }) => mqtt.publish(event.message, context.lastId) },
          ],
        },
        // A session ends with its connection, so there is nobody to send it to once more.
        "mqtt.puback": {},
        "mqtt.pingreq": { actions: { type: "send", params: mqtt.pingresp } },
        "mqtt.disconnect": "left",
        takenOver: "takenOver",
        down: "alone",
      },
    },
    // The router has crashed. What the client sends, and what has not reached the router, waits for the next one; what others
    // publish before this one is back passes it by.
    alone: {
      on: { data: { actions: statem.postpone }, response: { actions: statem.postpone } },
      after: { [PAUSE_MS]: "online" },
    },
    left: { type: "final" },
    refused: { type: "final", output: shutdown("refused") },
    violating: { type: "final", output: shutdown("protocolViolation") },
    takenOver: { type: "final", output: shutdown("takenOver") },
  },
  output: ({ event }) => event.output,
});

type Self = Context<RouterEvent>;

/** 0: it is not refused. */
function refusalOf({ level, clientId, isClean }: mqtt.Connect): 0 | 1 | 2 {
  if (level !== 4) return 1;
  return clientId === "" && !isClean ? 2 : 0;
}

/** Where there is no router, the monitor says so. */
function join({ clientId, will, filters }: Session, self: Self): void {
  self.monitor("router");
  self.cast("router", { type: "join", client: self.ref, session: { clientId, will, filters } } satisfies RouterCast);
}

/** A client is told when the router has done it, unless it has published with QoS 0. */
function ask({ filters }: Session, packet: mqtt.Request, self: Self): void {
  if (packet.type === "mqtt.publish" && packet.message.qos === 0) {
    self.cast("router", { type: "publish", message: packet.message } satisfies RouterCast);
    return;
  }
  const added = new Map(packet.type === "mqtt.subscribe" ? packet.filters : []);
  const request: RequestOf<RouterCall> =
    packet.type === "mqtt.publish"
      ? { type: "publish", message: packet.message }
      : { type: "filter", client: self.ref, filters, added };
  self.sendRequest<RouterCall>("router", request, { label: packet });
}

function without(filters: Filters, names: readonly string[]): Filters {
  return new Map([...filters].filter(([name]) => !names.includes(name)));
}
