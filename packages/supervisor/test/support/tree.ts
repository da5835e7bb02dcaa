import {
  type Definition,
  type ExitReason,
  formatReason,
  type Pid,
  type Report,
  type Subject,
  type System,
  type TraceEvent,
} from "@espalier/actors";
import {
  child,
  type ChildSpec,
  defineSupervisor,
  type SupervisorInit,
  type SupervisorRef,
  whichChildren,
} from "@espalier/supervisor";

/** Starts an actor that is the root of a tree. Its path is `sup`. */
export async function startRoot<Ref extends Pid>(system: System, definition: Definition<void, Ref>): Promise<Ref> {
  const result = await system.start(definition, undefined, { id: "sup" });
  if (result.ok) return result.ref;
  const why = result.error === "failed" ? formatReason(result.reason) : result.error;
  throw new Error(`the tree did not start: ${why}`);
}

/** Starts a supervisor with these flags and children. Its path is `sup`. */
export function startSupervisor(system: System, init: SupervisorInit): Promise<SupervisorRef> {
  return startRoot(system, defineSupervisor(init));
}

/** The children in start order, as in `a#1 b#restarting c`: with the incarnation of those that live. */
export async function childrenOf(system: System, supervisor: Pid): Promise<string> {
  const children = await whichChildren(system, supervisor);
  const incarnations = new Map(system.inspect().processes.map(({ pid, incarnation }) => [pid, incarnation]));
  const shown = children.map(({ id, child: state }) => {
    if (state === undefined) return String(id);
    return `${String(id)}#${state === "restarting" ? state : String(incarnations.get(state) ?? "dead")}`;
  });
  return shown.toReversed().join(" ");
}

/** The living actor at this path. */
export function actorAt(system: System, path: string): Pid {
  const found = system.inspect().processes.find((process) => process.path === path);
  if (found === undefined) throw new Error(`nobody lives at ${path}`);
  return found.pid;
}

/** Who lives, by path, oldest first. */
export function living(system: System): string[] {
  return system.inspect().processes.map(({ path, incarnation }) => `${path}#${incarnation}`);
}

/** What becomes of actors, in order, as in `start sup/a#1`, `stop sup/a#1 shutdown`, `fail sup/a#2 error: boom`. */
export interface Journal {
  /** The lines since the last time that somebody asked. */
  take(): string[];
}

/** How a journal names actors and reasons. */
interface JournalWords {
  readonly nameOf?: (subject: Subject) => string;
  readonly showReason?: (reason: ExitReason) => string;
}

/** Keeps a journal of all starts and ends from now on. */
export function keepJournal(system: System, words: JournalWords = {}): Journal {
  const { nameOf = ({ path, incarnation }) => `${path}#${incarnation}`, showReason = formatReason } = words;
  let lines: string[] = [];
  const starting = new Set<Pid>();

  function note(event: TraceEvent): void {
    const who = nameOf(event.subject);
    const isStarting = starting.has(event.subject.pid);
    if (event.type === "spawn") starting.add(event.subject.pid);
    if (event.type !== "started" && event.type !== "startFailed" && event.type !== "exit") return;
    starting.delete(event.subject.pid);
    if (event.type === "started") lines.push(`start ${who}`);
    else if (event.type === "startFailed") lines.push(`fail ${who} ${showReason(event.reason)}`);
    else if (isStarting) lines.push(`ignore ${who}`);
    else if (!lines.at(-1)?.startsWith(`fail ${who} `)) lines.push(`stop ${who} ${showReason(event.reason)}`);
  }

  system.trace(note, { detail: "life" });
  return {
    take() {
      const taken = lines;
      lines = [];
      return taken;
    },
  };
}

/** The reports of the whole system from now on, oldest first. */
export function collectReports(system: System): Report[] {
  const reports: Report[] = [];
  const note = (event: TraceEvent): unknown => event.type === "report" && reports.push(event.report);
  system.trace(note, { detail: "life" });
  return reports;
}

/** A spec made short: the id, the definition and what is not default. */
export function worker(id: string, definition: Definition, options: Omit<ChildSpec, "id" | "start"> = {}): ChildSpec {
  return { id, start: child(definition), ...options };
}
