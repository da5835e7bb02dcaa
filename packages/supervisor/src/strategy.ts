import type { Strategy } from "./flags.ts";

/**
 * The children that are stopped and started anew when one of them has to be restarted, in start order, itself included.
 * A pure function of the order.
 */
export function restartGroup<Child>(strategy: Strategy, inOrder: readonly Child[], failed: Child): readonly Child[] {
  switch (strategy) {
    case "oneForOne":
      return [failed];
    case "oneForAll":
      return [...inOrder];
    case "restForOne":
      return inOrder.slice(inOrder.indexOf(failed));
  }
}
