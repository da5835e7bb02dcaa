import type { ProcessView, System } from "@espalier/actors";
import type { HeatMapAnswer, HeatMeasure } from "./api-types.ts";
import { formatProcessId } from "./process-id.ts";
import { Sums } from "./totals.ts";

/** No answer has more cells than this. */
const MOST_CELLS = 100_000;
/** Past so many states, the others are one. */
const MOST_STATES = 50;
const FIRST_CODE = 48;

/** One character for each child of an actor: thousands of them at a glance, in as many bytes. */
export function heatMapAnswer(system: System, parent: ProcessView, by: HeatMeasure): HeatMapAnswer {
  const states = new Map<string, number>();
  const stateIndex = ({ summary, status }: ProcessView): number => {
    const state = summary ?? status;
    const known = states.get(state);
    if (known !== undefined) return known;
    const index = states.size;
    if (index >= MOST_STATES) return MOST_STATES;
    states.set(state, index);
    return index;
  };
  const codes: number[] = [];
  let total = 0;
  for (const process of system.processes()) {
    if (process.parentPid !== parent.pid) continue;
    total += 1;
    if (total > MOST_CELLS) continue;
    codes.push(FIRST_CODE + (by === "state" ? stateIndex(process) : bits(valueOf(process, by))));
  }
  const names = [...states.keys()];
  if (names.length === MOST_STATES) names.push("other");
  return {
    at: system.now(),
    parent: formatProcessId(parent),
    total,
    by,
    states: names,
    cells: textOf(codes),
  };
}

function valueOf(process: ProcessView, by: Exclude<HeatMeasure, "state">): number {
  if (by === "reductions") return process.reductions;
  if (by === "mailbox") return process.mailboxLength;
  const sums = new Sums();
  sums.addProcess(process);
  return sums[by];
}

/** 0 for 0, and otherwise how many binary digits it has. */
function bits(value: number): number {
  return value < 1 ? 0 : Math.min(Math.floor(Math.log2(value)) + 1, 50);
}

/** A call takes only so many arguments. */
function textOf(codes: readonly number[]): string {
  let text = "";
  for (let start = 0; start < codes.length; start += 8192) {
    text += String.fromCharCode(...codes.slice(start, start + 8192));
  }
  return text;
}
