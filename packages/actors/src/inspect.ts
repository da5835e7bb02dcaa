import type { Definition } from "./behaviour.ts";
import type { Kernel } from "./internal/kernel.ts";
import type { Link } from "./internal/link.ts";
import type { ActorProcess } from "./internal/process.ts";
import { Watch } from "./internal/watch.ts";
import type { Pid } from "./pid.ts";
import type { Resource } from "./resource.ts";

/** One actor as `inspect` shows it. */
export interface ProcessInfo {
  readonly pid: Pid;
  readonly path: string;
  readonly incarnation: number;
  /** The last part of the path. */
  readonly id: string;
  readonly parent: Pid | undefined;
  readonly name: string | undefined;
  readonly label: string | undefined;
  /** The definition's name. */
  readonly definition: string;
  /** `server`, `machine`, `async`, `supervisor`, … */
  readonly behaviour: string;
  /** What the actor is doing: `waiting` for a message, `busy` with an asynchronous callback, and so on. */
  readonly status: ActorProcess["status"];
  /** The state as the behaviour shows it. */
  readonly state: unknown;
  /** The state in a word, as the tree shows it. */
  readonly summary: string | undefined;
  readonly trapExit: boolean;
  readonly links: readonly Pid[];
  /** Whom it monitors or is waiting for in a call. */
  readonly monitors: readonly Pid[];
  readonly monitoredBy: readonly Pid[];
  /** Everything it owns, by kind: timers, sockets, calls under way. */
  readonly resources: ReadonlyArray<{ readonly kind: string; readonly description: string }>;
  readonly mailboxLength: number;
  /** Messages handled so far. */
  readonly reductions: number;
}

/**
 * One living actor as it is: a getter reads when it is asked, and makes nothing that is not asked for. For those who look
 * at thousands and need little of each. Not to be kept: what it says after the end of its actor means nothing.
 */
export interface ProcessView extends Pick<
  ProcessInfo,
  "pid" | "path" | "incarnation" | "id" | "name" | "label" | "status" | "summary" | "mailboxLength" | "reductions"
> {
  /** Of one that was started from outside: a pid that belongs to no actor. */
  readonly parentPid: Pid;
  readonly definition: Definition<never>;
  /** The state as the behaviour shows it. */
  describe(): unknown;
  /** Shows all that it owns, the latest first. */
  visitResources(visit: (resource: Resource) => void): void;
}

/** A whole system at one moment, in figures. */
export interface SystemFigures {
  readonly name: string;
  readonly now: number;
  /** Living actors. */
  readonly processCount: number;
  /** Armed timers, those of calls included. */
  readonly timers: number;
  /** When the next timer is due; Infinity if none is armed. */
  readonly nextTimer: number;
  /** Actors with something to do. */
  readonly runQueue: number;
  /** User promises that actors wait for. */
  readonly tasks: number;
  /** Signals delivered so far. */
  readonly steps: number;
  /** Actors that ended by their own failure so far. */
  readonly crashes: number;
}

/** A whole system at one moment. */
export interface SystemInfo extends SystemFigures {
  /** Every living actor, oldest first, so that a parent stands before its children. */
  readonly processes: readonly ProcessInfo[];
  readonly names: ReadonlyMap<string, Pid>;
}

/** Reads a system without touching it. */
export function inspectKernel(kernel: Kernel): SystemInfo {
  return {
    ...figuresOf(kernel),
    processes: [...kernel.processes()].map(inspectProcess),
    names: new Map([...kernel.names].map(([name, process]) => [name, process.pid])),
  };
}

/** The same without its actors, of which there may be many. */
export function figuresOf(kernel: Kernel): SystemFigures {
  return {
    name: kernel.name,
    now: kernel.host.now(),
    processCount: kernel.processCount,
    timers: kernel.timers.size,
    nextTimer: kernel.timers.nextDue,
    runQueue: kernel.queueLength,
    tasks: kernel.tasks,
    steps: kernel.steps,
    crashes: kernel.crashes,
  };
}

/** Reads one actor without touching it. */
export function inspectProcess(process: ActorProcess): ProcessInfo {
  const { pid, path, incarnation, id, name, label, definition, status, mailboxLength, reductions } = process;
  const monitors: Pid[] = [];
  const resources: Array<{ kind: string; description: string }> = [];
  process.visitResources((resource) => {
    resources.push({ kind: resource.kind, description: resource.describe() });
    if (resource instanceof Watch && resource.target !== null) monitors.push(resource.target.pid);
  });
  return {
    pid,
    path,
    incarnation,
    id,
    parent: process.parent?.pid,
    name,
    label,
    definition: definition.name,
    behaviour: definition.behaviour.kind,
    status,
    state: process.describe(),
    summary: process.summary,
    trapExit: process.isTrappingExits,
    links: [...linksOf(process)].map((link) => link.other(process).pid),
    monitors,
    monitoredBy: [...watchersOf(process)].flatMap((watch) => (watch.owner === null ? [] : [watch.owner.pid])),
    resources,
    mailboxLength,
    reductions,
  };
}

function* linksOf(process: ActorProcess): Generator<Link> {
  for (let link = process.links; link !== null; link = link.next(process)) yield link;
}

function* watchersOf(process: ActorProcess): Generator<Watch> {
  for (let watch = process.watchers; watch !== null; watch = watch.nextWatch) yield watch;
}

/** The living tree as text, two columns wide at most: one line an actor, its state behind it. */
export function formatTree(info: SystemInfo): string {
  const children = new Map<Pid | undefined, ProcessInfo[]>();
  const living = new Set(info.processes.map(({ pid }) => pid));
  for (const process of info.processes) {
    const parent = process.parent !== undefined && living.has(process.parent) ? process.parent : undefined;
    const siblings = children.get(parent);
    if (siblings === undefined) children.set(parent, [process]);
    else siblings.push(process);
  }
  const lines: string[] = [];
  function add(process: ProcessInfo, indent: string, branch: string, below: string): void {
    lines.push(`${indent}${branch}${formatProcess(process)}`);
    const own = children.get(process.pid) ?? [];
    for (const [index, child] of own.entries()) {
      const isLast = index === own.length - 1;
      add(child, indent + below, isLast ? "└─ " : "├─ ", isLast ? "   " : "│  ");
    }
  }
  for (const root of children.get(undefined) ?? []) add(root, "", "", "");
  return lines.join("\n");
}

function formatProcess({ id, pid, name, label, behaviour, state, summary }: ProcessInfo): string {
  const extra = [
    name === undefined || name === id ? "" : `name ${name}`,
    label ?? "",
    summary ?? (typeof state === "string" ? state : ""),
  ];
  const shown = [...new Set(extra)].filter((text) => text !== "");
  return `${id} ${pid.toString()} ${behaviour}${shown.length === 0 ? "" : ` (${shown.join(", ")})`}`;
}
