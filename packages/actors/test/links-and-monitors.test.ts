import {
  type ActorRef,
  type Context,
  Down,
  Exit,
  type ExitReason,
  failure,
  kill,
  killed,
  type MonitorRef,
  noproc,
  normal,
} from "@espalier/actors";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ask, puppet, tell } from "./support/actors.ts";
import { createWorld, leavesNothing, type World } from "./support/world.ts";

const ACTORS = 7;
const boom = failure(new Error("boom"));

/** One line an expected or received notice, so that two lists of them compare without order. */
function notice(what: string, about: unknown, reason: ExitReason): string {
  return `${what} ${String(about)} ${reason.type}`;
}

interface ActorModel {
  readonly isTrapping: boolean;
  isAlive: boolean;
  readonly links: Set<number>;
  /** Notices it must have got, as long as it lives. */
  readonly expected: string[];
}

interface MonitorModel {
  readonly owner: number;
  readonly target: number;
  isActive: boolean;
}

/** What links and monitors mean, in the plainest words: a death spreads through a graph. */
class Model {
  readonly actors: ActorModel[];
  readonly monitors: MonitorModel[] = [];

  constructor(trapping: readonly boolean[]) {
    this.actors = trapping.map((isTrapping) => ({ isTrapping, isAlive: true, links: new Set(), expected: [] }));
  }

  actor(index: number): ActorModel {
    const actor = this.actors[index];
    if (actor === undefined) throw new Error(`no actor ${index}`);
    return actor;
  }

  die(index: number, reason: ExitReason): void {
    const actor = this.actor(index);
    if (!actor.isAlive) return;
    actor.isAlive = false;
    for (const [number, monitor] of this.monitors.entries()) {
      if (!monitor.isActive || (monitor.target !== index && monitor.owner !== index)) continue;
      monitor.isActive = false;
      if (monitor.owner !== index) this.actor(monitor.owner).expected.push(notice("down", number, reason));
    }
    for (const other of actor.links) {
      this.actor(other).links.delete(index);
      if (this.actor(other).isTrapping) this.actor(other).expected.push(notice("exit", index, reason));
      else if (reason.type !== "normal") this.die(other, reason);
    }
    actor.links.clear();
  }
}

class Real {
  readonly world: World = createWorld();
  readonly refs: Array<ActorRef<unknown>> = [];
  readonly received: unknown[][] = [];
  readonly monitors: MonitorRef[] = [];

  constructor(trapping: readonly boolean[]) {
    for (const trapExit of trapping) {
      const received: unknown[] = [];
      this.received.push(received);
      this.refs.push(this.world.system.spawn(puppet({ trapExit, received })));
    }
  }

  ref(index: number): ActorRef<unknown> {
    const ref = this.refs[index];
    if (ref === undefined) throw new Error(`no actor ${index}`);
    return ref;
  }

  ask<Result>(index: number, order: (self: Context) => Result): Promise<Result> {
    return ask(this.world.system, this.ref(index), order);
  }

  tell(index: number, order: (self: Context) => void): Promise<void> {
    return tell(this.world.system, this.ref(index), order);
  }

  notices(index: number): string[] {
    return (this.received[index] ?? []).map((message) => {
      if (message instanceof Down) return notice("down", this.monitors.indexOf(message.ref), message.reason);
      if (message instanceof Exit) return notice("exit", this.refs.indexOf(message.from), message.reason);
      return "something else";
    });
  }
}

function agree(model: Model, real: Real): void {
  for (const [index, actor] of model.actors.entries()) {
    expect(real.world.system.isAlive(real.ref(index))).toBe(actor.isAlive);
    // What a dead actor had still received is nobody's business.
    if (actor.isAlive) expect(real.notices(index).toSorted()).toEqual(actor.expected.toSorted());
  }
  const { processes } = real.world.system.inspect();
  const links = processes.reduce((sum, process) => sum + process.links.length, 0);
  expect(links).toBe(model.actors.reduce((sum, actor) => sum + actor.links.size, 0));
  const monitors = processes.reduce((sum, process) => sum + process.monitors.length, 0);
  expect(monitors).toBe(model.monitors.filter(({ isActive }) => isActive).length);
  expect(processes.flatMap(({ resources }) => resources).length).toBe(monitors);
}

type GraphCommand = fc.AsyncCommand<Model, Real>;

function command(
  name: string,
  check: (model: Model) => boolean,
  run: (model: Model, real: Real) => Promise<void>,
): GraphCommand {
  return {
    check,
    async run(model, real) {
      await run(model, real);
      agree(model, real);
    },
    toString: () => name,
  };
}

const actor = fc.nat(ACTORS - 1);
const two = fc.tuple(actor, actor);

async function isRefusedAsDead(outcome: Promise<unknown>): Promise<void> {
  await expect(outcome).rejects.toMatchObject({ code: "ERR_NO_PROCESS" });
}

