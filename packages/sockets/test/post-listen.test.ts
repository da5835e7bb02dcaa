import { CallExitError, defineServer, noreply, ok, sys } from "@espalier/actors";
import {
  type Address,
  type ConnectionInput,
  type ListenerOptions,
  type ListeningFacts,
  startSockets,
  type Transport,
} from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import { echo } from "./support/handlers.ts";
import { transports, useWorld, world } from "./support/server-world.ts";
import type { SocketRecorder } from "./support/socket-recorder.ts";

async function echoes(client: SocketRecorder): Promise<boolean> {
  const before = client.receivedBytes;
  client.write("alive");
  await client.until(() => client.isClosed || client.receivedBytes === before + 5);
  return !client.isClosed;
}

/** A hook that keeps what it was told, and answers what comes next in the list. */
function recordingHook(...answers: Array<() => unknown>) {
  const calls: Array<readonly [Address, ListeningFacts]> = [];
  const postListen = (address: Address, facts: ListeningFacts): unknown => {
    calls.push([address, facts]);
    return answers[calls.length - 1]?.();
  };
  return { calls, postListen, occasions: () => calls.map(([, { occasion }]) => occasion) };
}

/** Tells each client what `postListen` has returned. */
const teller = defineServer<{ args: ConnectionInput; state: undefined; info: { readonly type: string } }>({
  name: "teller",
  init({ connection, config }) {
    connection.send(`<${String(config.listenData)}>`);
    return ok(undefined);
  },
  handleInfo: (_message, state) => noreply(state),
});

async function told(port: number): Promise<string> {
  const client = await world.connect(port);
  await client.until(() => client.received.toString().endsWith(">"));
  return client.received.toString();
}

const refusals: ReadonlyArray<readonly [string, (error: Error) => unknown]> = [
  [
    "throws",
    (error) => {
      throw error;
    },
  ],
  ["returns an error", (error) => error],
];

