import { Buffer } from "node:buffer";
import { LATENCIES, TLS_LATENCIES } from "../deviation.ts";
import type { Invariant, RunView, Watch, Watched } from "../invariant.ts";
import type { Peer } from "../peer.ts";
import { quoteBoth } from "./quote.ts";

const ID = "I15-model";

/** What a client has to receive for what it has sent. More sent may only mean more behind it. */
export type Model = (facts: { readonly sent: Uint8Array; readonly peer: Peer }) => Uint8Array | string;

/**
 * What each client receives is what a model says, or the beginning of it. All of it, if nothing was done to the client, its
 * connection or what those depend on: no crash, no reset, nothing so late that a timeout may have come first.
 */
export function clientsGet(model: Model): Invariant {
  return {
    id: ID,
    says: "what a client receives is what the model says, and all of it unless the client was disturbed",
    watch: (run) => new Answers(run, model),
  };
}

/** What is later than this may be too late for a timeout. */
const LATE_MS = 300;

class Answers implements Watch {
  readonly on: Watched;
  readonly #run: RunView;
  readonly #model: Model;
  /** Handlers: the names by which crashes go, by printed pids, and those of each client's host. */
  readonly #names = new Map<string, string>();
  readonly #byHost = new Map<string, Set<string>>();
  /** Handlers that were told that nothing has come for too long. What comes just then may come too late. */
  readonly #impatient = new Set<string>();

  constructor(run: RunView, model: Model) {
    this.#run = run;
    this.#model = model;
    this.on = {
      spawn: ({ subject: { pid, path, incarnation } }) => {
        if (path.includes("/connection_sup/")) {
          this.#names.set(pid.toString(), incarnation === 1 ? path : `${path}~${incarnation}`);
        }
      },
      connectionStarted: ({ connection, peer }) => {
        const name = this.#names.get(connection);
        if (name === undefined) return;
        const names = this.#byHost.get(peer.host) ?? new Set();
        this.#byHost.set(peer.host, names.add(name));
      },
      deliver: ({ subject, message }) => {
        if (typeof message !== "object" || message === null || !("type" in message) || message.type !== "timeout")
          return;
        const name = this.#names.get(subject.pid.toString());
        if (name !== undefined) this.#impatient.add(name);
      },
    };
  }

  after(phase: string): void {
    for (const peer of this.#run.peers) {
      if (peer.receivedBytes === 0 && phase !== "healed") continue;
      const expected = Buffer.from(this.#model({ sent: peer.sent, peer }));
      const received = Buffer.from(peer.received);
      const { length } = received;
      if (!expected.subarray(0, length).equals(received)) {
        const [is, shouldBe] = quoteBoth(received, expected);
        this.#run.violate(ID, `${peer.name} has received ${is}, and should have ${shouldBe}`);
      } else if (phase === "healed" && length < expected.length && !this.#isDisturbed(peer)) {
        const [is, whole] = quoteBoth(received, expected);
        this.#run.violate(ID, `${peer.name} has received no more than ${is} of ${whole}`);
      }
    }
  }

  #isDisturbed(peer: Peer): boolean {
    const { plan, world } = this.#run;
    if (plan.operations.length > 0 || !stays(peer)) return true;
    if (this.#handlersOf(peer).some((name) => this.#impatient.has(name))) return true;
    const line = this.#lineOf(peer);
    const own = new Set(line.flatMap((one) => this.#handlersOf(one)));
    const others = new Set([...this.#names.values()].filter((name) => !own.has(name)));
    if (world.injections.some(({ actor }) => !others.has(actor))) return true;
    return world.choices.deviations.some(({ kind, subject, value }) => {
      switch (kind) {
        case "delay":
        case "timer":
        case "net":
          return (LATENCIES[value] ?? 0) >= LATE_MS;
        case "bind":
          return true;
        case "tls":
          return isOf(line, subject) && (TLS_LATENCIES[value - 3] ?? Infinity) >= LATE_MS;
        case "reset":
        case "accept":
        case "connect":
          return isOf(line, subject);
        case "crash":
        case "chunk":
        case "write":
        case "knob":
          return false;
      }
    });
  }

  /** It is the header that says to the server who is there; several may come for one client. */
  #handlersOf({ script: { host, proxy } }: Peer): readonly string[] {
    return [host, proxy?.source?.host ?? host].flatMap((known) => Array.from(this.#byHost.get(known) ?? []));
  }

  /** One that has come, and those after whom it has: what it finds is what they have left behind. */
  #lineOf(peer: Peer): readonly Peer[] {
    const { after } = peer.script;
    const leader = this.#run.peers.find(({ script }) => script.host === after);
    return leader === undefined ? [peer] : [peer, ...this.#lineOf(leader)];
  }
}

/** An end of a connection of one of them. */
function isOf(peers: readonly Peer[], subject: string): boolean {
  return peers.some(({ name }) => subject.endsWith(name));
}

/** It was there for all that it was to get: it read on, and the server has not ended the connection before it. */
function stays({ state, connectedAt, hasLeft, script, events }: Peer): boolean {
  if (connectedAt === undefined || hasLeft || (state !== "open" && state !== "closed")) return false;
  const stop = script.ops.findLastIndex(({ type }) => type === "pause" || type === "vanish");
  const goOn = script.ops.findLastIndex(({ type }) => type === "resume");
  if (stop > goOn) return false;
  const ended = events.findIndex(({ type }) => type === "ended");
  return ended < 0 || events.slice(0, ended).some(({ type }) => type === "end");
}
