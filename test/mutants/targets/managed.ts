import { onClients } from "./scenes/on-clients.ts";
import { onDatagrams } from "./scenes/on-datagrams.ts";
import { onListeners } from "./scenes/on-listeners.ts";
import { theatre } from "./scenes/theatre.ts";
import type { TargetCase } from "./target-case.ts";

/** What the docs say of listeners, of TCP and UDP, and of clients, scene by scene. */
export const managed: TargetCase = theatre("managed", { ...onListeners, ...onDatagrams, ...onClients });
