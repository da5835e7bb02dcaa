import { createSystem, InjectedCrashError } from "@espalier/actors";
import { Crashes, ManualClock } from "@espalier/actors/testing";
import { memoryTransport } from "@espalier/sockets/testing";
import { startSockets } from "@espalier/sockets";
import { expect, test } from "vitest";
import { echo } from "./support/handlers.ts";
import { SocketRecorder } from "./support/socket-recorder.ts";

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
    crashes.isOn = false;
    const clock = new ManualClock({ simulation: crashes });
    const system = createSystem({ host: clock });
    const sockets = await startSockets(system, { transport: memoryTransport() });
    const listener = await sockets.open("echo", 5000, { acceptors: 3 }, echo);
    const listening = system.inspect().processes.find(({ definition }) => definition === "listener");
    crashes.isOn = true;
    if (listening !== undefined) system.kill(listening.pid);
    await clock.advance(1000);
    expect(crashes.left).toBe(0);
    expect(await listener.acceptors()).toHaveLength(3);
    await system.shutdown();
  },
);

test("a listener whose acceptors fail to start is not opened, and leaves nothing behind", async () => {
  const crashes = new Crashes([/acceptor_sup\/2 start$/]);
  const system = createSystem({ host: new ManualClock({ simulation: crashes }) });
  const transport = memoryTransport();
  const sockets = await startSockets(system, { transport });
  await expect(sockets.open("echo", 5000, { acceptors: 3 }, echo)).rejects.toThrow(InjectedCrashError);
  expect(transport.openListeners).toBe(0);
  const listener = await sockets.open("echo", 5000, { acceptors: 3 }, echo);
  expect(await listener.acceptors()).toHaveLength(3);
  await system.shutdown();
});

test.each(["throw", "kill"] as const)(
  "an acceptor that dies while it hands a connection over takes the socket along, and no place is kept for it (%s)",
  async (end) => {
    for (const effect of ["send", "give"]) {
      const clock = new ManualClock({ simulation: new Crashes([new RegExp(`acceptor_sup/1 ${effect}$`)], end) });
      const system = createSystem({ host: clock });
      const transport = memoryTransport();
      const sockets = await startSockets(system, { transport });
      const listener = await sockets.open("echo", 5000, { acceptors: 1, maxClients: 1 }, echo);
      const lost = new SocketRecorder((name, self) => void (name === "end" && self.close("now")));
      lost.attach(transport.connect({ host: "127.0.0.1", port: 5000 }, lost.events));
      lost.resume();
      await clock.advance(1000);
      expect(lost.isClosed).toBe(true);
      expect(listener.stats).toMatchObject({ accepted: 0, closedOther: 1 });
      const served = new SocketRecorder();
      served.attach(transport.connect({ host: "127.0.0.1", port: 5000 }, served.events));
      served.resume();
      await clock.advance(1000);
      expect(listener.currentClients).toBe(1);
      served.close("now");
      await clock.advance(1000);
      await system.shutdown();
    }
  },
);
