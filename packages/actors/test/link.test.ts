import { Exit, failure, killed, type NoProcessError, noproc, normal, shutdown } from "@espalier/actors";
import { collectTrace, createProbe } from "@espalier/actors/testing";
import { describe, expect, test } from "vitest";
import { ask, crashOn, puppet, tell } from "./support/actors.ts";
import { createWorld } from "./support/world.ts";

const boom = expect.objectContaining({ type: "error", error: new Error("boom") }) as unknown;

describe("a link", () => {
  test.each(["the one that linked", "the one that was linked"])("ties both fates when %s crashes", async (who) => {
    const { system } = createWorld();
    const linking = system.spawn(puppet());
    const linked = system.spawn(puppet());
    await tell(system, linking, (self) => self.link(linked));
    const [dying, other] = who === "the one that linked" ? [linking, linked] : [linked, linking];
    const ended = system.exited(other);
    await tell(system, dying, () => {
      throw new Error("boom");
    });
    await expect(ended).resolves.toEqual(boom);
  });

  test("carries the very reason", async () => {
    const { system } = createWorld();
    const error = new Error("boom");
    const probe = createProbe(system);
    const actor = probe.self.spawnLink(puppet());
    await tell(system, actor, () => {
      throw error;
    });
    const [exit] = probe.messages as Exit[];
    expect(exit?.reason).toMatchObject({ type: "error" });
    expect(exit?.reason.type === "error" && exit.reason.error === error).toBe(true);
  });

  test("to an actor that ends as normal leaves the other alone", async () => {
    const { system } = createWorld();
    const survivor = system.spawn(puppet());
    const leaving = system.spawn(puppet());
    await tell(system, survivor, (self) => self.link(leaving));
    await tell(system, leaving, (self) => self.exit(normal));
    expect(system.isAlive(leaving)).toBe(false);
    expect(system.isAlive(survivor)).toBe(true);
    expect(system.inspect().processes[0]?.links).toEqual([]);
  });

  test("takes an actor that does not trap along for a shutdown as for a crash", async () => {
    const { system } = createWorld();
    const other = system.spawn(puppet());
    const leaving = system.spawn(puppet());
    await tell(system, other, (self) => self.link(leaving));
    const ended = system.exited(other);
    await tell(system, leaving, (self) => self.exit(shutdown("enough")));
    await expect(ended).resolves.toEqual(shutdown("enough"));
  });

  test("is one exit message to an actor that traps, for every reason", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    const first = probe.self.spawnLink(puppet());
    const second = probe.self.spawnLink(puppet());
    await tell(system, first, (self) => self.exit(normal));
    system.kill(second);
    await system.idle();
    expect(probe.messages).toEqual([new Exit(first, normal), new Exit(second, killed)]);
  });

  test("is not counted: two links are one, and one unlink removes it", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    const actor = system.spawn(puppet());
    probe.self.link(actor);
    probe.self.link(actor);
    await tell(system, actor, (self) => self.link(probe.ref));
    expect(system.inspect().processes.map(({ links }) => links.length)).toEqual([1, 1]);
    probe.self.unlink(actor);
    system.kill(actor);
    await system.idle();
    expect(probe.messages).toEqual([]);
  });

  test("is broken by unlink from either side", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    const actor = probe.self.spawnLink(puppet());
    await tell(system, actor, (self) => self.unlink(probe.ref));
    system.kill(actor);
    await system.idle();
    expect(probe.messages).toEqual([]);
  });

  test("that was broken can be made again", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    const actor = probe.self.spawnLink(puppet());
    probe.self.unlink(actor);
    probe.self.link(actor);
    system.kill(actor);
    await system.idle();
    expect(probe.messages).toEqual([new Exit(actor, killed)]);
  });

  test("with oneself does nothing", async () => {
    const { system } = createWorld();
    const actor = system.spawn(puppet());
    await tell(system, actor, (self) => self.link(self.pid));
    expect(system.inspect().processes[0]?.links).toEqual([]);
    const ended = system.exited(actor);
    system.exit(actor, shutdown());
    await expect(ended).resolves.toEqual(shutdown());
  });

  test("to a dead actor throws in one that does not trap", async () => {
    const { system } = createWorld();
    const dead = system.spawn(puppet());
    system.kill(dead);
    await system.idle();
    const actor = system.spawn(puppet());
    await expect(ask(system, actor, (self) => self.link(dead))).rejects.toMatchObject({
      code: "ERR_NO_PROCESS",
    } satisfies Partial<NoProcessError>);
  });

  test("to a dead actor is an exit message noproc in one that traps", async () => {
    const { system } = createWorld();
    const dead = system.spawn(puppet());
    system.kill(dead);
    await system.idle();
    const probe = createProbe(system);
    probe.self.link(dead);
    await system.idle();
    expect(probe.messages).toEqual([new Exit(dead, noproc)]);
  });

  test("made after one's own exit signal finds nobody, for the signal came first", async () => {
    const { system } = createWorld();
    const doomed = system.spawn(puppet());
    const probe = createProbe(system);
    probe.self.exit(doomed, shutdown());
    probe.self.link(doomed);
    await system.idle();
    expect(probe.messages).toEqual([new Exit(doomed, noproc)]);
  });

  test("that is broken after the death leaves the exit message in the mailbox", async () => {
    const { system } = createWorld();
    const received: unknown[] = [];
    const actor = system.spawn(puppet({ trapExit: true, received }));
    const other = system.spawn(puppet());
    await tell(system, actor, (self) => self.link(other));
    system.kill(other);
    system.send(actor, "between");
    await tell(system, actor, (self) => self.unlink(other));
    expect(received).toContainEqual(new Exit(other, killed));
  });

  test("of a dead actor is kept by nobody", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    const actors = Array.from({ length: 5 }, () => probe.self.spawnLink(puppet()));
    expect(system.inspect().processes[0]?.links.length).toBe(5);
    // From the middle, the ends, and then the rest, so that each way out of a list is taken.
    for (const index of [2, 0, 4, 1, 3]) {
      const actor = actors[index];
      if (actor !== undefined) system.kill(actor);
      await system.idle();
    }
    expect(system.inspect().processes[0]?.links).toEqual([]);
    expect(probe.messages.length).toBe(5);
  });
});

