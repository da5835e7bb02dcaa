import { type Call, type Definition, defineServer, noreply, ok, stop } from "@espalier/actors";
import { type Connection, type ConnectionEvent, fromStart, type Listener, startSockets } from "@espalier/sockets";
import { terminateChild, whichChildren } from "@espalier/supervisor";
import { arbPeers, type Invariant, standard } from "../kit.ts";
import { connectionsKeepTime } from "./connection-laws.ts";
import { nobodyCrashesUnasked } from "./crash-law.ts";
import { listenersAreTidy } from "./listener-laws.ts";
import { Operations, operationsEnd } from "./operations.ts";
import { arbLines, LISTENER_KNOBS, type ListenerKnobs, type TargetCase } from "./target-case.ts";
import { teller } from "./workers.ts";

class Stewarded extends Operations {
  readonly listener: Listener;

  constructor(listener: Listener) {
    super();
    this.listener = listener;
  }

  get port(): number {
    return this.listener.port;
  }
}

/** Owns one connection, and echoes what comes. */
const owner: Definition<Connection> = defineServer<{ args: Connection; state: Connection; info: ConnectionEvent }>({
  name: "owner",
  init: (connection) => ok(connection),
  handleInfo(event, connection) {
    if (event.type === "data") connection.send(event.data);
    if (event.type === "data" || event.type === "socketReady") connection.activate("once");
    else return stop({ type: "normal" });
    return noreply(connection);
  },
});

/** Who owns a connection ends with it. */
const ownersEnd: Invariant = {
  id: "T35-owners",
  says: "once all is over, nobody owns a connection that is none of the listener's",
  watch: (run) => {
    // Whom one was about to give its connection to when it was killed, it cannot have told anybody.
    let strangers = 0;
    return {
      on: {
        startFailed: ({ subject: { path } }) => {
          if (/\/connection_sup\/\d+$/.test(path)) strangers += 1;
        },
      },
      after(phase) {
        if (phase !== "healed" || run.isEnding || run.world.signalsInFlight > 0) return;
        const { processes } = run.system.inspect();
        const owners = processes.filter(({ definition }) => definition === "owner").length;
        const stewards = processes.filter(({ definition }) => definition === "steward").length;
        if (owners > stewards + strangers)
          run.violate("T35-owners", `${owners} own a connection, of which the listener has ${stewards}`);
      },
    };
  },
};

/** A listener whose connections are given to actors that take their time to be found. */
export const stewarded: TargetCase<ListenerKnobs> = {
  name: "stewarded",
  target: {
    async start({ system, transport, knobs }) {
      system.spawn(teller, undefined, { name: "teller" });
      const sockets = await startSockets(system, { transport });
      const handler = fromStart(async (connection, self) => {
        await self.call<Call<"later", number>, { type: "later" }>("teller", { type: "later" });
        return self.spawn(owner, connection);
      });
      return new Stewarded(await sockets.open("stewarded", 5000, { ...knobs, packet: "line" }, handler));
    },
    operations: {
      end: (handle, { system }) =>
        (handle as Stewarded).perform(async ({ listener: { connectionSupervisor } }) => {
          if (connectionSupervisor === undefined) return;
          for (const { child } of await whichChildren(system, connectionSupervisor))
            if (typeof child === "object") await terminateChild(system, connectionSupervisor, child);
        }),
    },
    knobs: LISTENER_KNOBS,
  },
  // Once the teller is dead, which nobody starts anew, nobody is found any more, and nobody gets anything.
  invariants: [
    nobodyCrashesUnasked,
    ...standard().filter(({ id }) => id !== "I8-probe"),
    listenersAreTidy,
    operationsEnd,
    ownersEnd,
    connectionsKeepTime(),
  ],
  peers: arbPeers({ messages: arbLines }),
};
