import type { Plan } from "./plan.ts";
import type { Random } from "./random.ts";

/** So many plans of a sort are kept. */
const MOST_KEPT = 200;

/** Something that was never come by before. */
export interface News {
  /** Places where an actor can crash, and crashes there. */
  readonly places: number;
  /** When the last transition was taken that none had taken before; undefined: there is none. */
  readonly transition: Moment | undefined;
}

/** A moment in a run: how many deviations there were by then, of how many choices. */
export interface Moment {
  readonly deviations: number;
  readonly asked: number;
}

/** What to start from. */
export interface Kept {
  readonly plan: Plan;
  /** Behind how many choices it had come by what was new. */
  readonly asked: number;
}

/**
 * Plans that were the first to come by something: worth to start from. There are many places for crashes, and each is news
 * but once; so those that have brought a machine further are kept by themselves, and their turn comes more often.
 */
export class KeptPlans {
  readonly #forPlaces: Kept[] = [];
  readonly #forTransitions: Kept[] = [];

  get all(): readonly Plan[] {
    return [...this.#forPlaces, ...this.#forTransitions].map(({ plan }) => plan);
  }

  add(plan: Plan, { places, transition }: News, random: Random): void {
    if (places > 0) keep(this.#forPlaces, { plan, asked: 0 }, random);
    if (transition === undefined) return;
    // What happened later has no part in it, and may stand in the way of what would come next.
    const deviations = plan.deviations.slice(0, transition.deviations);
    keep(this.#forTransitions, { plan: { ...plan, deviations }, asked: transition.asked }, random);
  }

  /** One to start from; undefined if there is none. */
  pick(random: Random): Kept | undefined {
    const [one, other] = [this.#forPlaces, this.#forTransitions];
    const all = other.length === 0 || (one.length > 0 && random.onceIn(3)) ? one : other;
    // What has come far may come further: every other time it is the turn of the newest.
    return random.onceIn(2) ? all[random.below(all.length)] : newest(all, random);
  }
}

/** The last one, or, half as often, the one before it, and so on. */
function newest(all: readonly Kept[], random: Random): Kept | undefined {
  let index = all.length - 1;
  while (index > 0 && random.onceIn(2)) index -= 1;
  return all[index];
}

/** Behind those that are there. If there is no room, any of them makes some. */
function keep(all: Kept[], kept: Kept, random: Random): void {
  if (all.length >= MOST_KEPT) all.splice(random.below(MOST_KEPT), 1);
  all.push(kept);
}
