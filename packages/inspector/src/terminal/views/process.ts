import type { LogEntry, Neighbour, ProcessAnswer, SocketFact, SupervisorFacts } from "../../api-types.ts";
import { type Line, span } from "../line.ts";
import type { Detail, Model } from "../model.ts";
import { bytes, count, duration, timeOfDay } from "../units.ts";

/** One actor in full; longer than the screen, it is scrolled. */
export function detailLines({ facts }: Model, detail: Detail, height: number): readonly Line[] {
  const process = facts.process?.id === detail.id ? facts.process : undefined;
  const gone: Line = detail.isGone ? [span(`  it has died`, "bad")] : [];
  const title: Line = [span(` ${detail.pid} `, "bold"), span(process?.path ?? "…"), ...gone];
  const lines = process === undefined ? [] : processFacts(process);
  const start = Math.max(0, Math.min(detail.scroll, lines.length - (height - 1)));
  return [title, ...lines.slice(start, start + Math.max(0, height - 1))];
}

/** How far the detail can be scrolled. */
export function detailLength({ facts }: Model, detail: Detail): number {
  return facts.process?.id === detail.id ? processFacts(facts.process).length : 0;
}

function processFacts(process: ProcessAnswer): readonly Line[] {
  const { name, label, definition, behaviour, status, trapsExits, parent, children, more } = process;
  const { mailbox, reductions, incarnation, restarts, isTraced, state, active, tags, detail } = process;
  const { supervisor, sockets, timers, resources, lastCrash } = process;
  return [
    ...fact("name", name),
    ...fact("label", label),
    ...fact("runs", `${definition} (${behaviour})`),
    ...fact("status", status + (isTraced ? ", traced" : "")),
    ...fact("state", state),
    ...fact("active", active?.join(", ")),
    ...fact("tags", tags === undefined || tags.length === 0 ? undefined : tags.join(", ")),
    ...fact("parent", parent && neighbourText(parent)),
    ...fact("children", children === 0 ? undefined : count(children)),
    ...fact("mailbox", count(mailbox)),
    ...fact("messages", `${count(reductions)} handled`),
    ...fact("restarts", `${count(restarts)}, incarnation ${incarnation}`),
    ...fact("traps exits", trapsExits ? "yes" : "no"),
    ...(supervisor === undefined ? [] : fact("supervisor", supervisorText(supervisor))),
    ...sockets.flatMap(socketFacts),
    ...list("", more.sockets, []),
    ...list("links", more.links, process.links.map(neighbourText)),
    ...list("monitors", more.monitors, process.monitors.map(neighbourText)),
    ...list("monitored", more.monitoredBy, process.monitoredBy.map(neighbourText)),
    ...list(
      "timers",
      more.timers,
      timers.map(({ kind, description }) => `${kind}: ${description}`),
    ),
    ...list(
      "owns",
      0,
      Object.entries(resources).map(([kind, number]) => `${count(number)} ${kind}`),
    ),
    ...(detail === undefined ? [] : list("holds", 0, JSON.stringify(detail, undefined, 2).split("\n"))),
    ...(lastCrash === undefined ? [] : crashFacts(lastCrash)),
  ];
}

function fact(name: string, text: string | undefined): readonly Line[] {
  return text === undefined ? [] : [[span(` ${name.padEnd(11)} `, "dim"), span(text)]];
}

/** The first of a list stands behind its name, the others below each other. */
function list(name: string, more: number, texts: readonly string[]): readonly Line[] {
  const all = more > 0 ? [...texts, `… and ${count(more)} more`] : texts;
  return all.flatMap((text, index) => fact(index === 0 ? name : "", text));
}

function neighbourText({ pid, path }: Neighbour): string {
  return `${pid} ${path ?? "(dead)"}`;
}

function supervisorText({
  strategy,
  intensity,
  periodMs,
  restarts,
  restartsInPeriod,
  maxClients,
}: SupervisorFacts): string {
  const parts = [
    strategy,
    intensity === undefined || periodMs === undefined
      ? undefined
      : `${restartsInPeriod ?? 0} of ${intensity} restarts in ${duration(periodMs)}`,
    restarts === undefined ? undefined : `${count(restarts)} in all`,
    maxClients === undefined ? undefined : `at most ${maxClients === "infinity" ? "∞" : count(maxClients)} clients`,
  ];
  return parts.filter((part) => part !== undefined).join(", ");
}

function socketFacts(socket: SocketFact): readonly Line[] {
  const { peer, local, tls, bytesReceived, bytesSent, unsentBytes, packetsReceived, packetsSent, age } = socket;
  const { metadata } = socket;
  const ends = [peer, local === undefined ? "" : ` at ${local}`, tls === undefined ? "" : `, ${tls}`];
  return [
    ...fact("socket", ends.join("") + (age === undefined ? "" : `, for ${duration(age)}`)),
    ...fact("", `in  ${bytes(bytesReceived)}, ${count(packetsReceived)} packets`),
    ...fact("", `out ${bytes(bytesSent)}, ${count(packetsSent)} packets, ${bytes(unsentBytes).trimEnd()} unsent`),
    ...list(
      "metadata",
      0,
      Object.entries(metadata ?? {}).map(([name, value]) => `${name}: ${value}`),
    ),
  ];
}

function crashFacts({ wallClock, text, reason }: LogEntry): readonly Line[] {
  return list("last crash", 0, [`${timeOfDay(wallClock)} UTC ${text}`, ...(reason?.stack ?? [])]);
}
