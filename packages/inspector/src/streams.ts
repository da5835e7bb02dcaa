import type { Cancel, System } from "@espalier/actors";
import type { ProcessId, StreamEvents, Topic } from "./api-types.ts";
import type { Moment } from "./moment.ts";
import type { InspectorConfig } from "./options.ts";
import type { Readings } from "./readings.ts";
import { Refusal } from "./refusal.ts";

/** What a client wants to hear of. */
export interface Subscription {
  readonly topics: readonly Topic[];
  /** For `process` and `trace`. */
  readonly id: ProcessId | undefined;
  /** The log entry that the client has seen last. */
  readonly after: number | undefined;
}

/** A pause is so many times as long as the tick before it took, if that is more than usual: ticks take 0.4 percent then. */
const LEAST_PAUSE = 250;
/** And no longer than this: the page takes a stream for lost that falls silent for 5 s. */
const LONGEST_PAUSE_MS = 4000;

/** A client that takes nothing for so many ticks is not there any more, or too slow to be served. */
const MOST_SKIPPED = 30;

const encoder = new TextEncoder();

/** The open streams, and the one timer of all of them: it is armed only while there are some. */
export class Streams {
  readonly #system: System;
  readonly #readings: Readings;
  readonly #config: InspectorConfig;
  readonly #open = new Set<Stream>();
  #cancel: Cancel | undefined;
  #pauseMs: number;

  constructor(system: System, readings: Readings, config: InspectorConfig) {
    this.#system = system;
    this.#readings = readings;
    this.#config = config;
    this.#pauseMs = config.tickMs;
  }

  get size(): number {
    return this.#open.size;
  }

  /** @throws Refusal when there are too many; and what reading throws */
  open(subscription: Subscription): ReadableStream<Uint8Array> {
    if (this.#open.size >= this.#config.maxStreams) throw new Refusal("busy", "too many streams are open");
    const stream = new Stream(this.#readings, subscription, () => this.#closed(stream));
    stream.tick(new Tick(this.#readings));
    this.#open.add(stream);
    this.#arm();
    return stream.readable;
  }

  close(): void {
    for (const stream of this.#open) stream.end();
    this.#disarm();
  }

  #closed(stream: Stream): void {
    this.#open.delete(stream);
    if (this.#open.size === 0) this.#disarm();
  }

  #arm(): void {
    const { host } = this.#system;
    this.#cancel ??= host.at(host.now() + this.#pauseMs, () => {
      this.#cancel = undefined;
      this.#tick();
    });
  }

  #disarm(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #tick(): void {
    const { host } = this.#system;
    const begin = host.now();
    const tick = new Tick(this.#readings);
    for (const stream of this.#open) this.#tickOne(stream, tick);
    const { tickMs } = this.#config;
    this.#pauseMs = Math.max(tickMs, Math.min(LEAST_PAUSE * (host.now() - begin), LONGEST_PAUSE_MS));
    if (this.#open.size > 0) this.#arm();
  }

  /** What a user's own listeners or resources throw when they are read ends the streams that read them, and nothing else. */
  #tickOne(stream: Stream, tick: Tick): void {
    try {
      stream.tick(tick);
    } catch (err) {
      stream.end();
      this.#system.logger.error({ err }, "inspector: a stream has failed");
    }
  }
}

/** What is the same for all streams of one tick is read and written out once. */
class Tick {
  readonly #moment: Moment;
  readonly #readings: Readings;
  readonly #texts = new Map<Topic, string>();

  constructor(readings: Readings) {
    this.#moment = readings.moment();
    this.#readings = readings;
  }

  text(topic: "overview" | "tree" | "listeners" | "rates"): string {
    let text = this.#texts.get(topic);
    if (text === undefined) {
      text = JSON.stringify(this.#read(topic));
      this.#texts.set(topic, text);
    }
    return text;
  }

  #read(topic: "overview" | "tree" | "listeners" | "rates"): unknown {
    switch (topic) {
      case "overview":
        return this.#readings.overview(this.#moment);
      case "tree":
        return this.#readings.treeAt(this.#moment, {});
      case "listeners":
        return this.#readings.listeners(this.#moment);
      case "rates":
        return this.#readings.rates(this.#moment).samples.at(-1);
    }
  }
}

/** One client that listens. */
class Stream {
  readonly readable: ReadableStream<Uint8Array>;
  readonly #readings: Readings;
  readonly #subscription: Subscription;
  readonly #onClosed: () => void;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #log: number | undefined;
  #trace = 0;
  #skipped = 0;
  /** The actor that it is about is not there any more. */
  #isGone = false;
  #hasSaidSo = false;

  constructor(readings: Readings, subscription: Subscription, onClosed: () => void) {
    this.#readings = readings;
    this.#subscription = subscription;
    this.#onClosed = onClosed;
    this.#log = subscription.after;
    this.readable = new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
      },
      cancel: () => this.#forget(),
    });
  }

