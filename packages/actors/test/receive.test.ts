import { type Behaviour, Down, failure, type Match, type Process, type Waiting } from "@espalier/actors";
import { createProbe } from "@espalier/actors/testing";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { counter, puppet, tell } from "./support/actors.ts";
import { createWorld, endOf, leavesNothing } from "./support/world.ts";

const is =
  (wanted: unknown): Match =>
  (message) =>
    message === wanted;

/** An actor that blocks at its first message in selective receives for these, and then goes on as usual. */
function selective(
  log: unknown[],
  ...wanted: unknown[]
): { readonly name: string; readonly behaviour: Behaviour<void> } {
  return {
    name: "selective",
    behaviour: {
      kind: "selective",
      start: () => undefined,
      *receive(_process, first): Waiting {
        log.push(first);
        if (first !== "block") return;
        for (const each of wanted) log.push(yield is(each));
        log.push("unblocked");
      },
    },
  };
}

describe("a selective receive", () => {
  test("takes the messages it waits for, and the rest follows in order", async () => {
    const { system } = createWorld();
    const log: unknown[] = [];
    const ref = system.spawn(selective(log, "x", "y"));
    for (const message of ["block", 1, "y", 2, "x", 3]) system.send(ref, message);
    await system.idle();
    expect(log).toEqual(["block", "x", "y", "unblocked", 1, 2, 3]);
  });

  test("keeps the order of what it leaves, however often it looks", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(5), { maxLength: 30, size: "max" }),
        fc.array(fc.nat(5), { maxLength: 6, size: "max" }),
        fc.integer({ min: 1, max: 8 }),
        async (messages, wanted, chunk) => {
          const world = createWorld();
          const { system } = world;
          const log: unknown[] = [];
          const ref = system.spawn(selective(log, ...wanted));
          system.send(ref, "block");
          await system.idle();
          // In portions, so that it looks at a mailbox that grows.
          for (let start = 0; start < messages.length; start += chunk) {
            for (const message of messages.slice(start, start + chunk)) system.send(ref, message);
            await system.idle();
          }
          const left = [...messages];
          const expected: unknown[] = ["block"];
          for (const each of wanted) {
            const place = left.indexOf(each);
            if (place < 0) break;
            expected.push(...left.splice(place, 1));
          }
          if (expected.length === wanted.length + 1) expected.push("unblocked", ...left);
          expect(log).toEqual(expected);
          await leavesNothing(world);
        },
      ),
      { numRuns: 150 },
    );
  });

  test("of an actor that is killed runs none of its code, not even finally", async () => {
    const { system } = createWorld();
    const log: string[] = [];
    const ref = system.spawn({
      name: "blocked",
      behaviour: {
        kind: "blocked",
        start: () => undefined,
        *receive(): Waiting {
          try {
            yield is("never");
          } finally {
            log.push("finally");
          }
        },
      },
    });
    system.send(ref, "block");
    await system.idle();
    expect(system.inspect().processes[0]?.status).toBe("busy");
    system.kill(ref);
    await system.idle();
    expect(log).toEqual([]);
    expect(system.inspect().processes).toEqual([]);
  });

  test("in init keeps the start open", async () => {
    const { system } = createWorld();
    const definition = {
      name: "waiting",
      behaviour: {
        kind: "waiting",
        *start(): Waiting {
          yield is("ready");
        },
        receive: () => undefined,
      },
    };
    const started = system.start(definition, undefined, { name: "waiting" });
    system.send("waiting", "other");
    await system.idle();
    expect(system.inspect().processes[0]?.status).toBe("starting");
    system.send("waiting", "ready");
    await expect(started).resolves.toMatchObject({ ok: true });
  });

  test("in the clean-up keeps the end open", async () => {
    const { system } = createWorld();
    const ref = system.spawn({
      name: "waiting",
      behaviour: {
        kind: "waiting",
        start: () => undefined,
        receive: (process: Process) => process.stop({ type: "normal" }),
        *terminate(): Waiting {
          yield is("released");
        },
      },
    });
    const end = endOf(system, ref);
    system.send(ref, "stop");
    system.send(ref, "other");
    await system.idle();
    expect(end.reason).toBeUndefined();
    system.send(ref, "released");
    await system.idle();
    expect(end.reason).toEqual({ type: "normal" });
  });

  test("whose match throws is a crash", async () => {
    const { system } = createWorld();
    const ref = system.spawn({
      name: "broken",
      behaviour: {
        kind: "broken",
        start: () => undefined,
        *receive(): Waiting {
          yield () => {
            throw new Error("boom");
          };
        },
      },
    });
    const end = endOf(system, ref);
    system.send(ref, 1);
    system.send(ref, 2);
    await system.idle();
    expect(end.reason).toEqual(failure(new Error("boom")));
  });
});

