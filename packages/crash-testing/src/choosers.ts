import type { Chooser, Decide } from "./choices.ts";
import { type Kind, KINDS } from "./deviation.ts";
import type { Random } from "./random.ts";

/** Each of these leaves out what would make a run end before it has begun, more often than not. */
export const HEATS: Readonly<Record<Kind, number>> = {
  delay: 6,
  crash: 60,
  timer: 8,
  net: 6,
  chunk: 3,
  write: 4,
  reset: 40,
  accept: 8,
  bind: 12,
  connect: 8,
  knob: 1.5,
  tls: 8,
};

/** What may last. A crash does not: whoever has crashed is gone, and his successor is somebody else. */
const LASTING: ReadonlySet<Kind> = new Set<Kind>([
  "delay",
  "timer",
  "net",
  "write",
  "accept",
  "bind",
  "connect",
  "tls",
]);

/** One of the extraordinary outcomes, the first ones more often: they are the milder ones. */
export function extraordinary(random: Random, outcomes: number): number {
  const most = outcomes - 1;
  return 1 + (random.onceIn(2) ? random.below(most) : Math.min(random.below(most), random.below(most)));
}

function hot(random: Random, times: number): Decide {
  return (_ordinal, outcomes) => (outcomes > 1 && random.onceIn(times) ? extraordinary(random, outcomes) : 0);
}

/** What has gone wrong once goes wrong again, mostly: an address that is taken is so for a while, and who is slow stays so. */
function lasting(random: Random, decide: Decide): Decide {
  let last = 0;
  return (ordinal, outcomes) => {
    if (last === 0 || random.onceIn(3)) last = decide(ordinal, outcomes);
    return last < outcomes ? last : 0;
  };
}

/** Swarm testing: each run draws which kinds are on, and how hot. What is off makes room for what it would hide. */
export function swarm(random: Random): Chooser {
  const isOn = new Map<Kind, Decide | null>();
  for (const kind of KINDS) {
    const times = HEATS[kind] * random.of([0.5, 1, 2, 6]);
    const isOrdinary = kind !== "knob" && random.onceIn(2);
    const decide = hot(random, Math.max(times, 1.2));
    isOn.set(kind, isOrdinary ? null : LASTING.has(kind) && random.onceIn(3) ? lasting(random, decide) : decide);
  }
  return { about: (kind) => isOn.get(kind) ?? null };
}

/** As FoundationDB's: few of all subjects are on in a run, and those are hot. */
export function focus(random: Random): Chooser {
  const rarity = random.of([4, 10, 25]);
  return {
    about(kind) {
      if (kind === "knob") return hot(random, 1.5);
      if (!random.onceIn(rarity)) return null;
      return hot(random, kind === "crash" ? 8 : 2);
    },
  };
}

/** A few deviations, anywhere behind the first `from` choices: `asked` is how many a run of this kind has. */
export function sprinkle(random: Random, asked: number, from = 0): Chooser {
  const span = Math.max(asked - from, 1);
  const places = new Set(Array.from({ length: 1 + random.below(4) }, () => from + random.below(span)));
  let place = 0;
  const decide: Decide = (_ordinal, outcomes) => {
    const isHere = places.has(place);
    place += 1;
    return isHere && outcomes > 1 ? extraordinary(random, outcomes) : 0;
  };
  return { about: (kind) => (kind === "knob" ? hot(random, 2) : decide) };
}

/** Everything as in one chooser, but for what another one has to say. */
export function either(first: Chooser, second: Chooser): Chooser {
  return {
    about(kind, subject) {
      const [one, other] = [first.about(kind, subject), second.about(kind, subject)];
      if (one === null || other === null) return one ?? other;
      return (ordinal, outcomes) => one(ordinal, outcomes) || other(ordinal, outcomes);
    },
  };
}
