import { CallMessage, Exit, type ExitReason, formatReason, type Pid } from "@espalier/actors";
import { type Deed, type Life, tryAgainOf } from "./tree-history.ts";
import { type Ending, type ModelProcess, type ModelStart, SupervisorRules } from "./supervisor-rules.ts";
import type { TreePool, TreeSpec, TreeSupervisor } from "./tree-spec.ts";

/** Times are sums of fractions. */
const ROUNDING_MS = 0.001;

/** What a supervisor has done is not what OTP's rules say. */
class Wrong extends Error {}

/** Its history ends here: it is still at it, or has been ended. */
class Halt extends Error {
  /** Whom it waits for. Undefined: it is itself to act. */
  readonly child: Life | undefined;

  constructor(doing: string, child?: Life) {
    super(doing);
    this.child = child;
  }
}

/** It was crashed here, by an error of its own. */
class Crashed extends Error {}

/** A child as its supervisor knows it: as alive until it is told otherwise. */
class Known implements ModelProcess {
  readonly isAlive = true;
  readonly life: Life;

  constructor(life: Life) {
    this.life = life;
  }

  get who(): string {
    return this.life.who;
  }
}

/** What the rules make of what a supervisor was told. */
export interface Verdict {
  /** What it has done otherwise than the rules say. */
  readonly wrong: string | undefined;
  /** What it has left to do, or is waiting for. Undefined: nothing. */
  readonly unfinished: string | undefined;
  /** The children that it has. */
  readonly children: readonly Life[];
}

/**
 * Has the rules of a supervisor follow what it was told, piece by piece, and compares what they say with what it has done:
 * which children it has started and stopped, in which order, and whether it has given up. How its children start and end is
 * taken from their lives.
 */
export function judge(life: Life, lives: ReadonlyMap<Pid, Life>): Verdict {
  return new Replay(life, lives).perform();
}

class Replay {
  readonly #life: Life;
  readonly #spec: TreeSupervisor | TreePool;
  readonly #lives: ReadonlyMap<Pid, Life>;
  readonly #rules: SupervisorRules<TreeSpec>;
  readonly #known = new Map<Life, Known>();
  #next = 0;
  #now = 0;
  #started = 0;
  /** Something has ended it, or will, whatever it was to do. */
  #mayEnd = false;
  /** Why it is on its way out. */
  #reason: ExitReason | "shutdown" | "crash" | undefined;

