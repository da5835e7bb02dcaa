import {
  CallMessage,
  Exit,
  type ExitReason,
  type InjectedEnd,
  type Pid,
  Started,
  type TraceEvent,
} from "@espalier/actors";
import type { Watched, WatchedWorld } from "../invariant.ts";
import type { TreeSpec } from "./tree-spec.ts";

type EventOf<Type extends TraceEvent["type"]> = Extract<TraceEvent, { readonly type: Type }>;

/** One incarnation of somebody in a tree, and what has become of it. Moments are ids of events. */
export interface Life {
  readonly pid: Pid;
  /** Its path and incarnation, as in `root/a#2`. */
  readonly who: string;
  readonly id: string;
  readonly incarnation: number;
  readonly spec: TreeSpec;
  readonly parent: Pid | undefined;
  /** When its start had succeeded. */
  startedAt: number | undefined;
  endedAt: number | undefined;
  reason: ExitReason | undefined;
  /** When something has last become of it, in milliseconds. */
  lastTime: number;
  /** The crash that was injected last. */
  injected: InjectedEnd | undefined;
  /** Reasons of the exit signals that it was sent. */
  readonly signals: ExitReason[];
  /** What it was told and what it did, if it is a supervisor. */
  readonly deeds: Deed[];
  /** What it was told last, unless it has nothing to do with children. */
  lastTold: Told | undefined;
  /** Somebody of the same name lived when it was crashed: nobody knows who it was. */
  isUnclear: boolean;
}

interface Moment {
  /** The id of the event. */
  readonly at: number;
  readonly time: number;
}

/** Something that a supervisor has received. */
interface Told extends Moment {
  /** False: it was crashed before it could do anything with it. */
  isHandled: boolean;
}

/** What a supervisor was told or has done, in the order in which it was. */
export type Deed =
  | (Moment & { readonly type: "start"; readonly child: Life })
  | (Told & { readonly type: "started"; readonly child: Life })
  | (Moment & { readonly type: "signal"; readonly to: Life; readonly reason: ExitReason })
  | (Told & { readonly type: "mail"; readonly message: unknown })
  | (Moment & { readonly type: "crash"; readonly end: InjectedEnd })
  | (Moment & { readonly type: "end"; readonly reason: ExitReason });

/** Writes down the lives of all that belong to a tree. */
export class TreeHistory {
  readonly on: Watched;
  readonly lives: Map<Pid, Life> = new Map();
  readonly #root: TreeSpec;
  readonly #world: WatchedWorld;
  /** By the names that injections go by: all who had them. */
  readonly #named = new Map<string, Life[]>();
  #injections = 0;

