import { machineOf, type Pid, type ProcessView, type System } from "@espalier/actors";
import { Connection, formatAddress } from "@espalier/sockets";
import type { Neighbour, ProcessAnswer, Shown, SocketFact, TimerFact } from "./api-types.ts";
import { toPlain } from "./discretion.ts";
import type { Journal } from "./journal.ts";
import { formatProcessId, toNeighbour } from "./process-id.ts";
import { activeStates } from "./statechart.ts";
import type { Tracing } from "./tracing.ts";
import { supervisorFacts } from "./tree.ts";

/** Lists are no longer than this. */
const MOST_ENTRIES = 200;

/** What an answer about one actor is made of. */
export interface ProcessContext {
  readonly system: System;
  readonly journal: Journal;
  readonly tracing: Tracing;
  readonly show: Shown;
}

/** One actor in full; undefined if it has died meanwhile. */
export function processAnswer(context: ProcessContext, process: ProcessView): ProcessAnswer | undefined {
  const { system, journal, tracing, show } = context;
  const info = system.inspect(process.pid);
  if (info === undefined) return undefined;
  const id = formatProcessId(info);
  const owned = ownedBy(system, process, show);
  const links = toNeighbours(system, info.links);
  const monitors = toNeighbours(system, info.monitors);
  const monitoredBy = toNeighbours(system, info.monitoredBy);
  const parent = system.process(process.parentPid);
  const { path, incarnation } = info;
  const isMachine = machineOf(process.definition) !== undefined;
  return {
    at: system.now(),
    id,
    pid: info.pid.toString(),
    path,
    incarnation,
    name: info.name,
    label: info.label,
    definition: info.definition,
    behaviour: info.behaviour,
    status: info.status,
    trapsExits: info.trapExit,
    parent: parent && toNeighbour(system, parent.pid),
    children: childrenOf(system, process.pid),
    links: links.shown,
    monitors: monitors.shown,
    monitoredBy: monitoredBy.shown,
    mailbox: info.mailboxLength,
    reductions: info.reductions,
    timers: owned.timers.slice(0, MOST_ENTRIES),
    sockets: owned.sockets.slice(0, MOST_ENTRIES),
    resources: Object.fromEntries(owned.others),
    state: info.summary,
    active: activeStates(process),
    tags: isMachine ? tagsOf(info.state) : undefined,
    detail: show.states ? toPlain(info.state) : undefined,
    supervisor: supervisorFacts(process),
    restarts: incarnation - 1,
    lastCrash: journal.lastCrash(path),
    isTraced: tracing.isTraced(id),
    hasStatechart: isMachine,
    more: {
      links: links.more,
      monitors: monitors.more,
      monitoredBy: monitoredBy.more,
      timers: Math.max(owned.timers.length - MOST_ENTRIES, 0),
      sockets: Math.max(owned.sockets.length - MOST_ENTRIES, 0),
    },
  };
}

function childrenOf(system: System, parent: Pid): number {
  let count = 0;
  for (const { parentPid } of system.processes()) if (parentPid === parent) count += 1;
  return count;
}

function toNeighbours(system: System, pids: readonly Pid[]): { shown: readonly Neighbour[]; more: number } {
  const shown = pids.slice(0, MOST_ENTRIES).map((pid) => toNeighbour(system, pid));
  return { shown, more: pids.length - shown.length };
}

/** Names of tags are the author's of the machine; all else of its state may be the peer's. */
function tagsOf(state: unknown): readonly string[] | undefined {
  if (typeof state !== "object" || state === null || !("tags" in state) || !Array.isArray(state.tags)) return undefined;
  return state.tags.filter((tag) => typeof tag === "string");
}

interface Owned {
  readonly timers: TimerFact[];
  readonly sockets: SocketFact[];
  readonly others: Map<string, number>;
}

function ownedBy(system: System, process: ProcessView, show: Shown): Owned {
  const owned: Owned = { timers: [], sockets: [], others: new Map() };
  process.visitResources((resource) => {
    if (resource instanceof Connection) {
      owned.sockets.push(toSocketFact(system, resource, show));
    } else if (resource.kind === "timer") {
      const { kind } = resource;
      const text = resource.describe();
      owned.timers.push({ kind, description: TIMER.test(text) ? text : kind });
    } else {
      owned.others.set(resource.kind, (owned.others.get(resource.kind) ?? 0) + 1);
    }
  });
  return owned;
}

/** As the kernel describes timers: what they are for is the type of an event, and when they are due a number. */
const TIMER = /^(?:[\w.:()-]{1,120} )?due at [\d.]{1,30}$/u;

function toSocketFact(system: System, connection: Connection, show: Shown): SocketFact {
  const { peername, sockname, tls } = connection;
  const { since, ...stat } = connection.getStat();
  return {
    peer: formatAddress(peername),
    local: sockname && formatAddress(sockname),
    tls: tls?.protocol,
    ...stat,
    age: since === undefined ? undefined : system.now() - since,
    metadata: show.metadata ? metadataOf(connection) : undefined,
  };
}

function metadataOf({ metadata }: Connection): Readonly<Record<string, string>> {
  const entries = [...metadata].slice(0, MOST_ENTRIES);
  return Object.fromEntries(entries.map(([name, value]) => [name, JSON.stringify(toPlain(value)) ?? ""]));
}
