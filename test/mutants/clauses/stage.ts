import {
  type ActorRef,
  type Call,
  CallExitError,
  CallTimeoutError,
  CastMessage,
  type Context,
  type Definition,
  defineServer,
  Down,
  Exit,
  type ExitReason,
  fromAsync,
  isExitReason,
  noreply,
  ok,
  type Pid,
  reply,
  Response,
  type ServerRef,
  type SpawnOptions,
  type System,
  Timeout,
  type TraceEvent,
} from "@espalier/actors";

/** Something that is promised, and a scene in which it shows. */
export interface Clause {
  /** The number of the promise in SEMANTICS.md, and what it says, in short. */
  readonly says: string;
  /** What is noted in the scene, in this order, if nothing is out of the ordinary in it. */
  readonly sees: readonly string[];
  play(stage: Stage): Promise<unknown>;
}

/** What a puppet is told to do, in a step of its own. */
type Act = (self: Context<string>) => unknown;

interface PuppetTypes {
  readonly args: Part;
  readonly state: Part;
  readonly call: Call<"do", unknown, { act: Act }>;
  readonly cast: Act;
  readonly info: string;
}

/** Who somebody is in a scene. */
interface Part {
  readonly stage: Stage;
  readonly role: string;
  readonly cleanUp: ((self: Context<string>, reason: ExitReason) => unknown) | undefined;
}

/** Does as it is told, and notes all that it hears besides. */
const puppet: Definition<Part, ServerRef<PuppetTypes>> = defineServer<PuppetTypes>({
  name: "puppet",
  init: (part) => ok(part),
  handleCall({ act }, _from, part, self) {
    const result = act(self);
    return result instanceof Promise ? result.then((value: unknown) => reply(value, part)) : reply(result, part);
  },
  handleCast(act, part, self) {
    const result = act(self);
    return result instanceof Promise ? result.then(() => noreply(part)) : noreply(part);
  },
  handleInfo(message, part) {
    part.stage.note(`${part.role} hears ${textOf(message)}`);
    return noreply(part);
  },
  terminate(reason, { stage, role, cleanUp }, self) {
    stage.note(`${role} cleans up ${textOf(reason)}`);
    return cleanUp?.(self, reason);
  },
});
const trappingPuppet: typeof puppet = { ...puppet, trapExit: true };

export interface PuppetOptions extends SpawnOptions {
  readonly trapExit?: boolean;
  readonly cleanUp?: Part["cleanUp"];
}

/** One of those who play a scene, which tells them what to do. */
export class Puppet {
  readonly ref: ServerRef<PuppetTypes> & ActorRef<string>;
  readonly #system: System;

  constructor(system: System, ref: ServerRef<PuppetTypes>) {
    this.#system = system;
    this.ref = ref;
  }

  /** It does that, and answers what has come of it. */
  do<Result>(act: (self: Context<string>) => Result): Promise<Awaited<Result>> {
    return this.#system.call(this.ref, { type: "do", act }, { timeoutMs: "infinity" }) as Promise<Awaited<Result>>;
  }

  /** It is told to, and nobody waits for it. */
  tell(act: Act): void {
    this.#system.cast(this.ref, act);
  }

  hear(message: string): void {
    this.#system.send(this.ref, message);
  }
}

/** One performance of a scene. */
export class Stage {
  readonly system: System;
  readonly clause: Clause;
  /** How the ids and names of all who take part in it begin; no other performance has the same. */
  readonly prefix: string;
  /** How many performances there were before. */
  readonly number: number;
  readonly notes: string[] = [];
  /** The scene has been played to its end. */
  isOver = false;
  #rests = 0;

  constructor(system: System, clause: Clause, number: number) {
    this.system = system;
    this.clause = clause;
    this.number = number;
    this.prefix = `${clause.says.slice(0, clause.says.indexOf(" "))}#${number}:`;
  }

  async perform(): Promise<void> {
    try {
      await this.clause.play(this);
    } catch (error) {
      this.note(`fails: ${textOf(error)}`);
    }
    this.isOver = true;
  }

  note(text: string): void {
    this.notes.push(text);
  }

  /** An id or a name that nobody else has. */
  name(role: string): string {
    return this.prefix + role;
  }

  spawn<Ref extends Pid>(role: string, definition: Definition<void, Ref>, options?: SpawnOptions): Ref {
    return this.system.spawn(definition, undefined, { id: this.name(role), ...options });
  }

