import type { OverviewAnswer, ProcessAnswer } from "../api-types.ts";
import { type InspectorClient, RemoteError } from "./client.ts";
import type { Order } from "./effect.ts";
import type { Key } from "./keys.ts";
import type { Line } from "./line.ts";
import { type Facts, initialModel, type Model } from "./model.ts";
import { paint } from "./painter.ts";
import { askProcessList } from "./process-list.ts";
import { screenLines } from "./screen.ts";
import { after, Terminal } from "./terminal.ts";
import { lose, press, receive, resize } from "./update.ts";

export interface TopOptions {
  readonly client: InspectorClient;
  readonly intervalMs: number;
  readonly isColoured: boolean;
  /** Ends it from outside. */
  readonly signal: AbortSignal;
}

/**
 * Shows what lives, until somebody quits.
 *
 * @throws RemoteError when there is no inspector to begin with; later the screen says so, and asks again
 */
export async function top(options: TopOptions): Promise<void> {
  if (!Terminal.isThere) throw new RemoteError("top needs a terminal; espalier tree prints into files");
  const overview = await options.client.ask<OverviewAnswer>("overview");
  if (overview.version !== 1) throw new RemoteError(`the inspector speaks version ${String(overview.version)}, not 1`);
  await new Top(options, overview).run();
}

class Top {
  readonly #options: TopOptions;
  readonly #terminal: Terminal;
  #model: Model;
  #shown: readonly Line[] | undefined;
  #isAsking = false;
  #isDue = false;
  #isOver = false;
  #cancel: (() => void) | undefined;
  #finish: () => void = () => undefined;

  constructor(options: TopOptions, overview: OverviewAnswer) {
    this.#options = options;
    this.#terminal = new Terminal(
      {
        keys: (keys) => this.#press(keys),
        resized: () => this.#resize(),
        cleared: () => this.#redraw(),
        closed: () => this.#quit(),
      },
      options.isColoured,
    );
    this.#model = receive(initialModel(this.#terminal.size, options.client.hasToken), { overview });
  }

  async run(): Promise<void> {
    const { signal } = this.#options;
    const over = new Promise<void>((resolve) => {
      this.#finish = resolve;
    });
    signal.addEventListener("abort", () => this.#quit());
    if (signal.aborted) return;
    this.#terminal.open();
    try {
      this.#draw();
      this.#ask();
      await over;
    } finally {
      this.#cancel?.();
      this.#terminal.close();
    }
  }

  #quit(): void {
    this.#isOver = true;
    this.#finish();
  }

  // — Keys and size ————————————————————————————————————————————————————————————————————————————————————————————————

  #press(keys: readonly Key[]): void {
    for (const key of keys) {
      const { model, effect } = press(this.#model, key);
      this.#model = model;
      switch (effect.type) {
        case "none":
          break;
        case "quit":
          return this.#quit();
        case "ask":
          this.#ask();
          break;
        case "redraw":
          this.#redraw();
          break;
        case "stop":
          this.#terminal.stop();
          break;
        case "kill":
        case "suspend":
        case "resume":
        case "suspendListener":
        case "resumeListener":
        case "drainListener":
          void this.#tell(effect);
          break;
      }
    }
    this.#draw();
  }

  #resize(): void {
    this.#model = resize(this.#model, this.#terminal.size);
    this.#redraw();
  }

  #redraw(): void {
    this.#shown = undefined;
    this.#draw();
  }

  #draw(): void {
    if (this.#isOver) return;
    const lines = screenLines(this.#model);
    this.#terminal.write(paint(this.#shown, lines, this.#terminal.isColoured));
    this.#shown = lines;
  }

  // — Questions ————————————————————————————————————————————————————————————————————————————————————————————————————

  /** Asks now; if answers are awaited already, again when they are there. */
  #ask(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#isAsking) this.#isDue = true;
    else void this.#look();
  }

  async #look(): Promise<void> {
    this.#isAsking = true;
    try {
      const asked = this.#model.detail?.id;
      const facts = await this.#askFacts(this.#model);
      this.#model = receive(this.#model, facts);
      if (asked !== undefined && facts.process === undefined) this.#model = lose(this.#model, asked);
    } catch (error) {
      this.#model = { ...this.#model, trouble: messageOf(error) };
    }
    this.#isAsking = false;
    if (this.#isOver) return;
    this.#draw();
    if (this.#isDue) {
      this.#isDue = false;
      this.#ask();
    } else {
      this.#cancel = after(this.#options.intervalMs, () => this.#tick());
    }
  }

  #tick(): void {
    if (this.#model.isPaused) this.#cancel = after(this.#options.intervalMs, () => this.#tick());
    else this.#ask();
  }

  /** What the screen needs, and no more. */
  async #askFacts(model: Model): Promise<Facts> {
    const { ask } = this.#options.client;
    const overview = await ask<OverviewAnswer>("overview");
    if (model.detail !== undefined) {
      const process = await this.#options.client.find<ProcessAnswer>("process", { id: model.detail.id });
      return process === undefined ? { overview } : { overview, process };
    }
    switch (model.view) {
      case "overview":
        return {
          overview,
          rates: await ask("rates"),
          listeners: await ask("listeners"),
          log: await ask("log", { limit: 50 }),
        };
      case "processes": {
        const { sort, isDescending, scope, filter } = model;
        return { overview, list: await askProcessList(ask, { sort, isDescending, scope: scope?.id, filter }) };
      }
      case "tree":
        return { overview, tree: await ask("tree") };
      case "listeners":
        return { overview, listeners: await ask("listeners") };
      case "log":
        return { overview, log: await ask("log", { limit: 200 }) };
    }
  }

  async #tell({ type, ...body }: Order): Promise<void> {
    try {
      const { text } = await this.#options.client.tell(type, body);
      this.#model = { ...this.#model, notice: { text, style: "good" } };
    } catch (error) {
      this.#model = { ...this.#model, notice: { text: messageOf(error), style: "bad" } };
    }
    this.#draw();
    this.#ask();
  }
}

/** @throws what is no answer of an inspector, but a fault of this program */
function messageOf(error: unknown): string {
  if (error instanceof RemoteError) return error.message;
  throw error;
}
