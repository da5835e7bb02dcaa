import type { System } from "@espalier/actors";
import * as fc from "fast-check";
import { describeDeviation } from "./describe-plan.ts";
import type { Deviation } from "./deviation.ts";
import { arbFaults, type Faults } from "./faults.ts";
import type { Invariant, RunView, Watch } from "./invariant.ts";
import { checkNames } from "./law-names.ts";
import { probeIsServed } from "./invariants/probe-served.ts";
import { standard } from "./invariants/standard.ts";
import { arbPlan, chooserOf, deviationsOf, type DrawnPlan, remember } from "./plan-arbitrary.ts";
import { explain } from "./report.ts";
import { run as runOnce } from "./run.ts";
import { withoutParts } from "./shrink.ts";
import type { Target } from "./target.ts";
import { CrashFoundError } from "./errors.ts";
import type { Injection } from "./world.ts";

/** The real side of a command: a simulated system, and what a test may want to know of it. */
export interface Stage<Handle = unknown> {
  readonly system: System;
  /** What the start of the target has resolved with. */
  readonly handle: Handle;
  /** The crashes so far. What a model promises may depend on whether there are any. */
  readonly injections: readonly Injection[];
  /** The state that an actor shows of itself, by its path; undefined: nobody lives there. */
  readonly stateOf: (path: string) => unknown;
  /** Has this run when everything has arrived that is under way: the place for what is to be so after the command. */
  readonly whenQuiet: (check: () => void) => void;
  /** The next command comes so many milliseconds later. */
  readonly wait: (ms: number) => void;
}

/** What is tested, and what should come of it. */
export interface ActorModel<State extends object, Handle = unknown, Knobs extends object = object> {
  /** A port is not needed. */
  readonly target: Target<Handle, Knobs>;
  /** The model before the first command. */
  readonly initial: () => State;
  /** Commands of fast-check: each changes the model, does the same to the system, and waits for nothing. */
  readonly commands: ReadonlyArray<fc.Arbitrary<fc.Command<State, Stage<Handle>>>>;
  /** Throws if the system is not as the model says. Asked whenever everything has arrived, and at the end. */
  readonly check?: (state: State, stage: Stage<Handle>) => void;
  /** @defaultValue as `fc.commands` has it */
  readonly maxCommands?: number;
  /** @defaultValue `arbFaults()` */
  readonly faults?: fc.Arbitrary<Faults>;
  /** @defaultValue `standard()` without the probe */
  readonly invariants?: readonly Invariant[];
}

/** What a command or a check says is an invariant of this name. */
const ID = "commands";

/**
 * Commands of fast-check on a simulated system: a model and a system go through the same, in random order, and must agree.
 *
 * A command's `run` sends, casts or calls, and returns at once. The next one comes when nothing is left to do at that time,
 * while signals that are late may be under way: that is where races come from. What has to hold then is given to
 * `stage.whenQuiet`, or stands in the model's `check`; both are asked when everything has arrived. A check that throws, in any
 * way, is the failure.
 *
 * The order of signals, lateness and crashes come from a plan, keyed by who does what for which time. So they shrink together
 * with the commands: a command that is left out does not shift the faults of the others.
 *
 * ```ts
 * const counting = { target, initial: () => ({ sum: 0 }), commands: [fc.nat(9).map((n) => new Add(n))], check };
 * await fc.assert(fc.asyncProperty(actorCommands(counting), (commands) => commands.run()));
 * ```
 *
 * The `seed` of fast-check draws the same again, and with the first number of `path` begins with what has failed, and shrinks
 * it anew. The rest of a `path` cannot be followed, since what there is to leave out only a run can tell.
 *
 * @throws InvalidOptionError (`ERR_INVALID_OPTION`) that names all states and events of invariants that the target's machine
 * does not have
 */
export function actorCommands<State extends object, Handle = unknown, Knobs extends object = object>(
  model: ActorModel<State, Handle, Knobs>,
): fc.Arbitrary<CommandRun<State, Handle, Knobs>> {
  checkNames(model.invariants ?? [], model.target.machine);
  return new CommandsArbitrary(model);
}

type Commands<State extends object, Handle> = ReadonlyArray<fc.Command<State, Stage<Handle>>>;

/**
 * Shrinks as fast-check does, which leaves out the commands that have not run, and others, but never the last. When that
 * comes to nothing any more, it leaves out any of them, and goes on with the faults.
 */
