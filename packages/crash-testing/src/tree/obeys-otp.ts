import { type ExitReason, formatReason, NoProcessError, RegistrationError } from "@espalier/actors";
import type { Invariant, RunView, Watch, Watched } from "../invariant.ts";
import { type Life, TreeHistory } from "./tree-history.ts";
import { judge } from "./tree-replay.ts";
import type { TreeSupervisor } from "./tree-spec.ts";

const ID = "I19-otp";

/**
 * A tree that `buildTree` has made does what OTP's rules say: who is started, restarted and stopped, how often and in which
 * order, how far an end escalates, and who lives in the end.
 *
 * The rules (`SupervisorRules`, on paper) follow each supervisor from its start, told what it was told in the order in which
 * it was; what they say it does must be what it has done. Nobody may end whom nothing has ended: a crash that was injected,
 * an exit signal, a failure of its start, an end of its own that its spec provides for, or the rules.
 *
 * So it is exact, for every supervisor by itself, under crashes, delays of signals and late timers alike: what is open under
 * delays is only which of two signals a supervisor gets first, and that is taken from the run, as is what different
 * supervisors do at the same time. Not judged: a supervisor that was crashed while another one of the same name and
 * incarnation lived, since nobody can tell which of them it was; and that what was told arrives, which `standard()` sees to.
 */
export function obeysOtp(tree: TreeSupervisor): Invariant {
  return {
    id: ID,
    says: "supervisors do what OTP's rules say, and nobody ends without a cause",
    watch: (run) => new Obedience(run, tree),
  };
}

/** Who has been at it for so long does not go on. Longer than anything can be late, or can take. */
const STUCK_MS = 30_000;

class Obedience implements Watch {
  readonly on: Watched;
  readonly #run: RunView;
  readonly #history: TreeHistory;

  constructor(run: RunView, tree: TreeSupervisor) {
    this.#run = run;
    this.#history = new TreeHistory(tree, run.world, (life) => this.#ended(life));
    this.on = this.#history.on;
  }

  after(phase: string): void {
    if (phase !== "healed") return;
    const before = this.#run.world.now() - STUCK_MS;
    for (const life of this.#history.living) {
      if (life.spec.type === "worker") this.#checkWorker(life, before);
      else this.#checkSupervisor(life, before);
    }
  }

  #ended(life: Life): void {
    if (life.isUnclear) return;
    if (life.spec.type === "worker") {
      const { who, reason } = life;
      if (reason !== undefined && !isCaused(life, reason))
        this.#violate(`${who} ends, ${formatReason(reason)}, without a cause`);
      return;
    }
    const { wrong } = judge(life, this.#history.lives);
    if (wrong !== undefined) this.#violate(wrong);
  }

  #checkWorker({ who, injected, lastTime, isUnclear }: Life, before: number): void {
    if (injected !== undefined && !isUnclear && lastTime < before) this.#violate(`${who} was crashed, and lives on`);
  }

  #checkSupervisor(life: Life, before: number): void {
    if (life.isUnclear) return;
    const { wrong, unfinished, children } = judge(life, this.#history.lives);
    if (wrong !== undefined) this.#violate(wrong);
    else if (unfinished !== undefined && life.lastTime < before) this.#violate(`${life.who} does not ${unfinished}`);
    if (unfinished !== undefined) return;
    for (const { who, endedAt, lastTime } of children) {
      if (endedAt !== undefined && lastTime < before) this.#violate(`${life.who} does not know that ${who} is dead`);
    }
  }

  #violate(message: string): void {
    this.#run.violate(ID, message);
  }
}

/** Something has ended it in this way. */
function isCaused(life: Life, reason: ExitReason): boolean {
  const { injected, signals, spec, incarnation } = life;
  if (injected !== undefined || spec.type !== "worker") return true;
  if (signals.some((signal) => (signal.type === "kill" && reason.type === "killed") || signal.type === reason.type))
    return true;
  const text = formatReason(reason);
  if (text === spec.ends[incarnation - 1]?.ending) return true;
  const outcome = spec.outcomes[incarnation - 1];
  if (outcome === "ignore" && text === "normal") return true;
  if (outcome === "fail" && text === "error: no start") return true;
  if (reason.type !== "error") return false;
  const { error } = reason;
  // Its name is taken; or whom it links to is about to end, as one may find in Erlang too.
  if (error instanceof RegistrationError) return spec.name !== null;
  return error instanceof NoProcessError && spec.links.length > 0;
}
