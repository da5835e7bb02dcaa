import { type CustomFraming, type Framing, fromConnection, InvalidOptionError, packetMachine } from "@espalier/sockets";
import { flood, pair } from "./puppet.ts";
import type { Scene, Stage } from "./stage.ts";
import { textOf, type Visitor } from "./visitor.ts";

const echo = packetMachine({ onData: (connection, data) => void connection.send(data) });

/** First byte, and then so many. */
const counted: CustomFraming = {
  maxHeaderBytes: 1,
  lengthOf(bytes, start) {
    const rest = bytes[start] ?? 0;
    if (rest > 100) throw new Error("it is no packet");
    return 1 + rest;
  },
};

/** Whatever was said comes back packet by packet, empty ones too. */
function framed(packet: Framing | CustomFraming, said: string): Scene {
  return async (stage) => {
    const listener = await stage.open({ packet }, echo);
    const visitor = stage.visit(listener).say(said);
    await stage.reads(visitor, said);
  };
}

/** What was said ends the connection, for this reason. */
function refused(options: Parameters<Stage["open"]>[0], said: string, reason: string, withinMs?: number): Scene {
  return async (stage) => {
    const { visitor, puppet } = await pair(stage, options);
    puppet.connection.activate(true);
    visitor.say(said);
    await stage.until("he is sent away", () => visitor.isOver, withinMs);
    stage.equal(puppet.heard.at(-1), `error:${reason}`, "the last that a handler has heard");
    stage.equal(visitor.over, "ECONNRESET", "how it ends");
  };
}

async function readAll(stage: Stage, visitor: Visitor, bytes: number): Promise<void> {
  const before = visitor.bytes;
  visitor.listen();
  await stage.until("he has read all", () => visitor.bytes === before + bytes);
  // The system has yet to say that it is rid of it.
  await stage.settle(5);
}

