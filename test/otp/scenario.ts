/*
 * Scenarios and traces as they stand in the files of `traces/`: what to play on a runtime, and what happened when
 * Erlang/OTP 25 played it.
 *
 *   path   `root`, `root/a`: a place in the tree; a dynamic child's last part is its key
 *   who    `root/a#2`: the process made by the second call of the init callback for that path
 *   target a path (the process started there last) or a who
 */

/** An exit reason. `crash`: a raised error; the others are plain values, as they stand in `exit(Reason)`. */
export type Reason =
  | string
  | number
  | { readonly shutdown: Reason }
  | { readonly crash: Reason }
  | { readonly failedToStart: { readonly id: string; readonly reason: Reason } }
  | { readonly tuple: readonly Reason[] };

export type Kind = "worker" | "supervisor";

// — Family "supervision" ——————————————————————————————————————————————————————————————————————————————————————————

interface Flags {
  readonly strategy?: "oneForOne" | "oneForAll" | "restForOne" | "simpleOneForOne";
  readonly intensity?: number;
  /** Seconds. */
  readonly period?: number;
  readonly autoShutdown?: "never" | "anySignificant" | "allSignificant";
}

/** What one call of an init callback does. */
export type InitOutcome =
  | "ok"
  | "ignore"
  | {
      readonly do: "ok" | "ignore" | "error" | "exit" | "raise";
      readonly reason?: Reason;
      readonly delayMs?: number;
    };

export interface WorkerBody {
  readonly trapExit?: boolean;
  /** One for each call; `"ok"` when the list is used up. */
  readonly init?: readonly InitOutcome[];
  /** How long its clean-up takes. */
  readonly stopMs?: number;
  /** What its clean-up raises. */
  readonly stopRaise?: Reason;
}

export interface SupervisorBody {
  readonly flags: Flags;
  readonly children?: readonly ChildSpec[];
  /** Instead of `children`, for `simpleOneForOne`. */
  readonly template?: ChildTemplate;
  readonly init?: readonly InitOutcome[];
}

export interface ChildTemplate extends Partial<SupervisorBody> {
  readonly restart?: "permanent" | "transient" | "temporary";
  readonly shutdown?: "brutalKill" | "infinity" | number;
  readonly type?: Kind;
  readonly significant?: boolean;
  readonly worker?: WorkerBody;
}

export interface ChildSpec extends ChildTemplate {
  readonly id: string;
}

/** What a worker is asked to do. */
export type Action =
  | { readonly raise: Reason }
  | { readonly exit: Reason }
  | { readonly stop: Reason }
  | { readonly sleepMs: number };

export type SupervisionStep = { readonly settle?: boolean } & (
  | { readonly op: "act"; readonly target: string; readonly do: Action }
  | { readonly op: "exit"; readonly target: string; readonly reason: Reason; readonly from?: "probe" | "owner" }
  | { readonly op: "stopRoot" }
  | { readonly op: "stopProcess"; readonly target: string; readonly reason: Reason }
  | { readonly op: "call"; readonly target: string; readonly do?: Action; readonly timeoutMs?: number }
  | { readonly op: "startChild"; readonly sup: string; readonly spec: ChildSpec }
  | { readonly op: "startChild"; readonly sup: string; readonly key: string; readonly worker?: WorkerBody }
  | { readonly op: "terminateChild"; readonly sup: string; readonly id: string }
  | { readonly op: "terminateChild"; readonly sup: string; readonly child: string }
  | { readonly op: "restartChild" | "deleteChild"; readonly sup: string; readonly id: string }
  | { readonly op: "whichChildren" | "countChildren"; readonly sup: string }
  | { readonly op: "monitor"; readonly target: string; readonly tag: string }
  | { readonly op: "demonitor"; readonly tag: string; readonly flush?: boolean }
  | { readonly op: "link" | "unlink"; readonly target: string }
  | { readonly op: "wait"; readonly ms: number }
);

