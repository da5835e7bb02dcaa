import {
  type ActorRef,
  defineServer,
  type Definition,
  failure,
  normal,
  ok,
  type Pid,
  shutdown,
  stop,
} from "@espalier/actors";
import {
  child,
  type ChildSpec,
  defineDynamicSupervisor,
  defineSupervisor,
  type DynamicSupervisorRef,
  type SupervisorInit,
  type SupervisorRef,
  whichChildren,
} from "@espalier/supervisor";
import { type Gate, type Stage, textOf } from "./stage.ts";

export type Flags = Omit<SupervisorInit, "children">;

/** Starts a supervisor of puppets that note when they start, and when they are to end. */
export async function supervise(
  stage: Stage,
  specs: Readonly<Record<string, Partial<ChildSpec>>>,
  flags: Flags = {},
): Promise<SupervisorRef> {
  const children = Object.entries(specs).map(([id, spec]) => specOf(stage, id, spec));
  const definition = defineSupervisor({ intensity: 100, ...flags, children });
  const started = await stage.system.start(definition, undefined, { id: stage.name("sup") });
  if (!started.ok) throw new Error(started.error === "failed" ? textOf(started.reason) : started.error);
  return started.ref;
}

export function specOf(stage: Stage, id: string, spec: Partial<ChildSpec> = {}): ChildSpec {
  return { id, start: child(noter(stage, id)), ...spec };
}

/** Notes its start and its end, and ends as it is told to. */
export function noter(
  stage: Stage,
  role: string,
  options: { trapExit?: boolean; slow?: Gate; start?: () => unknown } = {},
): Definition {
  const { trapExit = true, slow, start } = options;
  return defineServer<{ state: undefined; info: string }>({
    name: role,
    trapExit,
    init() {
      stage.note(`+${role}`);
      const result = start?.();
      return result === undefined ? ok(undefined) : (result as never);
    },
    handleInfo(message) {
      return stop(message === "crash" ? failure(new Error("crash")) : message === "leave" ? normal : shutdown());
    },
    terminate(reason) {
      stage.note(`-${role} ${textOf(reason)}`);
      return slow?.opened;
    },
  });
}

/** One child ends in that way; answers when what follows is over. */
export async function tell(
  stage: Stage,
  sup: SupervisorRef,
  id: string,
  message: "crash" | "leave" | "shutdown",
): Promise<void> {
  const pid = await pidOf(stage, sup, id);
  if (pid !== undefined) stage.system.send(pid as ActorRef<string>, message);
  await stage.rest(1);
}

export async function pidOf({ system }: Stage, sup: SupervisorRef, id: string): Promise<Pid | undefined> {
  const infos = await whichChildren(system, sup);
  const state = infos.find((info) => info.id === id)?.child;
  return typeof state === "object" ? state : undefined;
}

/** Which children there are, the newest first, and which of them live. */
export async function list({ system }: Stage, sup: SupervisorRef): Promise<string> {
  const infos = await whichChildren(system, sup);
  return infos
    .map(({ id, child: state }) => `${id}${typeof state === "object" ? "" : ` ${state ?? "stopped"}`}`)
    .join(", ");
}

interface DynamicOptions {
  readonly slow?: Gate;
  readonly intensity?: number;
  /** Whoever is called y comes up once only. */
  readonly failsAgain?: boolean;
}

/** A dynamic supervisor of those who note their lives; what is called bad does not start. */
export async function superviseDynamic(
  stage: Stage,
  spec: Pick<ChildSpec, "restart" | "shutdown" | "onExit">,
  { slow, intensity = 100, failsAgain = false }: DynamicOptions = {},
): Promise<DynamicSupervisorRef<string> & Pid> {
  let starts = 0;
  const start = (role: string) => () => {
    if (role === "y") starts += 1;
    return role === "bad" || (failsAgain && starts > 1) ? stop(shutdown(role)) : undefined;
  };
  const definition = defineDynamicSupervisor<string>({
    intensity,
    child: {
      ...spec,
      start: (role) => child(noter(stage, role, { start: start(role), ...(slow !== undefined && { slow }) })),
    },
  });
  const started = await stage.system.start(definition, undefined, { id: stage.name("sup") });
  if (!started.ok) throw new Error("the supervisor does not start");
  return started.ref;
}

/** A start that fails. */
export function refused(): unknown {
  return stop(shutdown("no"));
}
