import { connect, type Listener, startSockets } from "@espalier/sockets";
import type { MemoryTransport } from "@espalier/sockets/testing";
import { arbPeers, standard } from "../kit.ts";
import { nobodyCrashesUnasked } from "./crash-law.ts";
import { echoMachine } from "./echo.ts";
import { Operations, operationsEnd } from "./operations.ts";
import type { TargetCase } from "./target-case.ts";

class Connecting extends Operations {
  readonly listener: Listener;

  constructor(listener: Listener) {
    super();
    this.listener = listener;
  }

  get port(): number {
    return this.listener.port;
  }
}

/** Clients that somebody waits for until they have connected for the first time. */
export const connecting: TargetCase = {
  name: "connecting",
  target: {
    async start({ system, transport }) {
      const sockets = await startSockets(system, { transport });
      return new Connecting(await sockets.open("echo", 5000, { packet: "line" }, echoMachine));
    },
    operations: {
      connect: (handle, { system, transport }) =>
        (handle as Connecting).perform(() => {
          const from = (transport as MemoryTransport).from("10.0.1.1");
          const options = { transport: from, packet: "line", connectTimeoutMs: 2000, reconnect: "never" } as const;
          return connect(system, { host: "10.0.0.254", port: 5000 }, options, echoMachine);
        }),
    },
    knobs: {},
  },
  invariants: [nobodyCrashesUnasked, ...standard().filter(({ id }) => id !== "I8-probe"), operationsEnd],
  peers: arbPeers({ maxPeers: 1, maxOps: 0 }),
};
