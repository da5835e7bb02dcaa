import { type Call, defineServer, noreply, ok, type Pid, reply, Response, type ServerRef } from "@espalier/actors";
import { child, defineSupervisor } from "@espalier/supervisor";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ActorModel, actorCommands, type CommandRun, type Stage } from "../src/actor-commands.ts";
import { arbFaults } from "../src/faults.ts";
import type { Target } from "../src/target.ts";
import { CrashFoundError } from "../src/errors.ts";

type CellTypes = { state: number; call: Call<"get", number>; cast: { set: number } | { add: number } };

/** A number. It may be set, which is right if nobody else does, or be added to, which always is. */
const cell = defineServer<CellTypes>({
  name: "cell",
  init: (_args, self) => {
    self.register("cell");
    return ok(0);
  },
  handleCall: (_request, _from, value) => reply(value, value),
  handleCast: (message, value) => noreply("add" in message ? value + message.add : message.set),
});

/** Adds by asking for the number, and setting it to what is one more: the planted race. */
const racer = defineServer<{ args: string; state: object; info: "add" }>({
  name: "racer",
  init: (name, self) => {
    self.register(name);
    return ok({});
  },
  handleInfo: (message, state, self) => {
    if (message === "add") self.sendRequest<Call<"get", number>>(cellOf(self), { type: "get" });
    else if (message instanceof Response && message.outcome.ok) {
      self.cast(cellOf(self), { set: Number(message.outcome.value) + 1 });
    }
    return noreply(state);
  },
});

/** Adds by saying so. */
const adder = defineServer<{ args: string; state: object; info: "add" }>({
  name: "adder",
  init: (name, self) => {
    self.register(name);
    return ok({});
  },
  handleInfo: (message, state, self) => {
    if (message === "add" && self.whereis("cell") !== undefined) self.cast(cellOf(self), { add: 1 });
    return noreply(state);
  },
});

function cellOf(self: { whereis(name: string): Pid | undefined }): ServerRef<CellTypes> {
  // Who has this name is the cell.
  return self.whereis("cell") as ServerRef<CellTypes>;
}

function countingWith(client: typeof racer): Target<Pid> {
  return {
    async start({ system }) {
      const root = defineSupervisor({
        intensity: 100,
        children: [
          { id: "cell", start: child(cell) },
          { id: "one", start: child(client, "one") },
          { id: "two", start: child(client, "two") },
        ],
      });
      const started = await system.start(root, undefined, { id: "root" });
      if (!started.ok) throw new Error("the tree has not started");
      return started.ref;
    },
  };
}

interface Sum {
  added: number;
}

class Add implements fc.Command<Sum, Stage<Pid>> {
  readonly #client: string;

  constructor(client: string) {
    this.#client = client;
  }

  check(): boolean {
    return true;
  }

  run(sum: Sum, { system }: Stage<Pid>): void {
    sum.added += 1;
    const client = system.whereis(this.#client);
    if (client !== undefined) system.send(client, "add" as never);
  }

  toString(): string {
    return `add by ${this.#client}`;
  }
}

/** Adds when it has had an answer: what it has asked for has arrived, and then more is on its way. */
class AddLater implements fc.Command<Sum, Stage<Pid>> {
  check(): boolean {
    return true;
  }

  run(sum: Sum, { system }: Stage<Pid>): void {
    const add = (): void => {
      const client = system.whereis("one");
      if (client === undefined) return;
      sum.added += 1;
      system.send(client, "add" as never);
    };
    system.call(cellOf(system), { type: "get" }).then(add, () => {});
  }

  toString(): string {
    return "add later";
  }
}

class Rest implements fc.Command<Sum, Stage<Pid>> {
  check(): boolean {
    return true;
  }

  run(_sum: Sum, stage: Stage<Pid>): void {
    stage.wait(10_000);
  }

