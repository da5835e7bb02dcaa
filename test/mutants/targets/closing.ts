import { arbPeers } from "../kit.ts";
import { drained } from "./drained.ts";
import { arbShortLines, type ListenerKnobs, type TargetCase } from "./target-case.ts";

const { upgrade, drain } = drained.target.operations ?? {};

/** The same listener, of which nothing is wanted but a new machine and an end, just as its clients come. */
export const closing: TargetCase<ListenerKnobs> = {
  ...drained,
  name: "closing",
  target: { ...drained.target, operations: { ...(upgrade && { upgrade }), ...(drain && { drain }) } },
  peers: arbPeers({ messages: arbShortLines, maxPeers: 3, maxOps: 2, maxAtMs: 20, maxWaitMs: 500 }),
};
