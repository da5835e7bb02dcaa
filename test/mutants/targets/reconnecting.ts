import * as fc from "fast-check";
import { child, defineSupervisor } from "@espalier/supervisor";
import { type Client, clientOf, defineClient, type Listener, startSockets } from "@espalier/sockets";
import type { MemoryTransport } from "@espalier/sockets/testing";
import { arbPeers, standard } from "../kit.ts";
import { nobodyCrashesUnasked } from "./crash-law.ts";
import { echoMachine } from "./echo.ts";
import { Operations, operationsEnd } from "./operations.ts";
import { talker } from "./pooled.ts";
import type { TargetCase } from "./target-case.ts";

export interface Knobs {
  /** The first pause. */
  readonly initialMs: number;
  readonly stableMs: number;
  readonly shutdown: number | "brutalKill";
  readonly isAway: boolean;
}

class Reconnecting extends Operations {
  readonly listener: Listener;
  readonly client: Client;

  constructor(listener: Listener, client: Client) {
    super();
    this.listener = listener;
    this.client = client;
  }

  get port(): number {
    return this.listener.port;
  }
}

/** A client in a tree, whose server is away at times; with TLS between them or not. */
export function reconnectingBy(name: string, isSecure: boolean): TargetCase<Knobs> {
  return {
    name,
    target: {
      async start({ system, transport, tls, clientTls, knobs: { initialMs, stableMs, shutdown, isAway } }) {
        const sockets = await startSockets(system, { transport });
        const options = { packet: "line", ...(isSecure && { tls }) } as const;
        const listener = await sockets.open("echo", 5000, options, echoMachine);
        if (isAway) await listener.suspend();
        const network = transport as MemoryTransport;
        const client = defineClient(
          system,
          { host: "10.0.0.254", port: 5000 },
          {
            transport: network.from("10.0.1.1"),
            packet: "line",
            backoff: { initialMs, maxMs: 1000, jitter: 0 },
            stableMs,
            shutdown,
            connectTimeoutMs: 2000,
            reconnect: "always",
            ...(isSecure && { tls: clientTls }),
          },
          talker,
        );
        const root = defineSupervisor(
          { children: [{ id: "client", start: child(client, undefined, { name: "client" }) }] },
          { name: "root" },
        );
        await system.start(root, undefined, { id: "root" });
        return new Reconnecting(listener, clientOf(system, "client"));
      },
      operations: {
        reconnect: (handle) => asReconnecting(handle).perform(({ client }) => client.reconnect()),
        suspend: (handle) => asReconnecting(handle).perform(({ listener }) => listener.suspend()),
        resume: (handle) => asReconnecting(handle).perform(({ listener }) => listener.resume()),
      },
      knobs: {
        initialMs: [20, 5, 200],
        stableMs: [10_000, 1],
        shutdown: [5000, "brutalKill", 1],
        isAway: [false, true],
      },
    },
    // Whether a new client is served is for whoever has suspended the listener to say.
    invariants: [nobodyCrashesUnasked, ...standard().filter(({ id }) => id !== "I8-probe"), operationsEnd],
    peers: arbPeers({ maxPeers: 1, maxOps: 3, ...(isSecure && { tls: fc.constant(true) }) }),
  };
}

export const reconnecting: TargetCase<Knobs> = reconnectingBy("reconnecting", false);

function asReconnecting(handle: unknown): Reconnecting {
  return handle as Reconnecting;
}
