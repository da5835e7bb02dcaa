import { type ActorRef, type Definition, type Pid, shutdown, type System, sys } from "@espalier/actors";
import {
  child,
  type ChildSpec,
  countChildren,
  defineDynamicSupervisor,
  defineSupervisor,
  restartChild,
  startChild,
  startDynamicChild,
  terminateChild,
  whichChildren,
} from "@espalier/supervisor";
import { arbPeers, type Invariant, type RunView, standard } from "../kit.ts";
import {
  absent,
  clerk,
  dispatcher,
  gatherer,
  guest,
  lodger,
  type Notes,
  polite,
  sender,
  type Parting,
  partner,
} from "./errand-workers.ts";
import { Operations, operationsEnd } from "./operations.ts";
import type { TargetCase } from "./target-case.ts";
import { teller, type Work } from "./workers.ts";

/** Lodgers of this version. */
function lodgers(version: number) {
  return defineDynamicSupervisor<undefined>({
    intensity: 1000,
    periodMs: 1000,
    backoff: { initialMs: 20, maxMs: 20, jitter: 0 },
    child: { start: () => child(lodger, version), restart: "permanent" },
  });
}

/** Two, of whom one at least has to be there, or about to come back. */
const couple = defineSupervisor({
  autoShutdown: "allSignificant",
  intensity: 1000,
  periodMs: 1000,
  backoff: { initialMs: 20, maxMs: 20, jitter: 0 },
  children: ["one", "other"].map((id) => ({
    id,
    start: child(partner, undefined, { name: id }),
    restart: "transient",
    significant: true,
  })),
});

/** Who is sent on errands. */
const WORKERS = ["clerk", "sender", "gatherer", "dispatcher"];

class House extends Operations {
  readonly system: System;
  /** Nobody has ended its suspension, and it was told to work. */
  held: Pid | undefined;
  /** The supervisor of lodgers that has its second code. */
  changed: Pid | undefined;
  /** What somebody was answered who managed the tree, and should not have been. */
  wrong: string | undefined;

  constructor(system: System) {
    super();
    this.system = system;
  }

  named(name: string): Pid | undefined {
    return this.system.whereis(name);
  }
}

/** What somebody says who was there. */
const nothingIsWrong: Invariant = {
  id: "T31-notes",
  says: "what was given up does not come, what comes first is done first, and nobody waits for the dead",
  watch: (run) => ({
    after(phase) {
      if (phase !== "healed" || run.isEnding) return;
      for (const { path, state, status } of run.system.inspect().processes) {
        if (!path.startsWith("root/")) continue;
        if (status === "busy") run.violate("T31-notes", `${path} waits for something that does not come`);
        // What is late may come when it was given up.
        if (isLate(run) || !WORKERS.some((name) => path.endsWith(`/${name}`))) continue;
        const { wrong } = contextOf(state);
        if (wrong !== undefined) run.violate("T31-notes", `${path} ${wrong}`);
      }
    },
  }),
};

/** A server's state is itself, a machine's has it for its context. */
function contextOf(state: unknown): Notes {
  return (typeof state === "object" && state !== null && "context" in state ? state.context : state) as Notes;
}

function isLate({ world }: RunView): boolean {
  return world.choices.deviations.some(({ kind }) => kind === "delay" || kind === "timer");
}

/** How actors are ended, held and changed from outside. */
const ordersAreObeyed: Invariant = {
  id: "T32-orders",
  says: "the suspended do nothing but end with their parents, the first order to end counts, and new code is for all",
  watch: (run) => ({
    on: {
      deliver: ({ subject: { pid, path }, message }) => {
        const { handle } = run;
        if (!(handle instanceof House) || handle.held !== pid || !isWork(message)) return;
        run.violate("T32-orders", `${path} works, and is suspended`);
      },
      exit: ({ subject: { path }, reason }) => {
        if (path === "root/victim" && reason.type === "shutdown" && reason.detail === "second")
          run.violate("T32-orders", `${path} ends for the second reason that it was given`);
        // Whoever loses its parent ends as it likes.
        if (path === "root/polite" && reason.type === "normal" && run.world.injections.length === 0)
          run.violate("T32-orders", `${path} was told to end, and ends as normal`);
        const isAsked = run.phase !== "workload" && run.phase !== "healed";
        if (path === "root/couple" && reason.type === "shutdown" && !isAsked && run.world.injections.length === 0)
          run.violate("T32-orders", `${path} ends, and one of its children was to come back`);
        const isUnkilled = run.world.injections.length === 0 && !isLate(run);
        if (path === "root/guest" && reason.type === "killed" && isUnkilled)
          run.violate("T32-orders", `${path} does not hear that it is to end`);
      },
    },
    after(phase) {
      const { handle } = run;
      if (phase !== "healed" || run.isEnding || !(handle instanceof House)) return;
      if (handle.wrong !== undefined) run.violate("T32-orders", handle.wrong);
      for (const { path, parent, state, incarnation } of run.system.inspect().processes) {
        if (parent === undefined || parent !== handle.changed || incarnation < 2 || state === 2) continue;
        run.violate("T32-orders", `${path} was restarted by code that is not any more`);
      }
    },
  }),
};

function isWork(message: unknown): boolean {
  return typeof message === "object" && message !== null && "type" in message && message.type === "work";
}

