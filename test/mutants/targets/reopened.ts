import { type Listener, startSockets } from "@espalier/sockets";
import * as fc from "fast-check";
import { type Invariant, standard } from "../kit.ts";
import { connectionsKeepTime } from "./connection-laws.ts";
import { nobodyCrashesUnasked } from "./crash-law.ts";
import { echoMachine } from "./echo.ts";
import { listenersAreTidy } from "./listener-laws.ts";
import { Operations, operationsEnd } from "./operations.ts";
import type { TargetCase } from "./target-case.ts";

interface Knobs {
  readonly acceptors: number;
}

/** So often its supervisor is asked something while it is suspended, and may fail in that. */
const LOOKS = 4;

class Reopened extends Operations {
  readonly listener: Listener;

  constructor(listener: Listener) {
    super();
    this.listener = listener;
  }

  get port(): number {
    return this.listener.port;
  }

  reopen(): Promise<void> {
    return this.perform(async ({ listener }) => {
      await listener.suspend();
      for (let look = 0; look < LOOKS; look += 1) await listener.children().catch(() => []);
      await listener.resume();
    });
  }
}

/** A listener that is to go on being suspended says so. */
function unlessSuspended(law: Invariant): Invariant {
  return {
    ...law,
    watch: (run) => {
      const watch = law.watch(run);
      return {
        ...watch,
        after: (phase) => {
          if (run.handle instanceof Reopened && run.handle.listener.status === "running") watch.after?.(phase);
        },
      };
    },
  };
}

/** A listener that is suspended for a moment: what it was before may still be ending when it listens again. */
export const reopened: TargetCase<Knobs> = {
  name: "reopened",
  target: {
    async start({ system, transport, knobs }) {
      const sockets = await startSockets(system, { transport });
      return new Reopened(await sockets.open("reopened", 5000, { ...knobs, packet: "line" }, echoMachine));
    },
    operations: { reopen: (handle) => (handle as Reopened).reopen() },
    knobs: { acceptors: [1, 2] },
    probe: { ops: [{ type: "send", bytes: new TextEncoder().encode("probe\n") }], receives: "probe\n" },
  },
  invariants: [
    nobodyCrashesUnasked,
    ...standard().map((law) => (law.id === "I8-probe" ? unlessSuspended(law) : law)),
    operationsEnd,
    listenersAreTidy,
    connectionsKeepTime(),
  ],
  // Whether there are clients makes no difference to that.
  peers: fc.constant([]),
};
