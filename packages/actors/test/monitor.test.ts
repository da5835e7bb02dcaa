import { Down, Exit, killed, noproc, normal, shutdown } from "@espalier/actors";
import { createProbe } from "@espalier/actors/testing";
import { describe, expect, test } from "vitest";
import { ask, echo, puppet, tell } from "./support/actors.ts";
import { createWorld } from "./support/world.ts";

describe("a monitor", () => {
  test.each([normal, shutdown(), shutdown("enough"), { type: "error", error: "boom" } as const])(
    "is one Down with the reason of the end: $type",
    async (reason) => {
      const { system } = createWorld();
      const probe = createProbe(system);
      const actor = system.spawn(puppet());
      const monitor = probe.self.monitor(actor);
      await tell(system, actor, (self) => self.exit(reason));
      expect(probe.messages).toEqual([new Down(monitor, actor, undefined, reason)]);
    },
  );

  test("says killed of an actor that was killed", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    const actor = system.spawn(puppet());
    const monitor = probe.self.monitor(actor);
    system.kill(actor);
    await system.idle();
    expect(probe.messages).toEqual([new Down(monitor, actor, undefined, killed)]);
  });

  test("works one way: the watcher's death changes nothing for the watched", async () => {
    const { system } = createWorld();
    const watched = system.spawn(puppet());
    const watcher = system.spawn(puppet());
    await tell(system, watcher, (self) => void self.monitor(watched));
    system.kill(watcher);
    await system.idle();
    expect(system.isAlive(watched)).toBe(true);
    expect(system.inspect().processes[0]?.monitoredBy).toEqual([]);
  });

  test("of a dead actor is noproc at once", async () => {
    const { system } = createWorld();
    const dead = system.spawn(puppet());
    system.kill(dead);
    await system.idle();
    const probe = createProbe(system);
    const monitor = probe.self.monitor(dead);
    await system.idle();
    expect(probe.messages).toEqual([new Down(monitor, dead, undefined, noproc)]);
  });

  test("has a ref that is called one, whether or not there is somebody to watch", async () => {
    const { system } = createWorld();
    const dead = system.spawn(puppet());
    system.kill(dead);
    await system.idle();
    const probe = createProbe(system);
    const refs = [dead, "nobody", probe.ref].map((target) => probe.self.monitor(target));
    expect(refs.map(({ kind }) => kind)).toEqual(["monitor", "monitor", "monitor"]);
  });

  test("made after one's own exit signal is noproc, for the signal came first", async () => {
    const { system } = createWorld();
    const doomed = system.spawn(puppet());
    const probe = createProbe(system);
    probe.self.exit(doomed, shutdown());
    const monitor = probe.self.monitor(doomed);
    await system.idle();
    expect(probe.messages).toEqual([new Down(monitor, doomed, undefined, noproc)]);
  });

  test("made after one's own exit signal tells behind the end that the link tells, with its true reason", async () => {
    const { system } = createWorld();
    const doomed = system.spawn(puppet());
    const probe = createProbe(system);
    probe.self.link(doomed);
    probe.self.exit(doomed, shutdown());
    const monitor = probe.self.monitor(doomed);
    await system.idle();
    expect(probe.messages).toEqual([new Exit(doomed, shutdown()), new Down(monitor, doomed, undefined, noproc)]);
  });

  test("that has told is kept by nobody", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    const actor = system.spawn(puppet());
    probe.self.monitor(actor);
    expect(system.inspect().processes[0]).toMatchObject({ monitors: [actor], resources: [{ kind: "monitor" }] });
    system.kill(actor);
    await system.idle();
    expect(system.inspect().processes[0]).toMatchObject({ monitors: [], resources: [] });
  });

  test("is counted: each of several gives its own Down", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    const actor = system.spawn(puppet());
    const monitors = [probe.self.monitor(actor), probe.self.monitor(actor), probe.self.monitor(actor)];
    system.kill(actor);
    await system.idle();
    const refs = (probe.messages as Down[]).map(({ ref }) => ref);
    expect(refs.length).toBe(3);
    expect(new Set(refs)).toEqual(new Set(monitors));
  });

  test("by name tells the name", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    const actor = system.spawn(puppet(), undefined, { name: "watched" });
    const monitor = probe.self.monitor("watched");
    system.kill(actor);
    await system.idle();
    expect(probe.messages).toEqual([new Down(monitor, actor, "watched", killed)]);
  });

  test("by a name that nobody has is noproc at once", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    const monitor = probe.self.monitor("nobody");
    await system.idle();
    expect(probe.messages).toEqual([new Down(monitor, undefined, "nobody", noproc)]);
  });

  test("by name watches the actor, whatever becomes of the name", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    const actor = system.spawn(puppet(), undefined, { name: "watched" });
    const monitor = probe.self.monitor("watched");
    await tell(system, actor, (self) => self.unregister("watched"));
    system.spawn(echo, undefined, { name: "watched" });
    system.kill(actor);
    await system.idle();
    expect(probe.messages).toEqual([new Down(monitor, actor, "watched", killed)]);
  });

  test("of oneself never tells", async () => {
    const { system } = createWorld();
    const actor = system.spawn(puppet());
    await tell(system, actor, (self) => void self.monitor(self.pid));
    const ended = system.exited(actor);
    system.exit(actor, shutdown());
    await expect(ended).resolves.toEqual(shutdown());
  });

  test("comes behind the messages that the dying actor sent before", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    const actor = system.spawn(puppet());
    const monitor = probe.self.monitor(actor);
    await tell(system, actor, (self) => {
      self.send(probe.ref, "last words");
      self.exit(normal);
    });
    expect(probe.messages).toEqual(["last words", new Down(monitor, actor, undefined, normal)]);
  });
});