  /** @param ended - called when somebody has ended, with all that is known of him */
  constructor(root: TreeSpec, world: WatchedWorld, ended: (life: Life) => void) {
    this.#root = root;
    this.#world = world;
    this.on = {
      spawn: (event) => this.#spawned(event),
      started: ({ subject, id }) => this.#of(subject.pid, id, (life) => void (life.startedAt = id)),
      exitSignal: (event) => this.#signalled(event),
      deliver: (event) => this.#of(event.subject.pid, event.id, (life) => this.#told(life, event)),
      exit: ({ subject, id: at, time, reason }) =>
        this.#of(subject.pid, at, (life) => {
          life.endedAt = at;
          life.reason = reason;
          life.lastTime = time;
          this.#did(life, { type: "end", at, time, reason });
          ended(life);
        }),
      // Its crash has to stand before what follows from it.
      report: ({ id }) => this.#noteInjections(id),
      send: ({ id }) => this.#noteInjections(id),
    };
  }

  /** Those who belong to the tree and have not ended. */
  get living(): readonly Life[] {
    return [...this.lives.values()].filter(({ endedAt }) => endedAt === undefined);
  }

  #of(pid: Pid, at: number, then: (life: Life) => void): void {
    this.#noteInjections(at);
    const life = this.lives.get(pid);
    if (life !== undefined) then(life);
  }

  #did(life: Life, deed: Deed): void {
    life.lastTime = deed.time;
    if (life.spec.type !== "worker") life.deeds.push(deed);
  }

  #spawned({ subject: { pid, path, incarnation }, parent, id: at, time }: EventOf<"spawn">): void {
    this.#noteInjections(at);
    const above = parent === undefined ? undefined : this.lives.get(parent);
    const id = path.slice(path.lastIndexOf("/") + 1);
    const spec = above === undefined ? this.#rootAt(path) : childOf(above.spec, id);
    if (spec === undefined) return;
    const life: Life = {
      pid,
      who: `${path}#${incarnation}`,
      id,
      incarnation,
      spec,
      parent,
      startedAt: undefined,
      endedAt: undefined,
      reason: undefined,
      lastTime: time,
      injected: undefined,
      signals: [],
      deeds: [],
      lastTold: undefined,
      isUnclear: false,
    };
    this.lives.set(pid, life);
    const name = incarnation === 1 ? path : `${path}~${incarnation}`;
    this.#named.set(name, [...(this.#named.get(name) ?? []), life]);
    if (above !== undefined) this.#did(above, { type: "start", at, time, child: life });
  }

  #rootAt(path: string): TreeSpec | undefined {
    return path === this.#root.id ? this.#root : undefined;
  }

  #signalled({ subject, to, reason, id: at, time }: EventOf<"exitSignal">): void {
    this.#noteInjections(at);
    const target = this.lives.get(to);
    if (target === undefined) return;
    target.signals.push(reason);
    target.lastTime = time;
    const sender = this.lives.get(subject.pid);
    // What links tell of somebody's end, he does not do himself.
    if (sender?.endedAt === undefined && sender !== target && sender !== undefined) {
      this.#did(sender, { type: "signal", at, time, to: target, reason });
    }
  }

  #told(life: Life, { id: at, time, message }: EventOf<"deliver">): void {
    life.lastTime = time;
    life.lastTold = undefined;
    if (life.spec.type === "worker") return;
    const told = this.#toldBy(at, time, message);
    if (told === undefined) return;
    life.lastTold = told;
    life.deeds.push(told);
  }

  #toldBy(at: number, time: number, message: unknown): Extract<Deed, { readonly isHandled: boolean }> | undefined {
    if (message instanceof Started) {
      const child = this.lives.get(message.pid);
      return child === undefined ? undefined : { type: "started", at, time, child, isHandled: true };
    }
    const isMail = message instanceof Exit || message instanceof CallMessage || tryAgainOf(message) !== undefined;
    return isMail ? { type: "mail", at, time, message, isHandled: true } : undefined;
  }

  /** @param at - the first event after them */
  #noteInjections(at: number): void {
    const { injections } = this.#world;
    for (; this.#injections < injections.length; this.#injections += 1) {
      const injection = injections[this.#injections];
      if (injection === undefined) return;
      const { actor, effect, end, time } = injection;
      const candidates = (this.#named.get(actor) ?? []).filter(({ endedAt }) => endedAt === undefined);
      for (const life of candidates) {
        life.injected = end;
        life.isUnclear = candidates.length > 1;
        if (effect === "receive" && life.lastTold !== undefined) life.lastTold.isHandled = false;
        this.#did(life, { type: "crash", at, time, end });
      }
    }
  }
}

function childOf(spec: TreeSpec, id: string): TreeSpec | undefined {
  if (spec.type === "pool") return spec.child;
  return spec.type === "supervisor" ? spec.children.find((child) => child.id === id) : undefined;
}

/** A class of the supervisors. Bundlers number classes that have the same name. */
const TRY_AGAIN = /^TryAgain(\$\d+)?$/;

/** The id of the child that a supervisor tells itself to start once more; undefined: it is another message. */
export function tryAgainOf(message: unknown): string | undefined {
  if (typeof message !== "object" || message === null || !TRY_AGAIN.test(message.constructor.name)) return undefined;
  const { child } = message as { readonly child: { readonly id?: string; readonly spec?: { readonly id: string } } };
  return child.spec?.id ?? child.id;
}
