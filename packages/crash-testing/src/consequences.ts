import type { Choices } from "./choices.ts";
import { extraordinary } from "./choosers.ts";
import type { Deviation, Kind } from "./deviation.ts";
import type { Plan } from "./plan.ts";
import type { Random } from "./random.ts";

/** A choice that nobody had come by before, and the plan that has led there. */
interface Place {
  readonly plan: Plan;
  readonly kind: Kind;
  readonly subject: string;
  readonly ordinal: number;
  readonly outcomes: number;
}

/** So many of a kind wait for their turn. */
const MOST_WAITING = 1000;
/** What follows from a choice depends on what else happens, so it is made differently in so many plans. */
const PLANS_EACH = 4;
/** Once in so many times it is the end of somebody that is heard of late. */
const LATE_NEWS = 3;

/**
 * Choices that there are only because something has gone wrong before: who is started anew asks for his address again, and
 * who gets no answer asks once more. Each is made differently in the first plans that have led to it; and what follows
 * from that are choices again. So faults that build on each other are found one after the other, where to draw them all
 * together would take luck.
 *
 * And of each crash that was tried by itself: its last signals are late, so that whoever comes after it meets what it has
 * left.
 */
export class Consequences {
  /** By kind and subject: in how many plans each of them was met. */
  readonly #met = new Map<Kind, Map<string, number[]>>();
  readonly #waiting = new Map<Kind, Place[]>();
  /** Those of the last signals of who has crashed, of each crash anew: his successor may be there before they are. */
  readonly #lateNews: Place[] = [];
  /** Whose turn it was: kinds with few choices are through soon, and what they lead to is rare. */
  #turn = 0;

  /** What happens in a run in which nothing goes wrong follows from nothing. */
  know({ streams }: Choices): void {
    for (const { kind, subject, asked } of streams) this.#metBy(kind, subject, asked).fill(PLANS_EACH, 0, asked);
  }

  /** What a run of a plan has come by. `cause`: the one thing that was out of the ordinary in it, if it was one. */
  add(plan: Plan, { streams }: Choices, cause?: Deviation): void {
    const crashed = cause?.kind === "crash" ? `${cause.subject}>` : undefined;
    for (const { kind, subject, asked, outcomes } of streams) {
      if (outcomes < 2) continue;
      if (crashed !== undefined && kind === "delay" && subject.startsWith(crashed))
        this.#wait(this.#lateNews, { plan, kind, subject, ordinal: asked - 1, outcomes });
      const met = this.#metBy(kind, subject, asked);
      for (let ordinal = 0; ordinal < asked; ordinal += 1) {
        const count = met[ordinal] ?? 0;
        if (count >= PLANS_EACH) continue;
        met[ordinal] = count + 1;
        this.#wait(this.#waitingOf(kind), { plan, kind, subject, ordinal, outcomes });
      }
    }
  }

  /** A plan that makes one of them differently; undefined if none is left. */
  next(random: Random): Plan | undefined {
    if (this.#lateNews.length > 0 && random.onceIn(LATE_NEWS)) return takeOne(this.#lateNews, random);
    const kinds = [...this.#waiting.keys()];
    for (let count = 0; count < kinds.length; count += 1) {
      this.#turn += 1;
      const kind = kinds[this.#turn % kinds.length];
      const places = kind && this.#waiting.get(kind);
      if (places !== undefined && places.length > 0) return takeOne(places, random);
    }
    return undefined;
  }

  /** Of those that a plan has met, for each in how many plans it was. */
  #metBy(kind: Kind, subject: string, asked: number): number[] {
    let bySubject = this.#met.get(kind);
    if (bySubject === undefined) this.#met.set(kind, (bySubject = new Map<string, number[]>()));
    let met = bySubject.get(subject);
    if (met === undefined) bySubject.set(subject, (met = []));
    while (met.length < asked) met.push(0);
    return met;
  }

  #waitingOf(kind: Kind): Place[] {
    let places = this.#waiting.get(kind);
    if (places === undefined) this.#waiting.set(kind, (places = []));
    return places;
  }

  #wait(places: Place[], place: Place): void {
    if (places.length < MOST_WAITING) places.push(place);
    // Some have to make room, or nothing would follow from those that come late.
    else places[this.#turn % MOST_WAITING] = place;
  }
}

/** Takes out one of them, and makes a plan of it. */
function takeOne(places: Place[], random: Random): Plan {
  const index = random.below(places.length);
  const { plan, kind, subject, ordinal, outcomes } = places[index] as Place;
  places[index] = places.at(-1) as Place;
  places.pop();
  const deviation = { kind, subject, ordinal, value: extraordinary(random, outcomes) };
  return { ...plan, deviations: [...plan.deviations, deviation] };
}
