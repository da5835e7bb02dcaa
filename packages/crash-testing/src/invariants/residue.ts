import { residue } from "@espalier/actors/testing";
import type { Invariant, RunView } from "../invariant.ts";

const ID = "I10-residue";

/** Whatever has happened in a run, nothing of it is left when the server has stopped and its clients are gone. */
export function nothingIsLeft(): Invariant {
  return {
    id: ID,
    says: "after the stop there are no actors, names, timers, resources, tasks, sockets or listening sockets",
    watch: (run) => ({
      after(phase) {
        if (phase !== "stopped") return;
        const left = remains(run);
        if (left.length > 0) run.violate(ID, `after the stop there is still ${left.join("; ")}`);
      },
    }),
  };
}

function remains({ system, network }: RunView): string[] {
  const { actors, names, resources, timers, tasks } = residue(system);
  return [
    ...actors.map((path) => `the actor ${path}`),
    ...names.map((name) => `the name ${name}`),
    ...resources,
    ...counted(timers, "timer"),
    ...counted(tasks, "task"),
    ...counted(network.openSockets, "open socket"),
    ...counted(network.openListeners, "open listening socket"),
  ];
}

function counted(count: number, what: string): string[] {
  return count === 0 ? [] : [`${count} ${what}${count === 1 ? "" : "s"}`];
}
