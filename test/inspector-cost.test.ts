import { createSystem, defineServer, noreply, ok, silentLogger } from "@espalier/actors";
import { ManualClock } from "@espalier/actors/testing";
import { inspector } from "@espalier/inspector";
import { expect, test } from "vitest";

test("an attached inspector has no event made of a message, a call, a timer or a link", async () => {
  const clock = new ManualClock();
  const system = createSystem({ host: clock, logger: silentLogger });
  const inspected = inspector(system);
  const ids: number[] = [];
  system.trace(({ id }) => ids.push(id), { detail: "life", types: ["spawn"] });
  const idle = defineServer({ name: "idle", init: () => ok(undefined) });
  const busy = defineServer<{ info: number }>({
    name: "busy",
    init: () => ok(undefined),
    handleInfo(left, _state, self) {
      if (typeof left === "number" && left > 0) {
        self.send(self.ref, left - 1);
        self.cancelTimer(self.sendAfter(self.ref, 0, 1000));
        self.unlink(self.spawnLink(idle));
        self.abandonRequest(self.sendRequest("nobody", {}));
      }
      return noreply(undefined);
    },
  });
  const ref = system.spawn(busy);
  await clock.advance(0);
  system.send(ref, 100);
  await clock.advance(0);
  expect(ids.length).toBe(101);
  // Ids count all events that are made: of each actor that it was spawned, and that it has started.
  expect((ids.at(-1) ?? Infinity) - (ids[0] ?? 0)).toBeLessThan(2 * ids.length);
  await inspected.close();
  const ended = system.shutdown();
  await clock.advance(0);
  await ended;
});
