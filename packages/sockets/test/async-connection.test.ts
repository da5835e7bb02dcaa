import { type AsyncContext, fromAsync, type Pid, shutdown } from "@espalier/actors";
import {
  type AsyncConnection,
  type AsyncConnectionMessage,
  fromConnection,
  type ListenerOptions,
  ReceiveError,
  Received,
} from "@espalier/sockets";
import { describe, expect, expectTypeOf, test } from "vitest";
import { transports, useWorld, world } from "./support/server-world.ts";

const lines: ListenerOptions = { packet: "line" };

describe.each(transports)("%s", (transport) => {
  useWorld(transport);

  describe("recv", () => {
    test("takes a binary protocol apart: header, then body", async () => {
      const handler = fromConnection(async (connection) => {
        for (;;) {
          const header = await connection.recv(2);
          if (header === undefined) return;
          const body = await connection.recv(Buffer.from(header).readUInt16BE());
          if (body === undefined) return;
          connection.send(`<${Buffer.from(body).toString()}>`);
        }
      });
      const listener = await world.open(handler);
      const client = await world.connect(listener);
      for (const byte of Buffer.from("\0\x05hello\0\x00\0\x05world", "latin1")) {
        client.write(Buffer.from([byte]));
        await world.settle();
      }
      client.end();
      await client.next("closed");
      expect(client.received.toString()).toBe("<hello><><world>");
      expect((await world.stopped()).reason).toEqual(shutdown("peerClosed"));
    });

    test("never reads ahead of a function that is slow", async () => {
      const opens: Array<() => void> = [];
      const lengths: number[] = [];
      const handler = fromConnection(async (connection) => {
        for await (const bytes of connection.packets()) {
          lengths.push(bytes.length);
          world.changed();
          await new Promise<void>((resolve) => void opens.push(resolve));
        }
      });
      const listener = await world.open(handler);
      const client = await world.connect(listener);
      const chunk = Buffer.alloc(65_536, "x");
      while (client.write(chunk));
      await world.until(() => lengths.length === 1);
      await world.settle();
      const [pid] = (await listener.connections()) as [Pid];
      expect(listener.connectionOf(pid)?.bytesReceived).toBeLessThanOrEqual(2 * 65_536);
      world.system.kill(pid);
      await world.stopped();
      opens[0]?.();
      await world.settle();
      expect(lengths).toHaveLength(1);
      world.logged.splice(0);
    });

    test("resolves with undefined at the client's end, also for more than it has sent", async () => {
      const seen: unknown[] = [];
      const handler = fromConnection(async (connection) => {
        seen.push(await connection.recv(10), Buffer.from((await connection.recv()) ?? "").toString());
        seen.push(await connection.recv(), await connection.recv(1));
        connection.send("I have seen you go");
      });
      const client = await world.connect(await world.open(handler));
      client.write("short");
      client.end();
      expect(await client.next("closed")).toBeUndefined();
      expect(seen).toEqual([undefined, "short", undefined, undefined]);
      expect(client.received.toString()).toBe("I have seen you go");
    });

    test("throws what the connection breaks of; not caught, that is an orderly end", async () => {
      let caught: unknown;
      const handler = fromConnection(async (connection) => {
        try {
          await connection.recv();
        } catch (error) {
          caught = error;
          throw error;
        }
      });
      const listener = await world.open(handler);
      const client = await world.connect(listener);
      await world.settle();
      client.close("reset");
      expect((await world.stopped()).reason).toEqual(shutdown("ECONNRESET"));
      expect(caught).toBeInstanceOf(ReceiveError);
      expect(caught).toMatchObject({ code: "ERR_RECEIVE", reason: "ECONNRESET" });
    });
  });

  test("a loop that is left, closes the connection behind what was sent", async () => {
    const handler = fromConnection(async (connection) => {
      connection.send("name? ");
      for await (const line of connection) {
        connection.send(`hello ${Buffer.from(line).toString()}`);
        break;
      }
    });
    const listener = await world.open(handler, lines);
    const client = await world.connect(listener);
    client.write("Ada\nnever read\n");
    expect(await client.next("closed")).toBeUndefined();
    expect(client.received.toString()).toBe("name? hello Ada\n");
    expect(listener.shutdownCounts).toEqual({ normal: 1 });
  });

  test("one that has closed its connection itself has nothing more to receive", async () => {
    const handler = fromConnection(async (connection) => {
      for await (const line of connection) {
        connection.send(line);
        connection.close();
      }
    });
    const listener = await world.open(handler, lines);
    const client = await world.connect(listener);
    client.write("go\n");
    await client.next("closed");
    await world.stopped();
    expect(listener.shutdownCounts).toEqual({ normal: 1 });
  });

  test("one that waits for messages and bytes at a time asks for the bytes by message", async () => {
    interface Say {
      readonly type: "say";
      readonly text: string;
    }
    const handler = fromConnection<Say>(async (connection, self) => {
      expectTypeOf(connection).toEqualTypeOf<AsyncConnection>();
      expectTypeOf(self).toEqualTypeOf<AsyncContext<Say | AsyncConnectionMessage>>();
      self.register("room");
      connection.asyncRecv();
      for (;;) {
        const message = await self.receive();
        if (message instanceof Received) {
          if (!message.outcome.ok) return;
          connection.send(message.outcome.data);
          connection.asyncRecv();
        } else if (message.type === "say") {
          connection.send(message.text);
        }
      }
    });
    const listener = await world.open(handler, lines);
    const client = await world.connect(listener);
    client.write("mine\n");
    await client.text(5);
    world.system.send("room", { type: "say", text: "theirs\n" });
    expect(await client.text(12)).toBe("mine\ntheirs\n");
    client.end();
    await client.next("closed");
    expect(listener.shutdownCounts).toEqual({ normal: 1 });
  });

  test("an actor that it is linked to takes it along, unless that ends normally", async () => {
    const handler = fromConnection(async (connection) => {
      for await (const line of connection) connection.send(line);
    });
    const listener = await world.open(handler, lines);
    const client = await world.connect(listener);
    client.write("hello\n");
    await client.text(6);
    const [pid] = (await listener.connections()) as [Pid];
    for (const reason of [{ type: "normal" }, shutdown("together")] as const) {
      world.system.spawn(
        fromAsync(async (self) => {
          self.link(pid);
          self.exit(reason);
        }),
      );
      await world.settle();
      expect(world.system.isAlive(pid)).toBe(reason.type === "normal");
    }
    expect((await world.stopped()).reason).toEqual(shutdown("together"));
  });
});

