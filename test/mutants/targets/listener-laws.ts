import type { Listener } from "@espalier/sockets";
import type { Invariant, RunView } from "../kit.ts";
import { listenerOf } from "./connection-laws.ts";

const ID = "T20-listener";

/**
 * Sockets are where they belong: each with its handler, or, for a while, with somebody who is about to give it away. When
 * all faults are over, nobody else holds any; and there is a listening socket, unless there is to be none.
 */
export const listenersAreTidy: Invariant = {
  id: ID,
  says: "there are no more connections than maxClients says, and sockets are with handlers once all is over",
  watch: (run) => {
    let most = 0;
    let limit: number | undefined;
    const refused = new Set<string>();
    return {
      on: {
        // A client's port is its own.
        connectionRefused: ({ peer: { host, port } }) => {
          const client = `${host}:${port}`;
          if (refused.has(client)) run.violate(ID, `${client} is refused twice`);
          refused.add(client);
        },
        connectionStarted: ({ peer: { host, port } }) => {
          if (refused.has(`${host}:${port}`)) run.violate(ID, `${host}:${port} was refused, and is served`);
        },
      },
      quiet() {
        const listener = listenerOf(run.handle);
        if (listener === undefined) return;
        // Some may have left the limit.
        const { activeClients: currentClients, maxClients } = listener;
        // It may have been lowered while there were more.
        if (maxClients !== limit) most = 0;
        limit = maxClients === "infinity" ? Infinity : maxClients;
        if (currentClients > limit && currentClients > most && most > 0) {
          run.violate(ID, `${currentClients} connections are open, and may be ${limit}`);
        }
        most = Math.max(currentClients, 1);
      },
      after(phase) {
        const listener = listenerOf(run.handle);
        if (phase !== "healed" || listener === undefined || run.isEnding || run.world.signalsInFlight > 0) return;
        checkSockets(run, listener);
      },
    };
  },
};

function checkSockets(run: RunView, listener: Listener): void {
  const { processes } = run.system.inspect();
  if (!listener.isRunning) return;
  for (const { path, resources } of processes) {
    const sockets = resources.filter(({ kind }) => kind === "socket").length;
    const isFull = listener.maxClients !== "infinity" && listener.activeClients >= listener.maxClients;
    if (path.endsWith("/connection_sup") && sockets > 0 && !isFull) {
      run.violate(ID, `${path} still holds ${sockets} sockets`);
    }
    if (!path.endsWith("/listener")) continue;
    const maySleep = listener.isAsleep && listener.status === "running";
    if (sockets > 0 && !maySleep && !isFull) run.violate(ID, `${sockets} clients wait for an acceptor`);
    const listening = resources.filter(({ kind }) => kind === "listeningSocket").length;
    const expected = listener.status === "running" ? 1 : 0;
    if (listening !== expected)
      run.violate(ID, `a listener that is ${listener.status} has ${listening} listening sockets`);
    if (run.network.openListeners !== expected) {
      run.violate(ID, `a listener is ${listener.status}, and ${run.network.openListeners} sockets listen`);
    }
  }
}
