import { describe } from "vitest";
import { transportLaws } from "../../sockets/test/support/transport-parity.ts";
import type { Subject } from "../../sockets/test/support/transport-world.ts";
import { Choices, type Chooser } from "../src/choices.ts";
import { type SimNetworkOptions, simNetwork } from "../src/network.ts";
import { World } from "../src/world.ts";
import { chance, ordinary } from "./support/chooser.ts";

function simulated(chooser: Chooser, options?: SimNetworkOptions): Subject {
  const world = new World(new Choices(chooser));
  const transport = simNetwork(world, options);
  return {
    transport,
    beyondBuffers: 200_000,
    openHandles: () => transport.openSockets + transport.openListeners,
    time: { pass: () => world.advance(Number.MAX_VALUE) },
  };
}

/** All that TCP itself may do to a connection that nobody disturbs. */
const LAWFUL = ["net", "chunk", "write"] as const;

describe("a simulated network", () => {
  describe("in which everything is ordinary", () => {
    transportLaws(simulated(ordinary));
  });

  describe.each([1, 2, 3])("in which everything may be late, cut and taken in parts, by chance (seed %i)", (seed) => {
    transportLaws(simulated(chance(seed, LAWFUL)));
  });

  describe("that is always late, cut and full", () => {
    transportLaws(simulated(chance(4, LAWFUL, 1), { capacity: 4096 }));
  });
});