describe("a crash", () => {
  test("runs along a chain of links and ends where somebody traps", async () => {
    const { system } = createWorld();
    const trapping = createProbe(system);
    const beyond = trapping.self.spawnLink(puppet());
    const chain = [trapping.self.spawnLink(puppet())];
    for (let length = 1; length < 6; length += 1) {
      const last = chain.at(-1);
      const next = system.spawn(puppet());
      if (last !== undefined) await tell(system, last, (self) => self.link(next));
      chain.push(next);
    }
    const end = chain.at(-1);
    if (end !== undefined) system.exit(end, shutdown("fire"));
    await system.idle();
    expect(chain.map((pid) => system.isAlive(pid))).toEqual(chain.map(() => false));
    expect(system.isAlive(beyond)).toBe(true);
    expect(trapping.messages).toEqual([new Exit(chain[0] ?? beyond, shutdown("fire"))]);
  });

  test("runs round a ring of links and ends each actor once", async () => {
    const { system } = createWorld();
    const trace = collectTrace(system);
    const ring = Array.from({ length: 5 }, () => system.spawn(puppet()));
    for (const [index, actor] of ring.entries()) {
      const next = ring[(index + 1) % ring.length];
      if (next !== undefined) await tell(system, actor, (self) => self.link(next));
    }
    const [first] = ring;
    if (first !== undefined) system.exit(first, shutdown());
    await system.idle();
    expect(
      trace
        .of("exit")
        .map(({ subject }) => String(subject.pid))
        .toSorted(),
    ).toEqual(ring.map(String).toSorted());
  });

  test("of one child leaves those alone that are not linked to it", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    const dying = probe.self.spawnLink(crashOn("boom"));
    const sibling = probe.self.spawnLink(crashOn("boom"));
    const stranger = system.spawn(crashOn("boom"));
    system.send(dying, "boom");
    await system.idle();
    expect([dying, sibling, stranger].map((pid) => system.isAlive(pid))).toEqual([false, true, true]);
    expect(probe.messages).toEqual([new Exit(dying, failure(new Error("boom")))]);
  });
});
