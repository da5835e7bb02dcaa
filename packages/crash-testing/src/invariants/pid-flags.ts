import type { Pid } from "@espalier/actors";

/** A set of actors that only grows: an array, since pids count up. */
export class PidFlags {
  readonly #flags: boolean[] = [];

  has({ id }: Pid): boolean {
    return this.#flags[id] === true;
  }

  add({ id }: Pid): void {
    const flags = this.#flags;
    while (flags.length < id) flags.push(false);
    flags[id] = true;
  }
}
