import {
  type ActorRef,
  type Call,
  type Castable,
  createSystem,
  defineServer,
  noreply,
  ok,
  Pid,
  reply,
  shutdown,
  silentLogger,
  type System,
} from "@espalier/actors";
import {
  child,
  defineDynamicSupervisor,
  defineSupervisor,
  startDynamicChild,
  terminateChild,
} from "@espalier/supervisor";
import { bytesPerThing, nanosPerOperation } from "./measure.ts";

/** Messages of the kind that two actors throw to each other. */
interface Ball {
  readonly left: number;
  readonly from: ActorRef<Ball>;
}

type EchoCall = Call<"echo", number, { value: number }>;

const player = defineServer<{ args: () => void; state: () => void; info: Ball }>({
  init: (done) => ok(done),
  handleInfo(message, done, self) {
    if ("left" in message) {
      if (message.left === 0) done();
      else self.send(message.from, { left: message.left - 1, from: self.ref });
    }
    return noreply(done);
  },
});

const echo = defineServer<{ state: undefined; call: EchoCall; cast: "crash" }>({
  init: () => ok(undefined),
  handleCall: (request, _from, state) => reply(request.value, state),
  handleCast() {
    throw crash;
  },
});

/** Made once: what is measured is the restart, not the capture of a stack. */
const crash = new Error("crash");

interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: "ns" | "bytes";
  /** What it is to be seen beside. */
  readonly reference?: boolean;
}

/** The costs of the kernel, each beside a bare queue in the same process. */
export async function kernelFigures(): Promise<Figure[]> {
  const system = createSystem({ logger: silentLogger });
  const figures: Figure[] = [
    { what: "bare queue: push and shift, twice", value: await bareQueue(), unit: "ns", reference: true },
    { what: "message round trip", value: await roundTrip(system), unit: "ns" },
    { what: "call and reply", value: await callAndReply(system), unit: "ns" },
    { what: "spawn and exit under a dynamic supervisor", value: await spawnAndExit(system), unit: "ns" },
    { what: "crash and restart", value: await crashAndRestart(system), unit: "ns" },
    { what: "start of one of 1,000 children", value: await startMany(system, 1000), unit: "ns" },
    { what: "start of one of 100,000 children", value: await startMany(system, 100_000), unit: "ns" },
    { what: "idle actor", value: await idleActor(system), unit: "bytes" },
  ];
  await system.shutdown("infinity");
  return figures;
}

function bareQueue(): Promise<number> {
  const queue: object[] = [];
  return nanosPerOperation(1_000_000, (count) => {
    for (let left = count; left > 0; left -= 1) {
      queue.push({ left });
      queue.shift();
      queue.push({ left });
      queue.shift();
    }
  });
}

function roundTrip(system: System): Promise<number> {
  return nanosPerOperation(200_000, async (count) => {
    await new Promise<void>((done) => {
      const first = system.spawn(player, done);
      const second = system.spawn(player, done);
      system.send(first, { left: count * 2, from: second });
    });
  });
}

/** Calls from within an actor, one after the other, as a server that asks another one does. */
function callAndReply(system: System): Promise<number> {
  const callee = system.spawn(echo);
  return nanosPerOperation(100_000, async (count) => {
    for (let value = count; value > 0; value -= 1) await system.call(callee, { type: "echo", value });
  });
}

function spawnAndExit(system: System): Promise<number> {
  const supervisor = system.spawn(
    defineDynamicSupervisor<undefined>({
      child: { start: () => child(echo), restart: "temporary", shutdown: "brutalKill" },
    }),
  );
  return nanosPerOperation(30_000, async (count) => {
    for (let left = count; left > 0; left -= 1) {
      const started = await startDynamicChild(system, supervisor, undefined);
      if (started.ok && started.child !== undefined) await terminateChild(system, supervisor, started.child);
    }
  });
}

/** A child that says when it is up, and a driver that then crashes it: nothing but crashes and restarts. */
async function crashAndRestart(system: System): Promise<number> {
  const fragile = defineServer<{ state: undefined; cast: "crash" }>({
    init(_args, self) {
      self.send("driver", self.ref);
      return ok(undefined);
    },
    handleCast() {
      throw crash;
    },
  });
  const driver = defineServer<{
    state: { left: number; done: () => void };
    call: Call<"run", undefined, { count: number }>;
    info: Castable<"crash">;
  }>({
    init: () => ok({ left: 0, done: () => undefined }),
    handleCall: (request, from) => noreply({ left: request.count, done: () => from.reply(undefined) }),
    handleInfo(message, { left, done }, self) {
      if (!(message instanceof Pid)) return noreply({ left, done });
      if (left === 0) done();
      else self.cast(message, "crash");
      return noreply({ left: left - 1, done });
    },
  });
  const driving = system.spawn(driver, undefined, { name: "driver" });
  const restarts = defineSupervisor({ intensity: 1e9, children: [{ id: "fragile", start: child(fragile) }] });
  return nanosPerOperation(30_000, async (count) => {
    const counted = system.call(driving, { type: "run", count }, { timeoutMs: "infinity" });
    const supervisor = system.spawn(restarts);
    await counted;
    system.exit(supervisor, shutdown());
  });
}

/** Of one start, when so many are started and stopped together: the same for few and many, or it is not linear. */
function startMany(system: System, many: number): Promise<number> {
  return nanosPerOperation(many, async (count) => {
    const supervisor = system.spawn(
      defineDynamicSupervisor<undefined>({ child: { start: () => child(echo), restart: "temporary" } }),
    );
    for (let left = count; left > 0; left -= 1) await startDynamicChild(system, supervisor, undefined);
    system.kill(supervisor);
    await system.idle();
  });
}

function idleActor(system: System): Promise<number> {
  return bytesPerThing(100_000, async (count) => {
    const actors = Array.from({ length: count }, () => system.spawn(echo));
    await system.idle();
    return actors;
  });
}
