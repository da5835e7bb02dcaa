import { collapse, type Repeated } from "./collapse.ts";
import type { Failure } from "./run.ts";
import type { Line, Timeline } from "./timeline.ts";

/** Where to look for what has led to a failure. */
export interface Traces {
  /** The event that broke the invariant, if it was one. */
  readonly brokenBy: number | undefined;
  readonly failure: Failure;
  /** The host of the client that came when all was well again, if there was one. */
  readonly probe: string | undefined;
}

/** The lines that led to a failure, each with its repetitions, and how many more there are of them than could be shown. */
export interface CutTimeline {
  readonly lines: readonly Repeated[];
  readonly leftOut: number;
}

/** What says little by itself gives way first. */
const WEIGHTS: Readonly<Record<Line["verb"], number>> = {
  inject: 9,
  dead: 6,
  failed: 6,
  client: 5,
  state: 4,
  socket: 3,
  exit: 3,
  timer: 3,
  spawn: 3,
  signal: 2,
};

/** So many events of those whom a message names are followed back. */
const MOST_SEEDS = 12;

/**
 * Cuts a timeline to what led to a failure: the causes of the event that broke the invariant, or else of the last that is
 * known of those whom the message names; what clients did; and what was out of the ordinary, with what came of that.
 */
export function causalPast(timeline: Timeline, traces: Traces, most: number): CutTimeline {
  const { lines, begin } = timeline;
  const { brokenBy, failure } = traces;
  const past = new Set<number>();
  if (brokenBy !== undefined) timeline.causesOf(brokenBy, past);
  const seeds = brokenBy === undefined ? lines.filter((line) => isWitness(line, timeline, traces)) : [];
  for (const { id } of seeds.slice(-MOST_SEEDS)) timeline.causesOf(id, past);
  const injured = new Set(lines.filter(({ verb }) => verb === "inject").map(({ who }) => who));
  const ends = new Set(lines.filter(({ verb, who }) => verb === "dead" && injured.has(who)).map(({ id }) => id));
  for (const id of ends) timeline.causesOf(id, past);
  // Where nothing points back, all that has happened may have led there.
  const isBlind = past.size === 0;
  const start = failure.phase === "boot" ? 0 : begin;
  const chosen = new Set(
    lines.filter(({ id, verb }, index) => {
      if (verb === "inject" || verb === "client" || ends.has(id)) return true;
      return index >= start && (isBlind || past.has(id) || timeline.isAfter(id, ends));
    }),
  );
  // What an actor does follows from its state, too, and so from all that it was told before, as far as there is room.
  const involved = new Set([...injured, ...[...chosen].flatMap(({ who, other }) => [who, other])]);
  const known = lines.filter((line, index) => chosen.has(line) || (index >= start && involved.has(line.who)));
  const ranked = collapse(known).map((own, index, { length }): Ranked => {
    const [{ who, other }] = own;
    const age = index / length;
    if (own.some((line) => chosen.has(line))) return { own, isChosen: true, rank: CHOSEN + weightOf(own) + age };
    const isNear = injured.has(who) || injured.has(other ?? "");
    return { own, isChosen: false, rank: weightOf(own) + (isNear ? 10 : 0) - age };
  });
  return cut(ranked, most);
}

/** Comes before all that is there only because there is room. */
const CHOSEN = 100;

/** Lines that say the same, and before which others give way. */
interface Ranked {
  readonly own: Repeated;
  readonly isChosen: boolean;
  readonly rank: number;
}

function isWitness({ who, id }: Line, timeline: Timeline, { failure, probe }: Traces): boolean {
  if (id === 0) return false;
  if (isNamed(failure.message, who)) return true;
  const hosts = timeline.clients.filter((host) => host === probe || isNamed(failure.message, host));
  return hosts.some((host) => timeline.handlerOf(host) === who);
}

function isNamed(message: string, who: string): boolean {
  const at = message.indexOf(who);
  // `acceptor_sup/1` is not `acceptor_sup/12`.
  return at >= 0 && !/[\w~]/.test(message.charAt(at + who.length));
}

/** Leaves out what weighs least: the oldest first of what led there, and the newest of the rest. */
function cut(ranked: readonly Ranked[], most: number): CutTimeline {
  const kept = new Set(ranked.toSorted((one, other) => other.rank - one.rank).slice(0, most));
  const leftOut = ranked.flatMap((line) => (line.isChosen && !kept.has(line) ? line.own : []));
  return { lines: ranked.flatMap((line) => (kept.has(line) ? [line.own] : [])), leftOut: leftOut.length };
}

/** Ends that were meant are no news. */
function weightOf([{ verb, text }]: Repeated): number {
  return (verb === "dead" || verb === "exit") && /^(?:normal|shutdown)$/.test(text) ? 1 : WEIGHTS[verb];
}
