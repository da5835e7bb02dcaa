import type { Pid } from "@espalier/actors";
import type { CompleteChildSpec, Start } from "./child-spec.ts";

/** What is common to all children of a dynamic supervisor, and how one is started. */
export interface Template<Extra> extends Omit<CompleteChildSpec, "id" | "start"> {
  readonly start: (extra: Extra) => Start;
}

/** A child of a dynamic supervisor: how to start it again, and its present or last pid. */
export interface DynamicChild<Extra> {
  readonly id: string;
  readonly extra: Extra;
  start: Start;
  pid: Pid;
  isRestarting: boolean;
  incarnation: number;
}

/** The children of a dynamic supervisor by pid; one that is being restarted stands under its last. A pure table. */
export class DynamicChildren<Extra> {
  #template: Template<Extra>;
  readonly #byPid = new Map<Pid, DynamicChild<Extra>>();
  #restarting = 0;

  constructor(template: Template<Extra>) {
    this.#template = template;
  }

  get template(): Template<Extra> {
    return this.#template;
  }

  get size(): number {
    return this.#byPid.size;
  }

  /** How many are not being restarted. */
  get active(): number {
    return this.#byPid.size - this.#restarting;
  }

  /** In an array of its own. */
  all(): Array<DynamicChild<Extra>> {
    return [...this.#byPid.values()];
  }

  byPid(pid: Pid): DynamicChild<Extra> | undefined {
    return this.#byPid.get(pid);
  }

  add(child: DynamicChild<Extra>): void {
    this.#byPid.set(child.pid, child);
  }

  setRestarting(child: DynamicChild<Extra>, isRestarting: boolean): void {
    if (child.isRestarting === isRestarting) return;
    child.isRestarting = isRestarting;
    this.#restarting += isRestarting ? 1 : -1;
  }

  delete(pid: Pid): void {
    this.#byPid.delete(pid);
  }

  clear(): void {
    this.#byPid.clear();
  }

  /** Takes a new template. Those that are there are started by it next time. OTP's rule for a change of code. */
  update(template: Template<Extra>): void {
    // All of them first: should one fail, nothing has changed.
    const starts = this.all().map((child) => ({ child, start: template.start(child.extra) }));
    for (const { child, start } of starts) child.start = start;
    this.#template = template;
  }
}
