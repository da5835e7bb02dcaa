import type { Address, DatagramEvents, DatagramSocket, DatagramTransport } from "@espalier/sockets";
import { udpTransport } from "@espalier/sockets";
import { memoryDatagrams } from "@espalier/sockets/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

/** Keeps everything that happens on one socket, and lets a test wait for it. */
class Recorder {
  readonly log: string[] = [];
  readonly socket: DatagramSocket;
  address: Address = { host: "", port: 0 };
  readonly #waiting = new Set<() => void>();
  #isInCall = false;

  /** `host: "any"` for none, all addresses of this machine. */
  constructor(transport: DatagramTransport, port = 0, host = "127.0.0.1") {
    const note = (text: string): void => {
      this.log.push(this.#isInCall ? `within a call: ${text}` : text);
      for (const look of this.#waiting) look();
    };
    const events: DatagramEvents = {
      bound: (address) => {
        this.address = address;
        note("bound");
      },
      failed: (code) => note(`failed ${code}`),
      received: (bytes, from) => note(`received ${Buffer.from(bytes).toString()} from ${from.host}:${from.port}`),
      sendFailed: ({ port: to }, code) => note(`sendFailed ${to} ${code}`),
      ended: () => note("ended"),
      closed: () => note("closed"),
    };
    this.socket = this.#call(() => transport.bind({ port, ...(host !== "any" && { host }) }, events));
  }

  send(data: string | Uint8Array, to: Address): boolean {
    return this.#call(() => this.socket.send(Buffer.from(data), to));
  }

  close(): void {
    this.#call(() => this.socket.close());
  }

  async has(count: number): Promise<readonly string[]> {
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (this.log.length < count) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
    return this.log;
  }

  #call<Result>(call: () => Result): Result {
    this.#isInCall = true;
    try {
      return call();
    } finally {
      this.#isInCall = false;
    }
  }
}

const subjects = [
  ["memory", () => memoryDatagrams()],
  ["udp", () => udpTransport()],
] as const;

let transport: DatagramTransport;
let recorders: Recorder[];

async function bind(port?: number, host?: string): Promise<Recorder> {
  const recorder = new Recorder(transport, port, host);
  recorders.push(recorder);
  await recorder.has(1);
  return recorder;
}

afterEach(async () => {
  for (const { socket } of recorders) socket.close();
  for (const recorder of recorders) {
    if (recorder.log[0] === "bound" && !recorder.log.includes("closed")) await recorder.has(recorder.log.length + 1);
  }
  const faults = recorders.flatMap(({ log }) => log.filter((text) => text.startsWith("within")));
  if (faults.length > 0) throw new Error(faults.join("; "));
});

describe.each(subjects)("%s", (name, make) => {
  beforeEach(() => {
    transport = make();
    recorders = [];
  });

  test("a socket finds a free port, and gets datagrams uncut, in order, with their sender's address", async () => {
    const [one, other] = [await bind(), await bind()];
    for (const data of ["a", "", "ccc"]) expect(one.send(data, other.address)).toBe(true);
    const { port } = one.address;
    expect(await other.has(4)).toEqual([
      "bound",
      `received a from 127.0.0.1:${port}`,
      `received  from 127.0.0.1:${port}`,
      `received ccc from 127.0.0.1:${port}`,
    ]);
    expect([other.address.port === port, other.address.host]).toEqual([false, "127.0.0.1"]);
  });

  test("what was given to send may be changed when it is sent", async () => {
    const [one, other] = [await bind(), await bind()];
    const data = Buffer.from("first");
    one.send(data, other.address);
    await other.has(2);
    data.write("other");
    expect(other.log[1]).toContain("first");
  });

  test("a port that somebody has cannot be bound, and is free once that is closed", async () => {
    const first = await bind();
    const { port } = first.address;
    const second = await bind(port);
    expect(second.log).toEqual(["failed EADDRINUSE"]);
    expect(second.send("x", first.address)).toBe(false);
    first.close();
    first.close();
    expect(await first.has(2)).toEqual(["bound", "closed"]);
    expect((await bind(port)).log).toEqual(["bound"]);
  });

  test("what is too large is told afterwards, and the socket goes on", async () => {
    const [one, other] = [await bind(), await bind()];
    expect(one.send(Buffer.alloc(65_508), other.address)).toBe(true);
    one.send("small", other.address);
    expect(await one.has(2)).toEqual(["bound", `sendFailed ${other.address.port} EMSGSIZE`]);
    expect((await other.has(2))[1]).toContain("small");
  });

  test("a socket that is closed sends nothing and gets nothing", async () => {
    const [one, other] = [await bind(), await bind()];
    one.send("lost", other.address);
    other.close();
    expect(await other.has(2)).toEqual(["bound", "closed"]);
    expect(other.send("x", one.address)).toBe(false);
    one.send("to nobody", other.address);
    const { port } = other.address;
    // Whoever has the port now, if anybody, is a stranger.
    const again = await bind(port);
    one.send("hello", again.address);
    expect((await again.has(2))[1]).toContain("hello");
    expect(one.log.filter((text) => text.startsWith("received"))).toEqual([]);
  });

  test("one that is closed before it is open says what became of it", async () => {
    const recorder = new Recorder(transport);
    recorders.push(recorder);
    recorder.close();
    await recorder.has(1);
    const [outcome] = recorder.log;
    expect(outcome).toMatch(name === "udp" ? /^failed ECANCELED$/u : /^bound$/u);
  });
});

describe("udp", () => {
  beforeEach(() => {
    transport = udpTransport();
    recorders = [];
  });

  test("names are looked up", async () => {
    expect((await bind(0, "localhost")).log).toEqual(["bound"]);
    expect((await bind(0, "no-such-host.invalid")).log[0]).toMatch(/^failed E/u);
    expect((await bind(0, "192.0.2.1")).log).toEqual(["failed EADDRNOTAVAIL"]);
  });

  test("a sender that calls itself port 0 gets no answer, and harms nobody", async () => {
    const one = await bind();
    expect(one.send("x", { host: "127.0.0.1", port: 0 })).toBe(true);
    expect(await one.has(2)).toEqual(["bound", "sendFailed 0 EINVAL"]);
  });

  test("what the system refuses to send is told by its code", async () => {
    const one = await bind();
    one.send("x", { host: "255.255.255.255", port: 9 });
    expect((await one.has(2))[1]).toMatch(/^sendFailed 9 E[A-Z]+$/u);
  });

  test("a socket on all addresses shows and reaches IPv4 as such", async () => {
    const all = new Recorder(transport, 0, "any");
    recorders.push(all);
    await all.has(1);
    const one = await bind();
    one.send("hello", { host: "127.0.0.1", port: all.address.port });
    expect((await all.has(2))[1]).toBe(`received hello from 127.0.0.1:${one.address.port}`);
    all.send("back", one.address);
    expect((await one.has(2))[1]).toContain("received back");
  });

  test("a buffer that is made larger while the socket is open keeps what it would have dropped", async () => {
    const [one, other] = [await bind(), await bind()];
    const flood = async (round: number): Promise<number> => {
      const before = other.log.length;
      for (let count = 0; count < 50; count += 1) one.send(Buffer.alloc(1000, "x"), other.address);
      // When one has been read there is room for another.
      await other.has(before + 1);
      one.send(`end ${round}`, other.address);
      const isOver = (): boolean => other.log.at(-1)?.includes(`end ${round}`) === true;
      while (!isOver()) await other.has(other.log.length + 1);
      return other.log.length - before - 1;
    };
    expect(other.socket.setBuffer?.("receiveBuffer", 1)).toBeUndefined();
    expect(await flood(1)).toBeLessThan(50);
    expect(other.socket.setBuffer?.("receiveBuffer", 200_000)).toBeUndefined();
    expect(await flood(2)).toBe(50);
    other.close();
    expect(other.socket.setBuffer?.("sendBuffer", 1)).toBeUndefined();
  });

  test("buffers of any size are taken", async () => {
    const log: string[] = [];
    await new Promise<void>((resolve) => {
      const socket = transport.bind(
        { host: "127.0.0.1", port: 0, receiveBuffer: 262_144, sendBuffer: 1 },
        {
          bound: () => socket.close(),
          failed: (code) => log.push(code),
          received: () => undefined,
          sendFailed: () => undefined,
          ended: () => undefined,
          closed: () => resolve(),
        },
      );
    });
    expect(log).toEqual([]);
  });

  test.each([["127.0.0.1"], [undefined]])(
    "a size of a buffer that the system refuses is a failure (host: %s)",
    async (host) => {
      const one = await bind();
      const { port } = one.address;
      one.close();
      await one.has(2);
      const code = await new Promise<string>((resolve) => {
        const on = { port, ...(host !== undefined && { host }), receiveBuffer: 2 ** 32 - 1 };
        const ignored = { bound() {}, received() {}, sendFailed() {}, ended() {}, closed() {} };
        transport.bind(on, { ...ignored, failed: resolve });
      });
      expect(code).toBe("ERR_SOCKET_BUFFER_SIZE");
      expect((await bind(port)).log).toEqual(["bound"]);
    },
  );
});