  toString(): string {
    return "rest";
  }
}

const commands = [fc.constantFrom("one", "two").map((client) => new Add(client)), fc.constant(new Rest())];

/** What was added is there; if somebody was crashed, it may be less. */
function isSum({ added }: Sum, { stateOf, injections }: Stage<Pid>): void {
  const value = stateOf("root/cell");
  if (injections.length === 0) expect(value).toBe(added);
  else expect(value ?? 0).toBeLessThanOrEqual(added);
}

function counting(client: typeof racer, faults: Parameters<typeof arbFaults>[0]): ActorModel<Sum, Pid> {
  return {
    target: countingWith(client),
    initial: () => ({ added: 0 }),
    commands,
    check: isSum,
    faults: arbFaults(faults),
  };
}

describe("commands for actors", () => {
  test("pass on a server that is right, whatever is late and whoever crashes, by a model that allows for that", async () => {
    let crashes = 0;
    const model = counting(adder, { kinds: ["delay", "timer", "crash"], heat: 2 });
    await fc.assert(
      fc.asyncProperty(actorCommands(model), async (scenario) => {
        await scenario.run();
        crashes += scenario.deviations.filter(({ kind }) => kind === "crash").length;
      }),
      { numRuns: 300, seed: 1 },
    );
    expect(crashes).toBeGreaterThan(50);
  });

  test("are not judged while what an answer has led to is on its way", async () => {
    let late = 0;
    const model = { ...counting(adder, { kinds: ["delay"] }), commands: [fc.constant(new AddLater()), ...commands] };
    await fc.assert(
      fc.asyncProperty(actorCommands(model), async (scenario) => {
        await scenario.run();
        late += scenario.deviations.filter(({ subject }) => subject.includes("one>")).length;
      }),
      { numRuns: 300, seed: 1 },
    );
    expect(late).toBeGreaterThan(50);
  });

  test("find a race, and shrink it to the two commands and the delay that it takes", async () => {
    for (const seed of [1, 2, 3]) {
      const model = counting(racer, { kinds: ["delay"] });
      const { failed, counterexample, errorInstance } = await fc.check(
        fc.asyncProperty(actorCommands(model), (scenario) => scenario.run()),
        { numRuns: 1000, seed },
      );
      expect(failed).toBe(true);
      const [scenario] = counterexample as [CommandRun<Sum, Pid>];
      expect(scenario.commands.map(String).toSorted()).toEqual(["add by one", "add by two"]);
      expect(scenario.deviations).toHaveLength(1);
      expect(String(scenario)).toContain("late");
      expect(errorInstance).toBeInstanceOf(CrashFoundError);
      const { message } = errorInstance as CrashFoundError;
      expect(message).toContain("add by one");
      expect(message).not.toContain("CRASH_REPLAY");
    }
  });

  test("are in the report as they call themselves", async () => {
    class Pay extends Rest {
      override run(sum: Sum): void {
        sum.added += 1;
      }

      override toString(): string {
        return "pay $$5, $& and $'";
      }
    }
    const model: ActorModel<Sum, Pid> = {
      ...counting(adder, { kinds: [] }),
      commands: [fc.constant(new Pay())],
      check: ({ added }) => expect(added).toBe(0),
    };
    const property = fc.asyncProperty(actorCommands(model), (scenario) => scenario.run());
    const { errorInstance } = await fc.check(property, { numRuns: 1000, seed: 1 });
    expect((errorInstance as CrashFoundError).message).toMatch(/^ {2}What was done +pay \$\$5, \$& and \$'$/m);
  });

  test("run one after the other where nothing is late, each when all is quiet", async () => {
    const model = counting(racer, { kinds: [] });
    await fc.assert(
      fc.asyncProperty(actorCommands(model), (scenario) => scenario.run()),
      { numRuns: 100, seed: 1 },
    );
    expect.hasAssertions();
  });

  test("may look at what a call has brought, once it has", async () => {
    class Get implements fc.Command<Sum, Stage<Pid>> {
      check(): boolean {
        return true;
      }

      run({ added }: Sum, stage: Stage<Pid>): void {
        let answer: number | undefined;
        const asked = stage.system.call<Call<"get", number>, { type: "get" }>(cellOf(stage.system), { type: "get" });
        void asked.then((value) => (answer = value));
        stage.whenQuiet(() => expect(answer).toBe(added));
      }

      toString(): string {
        return "get";
      }
    }
    const quiet = counting(adder, { kinds: [] });
    const model = { ...quiet, commands: [...commands, fc.constant(new Get())] };
    await fc.assert(
      fc.asyncProperty(actorCommands(model), (scenario) => scenario.run()),
      { numRuns: 100, seed: 1 },
    );
    expect.hasAssertions();
  });

  test("are had again by the seed and the place where it failed", async () => {
    const property = fc.asyncProperty(actorCommands(counting(racer, { kinds: ["delay"] })), (scenario) =>
      scenario.run(),
    );
    const first = await fc.check(property, { numRuns: 1000, seed: 5 });
    const [place] = first.counterexamplePath?.split(":") ?? [];
    const again = await fc.check(property, { numRuns: 1000, seed: 5, ...(place !== undefined && { path: place }) });
    expect(String(again.counterexample)).toBe(String(first.counterexample));
    expect(again.numRuns).toBe(1);
  });
});
