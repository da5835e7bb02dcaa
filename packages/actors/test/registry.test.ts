import type { ActorRef, Pid, RegistrationError } from "@espalier/actors";
import { createProbe } from "@espalier/actors/testing";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ask, echo, mute, puppet, tell } from "./support/actors.ts";
import { createWorld, leavesNothing, type World } from "./support/world.ts";

const refused = (problem: RegistrationError["problem"]): Partial<RegistrationError> => ({
  code: "ERR_REGISTRATION",
  problem,
});

describe("a name", () => {
  test("is found by everybody", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    const actor = system.spawn(puppet());
    await tell(system, actor, (self) => self.register("me"));
    expect(system.whereis("me")).toBe(actor);
    expect(probe.self.whereis("me")).toBe(actor);
    expect(system.whereis("nobody")).toBeUndefined();
  });

  test("can be given to another actor", () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    const actor = system.spawn(echo);
    probe.self.register("echo", actor);
    expect(system.whereis("echo")).toBe(actor);
  });

  test("belongs to one actor", () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    system.spawn(echo, undefined, { name: "echo" });
    expect(() => probe.self.register("echo")).toThrow(expect.objectContaining(refused("nameTaken")));
  });

  test("is the only one of its actor", () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    probe.self.register("first");
    expect(() => probe.self.register("second")).toThrow(expect.objectContaining(refused("alreadyRegistered")));
    expect(system.whereis("second")).toBeUndefined();
  });

  test("is not given to the dead", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    const dead = system.spawn(echo);
    system.kill(dead);
    await system.idle();
    expect(() => probe.self.register("dead", dead)).toThrow(expect.objectContaining(refused("noProcess")));
  });

  test("can be taken off by anybody, and given again", () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    const actor = system.spawn(echo, undefined, { name: "echo" });
    probe.self.unregister("echo");
    expect(system.whereis("echo")).toBeUndefined();
    probe.self.register("other", actor);
    probe.self.register("echo");
    expect([system.whereis("other"), system.whereis("echo")]).toEqual([actor, probe.ref]);
  });

  test("that nobody has cannot be taken off", () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    expect(() => probe.self.unregister("nobody")).toThrow(expect.objectContaining(refused("notRegistered")));
  });

  test("is an address", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    probe.self.register("probe");
    system.send("probe", "from outside");
    const actor = system.spawn(puppet());
    await tell(system, actor, (self) => self.send("probe", "from an actor"));
    expect(probe.messages).toEqual(["from outside", "from an actor"]);
  });

  test("that nobody has is a failure for send, and nothing for cast", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    expect(() => system.send("nobody", 1)).toThrow(expect.objectContaining({ code: "ERR_NO_PROCESS" }));
    expect(() => probe.self.send("nobody", 1)).toThrow(expect.objectContaining({ code: "ERR_NO_PROCESS" }));
    expect(() => system.cast("nobody", 1)).not.toThrow();
    expect(() => probe.self.cast("nobody", 1)).not.toThrow();
  });

  test("is free before anybody learns of the death: by link, by monitor, by call", async () => {
    const { system } = createWorld();
    const free: string[] = [];
    const spy = (what: string): ActorRef<unknown> =>
      system.spawn({
        name: "spy",
        trapExit: true,
        behaviour: {
          kind: "spy",
          start: () => undefined,
          receive(process, message) {
            if (typeof message === "function") (message as (self: unknown) => void)(process);
            else if (process.whereis("mortal") === undefined) free.push(what);
          },
        },
      });
    const noteIfFree = (what: string): void => {
      if (system.whereis("mortal") === undefined) free.push(what);
    };
    const mortal = system.spawn(mute, undefined, { name: "mortal" });
    await tell(system, spy("link"), (self) => self.link(mortal));
    await tell(system, spy("monitor"), (self) => void self.monitor(mortal));
    void system.exited(mortal).then(() => noteIfFree("exited"));
    system.call(mortal, { type: "x" }).catch(() => noteIfFree("call"));
    await system.idle();
    system.kill(mortal);
    await system.idle();
    expect(free.toSorted()).toEqual(["call", "exited", "link", "monitor"]);
  });

  test("can be taken by the next incarnation as soon as the Down of the last has come", async () => {
    const { system } = createWorld();
    const outcomes: boolean[] = [];
    const keeper = system.spawn({
      name: "keeper",
      behaviour: {
        kind: "keeper",
        start: (process) => void process.spawnMonitor(echo, undefined, { name: "echo" }),
        receive(process) {
          outcomes.push(process.spawn(echo, undefined, { name: "echo" }) === process.whereis("echo"));
        },
      },
    });
    await system.idle();
    system.kill(system.whereis("echo") as Pid);
    await system.idle();
    expect(outcomes).toEqual([true]);
    system.kill(keeper);
  });
});