describe.each(transports)("%s", (transport) => {
  useWorld(transport);

  test("it is called when the address is bound, at each start, resume and restart", async () => {
    const { calls, postListen, occasions } = recordingHook();
    const listener = await world.open(echo, { postListen });
    const { id, port } = listener;
    expect(calls).toEqual([[listener.address, { listener: id, name: "echo", occasion: "start" }]]);
    await listener.suspend();
    await listener.resume();
    await world.kill(world.pidOf(listener, "listener"));
    expect(world.logged.splice(0)).toHaveLength(1);
    const again = await world.sockets.reopen("echo", "127.0.0.1:0");
    world.listeners.push(again);
    expect(occasions()).toEqual(["start", "resume", "restart", "start"]);
    expect(calls.map(([address]) => address.port)).toEqual([port, port, port, port]);
  });

  test("a paused listener calls it when it is resumed", async () => {
    const { postListen, occasions } = recordingHook();
    const listener = await world.open(echo, { paused: true, postListen });
    expect(occasions()).toEqual([]);
    await listener.resume();
    expect(occasions()).toEqual(["resume"]);
  });

  test("a client that comes while it runs is served behind it, not before", async () => {
    const clients: SocketRecorder[] = [];
    const postListen = ({ port }: Address): void => {
      clients.push(world.startConnecting(port));
      expect(world.of("connectionStarted")).toHaveLength(clients.length - 1);
    };
    const listener = await world.open(echo, { postListen });
    expect(await echoes(clients[0] as SocketRecorder)).toBe(true);
    await listener.suspend();
    await listener.resume();
    expect(await Promise.all(clients.map(echoes))).toEqual([true, true]);
  });

  test.for(refusals)("one that %s: open fails, and leaves nothing: ERR_POST_LISTEN", async ([, refuse]) => {
    const cause = new Error("not today");
    const { postListen } = recordingHook(() => refuse(cause));
    const before = world.system.inspect().processes.length;
    await expect(world.open(echo, { postListen })).rejects.toMatchObject({
      code: "ERR_POST_LISTEN",
      name: "PostListenError",
      listener: "echo:127.0.0.1:0",
      message: "postListen of echo:127.0.0.1:0 has failed: Error: not today",
      cause,
    });
    expect(world.sockets.listeners()).toEqual([]);
    expect(world.system.inspect().processes).toHaveLength(before);
    expect(world.logged.splice(0)).toEqual([expect.stringContaining("startError")]);
    const listener = await world.open(echo, { postListen });
    expect(await echoes(await world.connect(listener))).toBe(true);
  });

  test("a client that came while it refused is turned away", async () => {
    const clients: SocketRecorder[] = [];
    const postListen = ({ port }: Address): Error => {
      clients.push(world.startConnecting(port));
      return new Error("no");
    };
    await expect(world.open(echo, { postListen })).rejects.toMatchObject({ code: "ERR_POST_LISTEN" });
    expect(await clients[0]?.next("closed")).toMatch(/^ECONN(?:REFUSED|RESET)$/u);
    world.logged.length = 0;
  });

  test.for(refusals)("one that %s: resume fails, and the listener stays suspended", async ([, refuse]) => {
    const cause = new Error("not now");
    const { postListen, occasions } = recordingHook(
      () => undefined,
      () => refuse(cause),
    );
    const listener = await world.open(echo, { postListen });
    const client = await world.connect(listener);
    expect(await echoes(client)).toBe(true);
    await listener.suspend();
    await expect(listener.resume()).rejects.toMatchObject({ code: "ERR_POST_LISTEN", cause });
    expect(listener.status).toBe("suspended");
    expect(await world.startConnecting(listener).next("closed")).toBe("ECONNREFUSED");
    expect(await echoes(client)).toBe(true);
    await listener.resume();
    expect(await echoes(await world.connect(listener))).toBe(true);
    expect(occasions()).toEqual(["start", "resume", "resume"]);
  });

  test("what it returns is shown to connections, those of each time to theirs", async () => {
    const { postListen } = recordingHook(
      () => "first",
      () => "second",
    );
    const listener = await world.open(teller, { postListen });
    expect(await told(listener.port)).toBe("<first>");
    await listener.setOptions({ maxClients: 50 });
    expect(await told(listener.port)).toBe("<first>");
    await listener.suspend();
    await listener.resume();
    expect(await told(listener.port)).toBe("<second>");
    await listener.suspend();
    await listener.resume();
    expect(await told(listener.port)).toBe("<undefined>");
  });

  test("it stands among the options of info, and what it returned does not", async () => {
    const { postListen, occasions } = recordingHook(() => "secret");
    const listener = await world.open(echo, { postListen });
    expect(occasions()).toEqual(["start"]);
    expect(listener.info.options.postListen).toBe(postListen);
    expect(JSON.stringify(listener.info)).not.toContain("secret");
  });

  test("one that is given to an open listener is called from the next time on", async () => {
    const { postListen, occasions } = recordingHook();
    const listener = await world.open(echo);
    await listener.setOptions({ postListen });
    expect(occasions()).toEqual([]);
    await listener.suspend();
    await listener.resume();
    expect(occasions()).toEqual(["resume"]);
  });
});

