import { arbPeers } from "../kit.ts";
import { pooled, type Knobs } from "./pooled.ts";
import type { TargetCase } from "./target-case.ts";

const { restart } = pooled.target.operations ?? {};

/** The same pool with nobody else on the network, of which nothing is wanted but that a client starts anew. */
export const restarted: TargetCase<Knobs> = {
  ...pooled,
  name: "restarted",
  target: { ...pooled.target, operations: { ...(restart && { restart }) } },
  peers: arbPeers({ maxPeers: 1, maxOps: 0 }),
};
