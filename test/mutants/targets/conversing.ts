import { onBytes } from "./scenes/on-bytes.ts";
import { onHandlers } from "./scenes/on-handlers.ts";
import { onPreambles } from "./scenes/on-preambles.ts";
import { theatre } from "./scenes/theatre.ts";
import type { TargetCase } from "./target-case.ts";

/** What the docs say of connections, their handlers, and what stands before them, scene by scene. */
export const conversing: TargetCase = theatre("conversing", { ...onPreambles, ...onBytes, ...onHandlers });
