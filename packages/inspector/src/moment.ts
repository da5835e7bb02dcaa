import type { System } from "@espalier/actors";
import type { Listener, ListenerTraffic } from "@espalier/sockets";
import { listenersOf } from "./listener-facts.ts";
import type { ListenerSource } from "./options.ts";
import { Survey } from "./survey.ts";

/** A listener with what has gone over its connections, for which each of them was asked. */
export interface ReadListener {
  readonly listener: Listener;
  readonly traffic: ListenerTraffic;
}

/**
 * One point in time, for all that is asked about it: the actors are walked over once, and the connections of listeners, and
 * only if that is needed.
 */
export class Moment {
  readonly at: number;
  readonly #system: System;
  readonly #sources: readonly ListenerSource[];
  #survey: Survey | undefined;
  #listeners: readonly ReadListener[] | undefined;

  constructor(system: System, sources: readonly ListenerSource[]) {
    this.#system = system;
    this.#sources = sources;
    this.at = system.now();
  }

  get survey(): Survey {
    return (this.#survey ??= new Survey(this.#system));
  }

  get listeners(): readonly ReadListener[] {
    return (this.#listeners ??= listenersOf(this.#sources).map((listener) => ({
      listener,
      traffic: listener.traffic,
    })));
  }
}
