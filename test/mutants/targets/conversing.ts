import { onBytes } from "./scenes/on-bytes.ts";
import { onHandlers } from "./scenes/on-handlers.ts";
import type { TargetCase } from "./target-case.ts";
import { theatre } from "./scenes/theatre.ts";

/** What the docs say of connections and their handlers, scene by scene. */
export const conversing: TargetCase = theatre("conversing", { ...onBytes, ...onHandlers });
