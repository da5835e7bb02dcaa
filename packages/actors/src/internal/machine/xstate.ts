import type { EventObject, StateValue } from "xstate";

/*
 * What the kernel reads and calls of XState's machines, in types of its own: XState's are made for those who write
 * machines, and lose themselves in `any` on the way down. The lowest layer has no dependency at run time, so there is
 * nothing here but types.
 */

/** A machine as the kernel runs it. */
export interface Machine {
  readonly id: string;
  readonly version: string | undefined;
  readonly root: StateNode;
  readonly config: MachineConfig;
  readonly options: { maxIterations?: number };
  readonly implementations: Implementations;
  getInitialSnapshot(scope: unknown, input: unknown): Snapshot;
  transition(snapshot: Snapshot, event: EventObject, scope: unknown): Snapshot;
  /** A copy with these implementations beside, or in place of, those that it has. */
  provide(implementations: object): Machine;
  getPersistedSnapshot(snapshot: Snapshot): object;
  /** The transitions that an event takes. */
  getTransitionData(snapshot: Snapshot, event: EventObject): readonly Transition[];
  getStateNodeById(id: string): StateNode;
  /** @throws if the value names a state that the machine does not have. */
  resolveState(config: { readonly value: StateValue; readonly context: unknown }): Snapshot;
}

interface MachineConfig {
  readonly context?: object | ((args: object) => object);
  readonly output?: unknown;
  readonly options?: { readonly maxIterations?: number };
}

/** The named parts of a machine. */
export interface Implementations {
  readonly actions: Readonly<Record<string, unknown>>;
  readonly guards: Readonly<Record<string, unknown>>;
  readonly delays: Readonly<Record<string, unknown>>;
  readonly actors: Readonly<Record<string, unknown>>;
}

/** One state of a machine. */
export interface StateNode {
  readonly id: string;
  readonly key: string;
  /** Its place in document order, which is what counts where states are compared. */
  readonly order: number;
  readonly type: "atomic" | "compound" | "parallel" | "final" | "history";
  readonly parent: StateNode | undefined;
  readonly states: Readonly<Record<string, StateNode>>;
  readonly entry: readonly unknown[];
  readonly exit: readonly unknown[];
  readonly invoke: readonly Invocation[];
  readonly initial: { readonly target: readonly StateNode[]; readonly actions: readonly unknown[] };
  /** By event descriptor, in the order in which they are tried. */
  readonly transitions: ReadonlyMap<string, readonly Transition[]>;
  readonly always: readonly Transition[] | undefined;
  readonly history: "shallow" | "deep" | false;
  readonly tags: readonly string[];
  readonly output: unknown;
  readonly config: { readonly initial?: unknown; readonly target?: unknown; readonly invoke?: unknown };
}

export interface Transition {
  readonly source: StateNode;
  readonly target: readonly StateNode[] | undefined;
  readonly actions: readonly unknown[];
  readonly guard: unknown;
  readonly reenter: boolean;
}

/** A child that a state has for as long as it is active. */
export interface Invocation {
  readonly id: string;
  /** The name of its logic: one that the user has given, or one that XState has made up for inline logic. */
  readonly src: string;
  readonly systemId: string | undefined;
  readonly input: unknown;
  readonly onSnapshot?: unknown;
}

/** A snapshot of a machine. Plain data, but for the methods that read it. */
export interface Snapshot {
  readonly status: "active" | "done" | "error" | "stopped";
  readonly value: StateValue;
  readonly context: unknown;
  readonly tags: ReadonlySet<string>;
  readonly children: Children;
  readonly output: unknown;
  readonly error: unknown;
  readonly machine: Machine;
  /** The active states, in the order in which they became so. */
  readonly _nodes: readonly StateNode[];
  /** What each history state remembers, by its id. */
  readonly historyValue: Readonly<Record<string, readonly StateNode[]>>;
}

/** The children of a machine by their ids. XState keeps a place for one whose logic does not exist. */
export type Children = Readonly<Record<string, LogicActor | undefined>>;

/** A child of a machine, as XState makes it: an object of its class `Actor`. */
export interface LogicActor {
  readonly id: string;
  /** The name that it has in its family while it runs. */
  readonly systemId: string | undefined;
  readonly logic: unknown;
  readonly system: unknown;
  src: unknown;
  readonly _parent: unknown;
  /** 0: not started, 1: running, 2: stopped. */
  _processingStatus: 0 | 1 | 2;
  start(): void;
  _stop(): void;
  _process(event: EventObject): void;
  getSnapshot(): ChildSnapshot;
}

/** What all snapshots have, of machines and of other logic. */
export interface ChildSnapshot {
  readonly status: Snapshot["status"];
  readonly output?: unknown;
  readonly error?: unknown;
  readonly children?: Children;
}

/** An expression of a machine: gives a value for a context and an event. */
export type Expression = (args: object, params?: unknown) => unknown;

/** One of XState's own actions: a function that bears its program as properties. */
export interface BuiltinAction {
  readonly type: string;
  /** Gives the next snapshot, what to execute with, and further actions. */
  resolve(
    scope: unknown,
    snapshot: Snapshot,
    args: object,
    params: unknown,
    action: BuiltinAction,
    extra: { readonly internalQueue: EventObject[]; readonly deferredActorIds: readonly string[] | undefined },
  ): readonly [Snapshot, unknown, readonly unknown[] | undefined];
  retryResolve?(scope: unknown, snapshot: Snapshot, params: unknown): void;
  execute?(scope: unknown, params: unknown): void;
  // What the factories of the built-in actions leave on them.
  readonly assignment?: unknown;
  readonly event?: unknown;
  readonly id?: unknown;
  readonly delay?: unknown;
  readonly sendId?: unknown;
}

/** An action as XState hands it over to be executed. */
export interface ExecutableAction {
  readonly type: string;
  readonly info: unknown;
  readonly params: unknown;
  readonly exec: ((info: unknown, params: unknown) => unknown) | undefined;
}

/** Whether an action is one of XState's own. */
export function isBuiltin(action: unknown): action is BuiltinAction {
  return typeof action === "function" && "resolve" in action;
}

/** Whether logic is a machine, and not a promise, a callback or the like. */
export function isMachine(logic: unknown): logic is Machine {
  return typeof logic === "object" && logic !== null && "getStateNodeById" in logic && "root" in logic;
}

/** Whether a message can be an event of a machine. */
export function isEvent(message: unknown): message is EventObject {
  return typeof message === "object" && message !== null && typeof (message as { type?: unknown }).type === "string";
}