describe("in memory", () => {
  useWorld("memory");

  test("one that refuses when the listener is started anew is asked again, and connections do not notice", async () => {
    const { postListen, occasions } = recordingHook(
      () => "first",
      () => new Error("no"),
      () => new Error("no"),
      () => "fourth",
    );
    const listener = await world.open(echo, { postListen });
    const client = await world.connect(listener);
    expect(await echoes(client)).toBe(true);
    await world.kill(world.pidOf(listener, "listener"));
    expect(listener.status).toBe("recovering");
    await world.manual.advance(100);
    expect(listener.status).toBe("recovering");
    expect(await echoes(client)).toBe(true);
    await world.manual.advance(200);
    expect([listener.status, occasions()]).toEqual(["running", ["start", "restart", "restart", "restart"]]);
    expect(await echoes(await world.connect(listener))).toBe(true);
    expect(world.logged.splice(0).slice(1)).toEqual([
      "warn listener echo:127.0.0.1:0 cannot listen any more, and goes on trying: postListen of echo:127.0.0.1:0 has failed: Error: no",
    ]);
  });

  test("it may change options, and they stay", async () => {
    const listener = await world.open(teller, { maxClients: 6 });
    const postListen = (): string => {
      void listener.setOptions({ maxClients: 7 });
      return "told";
    };
    await listener.setOptions({ postListen });
    await listener.suspend();
    await listener.resume();
    await world.settle();
    expect([listener.maxClients, await told(listener.port)]).toEqual([7, "<told>"]);
    await listener.setOptions({ backlog: 5 });
    expect(listener.maxClients).toBe(7);
  });

  test("what it returns stays when options that were given before cannot be put into effect", async () => {
    const { postListen } = recordingHook(
      () => "first",
      () => "second",
    );
    const listener = await world.open(teller, { postListen });
    const acceptors = world.pidOf(listener, "acceptor_sup");
    await sys.suspend(world.system, acceptors);
    const changed = listener.setOptions({ acceptors: 5 }).catch((error: unknown) => error);
    await listener.suspend();
    await listener.resume();
    await world.kill(acceptors);
    expect(world.logged.splice(0)).toHaveLength(1);
    expect(await changed).toBeInstanceOf(CallExitError);
    expect(await told(listener.port)).toBe("<second>");
  });

  test.for([Promise.resolve("late"), "rejected"])("a promise is refused, settled how it may", async (outcome) => {
    const postListen = (): unknown => (outcome === "rejected" ? Promise.reject(new Error("late")) : outcome);
    await expect(world.open(echo, { postListen })).rejects.toMatchObject({
      code: "ERR_POST_LISTEN",
      cause: new TypeError("postListen must not be asynchronous"),
    });
    world.logged.length = 0;
  });

  test("with several sockets it is called once, when all of them are bound", async () => {
    const bound: number[] = [];
    const postListen = (): void => void bound.push(world.memory.openListeners);
    const options: ListenerOptions = { reusePort: true, listenSockets: 3, postListen };
    const listener = await world.open(echo, options);
    expect(bound).toEqual([3]);
    expect(await echoes(await world.connect(listener))).toBe(true);
  });

  test("those who come when only some of several sockets are bound wait for the others, and for it", async () => {
    const { watched } = world;
    const held: Array<() => void> = [];
    let asked = 0;
    const slow: Transport = {
      ...watched,
      listen(options, events) {
        asked += 1;
        const isLast = asked % 3 === 0;
        const listening = (address: Address): void => events.listening(address);
        return watched.listen(options, {
          listening: (address) => (isLast ? held.push(() => listening(address)) : listening(address)),
          failed: (code) => events.failed(code),
          closed: () => events.closed(),
          accepted: (socket) => events.accepted(socket),
        });
      },
    };
    const { postListen, occasions } = recordingHook();
    const server = await startSockets(world.system, { name: "slow", transport: slow });
    const options: ListenerOptions = { reusePort: true, listenSockets: 3, postListen, paused: true };
    const listener = await server.open("echo", "127.0.0.1:6000", options, echo);
    world.listeners.push(listener);
    const resumed = listener.resume();
    await world.settle();
    const clients = Array.from({ length: 9 }, () => world.startConnecting(6000));
    await world.settle();
    expect([occasions(), world.of("connectionStarted"), held.length]).toEqual([[], [], 1]);
    for (const release of held) release();
    await resumed;
    expect(await Promise.all(clients.map(echoes))).toEqual(Array(9).fill(true));
    expect(occasions()).toEqual(["resume"]);
  });

  test("what is no function is refused: ERR_INVALID_OPTION", async () => {
    const options = { postListen: "log" } as unknown as ListenerOptions;
    await expect(world.open(echo, options)).rejects.toMatchObject({ issues: [{ option: "postListen" }] });
  });
});

describe("reopening", () => {
  useWorld("memory");

  test("on an address that is taken by now fails, as opening does: ERR_LISTEN", async () => {
    const listener = await world.open(echo);
    await listener.suspend();
    await world.open(echo, { name: "other", on: `127.0.0.1:${listener.port}` });
    await expect(world.sockets.reopen("echo", "127.0.0.1:0")).rejects.toMatchObject({
      code: "ERR_LISTEN",
      reason: "EADDRINUSE",
    });
    expect(world.sockets.listeners().map(({ name }) => name)).toEqual(["other"]);
    world.logged.length = 0;
  });
});
