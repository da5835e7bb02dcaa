import { createSystem, InjectedCrashError, type InjectedEnd, type Simulation } from "@espalier/actors";
import { ManualClock } from "@espalier/actors/testing";
import { memoryTransport } from "@espalier/sockets/testing";
import { startSockets } from "@espalier/sockets";
import { expect, test } from "vitest";
import { echo } from "./support/handlers.ts";

/** Ends actors before the effects that these patterns match, each once, when it is told to begin. */
class Crashes implements Simulation {
  hasBegun = false;
  readonly #patterns: RegExp[];

  constructor(patterns: readonly RegExp[]) {
    this.#patterns = [...patterns];
  }

  get left(): number {
    return this.#patterns.length;
  }

  crashAt({ path }: { readonly path: string }, effect: string): InjectedEnd | undefined {
    if (!this.hasBegun) return undefined;
    const place = this.#patterns.findIndex((pattern) => pattern.test(`${path} ${effect}`));
    if (place < 0) return undefined;
    this.#patterns.splice(place, 1);
    return "throw";
  }

  delays(): boolean {
    return false;
  }

  lateness(): number {
    return 0;
  }
}

const ways: ReadonlyArray<readonly [string, readonly RegExp[]]> = [
  ["an acceptor fails to start", [/acceptor_sup\/1 start$/]],
  ["each of them does", [/acceptor_sup\/1 start$/, /acceptor_sup\/2 start$/, /acceptor_sup\/3 start$/]],
  ["the starter dies half-way", [/starter receive$/]],
  ["the starter dies at once", [/starter start$/]],
];

test.each(ways)(
  "a listener that is started anew has all its acceptors, and not one more, though %s",
  async (_name, patterns) => {
    const crashes = new Crashes(patterns);
    const clock = new ManualClock({ simulation: crashes });
    const system = createSystem({ host: clock });
    const sockets = await startSockets(system, { transport: memoryTransport() });
    const listener = await sockets.open("echo", 5000, { acceptors: 3 }, echo);
    const listening = system.inspect().processes.find(({ definition }) => definition === "listener");
    crashes.hasBegun = true;
    if (listening !== undefined) system.kill(listening.pid);
    await clock.advance(1000);
    expect(crashes.left).toBe(0);
    expect(await listener.acceptors()).toHaveLength(3);
    await system.shutdown();
  },
);

test("a listener whose acceptors fail to start is not opened, and leaves nothing behind", async () => {
  const crashes = new Crashes([/acceptor_sup\/2 start$/]);
  crashes.hasBegun = true;
  const system = createSystem({ host: new ManualClock({ simulation: crashes }) });
  const transport = memoryTransport();
  const sockets = await startSockets(system, { transport });
  await expect(sockets.open("echo", 5000, { acceptors: 3 }, echo)).rejects.toThrow(InjectedCrashError);
  expect(transport.openListeners).toBe(0);
  const listener = await sockets.open("echo", 5000, { acceptors: 3 }, echo);
  expect(await listener.acceptors()).toHaveLength(3);
  await system.shutdown();
});