  puppet(role: string, { trapExit = false, cleanUp, ...options }: PuppetOptions = {}): Puppet {
    const definition = trapExit ? trappingPuppet : puppet;
    const part = { stage: this, role, cleanUp };
    return new Puppet(this.system, this.system.spawn(definition, part, { id: this.name(role), ...options }));
  }

  /** A puppet that somebody else is to start, with this as its arguments. */
  part(role: string, cleanUp?: Part["cleanUp"]): Part {
    return { stage: this, role, cleanUp };
  }

  /** Lets so many milliseconds pass. */
  async rest(ms: number): Promise<void> {
    this.#rests += 1;
    const sleeper = this.spawn(`rest-${this.#rests}`, sleeperFor(ms));
    await this.system.exited(sleeper);
  }

  /** Notes how a promise settles. */
  async settles(what: string, promise: Promise<unknown>): Promise<void> {
    this.note(
      await promise.then(
        (value) => `${what}: ${textOf(value)}`,
        (error: unknown) => `${what} fails: ${textOf(error)}`,
      ),
    );
  }

  /** Looks on from now, and notes how each of them ends when it is asked. */
  watch(puppets: Readonly<Record<string, Puppet>>): () => Promise<void> {
    const reasons = Object.entries(puppets).map(([role, { ref }]) => [role, this.system.exited(ref)] as const);
    return async () => {
      for (const [role, reason] of reasons) await this.settles(`${role} ends`, reason);
    };
  }

  /** Notes what is reported of those who take part; of supervisors, not what they have started. */
  noteReports(): void {
    const note = ({ report }: Extract<TraceEvent, { readonly type: "report" }>): void => {
      if (report.type === "progress") return;
      if (report.type === "crash") {
        const { subject, reason } = report;
        if (subject.path.startsWith(this.prefix)) this.note(`crash of ${this.roleOf(subject.path)}: ${textOf(reason)}`);
        return;
      }
      const { supervisor, errorContext, offender, reason } = report;
      const who = offender.count === 1 ? offender.id : offender.count;
      if (supervisor.path.startsWith(this.prefix)) this.note(`${errorContext} of ${who}: ${textOf(reason)}`);
    };
    this.system.trace((event) => event.type === "report" && note(event), { detail: "life", types: ["report"] });
  }

  /** Who has this path in the scene. */
  roleOf(path: string): string {
    return path.slice(this.prefix.length);
  }

  /** Notes how somebody ends. */
  ends(role: string, pid: Pid): Promise<void> {
    return this.settles(`${role} ends`, this.system.exited(pid));
  }
}

export { puppet, trappingPuppet };

function sleeperFor(ms: number): Definition<void, ActorRef> {
  return fromAsync(async (self) => void (await self.receive({ timeoutMs: ms })), { name: "sleeper" });
}

/** A promise, and what opens it. */
export class Gate {
  open!: () => void;
  readonly opened: Promise<void> = new Promise((resolve) => (this.open = resolve));
}

/** What is noted of a message, an answer, a reason or an error. */
export function textOf(value: unknown): string {
  if (value instanceof Exit) return `exit ${textOf(value.reason)}`;
  if (value instanceof Down) return `down ${textOf(value.reason)}`;
  if (value instanceof Timeout) return "timeout";
  if (value instanceof CastMessage) return `cast ${textOf(value.message)}`;
  if (value instanceof Response)
    return `response ${textOf(value.outcome.ok ? value.outcome.value : value.outcome.error)}`;
  if (value instanceof CallExitError) return textOf(value.reason);
  if (value instanceof CallTimeoutError) return "too late";
  if (value instanceof Error) return "code" in value ? String(value.code) : value.message;
  if (isExitReason(value)) {
    if (value.type === "error") return `error ${textOf(value.error)}`;
    const { detail } = value as { readonly detail?: unknown };
    return detail === undefined ? value.type : `${value.type} ${textOf(detail)}`;
  }
  if (Array.isArray(value)) return value.map(textOf).join(", ");
  if (typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.entries(value)
      .map(([key, part]) => `${key} ${textOf(part)}`)
      .join(" ");
  }
  return String(value);
}

/** What fails with this text. */
export function failing(text: string): () => never {
  return () => {
    throw new Error(text);
  };
}

/** The code of what it throws. */
export function tryTo(act: () => void): unknown {
  try {
    act();
    return undefined;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}
