import { callbacks } from "./targets/callbacks.ts";
import { drained } from "./targets/drained.ts";
import { echo } from "./targets/echo.ts";
import { passive } from "./targets/passive.ts";
import { pooled } from "./targets/pooled.ts";
import { proxied } from "./targets/proxied.ts";
import type { TargetCase } from "./targets/target-case.ts";
import { tree } from "./targets/tree.ts";

/** Everything that is searched. */
export const targets: readonly TargetCase[] = [echo, proxied, tree, pooled, drained, callbacks, passive];