describe("a behaviour", () => {
  test("takes messages out of its mailbox out of order", async () => {
    const { system } = createWorld();
    const log: unknown[] = [];
    const ref = system.spawn({
      name: "taking",
      behaviour: {
        kind: "taking",
        start: () => undefined,
        receive(process: Process, message: unknown) {
          log.push(message);
          if (message !== "take") return;
          log.push(["first of", process.takeMessage((each) => typeof each === "number")]);
          const taken: unknown[] = [];
          process.takeMessages(
            (each) => typeof each === "string",
            (each) => taken.push(each),
          );
          log.push(taken, process.mailboxLength);
          log.push(process.takeMessage(() => false));
        },
      },
    });
    for (const message of ["take", "a", 1, "b", 2, 3]) system.send(ref, message);
    await system.idle();
    expect(log).toEqual(["take", ["first of", 1], ["a", "b"], 2, undefined, 2, 3]);
  });

  test("puts a message back where it was", async () => {
    const { system } = createWorld();
    const log: unknown[] = [];
    const ref = system.spawn({
      name: "hesitating",
      behaviour: {
        kind: "hesitating",
        start(process: Process) {
          process.state = false;
        },
        receive(process: Process, message: unknown) {
          if (process.state === false) {
            process.state = true;
            process.unreceive(message);
            process.unreceive("and this before it");
          } else {
            log.push(message);
          }
        },
      },
    });
    for (const message of ["a", "b"]) system.send(ref, message);
    await system.idle();
    expect(log).toEqual(["and this before it", "a", "b"]);
  });

  test("may send undefined and null as messages", async () => {
    const { system } = createWorld();
    const received: unknown[] = [];
    const ref = system.spawn(puppet({ received }));
    system.send(ref, undefined);
    system.send(ref, null);
    await system.idle();
    expect(received).toEqual([undefined, null]);
  });

  test("that answers what is neither nothing, nor a promise, nor a generator crashes", async () => {
    const { system } = createWorld();
    const ref = system.spawn({
      name: "odd",
      behaviour: { kind: "odd", start: () => undefined, receive: () => ({ a: 1 }) as never },
    });
    const end = endOf(system, ref);
    system.send(ref, 1);
    await system.idle();
    expect(end.reason).toMatchObject({ type: "error", error: { code: "ERR_BAD_RETURN" } });
  });

  test("goes on with the function that its promise resolves with, as a step of its own", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    const ref = system.spawn({
      name: "later",
      behaviour: {
        kind: "later",
        start: () => undefined,
        receive: (process: Process) => Promise.resolve(() => process.send(probe.ref, "later")),
      },
    });
    system.send(ref, 1);
    await system.idle();
    expect(probe.messages).toEqual(["later"]);
  });
});

describe("messages between two actors", () => {
  test("arrive in the order sent, whoever else sends", async () => {
    interface Hop {
      readonly from: number;
      readonly number: number;
      readonly route: readonly number[];
    }
    const routes = fc.array(fc.tuple(fc.nat(4), fc.array(fc.nat(4), { maxLength: 6, size: "max" })), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(routes, fc.integer({ min: 1, max: 12 }), async (starts, signals) => {
        const world = createWorld({ budget: { signals } });
        const { system } = world;
        const sent = new Map<string, number>();
        const received = new Map<string, number[]>();
        const send = (self: Process, from: number, route: readonly number[]): void => {
          const [to, ...rest] = route;
          const target = to === undefined ? undefined : actors[to];
          if (target === undefined) return;
          const pair = `${from}-${to}`;
          const number = sent.get(pair) ?? 0;
          sent.set(pair, number + 1);
          self.send(target, { from, number, route: rest });
        };
        const actors = Array.from({ length: 5 }, (_, me) =>
          system.spawn({
            name: "forwarding",
            behaviour: {
              kind: "forwarding",
              start: () => undefined,
              receive(process: Process, message: unknown) {
                const { from, number, route } = message as Hop;
                if (number >= 0) received.set(`${from}-${me}`, [...(received.get(`${from}-${me}`) ?? []), number]);
                // One goes ahead of the routed message, so that the routes cross.
                if (number === -1) send(process, me, [...route].toReversed());
                send(process, me, route);
              },
            },
          }),
        );
        for (const [start, route] of starts) {
          const first = actors[start];
          if (first !== undefined) system.send(first, { from: -1, number: -1, route });
        }
        await system.idle();
        for (const [pair, count] of sent) {
          expect(received.get(pair)).toEqual(Array.from({ length: count }, (_, index) => index));
        }
        await leavesNothing(world);
      }),
      { numRuns: 150 },
    );
  });

  test("are handled one at a time: no step runs within another", async () => {
    const { system } = createWorld();
    const log: string[] = [];
    const b = system.spawn(puppet());
    const a = system.spawn(puppet());
    await tell(system, a, (self) => {
      log.push("a begins");
      self.send(b, () => log.push("b"));
      self.exit(self.spawn(counter, 1), { type: "kill" });
      self.monitor(b);
      log.push("a ends");
    });
    expect(log).toEqual(["a begins", "a ends", "b"]);
  });

  test("and their signals keep one order: message, message, Down", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    const ref = system.spawn(puppet());
    probe.self.monitor(ref);
    await tell(system, ref, (self) => {
      self.send(probe.ref, 1);
      self.send(probe.ref, 2);
      self.exit({ type: "normal" });
    });
    expect(probe.messages).toEqual([1, 2, expect.any(Down)]);
  });
});
