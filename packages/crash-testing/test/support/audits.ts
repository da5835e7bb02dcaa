import type { AuditResult } from "../../src/audit.ts";
import { audit } from "../../src/audit.ts";
import { arbPeers } from "../../src/peer-arbitrary.ts";
import { functions } from "./functions.ts";
import { peersOf, secureTargets } from "./secure-targets.ts";
import { echo, treeOf, treeRoot } from "./targets.ts";

/**
 * What is audited, by name: a server with machines on sockets, one with async functions, a tree of all strategies with
 * promises in it, and servers on the streams of Node, which simulated TLS stands on.
 */
export const audits: Readonly<Record<string, (plans: number, seed: number) => Promise<AuditResult>>> = {
  echo: (plans, seed) => audit({ target: echo, peers: arbPeers(), plans, seed }),
  functions: (plans, seed) => audit({ target: functions, peers: arbPeers(), plans, seed }),
  tree: (plans, seed) => audit({ target: treeOf(treeRoot()), peers: arbPeers(), plans, seed }),
  ...Object.fromEntries(
    Object.entries(secureTargets).map(([name, target]) => [
      name,
      (plans: number, seed: number) => audit({ target, peers: peersOf(name), plans, seed }),
    ]),
  ),
};
