import type { ProcessView } from "@espalier/actors";
import type { Aggregate, SupervisorFacts, TreeAnswer, TreeNode } from "./api-types.ts";
import { formatProcessId } from "./process-id.ts";
import { type Family, MOST_LISTED, type Survey } from "./survey.ts";
import { Sums } from "./totals.ts";

/** No answer has more nodes than this, however the tree grows. */
const MOST_NODES = 1000;

const NOBODY = new Sums();

/** The living tree, or what is below one actor. `depth` is how many levels of children are listed. */
export function treeAnswer(survey: Survey, root: ProcessView | undefined, depth: number): TreeAnswer {
  const writer = new TreeWriter(survey);
  const roots = writer.nodes(root === undefined ? survey.roots.first : [root], depth);
  if (root !== undefined) return { at: survey.at, roots, omitted: 0 };
  const shown = roots.reduce((sum, { below }) => sum + 1 + below.processes, 0);
  return { at: survey.at, roots, omitted: survey.roots.below.processes - shown };
}

class TreeWriter {
  readonly #survey: Survey;
  #left = MOST_NODES;

  constructor(survey: Survey) {
    this.#survey = survey;
  }

  /** Siblings have their places before the children of the first of them take theirs. */
  nodes(siblings: readonly ProcessView[], depth: number): readonly TreeNode[] {
    this.#left -= siblings.length;
    return siblings.map((process) => this.#node(process, depth));
  }

  #node(process: ProcessView, depth: number): TreeNode {
    const { pid, id, name, label, definition, status, summary, incarnation, mailboxLength } = process;
    const family = this.#survey.familyOf(pid);
    const supervisor = supervisorFacts(process);
    const isListed = family !== undefined && depth > 0 && this.#hasRoomFor(family, supervisor);
    return {
      id: formatProcessId(process),
      key: id,
      pid: pid.toString(),
      name,
      label,
      behaviour: definition.behaviour.kind,
      definition: definition.name,
      status,
      state: summary,
      incarnation,
      mailbox: mailboxLength,
      below: family?.below ?? NOBODY,
      children: isListed ? this.nodes(family.first, depth - 1) : [],
      aggregate: family === undefined || isListed ? undefined : aggregateOf(family),
      supervisor,
    };
  }

  /** The children of a dynamic supervisor come and go: they are shown in the same way however many there are. */
  #hasRoomFor({ count }: Family, supervisor: SupervisorFacts | undefined): boolean {
    return supervisor?.strategy !== "simpleOneForOne" && count <= MOST_LISTED && count <= this.#left;
  }
}

function aggregateOf({ count, states, definitions, own, longestMailbox }: Family): Aggregate {
  return { count, states: states.toRecord(), definitions: definitions.toRecord(), totals: own, longestMailbox };
}

/** What a supervisor says of itself; nothing of what else a state may hold. Undefined for one that is no supervisor. */
export function supervisorFacts(process: ProcessView): SupervisorFacts | undefined {
  if (process.definition.behaviour.kind !== "supervisor") return undefined;
  const state = process.describe();
  if (typeof state !== "object" || state === null) return {};
  const said = state as Readonly<Record<string, unknown>>;
  const maxClients = said["maxClients"];
  return {
    strategy: typeof said["strategy"] === "string" ? said["strategy"] : undefined,
    intensity: numberOf(said["intensity"]),
    periodMs: numberOf(said["periodMs"]),
    restarts: numberOf(said["restarts"]),
    restartsInPeriod: numberOf(said["restartsInPeriod"]),
    maxClients: maxClients === "infinity" ? maxClients : numberOf(maxClients),
  };
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}
