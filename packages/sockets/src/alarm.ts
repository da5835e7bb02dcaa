/** When an alarm is set and cleared. */
export interface Threshold {
  /** It is set when there are so many, at least 1. */
  readonly high: number;
  /** It is cleared when there are no more than so many, from 0, less than `high`. @defaultValue four fifths of `high` */
  readonly low?: number;
}

/** What a listener raises alarms about; what is left out raises none. */
export interface AlarmOptions {
  /** Connections that are open. */
  readonly connections?: Threshold;
  /** Sockets that are refused, for whatever cause, within a second. */
  readonly refusals?: Threshold;
  /**
   * How many milliseconds an alarm is left as it is when it was set or cleared, from 0, so that what goes up and down does
   * not fill the log. @defaultValue 5000, as Ranch.
   */
  readonly cooldownMs?: number;
}

/** What an alarm is about. */
export type AlarmName = "connections" | "refusals";

export const DEFAULT_COOLDOWN_MS = 5000;

/** Whether one alarm is set. It is told of each value, and answers when that makes a difference. */
export class Alarm {
  readonly high: number;
  readonly low: number;
  readonly #cooldownMs: number;
  #isSet = false;
  #quietUntil = -Infinity;

  constructor({ high, low = Math.floor(high * 0.8) }: Threshold, cooldownMs: number) {
    this.high = high;
    this.low = low;
    this.#cooldownMs = cooldownMs;
  }

  get isSet(): boolean {
    return this.#isSet;
  }

  /** What this value makes of it; undefined: nothing. */
  look(value: number, now: number): "alarmSet" | "alarmCleared" | undefined {
    if (!this.#isDue(value) || now < this.#quietUntil) return undefined;
    this.#quietUntil = now + this.#cooldownMs;
    this.#isSet = !this.#isSet;
    return this.#isSet ? "alarmSet" : "alarmCleared";
  }

  /** In how many milliseconds to look at this value again; undefined: only when there is another. */
  againMs(value: number, now: number): number | undefined {
    return this.#isDue(value) && now < this.#quietUntil ? this.#quietUntil - now : undefined;
  }

  #isDue(value: number): boolean {
    return this.#isSet ? value <= this.low : value >= this.high;
  }
}
