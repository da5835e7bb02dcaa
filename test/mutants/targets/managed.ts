import { onListeners } from "./scenes/on-listeners.ts";
import { theatre } from "./scenes/theatre.ts";
import type { TargetCase } from "./target-case.ts";

/** What the docs say of listeners, clients and what stands before a connection, scene by scene. */
export const managed: TargetCase = theatre("managed", { ...onListeners });
