import type { Pid } from "@espalier/actors";
import type { Listener } from "@espalier/sockets";

/** What there is to see of a listener, whoever made it. */
export type Listening = Pick<
  Listener,
  "id" | "supervisor" | "currentClients" | "stats" | "shutdownCounts" | "connectionOf" | "info"
>;

const MEMBERS = ["id", "supervisor", "currentClients", "stats", "shutdownCounts", "connectionOf", "info"] as const;

/** The listeners of a target: what its start has resolved with, or what that has. By their shape, so that it may be wrapped. */
export function listenersOf(handle: unknown): readonly Listening[] {
  if (typeof handle !== "object" || handle === null) return [];
  if (isListening(handle)) return [handle];
  return Object.values(handle).filter((value): value is Listening => isListening(value));
}

function isListening(value: unknown): value is Listening {
  return typeof value === "object" && value !== null && MEMBERS.every((member) => member in value);
}

/** Looks for the listeners once there is a handle, and keeps them. */
export class Listenings {
  #handle: unknown;
  #found: readonly Listening[] = [];

  of(handle: unknown): readonly Listening[] {
    if (handle !== this.#handle) {
      this.#handle = handle;
      this.#found = listenersOf(handle);
    }
    return this.#found;
  }
}

/** The supervisors of connections, and how many handlers of each live. */
export class Handlers {
  readonly #supervisors = new Map<Pid, { readonly parent: Pid; living: number }>();
  readonly #parents = new Map<Pid, Pid>();
  /** By the listener's supervisor: that of its connections which was started last. */
  readonly #latest = new Map<Pid, Pid>();

  spawned(pid: Pid, path: string, parent: Pid | undefined): void {
    if (parent === undefined) return;
    const supervisor = this.#supervisors.get(parent);
    if (supervisor !== undefined) {
      supervisor.living += 1;
      this.#parents.set(pid, parent);
    } else if (path.endsWith("/connection_sup")) {
      this.#supervisors.set(pid, { parent, living: 0 });
      this.#latest.set(parent, pid);
    }
  }

  died(pid: Pid): void {
    const supervisor = this.#supervisors.get(this.#parents.get(pid) ?? pid);
    if (supervisor === undefined) return;
    if (this.#parents.delete(pid)) supervisor.living -= 1;
  }

  /** Who looks after the connections of the listener of this supervisor. */
  supervisorUnder(parent: Pid | undefined): Pid | undefined {
    return parent && this.#latest.get(parent);
  }

  livingOf(supervisor: Pid | undefined): number {
    return (supervisor && this.#supervisors.get(supervisor)?.living) ?? 0;
  }
}
