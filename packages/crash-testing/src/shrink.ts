import type { Deviation } from "./deviation.ts";
import type { Plan } from "./plan.ts";
import type { PeerProxy, PeerScript } from "./peer-script.ts";

/** Lists with something left out: all of it, then halves, then ever smaller parts, down to single items. */
export function* withoutParts<Item>(items: readonly Item[]): Generator<readonly Item[]> {
  if (items.length === 0) return;
  yield [];
  for (
    let size = Math.ceil(items.length / 2);
    size >= 1 && items.length > 1;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    for (let start = 0; start < items.length; start += size) {
      yield [...items.slice(0, start), ...items.slice(start + size)];
    }
  }
}

/** A list in which one item at a time is replaced by something simpler. */
function* withSimpler<Item>(
  items: readonly Item[],
  simpler: (item: Item) => Iterable<Item>,
): Generator<readonly Item[]> {
  for (const [index, item] of items.entries()) for (const other of simpler(item)) yield items.with(index, other);
}

/** Smaller numbers, the smallest first. */
function* smaller(number: number, least: number): Generator<number> {
  if (number <= least) return;
  yield least;
  // There is nothing half as large as this.
  if (number === Infinity) return;
  for (let step = Math.floor((number - least) / 2); step >= 1; step = Math.floor(step / 2)) {
    if (number - step !== least) yield number - step;
  }
}

function* simplerDeviations(deviation: Deviation): Generator<Deviation> {
  for (const value of smaller(deviation.value, 1)) yield { ...deviation, value };
  for (const ordinal of smaller(deviation.ordinal, 0)) yield { ...deviation, ordinal };
}

/** Two cuts of one stream, one behind the other, as a single one in the place of the second. */
function* withJoinedCuts(deviations: readonly Deviation[]): Generator<readonly Deviation[]> {
  for (const first of deviations) {
    const { kind, subject, ordinal, value } = first;
    if (kind !== "chunk") continue;
    const isOfThis = (other: Deviation): boolean => other.kind === kind && other.subject === subject;
    const second = deviations.find((other) => isOfThis(other) && other.ordinal === ordinal + 1);
    if (second === undefined) continue;
    yield deviations.flatMap((other) => {
      if (other === second) return [];
      if (other === first) return { ...first, value: value + second.value };
      // There is one read less before them.
      return isOfThis(other) && other.ordinal > ordinal ? { ...other, ordinal: other.ordinal - 1 } : other;
    });
  }
}

function* simplerScripts(script: PeerScript): Generator<PeerScript> {
  const { after, ...first } = script;
  if (after !== undefined) yield first;
  const { proxy, tls, ...plain } = script;
  if (tls === true) yield { ...plain, ...(proxy !== undefined && { proxy }) };
  if (proxy !== undefined) {
    yield { ...plain, ...(tls !== undefined && { tls }) };
    for (const simpler of simplerHeaders(proxy)) yield { ...script, proxy: simpler };
  }
  for (const ops of withoutParts(script.ops)) yield { ...script, ops };
  for (const at of smaller(script.at, 0)) yield { ...script, at };
  for (const ops of withSimpler(script.ops, simplerOps)) yield { ...script, ops };
}

function* simplerHeaders(proxy: PeerProxy): Generator<PeerProxy> {
  const { isChecksummed, destination, ...rest } = proxy;
  if (isChecksummed === true) yield { ...rest, ...(destination !== undefined && { destination }) };
}

type Op = PeerScript["ops"][number];

const A = 0x61;

function* simplerOps(op: Op): Generator<Op> {
  if (op.type === "wait") for (const ms of smaller(op.ms, 0)) yield { ...op, ms };
  if (op.type === "receive") {
    for (const count of smaller(op.count, 0)) yield { ...op, count };
  }
  if (op.type === "receive" || op.type === "answer") {
    for (const withinMs of smaller(op.withinMs, 0)) yield { ...op, withinMs };
  }
}

/** The same with other bytes in it. */
function* simplerSends(op: Op): Generator<Op> {
  if (op.type !== "send") return;
  for (const length of smaller(op.bytes.length, 1)) yield { ...op, bytes: op.bytes.slice(0, length) };
  // Letters are easier to read than what is above them.
  if (op.bytes.some((byte) => byte > A)) yield { ...op, bytes: op.bytes.map((byte) => Math.min(byte, A)) };
}

/**
 * Plans whose clients send other bytes, shorter ones or such as are easier to read. These may be none of the protocol, so that
 * what goes wrong then is another thing.
 */
