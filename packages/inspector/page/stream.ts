import { listen, type Parameters, RefusedError, type Told } from "./api.ts";

/** How it stands with what the page hears. */
export type Link =
  | { readonly type: "connecting" }
  | { readonly type: "live" }
  /** Tried again at `retryAt`, by `Date.now()`. */
  | { readonly type: "lost"; readonly retryAt: number; readonly message: string }
  /** The inspector wants a token for questions too. */
  | { readonly type: "locked" };

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
/** Nothing is heard any more when so many times the longest pause has gone by in silence. */
const PATIENCE = 3;
const LEAST_PATIENCE_MS = 5000;
/** Before the second tick, nobody knows how long they are apart. */
const FIRST_PATIENCE_MS = 65_000;

/** A stream that opens itself again: whenever it is lost, and when the page is looked at again. */
export class Stream {
  readonly #parameters: () => Parameters;
  readonly #hear: (told: Told) => void;
  readonly #told: (link: Link) => void;
  #abort = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #watch: ReturnType<typeof setTimeout> | undefined;
  #pauseMs = FIRST_PAUSE_MS;
  #isClosed = false;

  constructor(parameters: () => Parameters, hear: (told: Told) => void, told: (link: Link) => void = () => undefined) {
    this.#parameters = parameters;
    this.#hear = hear;
    this.#told = told;
    document.addEventListener("visibilitychange", this.#looked);
    this.open();
  }

  /** At once, whatever it waits for. */
  readonly open = (): void => {
    this.#stop();
    if (this.#isClosed) return;
    this.#told({ type: "connecting" });
    const abort = new AbortController();
    this.#abort = abort;
    let last = 0;
    let longest = 0;
    const beat = (): void => {
      if (abort.signal.aborted) return;
      const now = Date.now();
      if (last > 0) longest = Math.max(longest, now - last);
      if (last === 0) this.#told({ type: "live" });
      last = now;
      this.#pauseMs = FIRST_PAUSE_MS;
      clearTimeout(this.#watch);
      const patience = longest === 0 ? FIRST_PATIENCE_MS : Math.max(LEAST_PATIENCE_MS, PATIENCE * longest);
      this.#watch = setTimeout(() => this.#lost("nothing is heard of it"), patience);
    };
    listen(this.#parameters(), (told) => abort.signal.aborted || this.#hear(told), beat, abort.signal).then(
      () => abort.signal.aborted || this.#lost("the stream has ended"),
      (error: unknown) => {
        if (abort.signal.aborted) return;
        if (error instanceof RefusedError && error.status === 401) this.#told({ type: "locked" });
        else this.#lost(error instanceof RefusedError ? error.message : "it cannot be reached");
      },
    );
  };

  close(): void {
    this.#isClosed = true;
    document.removeEventListener("visibilitychange", this.#looked);
    this.#stop();
  }

  #lost(message: string): void {
    this.#stop();
    this.#told({ type: "lost", retryAt: Date.now() + this.#pauseMs, message });
    this.#timer = setTimeout(this.open, this.#pauseMs);
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, this.#pauseMs * 2);
  }

  #stop(): void {
    this.#abort.abort();
    clearTimeout(this.#timer);
    clearTimeout(this.#watch);
  }

  /** Nobody asks for what nobody sees. */
  readonly #looked = (): void => {
    if (document.hidden) this.#stop();
    else this.open();
  };
}
