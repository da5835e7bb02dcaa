import { type AccessRule, formatAddress, type Listener, UdpListener } from "@espalier/sockets";
import type { Pid, System } from "@espalier/actors";
import type { ListenerFact, ProcessId, Shown } from "./api-types.ts";
import { isKnownReason } from "./discretion.ts";
import type { ReadListener } from "./moment.ts";
import type { ListenerSource } from "./options.ts";
import { formatProcessId } from "./process-id.ts";

/** All that the sources have, each once. */
export function listenersOf(sources: readonly ListenerSource[]): readonly Listener[] {
  return [...new Set(sources.flatMap((source) => source.listeners()))];
}

export function toListenerFact(system: System, { listener, traffic }: ReadListener, show: Shown): ListenerFact {
  const {
    id,
    name,
    status,
    address,
    transport,
    handler,
    isAsleep,
    currentClients,
    waitingClients,
    stats,
    shutdownCounts,
  } = listener.info;
  const { bytesReceived, bytesSent, unsentBytes } = traffic;
  return {
    id,
    name,
    status,
    address: formatAddress(address),
    transport,
    handler,
    isAsleep,
    connections: currentClients,
    waiting: waitingClients,
    maxClients: listener.maxClients,
    stats: { ...stats },
    shutdowns: show.errors ? { ...shutdownCounts } : discreet(shutdownCounts),
    acceptErrors: { ...listener.acceptErrors },
    datagrams: listener instanceof UdpListener ? { ...listener.datagrams } : undefined,
    accessRules: listener.accessRules.map(formatRule),
    bytesReceived,
    bytesSent,
    unsentBytes,
    supervisor: idOf(system, listener.supervisor),
    connectionSupervisor: idOf(system, listener.connectionSupervisor),
  };
}

/** A handler may have named its end after what a peer has sent. */
function discreet(counts: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const shown = new Map<string, number>();
  for (const [reason, count] of Object.entries(counts)) {
    const key = isKnownReason(reason) ? reason : "other";
    shown.set(key, (shown.get(key) ?? 0) + count);
  }
  return Object.fromEntries(shown);
}

/** A rule in a line, such as `deny 10.0.0.0/8`. */
export function formatRule(rule: AccessRule): string {
  return Object.entries(rule)
    .map(([verb, peers]) => `${verb} ${peers}`)
    .join(" ");
}

function idOf(system: System, pid: Pid | undefined): ProcessId | undefined {
  const process = pid && system.process(pid);
  return process && formatProcessId(process);
}