/** What a watcher receives whose mailbox held a Down and a message when it stopped watching. */
async function withDownInMailbox(flush: boolean): Promise<readonly unknown[]> {
  const { system } = createWorld();
  const received: unknown[] = [];
  const watcher = system.spawn(puppet({ received }));
  const watched = system.spawn(puppet());
  const { self, monitor } = await ask(system, watcher, (context) => ({
    self: context,
    monitor: context.monitor(watched),
  }));
  system.kill(watched);
  system.step();
  expect(system.inspect().processes[0]?.mailboxLength).toBe(1);
  system.send(watcher, "behind");
  // Not by an order, which would stand behind the Down, but as a callback of the actor's own would do it.
  self.demonitor(monitor, { flush });
  await system.idle();
  return received;
}

describe("demonitor", () => {
  test("stops the watching", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    const actor = system.spawn(puppet());
    const monitor = probe.self.monitor(actor);
    const other = probe.self.monitor(actor);
    probe.self.demonitor(monitor);
    system.kill(actor);
    await system.idle();
    expect(probe.messages).toEqual([new Down(other, actor, undefined, killed)]);
  });

  test("twice is as good as once", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    const actor = system.spawn(puppet());
    const monitor = probe.self.monitor(actor);
    probe.self.demonitor(monitor);
    probe.self.demonitor(monitor);
    system.kill(actor);
    await system.idle();
    expect(probe.messages).toEqual([]);
  });

  test("leaves the monitors of others alone", async () => {
    const { system } = createWorld();
    const probe = createProbe(system);
    const actor = system.spawn(puppet());
    const monitor = probe.self.monitor(actor);
    const stranger = system.spawn(puppet());
    await tell(system, stranger, (self) => self.demonitor(monitor, { flush: true }));
    system.kill(actor);
    await system.idle();
    expect(probe.messages).toEqual([new Down(monitor, actor, undefined, killed)]);
  });

  test("with flush removes a Down that is already in the mailbox, and nothing else", async () => {
    await expect(withDownInMailbox(true)).resolves.toEqual(["behind"]);
  });

  test("without flush leaves a Down that is already in the mailbox", async () => {
    await expect(withDownInMailbox(false)).resolves.toEqual([expect.any(Down), "behind"]);
  });

  test("with flush removes the noproc of a dead actor, too", async () => {
    const { system } = createWorld();
    const received: unknown[] = [];
    const watcher = system.spawn(puppet({ received }));
    await tell(system, watcher, (self) => self.demonitor(self.monitor("nobody"), { flush: true }));
    expect(received).toEqual([]);
  });
});