function worker(id: string, definition: Definition): ChildSpec {
  return { id, start: child(definition, undefined, { name: id }), shutdown: 1000 };
}

/** A tree whose workers do what is seldom done: give up, wait for room, put off, replace, are suspended and changed. */
export const errands: TargetCase = {
  name: "errands",
  target: {
    async start({ system }) {
      const root = defineSupervisor(
        {
          intensity: 1000,
          periodMs: 1000,
          children: [
            worker("teller", teller),
            worker("clerk", clerk),
            worker("sender", sender),
            worker("gatherer", gatherer),
            worker("dispatcher", dispatcher),
            worker("guest", guest),
            worker("polite", polite),
            { ...worker("victim", guest), start: child({ ...guest, trapExit: false }, undefined, { name: "victim" }) },
            { id: "couple", start: child(couple), type: "supervisor" },
            { id: "lodgers", start: child(lodgers(1), undefined, { name: "lodgers" }), type: "supervisor" },
          ],
        },
        { name: "root" },
      );
      const started = await system.start(root, undefined, { id: "root", name: "root" });
      if (!started.ok) throw new Error("the tree does not start");
      return new House(system);
    },
    port: () => 1,
    operations: {
      work: (handle) => tellAll(asHouse(handle), 1),
      burst: (handle) => tellAll(asHouse(handle), 3),
      visit: (handle) =>
        asHouse(handle).perform(async (house) => {
          const pid = house.named("guest");
          if (pid === undefined) return;
          const { system } = house;
          const [one, other] = [Symbol("one"), Symbol("other")];
          await sys.suspend(system, pid, { by: one });
          await sys.suspend(system, pid, { by: other });
          await sys.resume(system, pid, { by: one });
          house.held = pid;
          system.send(pid as ActorRef<Work>, { type: "work" });
          try {
            await sys.getState(system, pid);
          } finally {
            house.held = undefined;
          }
          await sys.resume(system, pid, { by: other });
        }),
      dismiss: (handle) =>
        asHouse(handle).perform(async ({ system }) => {
          await sys.suspend(system, "guest");
          for (const id of ["guest", "polite"]) {
            await terminateChild(system, "root", id);
            await restartChild(system, "root", id);
          }
        }),
      condemn(handle) {
        const house = asHouse(handle);
        const victim = house.named("victim");
        if (victim === undefined) return;
        house.system.exit(victim, shutdown("first"));
        house.system.exit(victim, shutdown("second"));
      },
      lodge: (handle) =>
        asHouse(handle).perform(async ({ system }) => {
          for (let count = 0; count < 2; count += 1) await startDynamicChild(system, "lodgers", undefined);
        }),
      evict: (handle) =>
        asHouse(handle).perform(async (house) => {
          const { system } = house;
          const [first] = await whichChildren(system, "lodgers");
          if (typeof first?.child !== "object") return;
          // When that is answered, its end is known, and it is to come back.
          system.send(first.child, { type: "work" });
          await whichChildren(system, "lodgers");
          await terminateChild(system, "lodgers", first.child);
          const before = await whichChildren(system, "lodgers");
          const { active } = await countChildren(system, "lodgers");
          const after = await whichChildren(system, "lodgers");
          const living = before.filter(
            (info, index) => info.child !== "restarting" && info.child === after[index]?.child,
          );
          if (before.length === after.length && living.length > active)
            house.wrong = `${living.length} lodgers live, and ${active} are said to`;
        }),
      fail: (handle) =>
        asHouse(handle).perform(async (house) => {
          const { system } = house;
          const added = await startChild(system, "root", { id: "extra", start: child(absent) });
          const children = await whichChildren(system, "root");
          if (!added.ok && added.error === "startFailed" && children.some(({ id }) => id === "extra"))
            house.wrong = "a child that could not be added is there";
        }),
      part(handle) {
        const { system } = asHouse(handle);
        for (const [name, message] of Object.entries({ one: "crash", other: "leave" })) {
          const pid = system.whereis(name);
          if (pid !== undefined) system.send(pid as ActorRef<Parting>, { type: message as Parting["type"] });
        }
      },
      change: (handle) =>
        asHouse(handle).perform(async (house) => {
          const { system } = house;
          const before = house.named("lodgers");
          await startDynamicChild(system, "lodgers", undefined);
          await sys.swapCode(system, "lodgers", lodgers(2));
          // Another one has the code of the tree.
          if (before === undefined || house.named("lodgers") !== before) return;
          house.changed = before;
          for (const { path, pid } of system.inspect().processes) {
            if (path.startsWith("root/lodgers/")) system.send(pid as ActorRef<Work>, { type: "work" });
          }
        }),
    },
    knobs: {},
  },
  // There is nothing to connect to.
  invariants: [...standard().filter(({ id }) => id !== "I8-probe"), operationsEnd, nothingIsWrong, ordersAreObeyed],
  peers: arbPeers({ maxPeers: 1, maxOps: 0 }),
};

function asHouse(handle: unknown): House {
  return handle as House;
}

function tellAll({ system }: House, times: number): void {
  for (const name of WORKERS) {
    const pid = system.whereis(name);
    for (let number = 1; number <= times; number += 1)
      if (pid !== undefined) system.send(pid, { type: "work", number });
  }
}
