import { Buffer } from "node:buffer";
import type { ExitReason, Pid, Subject } from "@espalier/actors";
import type { Invariant, RunView, Watch, Watched } from "../invariant.ts";
import type { Peer } from "../peer.ts";
import { quoteBoth } from "./quote.ts";

const ID = "I8-probe";

/**
 * Once all faults are over, a fresh client is served, unless what serves it is down for good and had to be: a supervisor
 * that nobody restarts has given up, or an actor that nobody supervises was crashed.
 */
export function probeIsServed(): Invariant {
  return {
    id: ID,
    says: "when all faults are over, a new client is served, unless a supervisor has lawfully given up",
    watch: (run) => new Service(run),
  };
}

/** Refusals that say nothing but that the listener does what it was told. */
const BY_RULE: ReadonlySet<string> = new Set(["closedMaxLimit", "closedForbidden", "closedRateLimited"]);

class Service implements Watch {
  readonly on: Watched;
  readonly #run: RunView;
  /** Supervisors, and actors that were started from outside. */
  readonly #parents = new Map<Pid, Pid | undefined>();
  /** Children, by their paths. */
  readonly #permanent = new Set<string>();
  readonly #told = new Set<Pid>();
  readonly #refused = new Set<string>();
  #isDownForGood = false;

  constructor(run: RunView) {
    this.#run = run;
    this.on = {
      spawn: ({ subject, parent, behaviour }) => {
        if (behaviour === "supervisor" || parent === undefined) this.#parents.set(subject.pid, parent);
      },
      exitSignal: ({ to, subject }) => void (this.#parents.get(to) === subject.pid && this.#told.add(to)),
      exit: ({ subject, reason }) => this.#died(subject, reason),
      report: ({ report }) => {
        if (report.type !== "progress" || report.started.restart !== "permanent") return;
        this.#permanent.add(`${report.supervisor.path}/${report.started.id}`);
      },
      connectionRefused: ({ peer, counter }) => {
        if (BY_RULE.has(counter)) this.#refused.add(peer.host);
      },
    };
  }

  after(phase: string): void {
    if (phase !== "probe" || this.#isDownForGood) return;
    const { peers, probe } = this.#run;
    const peer = peers.at(-1);
    if (peer === undefined || this.#refused.has(peer.script.host)) return;
    const problem = failureOf(peer, probe?.receives);
    if (problem !== undefined) this.#run.violate(ID, `all is well again, and ${problem}`);
  }

  #died({ pid, path, incarnation }: Subject, { type }: ExitReason): void {
    if (!this.#parents.has(pid)) return;
    const isTop = this.#parents.get(pid) === undefined;
    this.#parents.delete(pid);
    if (this.#told.delete(pid)) return;
    const name = incarnation === 1 ? path : `${path}~${incarnation}`;
    const isInjected = isTop && this.#run.world.injections.some(({ actor }) => actor === name);
    // It has ended by itself, and its own supervisor leaves it so.
    const hasGivenUp = type === "shutdown" && !this.#permanent.has(path);
    if (isInjected || hasGivenUp) this.#isDownForGood = true;
  }
}

function failureOf(peer: Peer, receives: Uint8Array | string | undefined): string | undefined {
  const { state, code, received, connectedAt } = peer;
  if (connectedAt === undefined) return `a new client gets no connection (${code ?? state})`;
  if (receives === undefined) {
    const isKept = state === "open" || peer.hasEnded || peer.hasLeft;
    return isKept ? undefined : `a new client is turned away (${code ?? state})`;
  }
  const expected = Buffer.from(receives);
  if (expected.equals(received.subarray(0, expected.length))) return undefined;
  const [is, shouldBe] = quoteBoth(received, expected);
  return `a new client receives ${is} instead of ${shouldBe} (${code ?? state})`;
}