export function* plansWithSimplerBytes(plan: Plan): Generator<Plan> {
  for (const peers of withSimpler(plan.peers, scriptsWithSimplerBytes)) yield { ...plan, peers };
}

function* scriptsWithSimplerBytes(script: PeerScript): Generator<PeerScript> {
  for (const ops of withSimpler(script.ops, simplerSends)) yield { ...script, ops };
}

/**
 * Plans that are simpler than this one and in which clients send no other bytes, those from which the most is left out first. A plan is the simpler the fewer
 * deviations it has; then by its clients, what they do, and how large its numbers are.
 */
export function* simplerPlans(plan: Plan): Generator<Plan> {
  const { deviations, peers, operations } = plan;
  for (const fewer of withoutParts(deviations)) yield { ...plan, deviations: fewer };
  for (const fewer of withJoinedCuts(deviations)) yield { ...plan, deviations: fewer };
  for (const fewer of withoutParts(peers)) {
    yield { ...plan, peers: fewer };
    const moved = movedUp(deviations, peers.length - fewer.length);
    if (moved !== undefined) yield { ...plan, peers: fewer, deviations: moved };
  }
  for (const fewer of withoutParts(operations)) yield { ...plan, operations: fewer };
  for (const simpler of withSimpler(peers, simplerScripts)) yield { ...plan, peers: simpler };
  for (const simpler of withSimpler(deviations, simplerDeviations)) yield { ...plan, deviations: simpler };
  for (const simpler of withSimpler(operations, earlier)) yield { ...plan, operations: simpler };
}

/** Children that are numbered as they come, such as connections. Those of acceptors are not. */
const NUMBERED = /(?<!acceptor_sup)\/(\d+)(?=$|[~>/])/g;

/**
 * The same about those who come so many places earlier, since there are fewer before them; undefined where nobody has a
 * place.
 */
function movedUp(deviations: readonly Deviation[], places: number): readonly Deviation[] | undefined {
  const moved = deviations.map((deviation) => {
    const subject = deviation.subject.replaceAll(NUMBERED, (_, number) => `/${Math.max(1, Number(number) - places)}`);
    return subject === deviation.subject ? deviation : { ...deviation, subject };
  });
  return moved.some((deviation, index) => deviation !== deviations[index]) ? moved : undefined;
}

function* earlier(operation: Plan["operations"][number]): Generator<Plan["operations"][number]> {
  for (const at of smaller(operation.at, 0)) yield { ...operation, at };
}

/** What a run of a plan has come to, as far as shrinking is concerned. */
export interface Trial {
  /** Which invariant was broken; undefined: none. */
  readonly invariant: string | undefined;
  /** How it was broken, in words. */
  readonly message?: string;
  readonly deviations: readonly Deviation[];
}

/** The simplest plan that could be found, and at what cost. */
export interface Shrunk {
  readonly plan: Plan;
  /** How many runs it took. */
  readonly runs: number;
  /** Other invariants that were broken on the way, each with a plan. */
  readonly others: ReadonlyMap<string, Plan>;
}

/**
 * Shrinks a plan as long as the same invariant is broken, one simplification after the other. After each, only what has
 * really happened is kept of its deviations. Where clients come to send other bytes it has to be broken in the same way.
 */
export async function shrink(
  plan: Plan,
  { invariant, message }: { readonly invariant: string; readonly message: string },
  attempt: (plan: Plan) => Promise<Trial>,
  mostRuns = 2000,
): Promise<Shrunk> {
  const others = new Map<string, Plan>();
  const gist = gistOf(message);
  let best = plan;
  let runs = 0;
  const improve = async (candidates: Iterable<Plan>, isTheSame: (trial: Trial) => boolean): Promise<boolean> => {
    for (const candidate of candidates) {
      if (runs >= mostRuns) return false;
      runs += 1;
      const trial = await attempt(candidate);
      const found = { ...candidate, deviations: trial.deviations };
      if (trial.invariant === invariant && isTheSame(trial)) {
        best = found;
        return true;
      }
      if (trial.invariant !== undefined && trial.invariant !== invariant && !others.has(trial.invariant)) {
        others.set(trial.invariant, found);
      }
    }
    return false;
  };
  while (
    (await improve(simplerPlans(best), () => true)) ||
    (await improve(plansWithSimplerBytes(best), (trial) => gistOf(trial.message ?? "") === gist))
  );
  return { plan: best, runs, others };
}

/** A message without what differs from run to run: what is quoted, and numbers. */
function gistOf(message: string): string {
  return message.replaceAll(/"(?:[^"\\]|\\.)*"/gu, '""').replaceAll(/\d+/gu, "0");
}
