import {
  type ActorRef,
  type Behaviour,
  type Definition,
  formatReason,
  type Pid,
  type Process,
  Started,
  type Waiting,
} from "@espalier/actors";
import { ManualClock } from "@espalier/actors/testing";
import { shutdownAll, shutdownChild } from "@espalier/supervisor";
import { describe, expect, test } from "vitest";
import { crashInCleanup, slowToStop, steady, trapExitAndIgnore, unlinksItself } from "./support/actors.ts";
import { living } from "./support/tree.ts";
import { createWorld } from "./support/world.ts";

/** Time can pass while a signal is handled, as it does on a busy machine. */
class BusyClock extends ManualClock {
  lostMs = 0;

  override now(): number {
    return super.now() + this.lostMs;
  }
}

/** What a supervisor that is written by hand has seen. */
interface Notes {
  /** How its children have ended. */
  readonly ends: string[];
  /** What it received that it had not asked for. */
  readonly strays: unknown[];
}

/** Starts these children, and stops them when it gets any message. */
function special(
  children: readonly Definition[],
  stop: (process: Process, pids: readonly Pid[], notes: Notes) => Waiting,
  notes: Notes,
): Definition<void, ActorRef<"stop">> {
  const behaviour: Behaviour<void> = {
    kind: "special",
    *start(process) {
      const pids: Pid[] = [];
      for (const [index, definition] of children.entries()) {
        const pid = process.startChild(definition, undefined, { id: String(index) });
        yield (message) => message instanceof Started && message.pid === pid;
        pids.push(pid);
      }
      process.state = pids;
    },
    receive(process, message) {
      if (message === "stop") return stop(process, process.state as Pid[], notes);
      return void notes.strays.push(message);
    },
  };
  return { name: "special", trapExit: true, behaviour };
}

function* oneByOne(process: Process, pids: readonly Pid[], { ends }: Notes): Waiting {
  for (const pid of pids) ends.push(formatReason(yield* shutdownChild(process, pid, 1000)));
}

function* allAtOnce(process: Process, pids: readonly Pid[], { ends }: Notes): Waiting {
  for (const { reason } of yield* shutdownAll(process, pids, 1000)) ends.push(formatReason(reason));
}

describe.each([
  ["shutdownChild", oneByOne],
  ["shutdownAll", allAtOnce],
])("a supervisor written by hand, with %s,", (_name, stop) => {
  test("learns how each child ended, and hears nothing more of any", async () => {
    const notes: Notes = { ends: [], strays: [] };
    const { clock, system } = createWorld();
    const children = [steady, crashInCleanup("boom"), unlinksItself, slowToStop(999), trapExitAndIgnore];
    const sup = system.spawn(special(children, stop, notes), undefined, { id: "sup" });
    await system.idle();
    system.send(sup, "stop");
    await clock.advance(10_000);
    expect(notes.ends.toSorted()).toEqual(["error: boom", "killed", "shutdown", "shutdown", "shutdown"]);
    expect(notes.strays).toEqual([]);
    expect(living(system)).toEqual(["sup#1"]);
    expect(system.inspect()).toMatchObject({ timers: 0, processes: [{ links: [], monitors: [], mailboxLength: 0 }] });
  });

  test("learns the true reason of a child that had ended before", async () => {
    const notes: Notes = { ends: [], strays: [] };
    const { system } = createWorld();
    const sup = system.spawn(special([steady], stop, notes), undefined, { id: "sup" });
    await system.idle();
    // The message is handled before the news of the death.
    system.send(sup, "stop");
    const [, child] = system.inspect().processes;
    if (child === undefined) throw new Error("it was started");
    system.kill(child.pid);
    await system.idle();
    expect(notes).toEqual({ ends: ["killed"], strays: [] });
  });

  test("hears nothing of a time limit that runs out behind the last death", async () => {
    const notes: Notes = { ends: [], strays: [] };
    const clock = new BusyClock();
    const { system } = createWorld({ clock });
    const sup = system.spawn(special([steady], stop, notes), undefined, { id: "sup" });
    await system.idle();
    system.send(sup, "stop");
    // One step tells the child, the other is its death, of which the supervisor does not know yet.
    system.step();
    system.step();
    expect(living(system)).toEqual(["sup#1"]);
    clock.lostMs = 1000;
    await system.idle();
    expect(notes).toEqual({ ends: ["shutdown"], strays: [] });
  });
});