export interface SupervisionScenario {
  readonly family: "supervision";
  readonly name: string;
  readonly root: SupervisorBody;
  readonly steps: readonly SupervisionStep[];
}

// — Family "kernel" ———————————————————————————————————————————————————————————————————————————————————————————————

/** How an actor treats a call. */
export type ReplyPlan =
  | "now"
  | "never"
  | { readonly delayMs: number }
  | { readonly exit: Reason }
  | { readonly raise: Reason };

export interface PlainActor {
  readonly name: string;
  readonly trapExit?: boolean;
  readonly reply?: ReplyPlan;
}

/** One thing that an actor does. */
export type Op =
  | { readonly op: "send"; readonly to: string; readonly msg: string }
  | { readonly op: "sendName"; readonly name: string; readonly msg: string }
  | { readonly op: "link" | "unlink" | "alive"; readonly to: string }
  | { readonly op: "monitor"; readonly to: string; readonly tag: string }
  | { readonly op: "monitorName"; readonly name: string; readonly tag: string }
  | { readonly op: "demonitor"; readonly tag: string; readonly flush?: boolean }
  | { readonly op: "exit"; readonly to: string; readonly reason: Reason }
  | { readonly op: "exitSelf" | "raise"; readonly reason: Reason }
  | { readonly op: "return" }
  | { readonly op: "trapExit"; readonly value: boolean }
  | { readonly op: "sleep"; readonly ms: number }
  | { readonly op: "register"; readonly name: string; readonly of?: string }
  | { readonly op: "unregister" | "whereis"; readonly name: string }
  | {
      readonly op: "call";
      readonly to: string;
      readonly req: string;
      readonly timeoutMs?: number;
      readonly byName?: boolean;
    }
  | { readonly op: "setReply"; readonly value: ReplyPlan }
  | ({ readonly op: "spawn" | "spawnLink"; readonly async?: boolean } & PlainActor)
  | ({ readonly op: "spawnMonitor"; readonly async?: boolean; readonly tag: string } & PlainActor);

export type KernelStep =
  | { readonly by: string; readonly ops: readonly Op[] }
  | { readonly op: "wait"; readonly ms: number };

export interface KernelScenario {
  readonly family: "kernel";
  readonly name: string;
  readonly actors: readonly PlainActor[];
  readonly steps: readonly KernelStep[];
}

export type Scenario = SupervisionScenario | KernelScenario;

// — Traces ————————————————————————————————————————————————————————————————————————————————————————————————————————

/** One entry of a list in a trace: an event, a notice, a message. */
export type Leaf = Readonly<Record<string, unknown>>;
/** Branches that are unordered with respect to each other. */
export interface Parallel {
  readonly par: readonly EventList[];
}
/** In order, but for the branches of its `par` nodes. */
export type EventList = ReadonlyArray<Leaf | Parallel>;

export interface TraceStep {
  /** 0: the boot; then one for each step of the scenario. */
  readonly i: number;
  readonly op?: string;
  readonly by?: string;
  /** Only its result was recorded; its events stand in the next step that was waited for. */
  readonly deferred?: true;
  readonly result?: unknown;
  readonly results?: unknown;
  readonly events?: EventList;
  readonly probe?: EventList;
  readonly inbox?: Readonly<Record<string, EventList>>;
  readonly rootDown?: unknown;
  /** The supervisors whose children differ from those after the step before; null for one that is gone. */
  readonly snapshot?: Readonly<Record<string, unknown>>;
  /** The registered names whose owner differs; null for one that is free. */
  readonly names?: Readonly<Record<string, unknown>>;
  readonly alive?: number;
}

export interface Trace {
  readonly format: 1;
  readonly steps: readonly TraceStep[];
  readonly final: { readonly alive: readonly string[] };
}

/** What a file of `traces/` holds. */
export interface ScenarioFile {
  readonly scenario: Scenario;
  readonly trace?: Trace;
}
