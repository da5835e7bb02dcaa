import type { Pid } from "@espalier/actors";
import type { Invariant, RunView, Watch, Watched } from "../invariant.ts";
import { Listenings } from "./listeners.ts";
import { nameOf } from "./name-of.ts";

const ID = "I14-buffer";

/**
 * What a client does not read is bounded: from when more than the high-water mark is unsent until all of it has gone out,
 * the server reads nothing from it. What it had read before it may still answer, which is one chunk at most.
 */
export function buffersAreBounded(): Invariant {
  return {
    id: ID,
    says: "a client of which more than the high-water mark is unsent is not read before all of it has gone out",
    watch: (run) => new Buffers(run),
  };
}

/** A connection was seen to be above its mark. */
interface Above {
  /** So many bytes have to go out before it is read again. */
  readonly upTo: number;
  readonly read: number;
}

class Buffers implements Watch {
  readonly on: Watched;
  readonly #run: RunView;
  readonly #listenings = new Listenings();
  readonly #marks = new Map<string, number>();
  readonly #above = new Map<Pid, Above>();

  constructor(run: RunView) {
    this.#run = run;
    this.on = {
      send: ({ to, message }) => void (isData(message) && this.#look(to)),
      exit: ({ subject }) => void this.#above.delete(subject.pid),
    };
  }

  #look(pid: Pid): void {
    for (const listener of this.#listenings.of(this.#run.handle)) {
      const connection = listener.connectionOf(pid);
      if (connection === undefined) continue;
      const { unsentBytes, bytesSent, bytesReceived } = connection;
      const above = this.#above.get(pid);
      if (above !== undefined && bytesSent - unsentBytes < above.upTo) {
        if (bytesReceived > above.read) this.#fail(pid, bytesReceived - above.read);
        return;
      }
      this.#above.delete(pid);
      const { id } = listener;
      let mark = this.#marks.get(id);
      if (mark === undefined) {
        mark = listener.info.options.highWaterMark ?? Infinity;
        this.#marks.set(id, mark);
      }
      if (unsentBytes > mark) this.#above.set(pid, { upTo: bytesSent, read: bytesReceived });
      return;
    }
  }

  #fail(pid: Pid, bytes: number): void {
    this.#run.violate(
      ID,
      `${nameOf(this.#run, pid)} reads ${bytes} bytes more from a client that does not read what it was sent`,
    );
  }
}

function isData(message: unknown): boolean {
  return typeof message === "object" && message !== null && "type" in message && message.type === "data";
}
