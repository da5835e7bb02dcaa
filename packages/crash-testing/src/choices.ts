import { type Deviation, type Kind, topicOf } from "./deviation.ts";

/** Decides what happens, where more than one thing could. */
export interface Chooser {
  /** About one kind of choice of one subject. Null: it is always the ordinary one, and need not be asked. */
  about(kind: Kind, subject: string): Decide | null;
}

/** From 0, which is the ordinary outcome, to below `outcomes`. */
export type Decide = (ordinal: number, outcomes: number) => number;

/** The choices about one subject, one after the other. */
export class Stream {
  readonly kind: Kind;
  readonly subject: string;
  readonly #choices: Choices;
  readonly #decide: Decide | null;
  #ordinal = 0;
  #outcomes = 0;

  constructor(choices: Choices, kind: Kind, subject: string, decide: Decide | null) {
    this.#choices = choices;
    this.kind = kind;
    this.subject = subject;
    this.#decide = decide;
  }

  /** How often it has been asked, before all was healed. */
  get asked(): number {
    return this.#ordinal;
  }

  /** Of how many outcomes it was one, at most. */
  get outcomes(): number {
    return this.#outcomes;
  }

  /** What happens this time, of so many outcomes. */
  next(outcomes: number): number {
    const choices = this.#choices;
    // Then there is nothing to choose any more, and nobody is to try it.
    if (choices.isHealed) return 0;
    const ordinal = this.#ordinal;
    if (outcomes > this.#outcomes) this.#outcomes = outcomes;
    this.#ordinal = ordinal + 1;
    choices.asked += 1;
    if (this.#decide === null) return 0;
    const value = this.#decide(ordinal, outcomes);
    // A plan may stem from a run in which there were more.
    if (value <= 0 || value >= outcomes) return 0;
    choices.deviations.push({ kind: this.kind, subject: this.subject, ordinal, value });
    return value;
  }
}

/** All choices of one run, with a record of those that were out of the ordinary. */
export class Choices {
  /** In the order in which they happened. */
  readonly deviations: Deviation[] = [];
  /** How many choices there were, before all was healed. */
  asked = 0;
  /** From now on everything is ordinary. */
  isHealed = false;
  readonly #chooser: Chooser;
  readonly #streams = new Map<Kind, Map<string, Stream>>();

  constructor(chooser: Chooser) {
    this.#chooser = chooser;
  }

  about(kind: Kind, subject: string): Stream {
    let streams = this.#streams.get(kind);
    if (streams === undefined) {
      streams = new Map();
      this.#streams.set(kind, streams);
    }
    let stream = streams.get(subject);
    if (stream === undefined) {
      stream = new Stream(this, kind, subject, this.#chooser.about(kind, subject));
      streams.set(subject, stream);
    }
    return stream;
  }

  /** Everything that was asked, for those who try out each of it. */
  get streams(): Iterable<Stream> {
    const all: Stream[] = [];
    for (const streams of this.#streams.values()) all.push(...streams.values());
    return all;
  }
}

/** Everything as in these deviations, and otherwise ordinary. */
export function replaying(deviations: readonly Deviation[]): Chooser {
  const kinds = new Set<Kind>();
  const topics = new Map<number, Map<number, number>>();
  for (const { kind, subject, ordinal, value } of deviations) {
    const topic = topicOf(kind, subject);
    const values = topics.get(topic) ?? new Map<number, number>();
    topics.set(topic, values.set(ordinal, value));
    kinds.add(kind);
  }
  return {
    about(kind, subject) {
      // Most kinds are ordinary in most plans: nobody needs the topics of those.
      const values = kinds.has(kind) ? topics.get(topicOf(kind, subject)) : undefined;
      return values === undefined ? null : (ordinal) => values.get(ordinal) ?? 0;
    },
  };
}
