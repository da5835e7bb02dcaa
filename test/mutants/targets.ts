import { callbacks } from "./targets/callbacks.ts";
import { clauses } from "./targets/clauses.ts";
import { closing } from "./targets/closing.ts";
import { connecting } from "./targets/connecting.ts";
import { conversing } from "./targets/conversing.ts";
import { datagrams } from "./targets/datagrams.ts";
import { decoding } from "./targets/decoding.ts";
import { drained } from "./targets/drained.ts";
import { echo } from "./targets/echo.ts";
import { errands } from "./targets/errands.ts";
import { limited } from "./targets/limited.ts";
import { managed } from "./targets/managed.ts";
import { passive } from "./targets/passive.ts";
import { pooled } from "./targets/pooled.ts";
import { proxied } from "./targets/proxied.ts";
import { reconnecting } from "./targets/reconnecting.ts";
import { reopened } from "./targets/reopened.ts";
import { restarted } from "./targets/restarted.ts";
import { secured } from "./targets/secured.ts";
import { securing } from "./targets/securing.ts";
import { slow } from "./targets/slow.ts";
import { starting } from "./targets/starting.ts";
import { stewarded } from "./targets/stewarded.ts";
import type { TargetCase } from "./targets/target-case.ts";
import { tree } from "./targets/tree.ts";
import { trees } from "./targets/trees.ts";
import { undecided } from "./targets/undecided.ts";

/** Everything that is searched. */
export const targets: readonly TargetCase[] = [
  echo,
  proxied,
  tree,
  pooled,
  drained,
  callbacks,
  passive,
  slow,
  decoding,
  trees,
  reconnecting,
  secured,
  starting,
  closing,
  reopened,
  restarted,
  errands,
  limited,
  stewarded,
  undecided,
  connecting,
  datagrams,
  securing,
  conversing,
  managed,
  clauses,
];