const ACTORS = 4;
const names = ["a", "b", "c"];

/** Who has which name. The dead have none. */
class Model {
  readonly names = new Map<string, number>();
  readonly dead = new Set<number>();

  nameOf(actor: number): string | undefined {
    return [...this.names].find(([, owner]) => owner === actor)?.[0];
  }

  whyNot(actor: number, name: string): RegistrationError["problem"] | undefined {
    if (this.dead.has(actor)) return "noProcess";
    if (this.names.has(name)) return "nameTaken";
    return this.nameOf(actor) === undefined ? undefined : "alreadyRegistered";
  }
}

interface Real {
  readonly world: World;
  readonly registrar: ActorRef<unknown>;
  readonly actors: Array<ActorRef<unknown>>;
}

type NameCommand = fc.AsyncCommand<Model, Real>;

function command(name: string, run: (model: Model, real: Real) => Promise<void>): NameCommand {
  return {
    check: () => true,
    async run(model, real) {
      await run(model, real);
      const { system } = real.world;
      for (const each of names) {
        const owner = model.names.get(each);
        expect(system.whereis(each)).toBe(owner === undefined ? undefined : real.actors[owner]);
      }
      expect([...system.inspect().names.keys()].toSorted()).toEqual([...model.names.keys()].toSorted());
    },
    toString: () => name,
  };
}

async function isRefused(outcome: Promise<unknown>, problem: RegistrationError["problem"]): Promise<void> {
  await expect(outcome).rejects.toMatchObject(refused(problem));
}

const chosen = fc.tuple(fc.nat(ACTORS - 1), fc.constantFrom(...names));

const register = chosen.map(([actor, name]) =>
  command(`register(${name}, ${actor})`, async (model, { world, registrar, actors }) => {
    const problem = model.whyNot(actor, name);
    const outcome = ask(world.system, registrar, (self) => self.register(name, actors[actor]));
    if (problem === undefined) {
      await outcome;
      model.names.set(name, actor);
    } else {
      await isRefused(outcome, problem);
    }
  }),
);

const unregister = fc.constantFrom(...names).map((name) =>
  command(`unregister(${name})`, async (model, { world, registrar }) => {
    const outcome = ask(world.system, registrar, (self) => self.unregister(name));
    if (model.names.delete(name)) await outcome;
    else await isRefused(outcome, "notRegistered");
  }),
);

const kill = fc.nat(ACTORS - 1).map((actor) =>
  command(`kill(${actor})`, async (model, { world, actors }) => {
    world.system.kill(actors[actor] as Pid);
    await world.system.idle();
    model.dead.add(actor);
    const name = model.nameOf(actor);
    if (name !== undefined) model.names.delete(name);
  }),
);

/** Replaces an actor, dead or not, by a new one that asks for the name at its birth. */
const spawnNamed = chosen.map(([actor, name]) =>
  command(`spawn(${name}, ${actor})`, async (model, { world, registrar, actors }) => {
    const outcome = ask(world.system, registrar, (self) => self.spawn(puppet(), undefined, { name }));
    if (model.names.has(name)) {
      await isRefused(outcome, "nameTaken");
      return;
    }
    world.system.kill(actors[actor] as Pid);
    actors[actor] = await outcome;
    await world.system.idle();
    const old = model.nameOf(actor);
    if (old !== undefined) model.names.delete(old);
    model.dead.delete(actor);
    model.names.set(name, actor);
  }),
);

describe("the registry", () => {
  test("is a map from names to the living", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.commands([register, register, register, unregister, kill, spawnNamed], { maxCommands: 40, size: "max" }),
        async (commands) => {
          const world = createWorld();
          const registrar = world.system.spawn(puppet());
          const actors = Array.from({ length: ACTORS }, () => world.system.spawn(puppet()));
          await fc.asyncModelRun(() => ({ model: new Model(), real: { world, registrar, actors } }), commands);
          await leavesNothing(world);
        },
      ),
      { numRuns: 60 },
    );
    expect.hasAssertions();
  });
});