describe("with time", () => {
  useWorld("memory");

  test("recv throws when the bytes do not come in time, and goes on if that is caught", async () => {
    const handler = fromConnection(async (connection) => {
      for (let asked = 0; asked < 2; asked += 1) {
        try {
          const bytes = await connection.recv(5, { timeoutMs: 1000 });
          connection.send(bytes ?? "");
        } catch (error) {
          connection.send(`${String(error)}; `);
        }
      }
      await connection.recv(1, { timeoutMs: 1000 });
    });
    const listener = await world.open(handler);
    const client = await world.connect(listener);
    await world.manual.advance(999);
    client.write("hell");
    await world.manual.advance(1);
    client.write("o");
    await world.manual.advance(999);
    expect(client.received.toString()).toBe("ReceiveError: nothing can be received: timeout; hello");
    expect(listener.currentClients).toBe(1);
    await world.manual.advance(1);
    expect(listener.shutdownCounts).toEqual({ timeout: 1 });
  });

  test("a client is silent for as long as it was listened to, however often that was begun anew", async () => {
    const starts: Array<() => void> = [];
    const handler = fromConnection(async (connection) => {
      for (let count = 1; ; count += 1) {
        try {
          connection.send((await connection.recv(undefined, { timeoutMs: 500 })) ?? "");
        } catch (error) {
          if (!(error instanceof ReceiveError && error.reason === "timeout")) throw error;
        }
        if (count % 3 === 0) await new Promise<void>((resolve) => void starts.push(resolve));
      }
    });
    const listener = await world.open(handler, { ...lines, idleTimeoutMs: 2000 });
    await world.connect(listener);
    await world.manual.advance(1500);
    // It does other things for a while.
    await world.manual.advance(10_000);
    starts[0]?.();
    await world.manual.advance(499);
    expect(listener.currentClients).toBe(1);
    await world.manual.advance(1);
    expect(listener.shutdownCounts).toEqual({ idleTimeout: 1 });
  });

  test("a client is not silent to a function that does not listen", async () => {
    const starts: Array<() => void> = [];
    const handler = fromConnection(async (connection) => {
      await new Promise<void>((resolve) => void starts.push(resolve));
      for await (const line of connection) connection.send(line);
    });
    const listener = await world.open(handler, { ...lines, idleTimeoutMs: 1000 });
    const client = await world.connect(listener);
    client.write("hello\n");
    await world.manual.advance(1500);
    starts[0]?.();
    await world.manual.advance(0);
    expect(client.received.toString()).toBe("hello\n");
    await world.manual.advance(1000);
    expect(listener.shutdownCounts).toEqual({ idleTimeout: 1 });
  });
});
