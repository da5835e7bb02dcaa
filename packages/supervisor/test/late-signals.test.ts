import { createSystem, shutdown, type Simulation, type System } from "@espalier/actors";
import { ManualClock } from "@espalier/actors/testing";
import {
  child,
  defineDynamicSupervisor,
  defineSupervisor,
  startDynamicChild,
  SupervisorReport,
  terminateChild,
} from "@espalier/supervisor";
import { describe, expect, test } from "vitest";
import { steady } from "./support/actors.ts";
import { actorAt, collectReports, living, startRoot, worker } from "./support/tree.ts";

/** Has signals between actors arrive one by one, in the order in which they were sent, and each when all is quiet. */
class Slow implements Simulation {
  isOn = false;
  readonly #late: Array<() => void> = [];

  crashAt(): undefined {
    return undefined;
  }

  delays(_from: unknown, _to: unknown, arrive: () => void): boolean {
    if (this.isOn) this.#late.push(arrive);
    return this.isOn;
  }

  lateness(): number {
    return 0;
  }

  async run(system: System): Promise<void> {
    await system.idle();
    for (let arrive = this.#late.shift(); arrive !== undefined; arrive = this.#late.shift()) {
      arrive();
      await system.idle();
    }
  }
}

describe("a child that was sent its end before its supervisor tells it to stop, and whose signals are late,", () => {
  test("has ended as it did for a static supervisor", async () => {
    const slow = new Slow();
    const system = createSystem({ host: new ManualClock({ simulation: slow }) });
    const reports = collectReports(system);
    const sup = await startRoot(system, defineSupervisor({ children: [worker("a", steady)] }));
    slow.isOn = true;
    const terminated = terminateChild(system, sup, "a");
    system.exit(actorAt(system, "sup/a"), shutdown());
    await slow.run(system);
    await expect(terminated).resolves.toEqual({ ok: true });
    expect(living(system)).toEqual(["sup#1"]);
    expect(reports.filter((report) => report instanceof SupervisorReport)).toEqual([]);
  });

  test("has ended as it did for a dynamic supervisor, as each of several has", async () => {
    const slow = new Slow();
    const system = createSystem({ host: new ManualClock({ simulation: slow }) });
    const reports = collectReports(system);
    const sup = await startRoot(system, defineDynamicSupervisor({ child: { start: () => child(steady) } }));
    await Promise.all([1, 2, 3].map(() => startDynamicChild(system, sup, undefined)));
    slow.isOn = true;
    system.exit(sup, shutdown());
    for (const path of ["sup/2", "sup/3"]) system.exit(actorAt(system, path), shutdown());
    await slow.run(system);
    expect(living(system)).toEqual([]);
    expect(reports.filter((report) => report instanceof SupervisorReport)).toEqual([]);
  });
});