  constructor(life: Life, lives: ReadonlyMap<Pid, Life>) {
    const { spec } = life;
    if (spec.type === "worker") throw new TypeError(`${life.who} is no supervisor`);
    this.#life = life;
    this.#spec = spec;
    this.#lives = lives;
    this.#mayEnd = life.signals.some(({ type }) => type === "kill");
    this.#rules = new SupervisorRules<TreeSpec>(spec.flags, spec.type === "pool" ? [] : spec.children, {
      now: () => this.#now,
      start: (child, nth) => this.#start(child, nth),
      stop: (process, { shutdown }) => this.#stop([(process as Known).life], shutdown),
      stopAll: (children) => this.#stopAll(children.map(({ process }) => (process as Known).life)),
    });
  }

  perform(): Verdict {
    try {
      this.#follow();
      return this.#verdict(undefined, undefined);
    } catch (error) {
      if (error instanceof Wrong) return this.#verdict(error.message, undefined);
      if (!(error instanceof Halt)) throw error;
      const { endedAt, reason, who } = this.#life;
      if (endedAt === undefined || reason === undefined) return this.#verdict(undefined, error.message);
      if (this.#mayEnd) return this.#verdict(undefined, undefined);
      return this.#verdict(`${who} has ended (${formatReason(reason)}) when it was to ${error.message}`, undefined);
    }
  }

  #verdict(wrong: string | undefined, unfinished: string | undefined): Verdict {
    const children = this.#rules.living.map((process) => (process as Known).life);
    return { wrong, unfinished, children };
  }

  // — What it was told ———————————————————————————————————————————————————————————————————————————————————————————

  #follow(): void {
    this.#do(() => this.#boot());
    for (let deed = this.#peek(); deed !== undefined; deed = this.#peek()) {
      if (deed.type === "end") {
        this.#checkEnd(deed.reason);
        return;
      }
      if (!this.#rules.isAlive && deed.type !== "crash") throw this.#wrong(`does ${describe(deed)} when it was to end`);
      this.#do(() => this.#serve());
    }
    if (!this.#rules.isAlive) throw new Halt("end");
  }

  #do(step: () => void): void {
    try {
      step();
    } catch (error) {
      if (!(error instanceof Crashed)) throw error;
      this.#crashed();
    }
  }

  /** Ends with a clean-up, unless it is in its start, or in its clean-up already. */
  #crashed(): void {
    this.#reason = "crash";
    if (this.#life.startedAt === undefined || !this.#rules.isAlive) {
      this.#mayEnd = true;
      throw new Halt("end");
    }
    this.#do(() => this.#rules.stop());
  }

  #boot(): void {
    const failed = this.#rules.boot();
    if (failed !== undefined) this.#reason = "shutdown";
  }

  #serve(): void {
    const deed = this.#take("do something");
    if (deed.type !== "mail") throw this.#wrong(`does ${describe(deed)}, and nobody has told it to`);
    if (!deed.isHandled) {
      this.#take("crash");
      return;
    }
    this.#now = deed.time;
    const { message } = deed;
    if (message instanceof Exit) this.#serveExit(message);
    else if (message instanceof CallMessage) this.#serveCall(message.request);
    else this.#rules.serve({ type: "tryAgainRestart", id: tryAgainOf(message) ?? "" });
    if (!this.#rules.isAlive) this.#reason ??= "shutdown";
  }

  #serveExit({ from, reason }: Exit): void {
    const child = this.#lives.get(from);
    if (from === this.#life.parent || child === undefined) {
      this.#reason = reason;
      this.#rules.stop();
      return;
    }
    this.#rules.serve({ type: "EXIT", pid: this.#knownOf(child), reason: endingOf(reason) });
  }

  #serveCall(request: unknown): void {
    const { type, id, child } = request as { readonly type: string; readonly id?: string; readonly child?: unknown };
    const spec = this.#spec;
    if (type === "startDynamic" && spec.type === "pool") {
      this.#started += 1;
      const named = { ...spec.child, id: id ?? String(this.#started) };
      this.#rules.serve({ type: "call", call: { type: "startChild", spec: named }, answer });
    } else if (type === "terminateChild" && typeof child === "string" && spec.type === "supervisor") {
      this.#rules.serve({ type: "call", call: { type, id: child }, answer });
    } else if ((type === "restartChild" || type === "deleteChild") && id !== undefined && spec.type === "supervisor") {
      this.#rules.serve({ type: "call", call: { type, id }, answer });
    }
  }

  #checkEnd(reason: ExitReason): void {
    if (this.#mayEnd) return;
    if (this.#rules.isAlive) throw this.#wrong(`has ended (${formatReason(reason)}) without a cause`);
    const expected = this.#reason;
    const isRight =
      expected === "crash"
        ? reason.type === "error"
        : expected === "shutdown"
          ? reason.type === "shutdown"
          : expected !== undefined && reason.type === expected.type;
    if (!isRight) throw this.#wrong(`has ended for another reason than it had: ${formatReason(reason)}`);
  }

  // — What it did ————————————————————————————————————————————————————————————————————————————————————————————————

  #start(spec: TreeSpec, nth: number): ModelStart {
    const who = `${spec.id}#${nth}`;
    const deed = this.#take(`start ${who}`);
    if (deed.type !== "start") throw this.#wrong(`does ${describe(deed)} when it was to start ${who}`);
    const { child } = deed;
    if (child.id !== spec.id || child.incarnation !== nth) {
      throw this.#wrong(`starts ${child.who} when it was to start ${who}`);
    }
    const started = this.#take(`have started ${who}`, child);
    if (started.type !== "started" || started.child !== child) {
      throw this.#wrong(`does ${describe(started)} before the start of ${child.who} is over`);
    }
    if (!started.isHandled) {
      this.#rules.crashedInStart(this.#knownOf(child));
      this.#take("crash");
    }
    if (child.startedAt !== undefined && child.startedAt < started.at) return this.#knownOf(child);
    return child.reason?.type === "normal" && !child.signals.some(({ type }) => type === "normal")
      ? "ignore"
      : { failed: child.reason === undefined ? "" : formatReason(child.reason) };
  }

  #stop(children: readonly Life[], how: TreeSpec["shutdown"]): void {
    const signalled = new Map<Life, number>();
    for (let deed = this.#peek(); deed?.type === "signal"; deed = this.#peek()) {
      const { to, reason, time } = deed;
      if (!children.includes(to)) break;
      this.#next += 1;
      this.#checkSignal(to, reason, how, signalled.get(to), time);
      if (!signalled.has(to)) signalled.set(to, time);
    }
    const next = this.#peek();
    const until = next?.at ?? Infinity;
    for (const child of children) {
      if (child.endedAt !== undefined && child.endedAt < until) continue;
      // It is crashed, and stops them once more.
      if (next?.type === "crash") this.#take("crash");
      if (!signalled.has(child)) {
        if (next === undefined || next.type === "end") throw new Halt(`stop ${child.who}`);
        throw this.#wrong(`does ${describe(next)} when it was to stop ${child.who}`);
      }
      if (next === undefined || next.type === "end") throw new Halt(`have stopped ${child.who}`, child);
      throw this.#wrong(`does ${describe(next)} while ${child.who} still lives`);
    }
  }

  #stopAll(children: readonly Life[]): void {
    this.#stop(children, this.#spec.type === "pool" ? this.#spec.child.shutdown : "infinity");
  }

  #checkSignal(
    to: Life,
    reason: ExitReason,
    how: TreeSpec["shutdown"],
    before: number | undefined,
    time: number,
  ): void {
    const isKill = reason.type === "kill";
    if (how === "brutalKill" ? !isKill : !isKill && reason.type !== "shutdown") {
      throw this.#wrong(`stops ${to.who} by ${formatReason(reason)}, and not as its spec says`);
    }
    if (how === "brutalKill" || !isKill) return;
    if (how === "infinity" || before === undefined || time - before < how - ROUNDING_MS) {
      throw this.#wrong(`kills ${to.who} before its time is over`);
    }
  }

  #peek(): Deed | undefined {
    return this.#life.deeds[this.#next];
  }

  #take(doing: string, child?: Life): Deed {
    const deed = this.#peek();
    if (deed === undefined || deed.type === "end") throw new Halt(doing, child);
    this.#next += 1;
    if (deed.type !== "crash") return deed;
    if (deed.end === "throw") throw new Crashed();
    this.#mayEnd = true;
    throw new Halt("end");
  }

  #knownOf(life: Life): Known {
    const known = this.#known.get(life) ?? new Known(life);
    this.#known.set(life, known);
    return known;
  }

  #wrong(what: string): Wrong {
    return new Wrong(`${this.#life.who} ${what}`);
  }
}

/** What it is answered, nobody compares. */
function answer(): void {}

/** What it matters for: an orderly end or not. */
function endingOf({ type }: ExitReason): Ending {
  if (type === "normal" || type === "shutdown" || type === "killed") return type;
  return "error: boom";
}

function describe(deed: Deed): string {
  switch (deed.type) {
    case "start":
      return `a start of ${deed.child.who}`;
    case "started":
      return `a wait for ${deed.child.who}`;
    case "signal":
      return `a stop of ${deed.to.who}`;
    case "mail":
      return "something with its mail";
    case "crash":
      return "nothing: it was crashed";
    case "end":
      return `its end (${formatReason(deed.reason)})`;
  }
}
