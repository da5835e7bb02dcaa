import type { Process } from "@espalier/actors";

const EVERY_MS = 60_000;

/** A warning for which each packet of a stranger may be the occasion: the log has it at most once in a minute. */
export class RareWarning {
  readonly #process: Process;
  #next = -Infinity;

  constructor(process: Process) {
    this.#process = process;
  }

  warn(text: string): void {
    const now = this.#process.now();
    if (now < this.#next) return;
    this.#next = now + EVERY_MS;
    this.#process.warn(text);
  }
}
