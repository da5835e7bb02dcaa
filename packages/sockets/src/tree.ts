import type { Definition } from "@espalier/actors";
import {
  child,
  type ChildSpec,
  defineDynamicSupervisor,
  defineSupervisor,
  type SupervisorRef,
} from "@espalier/supervisor";
import { acceptor } from "./acceptor.ts";
import { connectionSupervisor } from "./connection-supervisor.ts";
import { listener } from "./listener.ts";
import { listenerLogger } from "./listener-logger.ts";
import { acceptorSupervisorName, type ListenerRecord, listenerSupervisorId, serverName } from "./listener-record.ts";
import { type ListenerTable, server } from "./server.ts";
import { starter } from "./starter.ts";

/*
 * The tree of eSockd:
 *
 *   sup                      oneForOne
 *    ├─ server               the table of listeners
 *    └─ listener_sup:ID      restForOne, one per listener
 *        ├─ connection_sup   first, so that connections outlive everything below
 *        ├─ listener         owns the listening socket
 *        ├─ acceptor_sup     simpleOneForOne, N acceptors
 *        └─ starter          starts the acceptors, answers ignore
 */

/** The root of a socket server, which is to be registered under this name. */
export function socketServerTree(table: ListenerTable, root: string): Definition<void, SupervisorRef> {
  return defineSupervisor(
    {
      strategy: "oneForOne",
      intensity: 10,
      periodMs: 100_000,
      children: [{ id: "server", start: child(server, { table, root }, { name: serverName(root) }) }],
    },
    { name: "sockets" },
  );
}

/**
 * One listener. Transient, as eSockd's: a listener that cannot be healed gives up (as `shutdown`) and must not take the
 * others with it. The server process watches, so that it does not vanish without a word.
 */
export function listenerChildSpec(record: ListenerRecord): ChildSpec {
  return {
    id: listenerSupervisorId(record.id),
    start: child(listenerTree(record), undefined, { logger: listenerLogger(record) }),
    restart: "transient",
  };
}

/** What the supervisor of each listener is, whatever it listens on: eSockd's limits, ten restarts in an hour. */
export const listenerFlags = { strategy: "restForOne", intensity: 10, periodMs: 3_600_000 } as const;

/** The first child of a listener's supervisor, so that connections outlive all others. */
export function connectionSupervisorSpec(record: ListenerRecord): ChildSpec {
  return { id: "connection_sup", start: child(connectionSupervisor, record), shutdown: "infinity", type: "supervisor" };
}

function listenerTree(record: ListenerRecord): Definition<void, SupervisorRef> {
  return defineSupervisor(
    {
      ...listenerFlags,
      children: [
        connectionSupervisorSpec(record),
        { id: "listener", start: child(listener, record) },
        {
          id: "acceptor_sup",
          start: child(acceptorSupervisor, record, { name: acceptorSupervisorName(record) }),
          type: "supervisor",
        },
        { id: "starter", start: child(starter, record) },
      ],
    },
    { name: "listener_sup" },
  );
}

/** An acceptor holds nothing that lasts, so its crashes cost a client at most; only a storm of them is a defect. */
const acceptorSupervisor = defineDynamicSupervisor<undefined, ListenerRecord>(
  (record) => ({
    intensity: 1000,
    periodMs: 1000,
    child: { start: () => child(acceptor, record), restart: "transient", shutdown: 1000 },
  }),
  { name: "acceptor_sup" },
);