/** What comes in and goes out, and how much of it, and how fast. */
export const onBytes: Readonly<Record<string, Scene>> = {
  "packets with a length of one byte": framed(1, "\u0000\u0001a\u0000"),
  "packets with a length of two bytes": framed(2, "\u0000\u0002ab\u0000\u0000"),
  "packets with a length of four bytes": framed(4, "\u0000\u0000\u0000\u0001a\u0000\u0000\u0000\u0000"),
  "packets of one's own": framed(counted, "\u0002ab\u0000\u0001c"),
  "a line that is too long": refused({ packet: "line", maxPacketSize: 4 }, "abcdefgh\n", "frameTooLarge"),
  "a packet that is too large": refused({ packet: 2, maxPacketSize: 4 }, "\u0000\u0005", "frameTooLarge"),
  "no packet at all": refused({ packet: counted }, "\u00ff", "badFrame"),
  "a packet that trickles in": refused({ packet: "line", packetTimeoutMs: 1000 }, "abc", "packetTimeout", 1100),

  async "packets are let in one by one"(stage) {
    const { visitor, puppet } = await pair(stage, { packet: "line" });
    const { connection, heard } = puppet;
    const told = (count: number) => stage.until(`${count} events`, () => heard.length === count);
    visitor.say("a\nb\nc\nd\ne\nf\n");
    await stage.settle();
    stage.equal(heard, ["socketReady"], "what was heard before anything was let in");
    connection.activate();
    await told(2);
    connection.activate(1);
    connection.activate(1);
    await told(4);
    await stage.settle();
    stage.equal(heard.slice(1), ["data:a\n", "data:b\n", "data:c\n"], "what was let in");
    connection.activate(true);
    await told(7);
    connection.activate(false);
    await stage.settle();
    visitor.say("g\n");
    await stage.settle();
    stage.equal(heard.slice(4), ["data:d\n", "data:e\n", "data:f\n"], "what was let in");
    stage.equal(connection.getStat().packetsReceived, 6, "packets that were let in");
    visitor.shut();
    connection.activate(5);
    await told(9);
    stage.equal(heard.slice(7), ["data:g\n", "closed"], "the end");
  },

  async "bytes are brought on request"(stage) {
    stage.unlessCut();
    const outcomes: string[] = [];
    const listener = await stage.open(
      {},
      fromConnection(async (connection) => {
        for (const length of [3, 2, 4]) {
          const bytes = await connection.recv(length);
          outcomes.push(bytes === undefined ? "closed" : textOf(bytes));
        }
        const rest = await connection.recv();
        outcomes.push(rest === undefined ? "closed" : textOf(rest));
        connection.send("over");
      }),
    );
    const visitor = stage.visit(listener).shut("abcdefg");
    await stage.reads(visitor, "over");
    stage.equal(outcomes, ["abc", "de", "closed", "fg"], "what was received");
    await stage.until("it is over", () => listener.currentClients === 0);
    stage.equal(listener.shutdownCounts, { peerClosed: 1 }, "how it ended");
  },

  async "a request has its own time"(stage) {
    stage.unlessLater(500);
    const listener = await stage.open(
      {},
      fromConnection(async (connection) => {
        for (const timeoutMs of [1000, "infinity", 3000, 1000] as const) {
          const bytes = await connection.recv(1, { timeoutMs });
          if (bytes !== undefined) connection.send(bytes);
        }
      }),
    );
    const visitor = stage.visit(listener).say("a");
    await stage.reads(visitor, "a");
    await stage.wait(2000);
    visitor.say("b");
    await stage.reads(visitor, "ab");
    await stage.wait(2000);
    visitor.say("c");
    await stage.reads(visitor, "abc");
    await stage.until("his time is up", () => visitor.isOver || visitor.hasEnded, 1100);
    await stage.until("it has ended", () => listener.currentClients === 0);
    stage.equal(listener.shutdownCounts, { timeout: 1 }, "how it ended");
  },

  async "who takes nothing is sent away, however often he has taken it before"(stage) {
    stage.unlessLater(200);
    const { visitor, puppet } = await pair(stage, { sendTimeoutMs: 1000 });
    for (let time = 0; time < 2; time += 1) {
      visitor.ignore();
      const bytes = await flood(stage, puppet);
      await stage.wait(200);
      await readAll(stage, visitor, bytes);
    }
    visitor.ignore();
    await flood(stage, puppet);
    await stage.until("he is sent away", () => puppet.heard.length > 1, 2100);
    stage.equal(puppet.heard, ["socketReady", "error:sendTimeout"], "what was heard");
  },

  async "what waits unsent is bounded"(stage) {
    const { visitor, puppet } = await pair(stage, { maxUnsentBytes: 1000 });
    visitor.ignore();
    await flood(stage, puppet);
    stage.equal(puppet.connection.send("more"), false, "whether more should be sent");
    await stage.until("he is sent away", () => puppet.heard.length > 1);
    stage.equal(puppet.heard, ["socketReady", "error:tooManyUnsentBytes"], "what was heard");
    stage.equal(puppet.connection.isOpen, false, "whether it is open");
  },

  async "a close does not wait for ever"(stage) {
    const { listener, visitor, puppet } = await pair(stage, { sendTimeoutMs: 1000 });
    visitor.ignore();
    const bytes = await flood(stage, puppet);
    puppet.connection.close();
    const other = await stage.meet(listener);
    await stage.settle(1200);
    visitor.listen();
    await stage.until("all is over for who reads nothing", () => visitor.isOver);
    stage.holds(visitor.bytes < bytes, "what was unsent is lost");
    const second = listener.connectionOf((await listener.connections())[1] ?? puppet.pid);
    stage.holds(other.isConnected && second !== undefined, "there is another one");
  },

  async "who reads all and stays is left"(stage) {
    const { visitor, puppet } = await pair(stage, { sendTimeoutMs: 1000 });
    puppet.connection.send("bye");
    puppet.connection.close();
    await stage.until("he has heard of the end", () => visitor.hasEnded);
    stage.equal(visitor.read, "bye", "what he has read");
    await stage.settle(1100);
    visitor.say("are you there?");
    await stage.until("nobody is there", () => visitor.isOver);
    stage.equal(puppet.heard, ["socketReady"], "what was heard of one's own end");
  },

  async "one direction ends"(stage) {
    const { visitor, puppet } = await pair(stage);
    puppet.connection.send("that is all");
    puppet.connection.shutdown("write");
    stage.equal(puppet.connection.send("more"), false, "whether more is sent");
    await stage.until("he has heard of the end", () => visitor.hasEnded);
    stage.equal(visitor.read, "that is all", "what he has read");
    puppet.connection.activate(true);
    visitor.shut("x");
    await stage.until("his end", () => puppet.heard.length === 3);
    stage.equal(puppet.heard, ["socketReady", "data:x", "closed"], "what was heard");
  },

  async "an abort loses what is unsent"(stage) {
    const { visitor, puppet } = await pair(stage);
    visitor.ignore();
    const bytes = await flood(stage, puppet);
    puppet.connection.abort();
    visitor.listen();
    await stage.until("all is over", () => visitor.isOver);
    stage.holds(visitor.bytes < bytes, "what was unsent is lost");
    stage.equal(visitor.over, "ECONNRESET", "how it ends");
  },

  async "no byte for so long breaks it"(stage) {
    stage.unlessLater(100);
    const { visitor, puppet } = await pair(stage);
    puppet.connection.activate(true);
    puppet.connection.keepalive(1000);
    for (let time = 0; time < 3; time += 1) {
      await stage.wait(700);
      visitor.say("a");
    }
    const since = stage.now;
    await stage.until("he is found to be gone", () => visitor.isOver, 2100);
    stage.holds(stage.now - since >= 1000, "he was silent for an interval");
    stage.equal(puppet.heard.at(-1), "error:keepaliveTimeout", "the last that a handler has heard");
  },

  async "a keepalive is taken back"(stage) {
    const { visitor, puppet } = await pair(stage);
    puppet.connection.activate(true);
    puppet.connection.keepalive(500);
    puppet.connection.keepalive("infinity");
    await stage.wait(3000);
    stage.equal([puppet.heard, visitor.isOver], [["socketReady"], false], "what has come of it");
  },

  async "silence is told again and again"(stage) {
    stage.unlessLater(100);
    const { visitor, puppet } = await pair(stage, { idleTimeoutMs: 1000 });
    puppet.connection.activate(true);
    await stage.wait(2500);
    stage.equal(puppet.heard, ["socketReady", "timeout", "timeout"], "what was heard");
    visitor.say("a");
    await stage.wait(700);
    puppet.connection.send("b");
    await stage.wait(700);
    stage.equal(puppet.heard.slice(3), ["data:a", "timeout"], "what was heard then");
    puppet.connection.setOptions({ idleTimeoutMs: "infinity" });
    await stage.wait(3000);
    stage.equal(puppet.heard.length, 5, "how much was heard when it was to be silent");
  },

  async "a connection has fewer bytes from now on"(stage) {
    stage.unlessLater(0);
    stage.unlessCut();
    const { visitor, puppet } = await pair(stage);
    puppet.connection.activate(true);
    puppet.connection.setOptions({ maxBytesPerSecond: 100 });
    stage.equal(puppet.connection.getOptions().burstBytes, 100, "the burst");
    visitor.say("a".repeat(16));
    await stage.wait(10);
    visitor.say("b".repeat(284));
    await stage.until("that is let in", () => puppet.connection.bytesReceived === 300, 20_000);
    const since = stage.now;
    visitor.say("c");
    await stage.until("the next is", () => puppet.connection.bytesReceived === 301);
    stage.holds(stage.now - since > 100, "the next has to wait");
  },

  async "bytes are paid for"(stage) {
    stage.unlessLater(0);
    stage.unlessCut();
    const { visitor, puppet } = await pair(stage, { maxBytesPerSecond: 100, burstBytes: 10 });
    puppet.connection.activate(true);
    visitor.say("a".repeat(16));
    await stage.until("that is let in", () => puppet.heard.includes(`data:${"a".repeat(16)}`));
    const since = stage.now;
    visitor.say("b");
    await stage.until("the next is", () => puppet.heard.at(-1) === "data:b", 200);
    stage.holds(stage.now - since >= 50, "the next has to wait");
  },

  async "options change all or none"(stage) {
    const { puppet } = await pair(stage, { idleTimeoutMs: 4000, sendTimeoutMs: 5000 });
    const { connection } = puppet;
    const before = connection.getOptions();
    stage.equal([before.idleTimeoutMs, before.sendTimeoutMs], [4000, 5000], "the options of the listener");
    let issues: readonly string[] = [];
    try {
      connection.setOptions({ idleTimeoutMs: -1, sendTimeoutMs: 1, highWaterMark: -1 });
    } catch (error) {
      if (error instanceof InvalidOptionError) issues = error.issues.map(({ option }) => option);
    }
    stage.equal([...issues].toSorted(), ["highWaterMark", "idleTimeoutMs"], "the faults");
    stage.equal(connection.getOptions(), before, "the options when that was refused");
    connection.setOptions({ highWaterMark: 7 });
    stage.equal(connection.getOptions(), { ...before, highWaterMark: 7 }, "the options then");
  },

  async "who does not read is not read"(stage) {
    const { visitor, puppet } = await pair(stage, { highWaterMark: 1 });
    puppet.connection.activate(true);
    visitor.ignore();
    const bytes = await flood(stage, puppet);
    visitor.say("a");
    await stage.settle();
    stage.equal(puppet.heard, ["socketReady"], "what was heard");
    await readAll(stage, visitor, bytes);
    await stage.until("then he is heard", () => puppet.heard.length > 1);
  },

  async "a packet in pieces is one"(stage) {
    const { visitor, puppet } = await pair(stage, { packet: 2 });
    puppet.connection.sendPieces(["ab", Uint8Array.of(99), ""]);
    puppet.connection.send("d");
    await stage.reads(visitor, "\u0000\u0003abc\u0000\u0001d");
    const { packetsSent, bytesSent } = puppet.connection.getStat();
    stage.equal([packetsSent, bytesSent], [2, 8], "what was counted");
  },

  async "a send is answered when the system has it"(stage) {
    stage.unlessLater(500);
    const { listener, visitor, puppet } = await pair(stage);
    stage.equal(await listener.sendSync(puppet.pid, "hello"), { ok: true }, "what becomes of a small one");
    visitor.ignore();
    const bytes = await flood(stage, puppet);
    const late = await listener.sendSync(puppet.pid, "late", { timeoutMs: 1000 });
    stage.equal(late, { ok: false, error: "timeout" }, "what becomes of one that is not taken");
    const last = listener.sendSync(puppet.pid, "bye", { timeoutMs: "infinity" });
    visitor.listen();
    stage.equal(await last, { ok: true }, "what becomes of it when it is");
    await stage.until("he has read all", () => visitor.bytes === bytes + 12);
    stage.equal(listener.sendAsync(puppet.pid, "x"), true, "whether it is sent");
    visitor.reset();
    puppet.connection.activate();
    await stage.until("that is heard", () => puppet.heard.at(-1) === "error:ECONNRESET");
    stage.equal(
      await listener.sendSync(puppet.pid, "x"),
      { ok: false, error: "ECONNRESET" },
      "what becomes of it then",
    );
  },

  async "one connection is led into another"(stage) {
    const { listener, visitor, cast } = await pair(stage);
    const other = await stage.meet(listener);
    const [one, two] = cast.map(({ connection }) => connection);
    if (one === undefined || two === undefined) throw new Error("nobody has heard of the other");
    visitor.say("hello, ");
    one.pipe(two);
    two.pipe(one);
    other.say("who is there?");
    await stage.reads(visitor, "who is there?");
    visitor.shut("it is me");
    await stage.reads(other, "hello, it is me");
    await stage.until("the end is passed on", () => other.hasEnded);
    other.say(" really?");
    await stage.reads(visitor, "who is there? really?");
    other.shut();
    await stage.until("and the other", () => visitor.hasEnded);
    stage.equal(
      cast.map(({ heard }) => heard),
      [
        ["socketReady", "closed"],
        ["socketReady", "closed"],
      ],
      "what was heard",
    );
  },

  async "an end that was heard already is passed on"(stage) {
    const { listener, visitor, puppet, cast } = await pair(stage);
    const other = await stage.meet(listener);
    puppet.connection.activate(true);
    visitor.shut();
    await stage.until("it is heard", () => puppet.heard.includes("closed"));
    const second = cast[1]?.connection;
    if (second !== undefined) puppet.connection.pipe(second);
    await stage.until("it is passed on", () => other.hasEnded);
  },
};