class CommandsArbitrary<State extends object, Handle, Knobs extends object> extends fc.Arbitrary<
  CommandRun<State, Handle, Knobs>
> {
  readonly #model: ActorModel<State, Handle, Knobs>;
  readonly #plans: fc.Arbitrary<DrawnPlan>;
  readonly #drawn: fc.Arbitrary<[Iterable<fc.Command<State, Stage<Handle>>>, DrawnPlan]>;

  constructor(model: ActorModel<State, Handle, Knobs>) {
    super();
    const { commands, maxCommands, faults = arbFaults() } = model;
    const constraints = { disableReplayLog: true, ...(maxCommands !== undefined && { maxCommands }) };
    this.#model = model;
    this.#plans = arbPlan({ peers: fc.constant([]), faults });
    this.#drawn = fc.tuple(fc.commands<State, Stage<Handle>>([...commands], constraints), this.#plans);
  }

  generate(random: fc.Random, bias: number | undefined): fc.Value<CommandRun<State, Handle, Knobs>> {
    return this.#valueOf(this.#drawn.generate(random, bias));
  }

  canShrinkWithoutContext(value: unknown): value is CommandRun<State, Handle, Knobs> {
    return value instanceof CommandRun;
  }

  shrink(
    run: CommandRun<State, Handle, Knobs>,
    context: unknown,
  ): fc.Stream<fc.Value<CommandRun<State, Handle, Knobs>>> {
    const simpler = fc.stream(this.#simpler(run));
    if (!(context instanceof fc.Value)) return simpler;
    return this.#drawn
      .shrink([run.commands, run.plan], context.context)
      .map((value) => this.#valueOf(value))
      .join(simpler);
  }

  #valueOf(
    drawn: fc.Value<[Iterable<fc.Command<State, Stage<Handle>>>, DrawnPlan]>,
  ): fc.Value<CommandRun<State, Handle, Knobs>> {
    // The first reading is of the commands themselves, which note whether they have run; later ones are of copies.
    const [commands, plan] = drawn.value;
    return new fc.Value(new CommandRun(this.#model, [...commands], plan), drawn);
  }

  *#simpler({
    commands,
    plan,
  }: CommandRun<State, Handle, Knobs>): Generator<fc.Value<CommandRun<State, Handle, Knobs>>> {
    for (const fewer of withoutParts(commands)) {
      yield new fc.Value(new CommandRun(this.#model, fewer, plan), undefined);
    }
    for (const { value: simpler } of this.#plans.shrink(plan, undefined)) {
      yield new fc.Value(new CommandRun(this.#model, commands, simpler), undefined);
    }
  }
}

/** Commands, and the faults under which they run. */
export class CommandRun<State extends object = object, Handle = unknown, Knobs extends object = object> {
  readonly commands: Commands<State, Handle>;
  /** The faults, as they were drawn or as they have happened. */
  readonly plan: DrawnPlan;
  readonly #model: ActorModel<State, Handle, Knobs>;

  /** @internal */
  constructor(model: ActorModel<State, Handle, Knobs>, commands: Commands<State, Handle>, plan: DrawnPlan) {
    this.commands = commands;
    this.plan = plan;
    this.#model = model;
  }

  /** What was out of the ordinary in its last run. */
  get deviations(): readonly Deviation[] {
    return deviationsOf(this.plan);
  }

  /** @throws CrashFoundError (`ERR_CRASH_FOUND`) if the system is not as the model says, or an invariant is broken */
  async run(): Promise<void> {
    const { target, invariants, plan } = this.#staged();
    const { failure, deviations } = await runOnce({ target, plan, chooser: chooserOf(this.plan), invariants });
    remember(this.plan, { deviations, invariant: failure?.invariant });
    const { breaks } = this.plan;
    if (failure === undefined || (breaks ?? failure.invariant) !== failure.invariant) return;
    // A plan says nothing of commands, so that its line would not have them run again.
    const { story } = await explain(target, invariants, { ...plan, deviations }, failure);
    throw new CrashFoundError(story.replace("operation commands at 0 ms", () => this.commands.join(", ")));
  }

  toString(): string {
    const faults = this.deviations.map((deviation) => describeDeviation(deviation, {}));
    return [this.commands.join(", "), ...faults].join("; ");
  }

  /** The target and the invariants with the commands in them. */
  #staged(): { target: Target<Handle, Knobs>; invariants: readonly Invariant[]; plan: DrawnPlan } {
    const { target, invariants = withoutProbe() } = this.#model;
    let rehearsal: Rehearsal<State, Handle> | undefined;
    const watching: Invariant = {
      id: ID,
      says: "the system is as the model says",
      watch: (view) => (rehearsal = new Rehearsal(this.#model, this.commands, view)),
    };
    return {
      target: {
        ...target,
        operations: { ...target.operations, commands: (handle) => rehearsal?.perform(handle) },
      },
      invariants: [watching, ...invariants],
      plan: { ...this.plan, operations: [{ at: 0, name: "commands" }] },
    };
  }
}

function withoutProbe(): readonly Invariant[] {
  const { id: probe } = probeIsServed();
  return standard().filter(({ id }) => id !== probe);
}

/** One run of the commands. */
class Rehearsal<State extends object, Handle> implements Watch {
  readonly #model: Pick<ActorModel<State, Handle>, "initial" | "check">;
  readonly #commands: Iterator<fc.Command<State, Stage<Handle>>>;
  readonly #view: RunView;
  readonly #state: State;
  #stage: Stage<Handle> | undefined;
  #checks: Array<() => void> = [];
  /** Something was done since the last check. */
  #isCheckDue = false;
  #isChecking = false;
  /** The next command comes so much later. Undefined: it is on the agenda, or there is none. */
  #pause: number | undefined;
  #areCommandsOver = false;
  #end: (() => void) | undefined;

  constructor(
    model: Pick<ActorModel<State, Handle>, "initial" | "check">,
    commands: Commands<State, Handle>,
    view: RunView,
  ) {
    this.#model = model;
    this.#commands = commands[Symbol.iterator]();
    this.#view = view;
    this.#state = model.initial();
  }

  /** Resolves when all commands have run and all that they wait for has arrived. */
  perform(handle: Handle): Promise<void> {
    const { system, world } = this.#view;
    this.#stage = {
      system,
      handle,
      injections: world.injections,
      stateOf: (path) => system.inspect().processes.find((process) => process.path === path)?.state,
      whenQuiet: (check) => void this.#checks.push(check),
      wait: (ms) => void (this.#pause = ms),
    };
    world.at(world.now(), () => this.#next());
    return new Promise((resolve) => void (this.#end = resolve));
  }

  /** What is next comes by the agenda, and not at once: before it whoever awaits something has to hear of it. */
  quiet(): void {
    const { world, phase } = this.#view;
    if (this.#stage === undefined || phase !== "workload" || this.#isChecking || world.isBusy) return;
    if (this.#isCheckDue && world.signalsInFlight === 0) {
      this.#isCheckDue = false;
      this.#isChecking = true;
      world.at(world.now(), () => this.#checkIfQuiet());
    } else if (this.#pause !== undefined) {
      world.at(world.now() + this.#pause, () => this.#next());
      this.#pause = undefined;
    } else if (this.#areCommandsOver && !this.#isCheckDue) {
      this.#end?.();
    }
  }

  after(phase: string): void {
    if (phase === "healed" && this.#stage !== undefined) this.#check();
  }

  #next(): void {
    if (this.#view.phase !== "workload") return;
    const { value: command, done } = this.#commands.next();
    this.#isCheckDue = true;
    const stage = this.#stage;
    if (done === true || stage === undefined) {
      this.#areCommandsOver = true;
      return;
    }
    this.#pause = 0;
    this.#attempt(() => {
      if (command.check(this.#state)) command.run(this.#state, stage);
    });
  }

  /** Whoever awaited something may have gone on and sent what is under way now: then it is not the time. */
  #checkIfQuiet(): void {
    if (this.#view.world.signalsInFlight === 0) {
      this.#check();
    } else {
      this.#isChecking = false;
      this.#isCheckDue = true;
    }
  }

  #check(): void {
    this.#isChecking = false;
    const { check } = this.#model;
    const stage = this.#stage;
    const checks = this.#checks;
    this.#checks = [];
    for (const one of checks) this.#attempt(one);
    if (check !== undefined && stage !== undefined) this.#attempt(() => check(this.#state, stage));
  }

  #attempt(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#view.violate(ID, error instanceof Error ? error.message : String(error));
    }
  }
}
