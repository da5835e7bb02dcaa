import type {
  LogAnswer,
  LogEntry,
  ListenersAnswer,
  OverviewAnswer,
  ProcessId,
  RateSample,
  TreeAnswer,
  TreeNode,
} from "@espalier/inspector/api-types";
import { computed, signal } from "@preact/signals";
import { ask, type Told } from "./api.ts";
import { type Link, Stream } from "./stream.ts";

const MOST_SAMPLES = 300;
const MOST_ENTRIES = 1000;
/** How long an actor counts as new. */
const FRESH_MS = 2500;
/** More than anybody has children. */
const FIRST = 1e9;

export const link = signal<Link>({ type: "connecting" });
export const overview = signal<OverviewAnswer | undefined>(undefined);
export const tree = signal<TreeAnswer | undefined>(undefined);
export const listeners = signal<ListenersAnswer | undefined>(undefined);
export const samples = signal<readonly RateSample[]>([]);
/** Oldest first. */
export const entries = signal<readonly LogEntry[]>([]);
export const logCounts = signal<LogAnswer["counts"] | undefined>(undefined);

/** A node of the tree, with the path that leads to it. */
export interface Place {
  readonly node: TreeNode;
  readonly path: string;
  readonly parent: Place | undefined;
}

/** In which order the paths were first seen: an actor that is started anew stands where it stood. */
const ranks = new Map<string, number>();

/** The listed actors by their paths, in the order of the tree. */
export const places = computed(() => {
  const found = new Map<string, Place>();
  const visit = (nodes: readonly TreeNode[], parent: Place | undefined): void => {
    const siblings = nodes.map((node) => {
      const path = parent === undefined ? node.key : `${parent.path}/${node.key}`;
      const rank = ranks.get(path) ?? ranks.size;
      ranks.set(path, rank);
      return { place: { node, path, parent }, rank };
    });
    for (const { place } of siblings.toSorted((left, right) => left.rank - right.rank)) {
      found.set(place.path, place);
      visit(place.node.children, place);
    }
  };
  visit(tree.value?.roots ?? [], undefined);
  return found;
});

/** Those whose children come and go: the connection supervisors first, also those that have none, and then by how many. */
export const families = computed(() => {
  const ofListeners = new Set(listeners.value?.listeners.map(({ connectionSupervisor }) => connectionSupervisor));
  const rank = ({ node }: Place): number => countOf(node) + (ofListeners.has(node.id) ? FIRST : 0);
  return [...places.value.values()]
    .filter(({ node }) => node.aggregate !== undefined || ofListeners.has(node.id))
    .toSorted((left, right) => rank(right) - rank(left));
});

/** How many children an actor has. */
export function countOf({ aggregate, children }: TreeNode): number {
  return aggregate?.count ?? children.length;
}

/** When each listed actor was first seen. Those of the first tree have always been there. */
const seen = new Map<ProcessId, number>();
/** Those that were told to die, until they are gone. */
export const doomed = signal<ReadonlySet<ProcessId>>(new Set());

export function isFresh(id: ProcessId): boolean {
  return Date.now() - (seen.get(id) ?? 0) < FRESH_MS;
}

function see(answer: TreeAnswer): void {
  const isFirst = tree.peek() === undefined;
  const now = Date.now();
  tree.value = answer;
  const ids = new Set([...places.value.values()].map(({ node }) => node.id));
  for (const id of seen.keys()) if (!ids.has(id)) seen.delete(id);
  for (const id of ids) if (!seen.has(id)) seen.set(id, isFirst ? 0 : now);
  const left = [...doomed.peek()].filter((id) => ids.has(id));
  if (left.length !== doomed.peek().size) doomed.value = new Set(left);
}

function hear(told: Told): void {
  switch (told.name) {
    case "overview": {
      const { attachedAt = told.data.attachedAt } = overview.peek() ?? {};
      // Another run of the program: its log begins anew.
      if (told.data.attachedAt !== attachedAt) {
        entries.value = [];
        samples.value = [];
        main.open();
      }
      overview.value = told.data;
      break;
    }
    case "tree":
      see(told.data);
      break;
    case "listeners":
      listeners.value = told.data;
      break;
    case "rates":
      addSamples([told.data]);
      break;
    case "log": {
      const last = entries.peek().at(-1)?.number ?? 0;
      const fresh = told.data.entries.filter(({ number }) => number > last);
      logCounts.value = told.data.counts;
      if (fresh.length > 0) entries.value = [...entries.peek(), ...fresh].slice(-MOST_ENTRIES);
      break;
    }
    case "process":
    case "trace":
    case "gone":
  }
}

function addSamples(more: readonly RateSample[]): void {
  const last = samples.peek().at(-1)?.at ?? -1;
  const fresh = more.filter(({ at }) => at > last);
  if (fresh.length > 0) samples.value = [...samples.peek(), ...fresh].slice(-MOST_SAMPLES);
}

/** What all views live on. */
export const main: Stream = new Stream(
  () => ({ topics: "overview,tree,listeners,rates,log", after: entries.peek().at(-1)?.number }),
  hear,
  (now) => {
    link.value = now;
    if (now.type !== "connecting") return;
    void catchUp();
  },
);

/** What a command has changed need not wait for the next tick. If it cannot be had, the tick brings it. */
export async function refreshListeners(): Promise<void> {
  const answer = await ask("listeners", {}).catch(() => undefined);
  if (answer) listeners.value = answer;
}

/** What went by before, or while nobody was listening. If it cannot be had, the stream tells why. */
async function catchUp(): Promise<void> {
  const answer = await ask("rates", {}).catch(() => undefined);
  if (answer) samples.value = answer.samples.slice(-MOST_SAMPLES);
}
