import { isExpected, type Pid } from "@espalier/actors";
import type { Invariant } from "../invariant.ts";
import { nameOf } from "./name-of.ts";

const ID = "I23-cleanup";

/** A supervisor that ends in order has stopped its children before; one that crashes takes them along. */
export function supervisorsLeaveNobody(): Invariant {
  return {
    id: ID,
    says: "a supervisor that ends in order has seen its children end before",
    watch: (run) => {
      const living = new Map<Pid, Set<Pid>>();
      const parents = new Map<Pid, Pid>();
      return {
        on: {
          spawn: ({ subject: { pid }, parent, behaviour }) => {
            if (behaviour === "supervisor") living.set(pid, new Set());
            const siblings = parent && living.get(parent);
            if (parent === undefined || siblings === undefined) return;
            siblings.add(pid);
            parents.set(pid, parent);
          },
          exit: ({ subject: { pid }, reason }) => {
            const parent = parents.get(pid);
            parents.delete(pid);
            if (parent !== undefined) living.get(parent)?.delete(pid);
            const left = living.get(pid)?.size ?? 0;
            living.delete(pid);
            if (left === 0 || !isExpected(reason)) return;
            run.violate(ID, `${nameOf(run, pid)} ends as ${reason.type}, and ${left} of its children live`);
          },
        },
      };
    },
  };
}
