import type { Invariant, RunView } from "./invariant.ts";
import { type Handled, typeOf } from "./invariants/machines.ts";
import type { Moment, News } from "./kept-plans.ts";
import type { Injection } from "./world.ts";

/** How often actors came by one of the places where they can crash, and how often they did. */
export interface Point {
  reached: number;
  thrown: number;
  killed: number;
}

/** The actor's place in the tree with what tells one child from the next left out: `sockets/echo/connection_sup/*`. */
function shapeOf(actor: string): string {
  return actor
    .replace(/~\d+$/, "")
    .split("/")
    .map((part) => (/^\d+$/.test(part) ? "*" : part.replace(/-\d+$/, "-*")))
    .join("/");
}

/** What many runs have come by: where actors can crash and have crashed, and which transitions machines took. */
export class Coverage {
  /** By `shape effect`. */
  readonly points: Map<string, Point> = new Map();
  /**
   * How often each was taken, by `shape: state event → state`: an event that leaves the state as it is counts as well. Of
   * all machines, those of the system among them.
   */
  readonly transitions: Map<string, number> = new Map();
  readonly #shapes = new Map<string, string>();
  /** The same points by actor, for those that come by again and again. */
  readonly #known = new Map<string, Map<string, Point>>();
  /** The kernel shows the same object for the same state. */
  readonly #states = new WeakMap<object, string>();
  /** Of points and of crashes there, since news were last asked for. */
  #places = 0;
  #newTransition: Moment | undefined;

  /** What was never seen before, since this was last asked. */
  takeNews(): News {
    const news: News = { places: this.#places, transition: this.#newTransition };
    this.#places = 0;
    this.#newTransition = undefined;
    return news;
  }

  effect(actor: string, effect: string): void {
    this.#pointOf(actor, effect).reached += 1;
  }

  injection({ actor, effect, end }: Injection): void {
    const point = this.#pointOf(actor, effect);
    if (end === "throw") {
      if (point.thrown === 0) this.#places += 1;
      point.thrown += 1;
    } else {
      if (point.killed === 0) this.#places += 1;
      point.killed += 1;
    }
  }

  /** Sees what machines do; it is never broken. */
  get watcher(): Invariant {
    return {
      id: "coverage",
      says: "what machines do is counted",
      watch: (run) => ({ on: { handled: (event) => this.#handled(event, run) } }),
    };
  }

  #handled({ subject, event, from, to }: Handled, { world: { choices } }: RunView): void {
    // That it has begun is no transition.
    if (event === undefined) return;
    const name = `${this.#shapeOf(subject.path)}: ${this.#stateOf(from)} ${String(typeOf(event))} → ${this.#stateOf(to)}`;
    const seen = this.transitions.get(name) ?? 0;
    this.transitions.set(name, seen + 1);
    if (seen === 0) this.#newTransition = { deviations: choices.deviations.length, asked: choices.asked };
  }

  /** Where actors came by and were never crashed in one of the two ways, by name. */
  get missed(): string[] {
    const missed: string[] = [];
    for (const [name, { thrown, killed }] of this.points) {
      if (thrown === 0) missed.push(`${name} (throw)`);
      if (killed === 0) missed.push(`${name} (kill)`);
    }
    return missed;
  }

  #pointOf(actor: string, effect: string): Point {
    let points = this.#known.get(actor);
    if (points === undefined) {
      points = new Map();
      this.#known.set(actor, points);
    }
    let point = points.get(effect);
    if (point === undefined) {
      point = this.#find(actor, effect);
      points.set(effect, point);
    }
    return point;
  }

  #find(actor: string, effect: string): Point {
    const name = `${this.#shapeOf(actor)} ${effect}`;
    let point = this.points.get(name);
    if (point === undefined) {
      point = { reached: 0, thrown: 0, killed: 0 };
      this.points.set(name, point);
      this.#places += 1;
    }
    return point;
  }

  #shapeOf(actor: string): string {
    let shape = this.#shapes.get(actor);
    if (shape === undefined) {
      shape = shapeOf(actor);
      this.#shapes.set(actor, shape);
    }
    return shape;
  }

  #stateOf(value: unknown): string {
    if (typeof value !== "object" || value === null) return String(value);
    let name = this.#states.get(value);
    if (name === undefined) {
      name = JSON.stringify(value);
      this.#states.set(value, name);
    }
    return name;
  }
}
