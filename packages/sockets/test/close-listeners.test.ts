import { describe, expect, test } from "vitest";
import { echo } from "./support/handlers.ts";
import { useWorld, world } from "./support/server-world.ts";

function open(): string[] {
  return world.sockets.listeners().map(({ id }) => id);
}

describe("closing", () => {
  useWorld("memory");

  test("a name without an address is closing all listeners of that name", async () => {
    for (const on of ["127.0.0.1:6000", 6001, "unix:/run/app.sock"]) await world.open(echo, { on });
    await world.open(echo, { name: "other", on: 6002 });
    await world.sockets.close("echo");
    expect(open()).toEqual(["other:6002"]);
    await expect(world.sockets.close("echo")).rejects.toMatchObject({ code: "ERR_UNKNOWN_LISTENER", listener: "echo" });
  });

  test("a port alone is closing those of that name on this port, whatever their address", async () => {
    await world.open(echo, { on: "127.0.0.1:6000" });
    await world.open(echo, { name: "other", on: "127.0.0.1:6001" });
    await world.open(echo, { on: "127.0.0.1:6002" });
    await world.sockets.close("echo", 6000);
    expect(open()).toEqual(["other:127.0.0.1:6001", "echo:127.0.0.1:6002"]);
    await expect(world.sockets.close("echo", 6001)).rejects.toMatchObject({ listener: "echo:6001" });
  });

  test("the port that was found for port 0 will do", async () => {
    const listener = await world.open(echo);
    await world.sockets.close("echo", listener.port);
    expect(listener.status).toBe("down");
  });

  test("port 0 means the listener that was opened with it, and no other", async () => {
    await world.open(echo, { on: "127.0.0.1:0" });
    await world.open(echo, { on: 0 });
    await world.sockets.close("echo", 0);
    expect(open()).toEqual(["echo:127.0.0.1:0"]);
    await expect(world.sockets.close("echo", 0)).rejects.toMatchObject({ code: "ERR_UNKNOWN_LISTENER" });
  });

  test("an address is closing that one only", async () => {
    await world.open(echo, { on: "127.0.0.1:6000" });
    await world.open(echo, { on: "127.0.0.2:6001" });
    await expect(world.sockets.close("echo", "127.0.0.2:6000")).rejects.toMatchObject({ code: "ERR_UNKNOWN_LISTENER" });
    await world.sockets.close("echo", "127.0.0.2:6001");
    expect(open()).toEqual(["echo:127.0.0.1:6000"]);
  });
});

describe("finding", () => {
  useWorld("memory");

  test("a listener by name and address, as long as it is open", async () => {
    const listener = await world.open(echo, { on: "127.0.0.1:6000", maxClients: 7 });
    const found = world.sockets.listener("echo", { host: "127.0.0.1", port: 6000 });
    expect(found).toMatchObject({ id: listener.id, port: 6000, maxClients: 7 });
    expect(found?.supervisor).toBe(listener.supervisor);
    expect(world.system.isAlive(listener.supervisor as NonNullable<typeof listener.supervisor>)).toBe(true);
    expect(world.sockets.listener("echo", 6000)).toBeUndefined();
    await listener.close();
    expect(world.sockets.listener("echo", "127.0.0.1:6000")).toBeUndefined();
  });

  test("info says what is to be known, every option with its default among it", async () => {
    const listener = await world.open(echo, { acceptors: 3, maxClients: 7 });
    listener.sleepAcceptors();
    const { options, ...facts } = listener.info;
    expect(facts).toMatchObject({
      id: "echo:127.0.0.1:0",
      name: "echo",
      status: "running",
      transport: "memory",
      handler: expect.any(String) as unknown,
      isAsleep: true,
      currentClients: 0,
    });
    const { accessRules, ...others } = options;
    expect(accessRules).toEqual([{ allow: "all" }]);
    expect(others).toMatchObject({ acceptors: 3, maxClients: 7, idleTimeoutMs: 120_000, reusePort: false, tls: false });
    // What is shown can be given again, and comes out the same.
    await listener.setOptions(options);
    expect(listener.info.options).toEqual(options);
    expect(Object.values(options)).not.toContain(undefined);
  });
});
