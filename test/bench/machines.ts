import {
  type Behaviour,
  createSystem,
  type Deadline,
  type Definition,
  fromMachine,
  type MachineRef,
  type Pid,
  type Process,
  silentLogger,
  type System,
} from "@espalier/actors";
import { type Actor, assign, createActor, setup } from "xstate";
import { bytesPerThing, nanosPerOperation } from "./measure.ts";

const IDLE_MS = 120_000;

type SessionEvent = { readonly type: "socketReady" | "data" | "closed" };

interface Session {
  readonly socket: object | undefined;
  readonly packets: number;
  readonly bytes: number;
}

/** What actions leave behind, so that nothing of them can be left out. */
let echoed = 0;

/** XState reads the types off this; its value is not used. */
const types: { context?: Session; events?: SessionEvent } = {};

/** The connection of a protocol with a timeout for silence, which each packet puts off: the load of a server. */
const session = setup({
  types,
  actions: {
    echo: ({ context }) => {
      echoed += context.packets + 1;
    },
    count: assign({ packets: ({ context }) => context.packets + 1 }),
  },
}).createMachine({
  id: "session",
  context: { socket: undefined, packets: 0, bytes: 0 },
  initial: "WAIT_FOR_SOCKET",
  states: {
    WAIT_FOR_SOCKET: { on: { socketReady: "WAIT_FOR_DATA" } },
    WAIT_FOR_DATA: {
      on: { data: { target: "WAIT_FOR_DATA", reenter: true, actions: ["echo", "count"] }, closed: "gone" },
      after: { [IDLE_MS]: "gone" },
    },
    gone: { type: "final" },
  },
});

/** The same as one would write it by hand, without XState. */
class Switch implements Behaviour {
  readonly kind = "switch";

  start(process: Process): void {
    process.state = new SwitchState(process);
  }

  receive(process: Process, message: unknown): void {
    const state = process.state as SwitchState;
    const { type } = message as SessionEvent;
    switch (state.name) {
      case "WAIT_FOR_SOCKET":
        if (type !== "socketReady") return;
        state.name = "WAIT_FOR_DATA";
        state.idle.arm(IDLE_MS);
        break;
      case "WAIT_FOR_DATA":
        if (type === "closed") process.stop({ type: "normal" });
        if (type !== "data") return;
        echoed += state.context.packets + 1;
        state.context = { ...state.context, packets: state.context.packets + 1 };
        state.idle.arm(IDLE_MS);
        break;
    }
  }
}

class SwitchState {
  name: "WAIT_FOR_SOCKET" | "WAIT_FOR_DATA" = "WAIT_FOR_SOCKET";
  context: Session = { socket: undefined, packets: 0, bytes: 0 };
  readonly idle: Deadline;

  constructor(process: Process) {
    this.idle = process.deadline(() => process.stop({ type: "normal" }));
  }
}

const byHand: Definition = { name: "switch", behaviour: new Switch() };

/** What one way of running the machine costs. */
export interface MachineCost {
  readonly what: string;
  readonly nanos: number;
  readonly bytes: number;
}

const MACHINES = 1000;
const data: SessionEvent = { type: "data" };

/** The cost of an event and of a machine that waits for the next one, its timeout armed, in each way of running it. */
export async function machineCosts(): Promise<readonly MachineCost[]> {
  const system = createSystem({ logger: silentLogger });
  const compiled = fromMachine(session);
  const exact = fromMachine(session, { exact: true });
  const costs = [
    {
      what: "createActor of XState",
      nanos: await eventsOfXState(200),
      bytes: await bytesPerThing(20_000, sessionsOfXState),
    },
    { what: "actor, by XState's transitions", ...(await costOf(system, exact, 200)) },
    { what: "actor, compiled", ...(await costOf(system, compiled, 2000)) },
    { what: "actor, switch by hand", ...(await costOf(system, byHand, 2000)) },
  ];
  await system.shutdown("infinity");
  for (const actor of running) actor.stop();
  if (echoed === 0) throw new Error("no machine has done anything");
  return costs;
}

async function costOf(
  system: System,
  definition: Definition<void, MachineRef<typeof session>> | Definition,
  rounds: number,
): Promise<{ nanos: number; bytes: number }> {
  const actors = await sessionsOf(system, definition, MACHINES);
  const nanos = await nanosPerOperation(rounds * MACHINES, async (count) => {
    for (let done = 0; done < count; done += MACHINES) {
      for (const actor of actors) system.send(actor as MachineRef<typeof session>, data);
      await system.idle();
    }
  });
  const bytes = await bytesPerThing(100_000, (count) => sessionsOf(system, definition, count));
  return { nanos, bytes };
}

async function sessionsOf(system: System, definition: Definition, count: number): Promise<readonly Pid[]> {
  const actors = Array.from({ length: count }, () => system.spawn(definition));
  for (const type of ["socketReady", "data"] as const) {
    for (const actor of actors) system.send(actor as MachineRef<typeof session>, { type });
    await system.idle();
  }
  return actors;
}

async function eventsOfXState(rounds: number): Promise<number> {
  const actors = await sessionsOfXState(MACHINES);
  const nanos = await nanosPerOperation(rounds * MACHINES, (count) => {
    for (let done = 0; done < count; done += MACHINES) for (const actor of actors) actor.send(data);
  });
  return nanos;
}

/** Actors of XState, whose timers keep the process from ending. */
const running: Array<Actor<typeof session>> = [];

function sessionsOfXState(count: number): Promise<ReadonlyArray<Actor<typeof session>>> {
  const actors = Array.from({ length: count }, () => createActor(session).start());
  for (const actor of actors) actor.send({ type: "socketReady" });
  for (const actor of actors) actor.send(data);
  running.push(...actors);
  return Promise.resolve(actors);
}