const link = two.map(([from, to]) =>
  command(
    `link(${from}, ${to})`,
    (model) => model.actor(from).isAlive,
    async (model, real) => {
      const isRefused = !model.actor(to).isAlive && !model.actor(from).isTrapping;
      const outcome = real.ask(from, (self) => self.link(real.ref(to)));
      if (isRefused) await isRefusedAsDead(outcome);
      else await outcome;
      if (from === to || isRefused) return;
      if (model.actor(to).isAlive) {
        model.actor(from).links.add(to);
        model.actor(to).links.add(from);
      } else {
        model.actor(from).expected.push(notice("exit", to, noproc));
      }
    },
  ),
);

const unlink = two.map(([from, to]) =>
  command(
    `unlink(${from}, ${to})`,
    (model) => model.actor(from).isAlive,
    async (model, real) => {
      await real.tell(from, (self) => self.unlink(real.ref(to)));
      model.actor(from).links.delete(to);
      model.actor(to).links.delete(from);
    },
  ),
);

const monitor = two.map(([owner, target]) =>
  command(
    `monitor(${owner}, ${target})`,
    (model) => model.actor(owner).isAlive,
    async (model, real) => {
      // Noted within the step, since a noproc is received before `ask` answers.
      await real.tell(owner, (self) => void real.monitors.push(self.monitor(real.ref(target))));
      const isActive = model.actor(target).isAlive;
      if (!isActive) model.actor(owner).expected.push(notice("down", model.monitors.length, noproc));
      model.monitors.push({ owner, target, isActive });
    },
  ),
);

const demonitor = fc.nat(30).map((number) =>
  command(
    `demonitor(${number})`,
    (model) => model.actor(model.monitors[number]?.owner ?? 0).isAlive && number < model.monitors.length,
    async (model, real) => {
      const chosen = model.monitors[number];
      const ref = real.monitors[number];
      if (chosen === undefined || ref === undefined) throw new Error("checked before");
      await real.tell(chosen.owner, (self) => self.demonitor(ref, { flush: true }));
      chosen.isActive = false;
    },
  ),
);

const die = fc.tuple(actor, fc.constantFrom("leave", "crash", "kill", "exitKill")).map(([index, way]) =>
  command(
    `${way}(${index})`,
    (model) => model.actor(index).isAlive,
    async (model, real) => {
      if (way === "kill") {
        real.world.system.kill(real.ref(index));
        await real.world.system.idle();
        model.die(index, killed);
      } else if (way === "crash") {
        await real.tell(index, () => {
          throw new Error("boom");
        });
        model.die(index, boom);
      } else {
        const reason = way === "leave" ? normal : kill;
        await real.tell(index, (self) => self.exit(reason));
        model.die(index, reason);
      }
    },
  ),
);

describe("links and monitors of random actors", () => {
  test("each monitor is one Down, each link one exit signal, and nothing is left of either", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.boolean(), { minLength: ACTORS, maxLength: ACTORS }),
        fc.commands([link, link, link, monitor, monitor, unlink, demonitor, die], { maxCommands: 40, size: "max" }),
        async (trapping, commands) => {
          const real = new Real(trapping);
          await real.world.system.idle();
          await fc.asyncModelRun(() => ({ model: new Model(trapping), real }), commands);
          await leavesNothing(real.world);
        },
      ),
      { numRuns: 60 },
    );
    expect.hasAssertions();
  });

  test("hold when all die at once", async () => {
    const graph = fc.record({
      trapping: fc.array(fc.boolean(), { minLength: ACTORS, maxLength: ACTORS }),
      links: fc.array(two, { maxLength: 20, size: "max" }),
      monitors: fc.array(two, { maxLength: 20, size: "max" }),
      deaths: fc.uniqueArray(actor, { minLength: 1, maxLength: ACTORS }),
    });
    await fc.assert(
      fc.asyncProperty(graph, async ({ trapping, links, monitors, deaths }) => {
        const real = new Real(trapping);
        const { system } = real.world;
        for (const [from, to] of links) await real.tell(from, (self) => self.link(real.ref(to)));
        for (const [owner, target] of monitors) {
          await real.tell(owner, (self) => void real.monitors.push(self.monitor(real.ref(target))));
        }
        for (const index of deaths) system.kill(real.ref(index));
        await system.idle();
        for (const [index] of trapping.entries()) {
          if (!system.isAlive(real.ref(index))) continue;
          const notices = real.notices(index);
          const isDead = (other: number): boolean => !system.isAlive(real.ref(other));
          const watched = monitors.flatMap(([owner, target], number) =>
            owner === index && isDead(target) ? [`down ${number} killed`] : [],
          );
          const linked = new Set(
            links.flatMap(([a, b]) => (a === index ? [b] : b === index ? [a] : [])).filter(isDead),
          );
          // One that does not trap and is alive can have had no link to any of the dead.
          expect(trapping[index] === true || linked.size === 0).toBe(true);
          expect(notices.toSorted()).toEqual(
            [...watched, ...[...linked].map((other) => `exit ${other} killed`)].toSorted(),
          );
        }
        await leavesNothing(real.world);
      }),
      { numRuns: 60 },
    );
  });
});
