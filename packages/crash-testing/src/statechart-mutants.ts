import { type AnyStateMachine, createMachine } from "xstate";

/** A statechart with one thing changed. */
export interface StatechartMutant {
  /** What it does wrong, such as `ready ignores shutdown`. */
  readonly name: string;
  readonly machine: AnyStateMachine;
}

/** A config of a machine as the data that it is. */
type Json = { [key: string]: unknown };

/** A place in a config: the keys that lead there. */
type Path = readonly (string | number)[];

interface Change {
  readonly name: string;
  readonly apply: (config: Json) => void;
}

/**
 * All that can be done wrong in one place of a statechart: a handler, a delay, an entry, an exit, an action, a guard, an
 * eventless transition, an invocation or what follows from its end left out, and a transition that leads to an end instead.
 * A test that none of these fails does not ask for what the statechart says there. Each has a name of its own.
 */
export function statechartMutants(machine: AnyStateMachine): StatechartMutant[] {
  // Functions are kept as they are: what is mutated is the chart, and not the code behind its names.
  const config = machine.config as Json;
  return numbered(changesOf(config)).map(({ name, apply }) => {
    const copy = clone(config) as Json;
    apply(copy);
    return { name, machine: made(copy, machine) };
  });
}

/** The same statechart as another machine: whether somebody runs this one is to be told from his running his own. */
export function twinOf(machine: AnyStateMachine): AnyStateMachine {
  return made({ ...(machine.config as Json) }, machine);
}

function made(config: Json, { implementations }: AnyStateMachine): AnyStateMachine {
  return createMachine(config as never, implementations as never);
}

function changesOf(config: Json): Change[] {
  const finals = finalStates(config);
  const changes: Change[] = [];
  walk(config, [], [], (state, path, names) => {
    const name = names.length === 0 ? "the machine" : names.join(".");
    const siblings = finals.get(parentOf(names)) ?? [];
    // The machine itself has no siblings, and names what is inside it by a dot.
    const ends = names.length === 0 ? siblings.map((end) => `.${end}`) : siblings;
    changes.push(...handlerChanges(state, path, name, "on", (event) => event, ends));
    changes.push(...handlerChanges(state, path, name, "after", (delay) => `after ${delay}`, ends));
    if (state["onDone"] !== undefined)
      changes.push(...handlerAt(state["onDone"], [...path, "onDone"], name, "onDone", ends));
    changes.push(...invokeChanges(state["invoke"], [...path, "invoke"], name, ends));
    for (const key of ["entry", "exit"] as const)
      changes.push(...actionChanges(state[key], [...path, key], `${name} on ${key}`));
    if (state["always"] !== undefined) {
      changes.push({ name: `${name} takes no eventless transition`, apply: remover([...path, "always"]) });
    }
  });
  return changes;
}

/** Where several things are called the same, they are told apart by numbers. */
function numbered(changes: readonly Change[]): Change[] {
  const seen = new Map<string, number>();
  return changes.map(({ name, apply }) => {
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return { name: count === 1 ? name : `${name} (${count})`, apply };
  });
}

function invokeChanges(invoke: unknown, path: Path, name: string, ends: readonly string[]): Change[] {
  if (invoke === undefined) return [];
  if (Array.isArray(invoke)) {
    return invoke.flatMap((each, index) => [
      {
        name: `${name} does not invoke ${nameOfLogic(each)}`,
        apply: (config: Json) => void (at(config, path) as unknown[]).splice(index, 1),
      },
      ...endChanges(each as Json, [...path, index], name, ends),
    ]);
  }
  return [
    { name: `${name} does not invoke ${nameOfLogic(invoke)}`, apply: remover(path) },
    ...endChanges(invoke as Json, path, name, ends),
  ];
}

function endChanges(invocation: Json, path: Path, name: string, ends: readonly string[]): Change[] {
  return (["onDone", "onError"] as const).flatMap((key) =>
    invocation[key] === undefined
      ? []
      : handlerAt(invocation[key], [...path, key], `${name} of ${nameOfLogic(invocation)}`, key, ends),
  );
}

