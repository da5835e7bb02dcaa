import type { ProcessView } from "@espalier/actors";

/** Somebody who is busy is looked at again so much later. */
const AGAIN_MS = 1000;

/** When to look again at those who had not come to what they have to do, so that a look costs little. */
export class Patience {
  #notBefore = 0;

  isOver(now: number): boolean {
    return now >= this.#notBefore;
  }

  begin(now: number): void {
    this.#notBefore = now + AGAIN_MS;
  }

  end(): void {
    this.#notBefore = 0;
  }
}

/** It has handled all there was. */
export function isIdle({ status, mailboxLength }: ProcessView): boolean {
  return status === "waiting" && mailboxLength === 0;
}