  /** All of a tick is one chunk. A client that has not taken the last one is passed over, and misses no entry of the log. */
  tick(tick: Tick): void {
    const controller = this.#controller;
    if (controller === undefined) return;
    if ((controller.desiredSize ?? 0) <= 0) {
      this.#skipped += 1;
      if (this.#skipped >= MOST_SKIPPED) this.end();
      return;
    }
    this.#skipped = 0;
    const text = this.#subscription.topics.map((topic) => this.#eventOf(topic, tick)).join("") + this.#goneEvent();
    // A comment, so that whoever stands between sees that the stream lives.
    controller.enqueue(encoder.encode(text === "" ? ":\n\n" : text));
  }

  end(): void {
    this.#controller?.close();
    this.#forget();
  }

  #forget(): void {
    this.#controller = undefined;
    this.#onClosed();
  }

  #eventOf(topic: Topic, tick: Tick): string {
    switch (topic) {
      case "overview":
      case "tree":
      case "listeners":
      case "rates":
        return eventText(topic, tick.text(topic));
      case "log":
        return this.#logEvent();
      case "process":
        return this.#processEvent();
      case "trace":
        return this.#traceEvent();
    }
  }

  #logEvent(): string {
    const answer = this.#readings.log({ after: this.#log });
    const last = answer.entries.at(-1)?.number;
    // Also when there is nothing yet: from here on, what is new is what has not been there.
    const isFirst = this.#log === undefined;
    this.#log = last ?? this.#log ?? 0;
    return last === undefined && !isFirst ? "" : eventText("log", JSON.stringify(answer), this.#log);
  }

  #processEvent(): string {
    const { id } = this.#subscription;
    if (id === undefined || this.#hasSaidSo) return "";
    const answer = this.#readings.process(id);
    if (answer !== undefined) return eventText("process", JSON.stringify(answer));
    this.#isGone = true;
    return "";
  }

  /** Of one that is gone, what it has heard and said last: it may have died of that. */
  #traceEvent(): string {
    const { id } = this.#subscription;
    if (id === undefined || this.#hasSaidSo) return "";
    let answer = this.#readings.trace(id, this.#trace);
    if (answer === undefined) {
      this.#isGone = true;
      answer = this.#readings.lastWords(id, this.#trace);
    }
    if (answer === undefined) return "";
    this.#trace = answer.events.at(-1)?.number ?? this.#trace;
    return eventText("trace", JSON.stringify(answer));
  }

  #goneEvent(): string {
    if (!this.#isGone || this.#hasSaidSo) return "";
    this.#hasSaidSo = true;
    return eventText("gone", JSON.stringify({ id: this.#subscription.id }));
  }
}

function eventText(name: keyof StreamEvents, data: string, id?: number): string {
  return `${id === undefined ? "" : `id: ${id}\n`}event: ${name}\ndata: ${data}\n\n`;
}