function nameOfLogic(invocation: unknown): string {
  const { id, src } = invocation as Json;
  if (typeof id === "string") return id;
  return typeof src === "string" ? src : "its child";
}

function handlerChanges(
  state: Json,
  path: Path,
  name: string,
  key: "on" | "after",
  describe: (event: string) => string,
  ends: readonly string[],
): Change[] {
  const handlers = state[key];
  if (typeof handlers !== "object" || handlers === null) return [];
  return Object.entries(handlers).flatMap(([event, handler]) =>
    handlerAt(handler, [...path, key, event], name, describe(event), ends),
  );
}

/** What can be wrong with one handler: it is not there, or one of its transitions is wrong. */
function handlerAt(handler: unknown, place: Path, name: string, said: string, ends: readonly string[]): Change[] {
  const changes: Change[] = [{ name: `${name} ignores ${said}`, apply: remover(place) }];
  if (!Array.isArray(handler)) {
    changes.push(...transitionChanges(handler, place, `${name} at ${said}`, ends));
    return changes;
  }
  for (const [index, transition] of (handler as unknown[]).entries()) {
    changes.push(...transitionChanges(transition, [...place, index], `${name} at ${said}`, ends));
  }
  return changes;
}

function transitionChanges(transition: unknown, path: Path, name: string, ends: readonly string[]): Change[] {
  const isObject = typeof transition === "object" && transition !== null;
  const { actions, guard, target } = (isObject ? transition : { target: transition }) as Json;
  const changes: Change[] = isObject ? actionChanges(actions, [...path, "actions"], name) : [];
  if (guard !== undefined) changes.push({ name: `${name} asks no guard`, apply: remover([...path, "guard"]) });
  if (isObject && target !== undefined)
    changes.push({ name: `${name} stays where it is`, apply: remover([...path, "target"]) });
  for (const end of ends) {
    if (end === target) continue;
    const apply = isObject ? setter([...path, "target"], end) : setter(path, end);
    changes.push({ name: `${name} goes to ${end}`, apply });
  }
  return changes;
}

function actionChanges(actions: unknown, path: Path, name: string): Change[] {
  if (actions === undefined) return [];
  if (!Array.isArray(actions)) return [{ name: `${name} does not ${nameOf(actions)}`, apply: remover(path) }];
  return actions.map((action, index) => ({
    name: `${name} does not ${nameOf(action)}`,
    apply: (config) => void (at(config, path) as unknown[]).splice(index, 1),
  }));
}

function nameOf(action: unknown): string {
  if (typeof action === "string") return action;
  if (typeof action === "object" && action !== null && "type" in action) return String(action.type);
  return typeof action === "function" && "type" in action ? String(action.type) : "its action";
}

/** The final states among the siblings, by the name of what holds them. */
function finalStates(config: Json): Map<string, string[]> {
  const ends = new Map<string, string[]>();
  walk(config, [], [], (state, _path, names) => {
    const own = names.at(-1);
    if (state["type"] !== "final" || own === undefined) return;
    const parent = parentOf(names);
    ends.set(parent, [...(ends.get(parent) ?? []), own]);
  });
  return ends;
}

function parentOf(names: readonly string[]): string {
  return names.slice(0, -1).join(".");
}

function walk(
  state: Json,
  path: Path,
  names: readonly string[],
  visit: (state: Json, path: Path, names: readonly string[]) => void,
): void {
  visit(state, path, names);
  for (const [name, child] of Object.entries((state["states"] ?? {}) as Json)) {
    walk(child as Json, [...path, "states", name], [...names, name], visit);
  }
}

function clone(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(clone);
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, clone(item)]));
}

function at(config: Json, path: Path): unknown {
  let value: unknown = config;
  for (const key of path) value = (value as Json)[key];
  return value;
}

function setter(path: Path, value: unknown): (config: Json) => void {
  return (config) => {
    (at(config, path.slice(0, -1)) as Json)[path.at(-1) as string] = value;
  };
}

function remover(path: Path): (config: Json) => void {
  return (config) => {
    delete (at(config, path.slice(0, -1)) as Json)[path.at(-1) as string];
  };
}
