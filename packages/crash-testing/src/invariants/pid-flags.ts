import type { Pid } from "@espalier/actors";

/** A set of actors that only grows: one byte each, since pids count up. */
export class PidFlags {
  #flags = new Uint8Array(256);

  has({ id }: Pid): boolean {
    return this.#flags[id] === 1;
  }

  add({ id }: Pid): void {
    if (id >= this.#flags.length) {
      const larger = new Uint8Array(Math.max(2 * this.#flags.length, id + 1));
      larger.set(this.#flags);
      this.#flags = larger;
    }
    this.#flags[id] = 1;
  }
}
