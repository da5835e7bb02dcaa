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
  /** By `machine: state event -> state`. */
  readonly transitions: Map<string, number> = new Map();
  readonly #shapes = new Map<string, string>();
  /** The same points by actor, for those that come by again and again. */
  readonly #known = new Map<string, Map<string, Point>>();
  #news = 0;

  /** What was never seen before, since this was last asked. */
  takeNews(): number {
    const news = this.#news;
    this.#news = 0;
    return news;
  }

  effect(actor: string, effect: string): void {
    this.#pointOf(actor, effect).reached += 1;
  }

  injection({ actor, effect, end }: Injection): void {
    const point = this.#pointOf(actor, effect);
    if (end === "throw") {
      if (point.thrown === 0) this.#news += 1;
      point.thrown += 1;
    } else {
      if (point.killed === 0) this.#news += 1;
      point.killed += 1;
    }
  }

  transition(name: string): void {
    const seen = this.transitions.get(name) ?? 0;
    if (seen === 0) this.#news += 1;
    this.transitions.set(name, seen + 1);
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
    let shape = this.#shapes.get(actor);
    if (shape === undefined) {
      shape = shapeOf(actor);
      this.#shapes.set(actor, shape);
    }
    const name = `${shape} ${effect}`;
    let point = this.points.get(name);
    if (point === undefined) {
      point = { reached: 0, thrown: 0, killed: 0 };
      this.points.set(name, point);
      this.#news += 1;
    }
    return point;
  }
}
