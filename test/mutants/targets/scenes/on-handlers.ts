import { type Call, defineServer, Down, noreply, ok, type Pid, reply, shutdown, stop, sys } from "@espalier/actors";
import {
  type Connection,
  type ConnectionEvent,
  connectionMachine,
  connector,
  fromConnection,
  fromConnector,
  fromStart,
  type Listener,
  packetMachine,
} from "@espalier/sockets";
import { pair, puppets } from "./puppet.ts";
import type { Scene, Stage } from "./stage.ts";
import { textOf } from "./visitor.ts";

/** How its connections have ended, once all of them have. */
async function endsAs(stage: Stage, listener: Listener, counts: Record<string, number>, withinMs?: number) {
  await stage.until("all connections have ended", () => listener.currentClients === 0, withinMs);
  stage.equal(listener.shutdownCounts, counts, "how connections have ended");
}

/** Tells what it owns to whoever asks, and sends back what comes. */
function owner(heard: string[]) {
  return defineServer<{ args: Connection | undefined; state: Connection | undefined; info: ConnectionEvent }>({
    name: "owner",
    init: (connection) => ok(connection),
    handleInfo(event, own) {
      const about = "connection" in event ? event.connection : own;
      heard.push(event.type === "error" && "reason" in event ? `error:${event.reason}` : event.type);
      if (event.type === "data") about?.send(event.data);
      if (event.type === "data" || event.type === "socketReady") about?.activate();
      else if (own === undefined) about?.close();
      else return stop(shutdown("left"));
      return noreply(own);
    },
  });
}

/** What a machine does by itself where it has no transition. */
const listless = connectionMachine().createMachine({
  context: ({ input }) => ({ connection: input.connection }),
  initial: "waiting",
  states: { waiting: { on: { socketReady: { actions: { type: "activate", params: true } } } } },
});

type Ask = Call<"lines", number>;

/** Counts lines, and answers calls. */
const counting = connectionMachine<{ context: { lines: number }; calls: Ask }>().createMachine({
  context: ({ input }) => ({ connection: input.connection, lines: 0 }),
  initial: "waiting",
  on: {
    call: { actions: { type: "reply", params: ({ context }) => context.lines } },
    shutdown: { target: ".left", actions: { type: "send", params: "we are closing\n" } },
  },
  states: {
    waiting: { on: { socketReady: "open" } },
    open: {
      entry: "activate",
      on: {
        data: {
          target: "open",
          reenter: true,
          actions: ({ context }) => {
            context.lines += 1;
          },
        },
      },
    },
    left: { type: "final", output: shutdown("left") },
  },
  output: ({ event }) => (event as unknown as { output: ReturnType<typeof shutdown> }).output,
});

/** What handlers of every style are promised. */
export const onHandlers: Readonly<Record<string, Scene>> = {
  async "a machine ends by itself"(stage) {
    const listener = await stage.open({ idleTimeoutMs: 8000 }, listless);
    const [one, other] = [await stage.meet(listener), await stage.meet(listener)];
    await stage.meet(listener);
    one.shut();
    await stage.until("the first has ended", () => listener.currentClients === 2);
    stage.equal(listener.shutdownCounts, { peerClosed: 1 }, "how it has ended");
    other.reset();
    await stage.until("the second has ended", () => listener.currentClients === 1);
    stage.equal(listener.shutdownCounts, { peerClosed: 1, ECONNRESET: 1 }, "how it has ended");
    await endsAs(stage, listener, { peerClosed: 1, ECONNRESET: 1, idleTimeout: 1 }, 9000);
  },

  async "a machine is called, and says goodbye"(stage) {
    const listener = await stage.open({ packet: "line" }, counting);
    const visitor = (await stage.meet(listener)).say("a\nb\n");
    const [pid] = await listener.connections();
    await stage.until(
      "both are read",
      () => pid !== undefined && (listener.connectionOf(pid)?.bytesReceived ?? 0) === 4,
    );
    await stage.settle();
    if (pid !== undefined) stage.equal(await stage.system.call(pid, { type: "lines" }), 2, "the answer");
    await listener.close();
    await stage.reads(visitor, "we are closing\n");
    await stage.until("all is over", () => visitor.hasEnded);
    stage.equal(listener.shutdownCounts, { shutdown: 1 }, "how it has ended");
  },

  async "who greets and closes is gone"(stage) {
    const listener = await stage.open(
      {},
      packetMachine({
        onReady(connection) {
          connection.send("full");
          connection.close();
        },
        onData: () => undefined,
      }),
    );
    const visitor = stage.visit(listener);
    await stage.reads(visitor, "full");
    await endsAs(stage, listener, { closed: 1 });
  },

  async "who has closed in a packet is gone"(stage) {
    const listener = await stage.open(
      { packet: "line" },
      packetMachine({
        onReady: (connection) => void connection.send("hello\n"),
        onData(connection, line) {
          connection.send(line);
          if (line.length === 1) connection.close();
        },
      }),
    );
    const visitor = stage.visit(listener).say("a\n\nb\n");
    await stage.reads(visitor, "hello\na\n\n");
    await endsAs(stage, listener, { closed: 1 });
    stage.equal(visitor.read, "hello\na\n\n", "what he has read");
  },

  async "an async function takes packets one by one"(stage) {
    const listener = await stage.open(
      { packet: "line" },
      fromConnection(async (connection) => {
        for await (const line of connection) connection.send(line);
        connection.send("that was all\n");
      }),
    );
    const visitor = stage.visit(listener).shut("a\nb\n");
    await stage.reads(visitor, "a\nb\nthat was all\n");
    await endsAs(stage, listener, { peerClosed: 1 });
  },

  async "an async function says goodbye"(stage) {
    const listener = await stage.open(
      { packet: "line" },
      fromConnection(async (connection) => {
        for await (const line of connection) connection.send(line);
        connection.send("goodbye\n");
      }),
    );
    const visitor = (await stage.meet(listener)).say("a\n");
    await stage.reads(visitor, "a\n");
    await listener.close();
    await stage.reads(visitor, "a\ngoodbye\n");
    await stage.until("the end is heard", () => visitor.hasEnded);
  },

  async "an async function is told of silence"(stage) {
    const listener = await stage.open(
      { idleTimeoutMs: 1000 },
      fromConnection(async (connection) => void (await connection.recv())),
    );
    await stage.meet(listener);
    await endsAs(stage, listener, { idleTimeout: 1 });
  },

  async "what was sent goes out behind a crash"(stage) {
    stage.unlessLater(0);
    const listener = await stage.open(
      { packet: "line" },
      fromConnection(async (connection) => {
        connection.send("careful\n");
        await connection.recv();
        connection.send("bye\n");
        connection.close();
      }),
    );
    const visitor = (await stage.meet(listener)).say("a\n");
    await stage.reads(visitor, "careful\nbye\n");
    await endsAs(stage, listener, { normal: 1 });
  },

  async "a connector has its silences"(stage) {
    stage.unlessLater(100);
    const calls: string[] = [];
    const listener = await stage.open(
      { packet: "line" },
      fromConnector<{ event: string }>({
        connectorInit: () => connector.ok({ timeoutMs: 1000, srtimeoutMs: 2500 }),
        handlePacket(packet) {
          calls.push(textOf(packet));
          return connector.ok();
        },
        handleEvent(event) {
          calls.push(event);
          return connector.ok();
        },
        timeout() {
          calls.push("timeout");
          return connector.ok();
        },
        srtimeout() {
          calls.push("srtimeout");
          return connector.ok();
        },
      }),
    );
    const visitor = await stage.meet(listener);
    const [pid] = await listener.connections();
    if (pid === undefined) throw new Error("nobody is there");
    await stage.wait(600);
    await sys.suspend(stage.system, pid);
    await stage.wait(200);
    connector.notify(stage.system, pid, "event");
    await stage.wait(400);
    await sys.resume(stage.system, pid);
    await stage.wait(700);
    stage.equal(calls, ["event"], "what it was called for when it had run out behind an event");
    await stage.wait(400);
    stage.equal(calls, ["event", "timeout"], "what it was called for then");
    await stage.wait(400);
    stage.equal(calls, ["event", "timeout", "srtimeout"], "what it was called for when no packet had come");
    visitor.say("a\n");
    await stage.until("a packet has come", () => calls.at(-1) === "a\n");
  },

  async "a connector answers, waits, and ends"(stage) {
    const calls: string[] = [];
    const listener = await stage.open(
      {},
      fromConnector<{ state: number; call: Ask; info: string }>({
        active: false,
        connectorInit: () => connector.ok({ state: 0, packet: ["a", "b"], length: 2 }),
        handlePacket(packet, state) {
          calls.push(textOf(packet));
          if (state === 1) return connector.close({ packet: "enough" });
          return connector.ok({ state: state + 1, length: 3 });
        },
        handleCall: (_request, from, state) => connector.ok({ active: true, reply: { from, value: state } }),
        terminate(reason) {
          calls.push(reason.type);
        },
      }),
    );
    const visitor = (await stage.meet(listener)).say("12345678");
    await stage.reads(visitor, "ab");
    await stage.settle();
    stage.equal(calls, [], "what a connector has got that lets in nothing");
    const [pid] = await listener.connections();
    if (pid === undefined) throw new Error("nobody is there");
    stage.equal(await stage.system.call(pid, { type: "lines" }), 0, "the answer");
    await stage.reads(visitor, "abenough");
    await endsAs(stage, listener, { normal: 1 });
    stage.equal(calls, ["12", "345", "normal"], "what it was called for");
  },

  async "a connector is told of the end"(stage) {
    const calls: (string | undefined)[] = [];
    const listener = await stage.open(
      { packet: "line" },
      fromConnector({
        handlePacket: (packet) => connector.ok({ packet }),
        handleDisconnect(_state, meta) {
          calls.push(meta.disconnected);
          return connector.ok({ packet: "bye\n" });
        },
        terminate(reason) {
          calls.push(reason.type);
        },
      }),
    );
    const visitor = stage.visit(listener).shut("a\n");
    await stage.reads(visitor, "a\nbye\n");
    await endsAs(stage, listener, { peerClosed: 1 });
    stage.equal(calls, ["peerClosed", "shutdown"], "what it was called for");
  },

  async "a connector ends as it says"(stage) {
    const listener = await stage.open(
      { packet: "line" },
      fromConnector({
        handlePacket: (packet) => connector.stop(shutdown("enough"), { packet }),
        connectorInit: ({ connection }) =>
          connection.peername.host === stage.host(1) ? connector.ok() : connector.ignore(),
      }),
    );
    const visitor = stage.visit(listener).say("a\nb\n");
    await stage.reads(visitor, "a\n");
    await endsAs(stage, listener, { enough: 1 });
    const other = stage.visit(listener);
    await stage.until("he is refused", () => other.isOver);
    stage.equal([listener.stats.accepted, listener.stats.closedOther], [1, 1], "who was let in, and who was not");
  },

  async "an owner of one's own"(stage) {
    const heard: string[] = [];
    const handler = fromStart((connection, self) => self.spawnLink(owner(heard), connection));
    const listener = await stage.open({ packet: "line" }, handler);
    const visitor = (await stage.meet(listener)).say("a\n");
    await stage.reads(visitor, "a\n");
    visitor.shut();
    await endsAs(stage, listener, { left: 1 });
    stage.equal(heard, ["socketReady", "data", "closed"], "what the owner has heard");
  },

  async "an owner is stopped from outside"(stage) {
    const heard: string[] = [];
    let own: Pid | undefined;
    const handler = fromStart((connection, self) => (own = self.spawnLink(owner(heard), connection)));
    const listener = await stage.open({ packet: "line" }, handler);
    const visitor = (await stage.meet(listener)).say("a\n");
    await stage.reads(visitor, "a\n");
    const [pid] = await listener.connections();
    const since = stage.now;
    if (pid !== undefined)
      stage.equal(await listener.stopConnection(pid, { timeoutMs: 20_000 }), true, "whether it ends");
    stage.holds(stage.now - since < 10_000 + stage.lateMs, "it ends when it is told to");
    stage.holds(own !== undefined && !stage.system.isAlive(own), "so does the owner");
    await stage.until("so does the connection", () => visitor.hasEnded);
  },

  async "one owner has many"(stage) {
    const heard: string[] = [];
    const pid = stage.system.spawn(owner(heard), undefined, { id: stage.called("owner") });
    const listener = await stage.open(
      { packet: "line" },
      fromStart(() => pid, { isShared: true }),
    );
    const [one, other] = [stage.visit(listener).say("a\n"), stage.visit(listener).say("b\n")];
    await stage.reads(one, "a\n");
    await stage.reads(other, "b\n");
    one.shut();
    await stage.until("one has ended", () => listener.currentClients === 1 && one.hasEnded);
    other.say("c\n");
    await stage.reads(other, "b\nc\n");
    const [connection] = await listener.connections();
    if (connection !== undefined) await listener.stopConnection(connection);
    await stage.until("the other has ended", () => listener.currentClients === 0 && other.hasEnded);
    stage.holds(stage.system.isAlive(pid), "the owner lives on");
    stage.system.exit(pid, shutdown());
  },

  async "who is gone before he has an owner"(stage) {
    const heard: string[] = [];
    const pid = stage.system.spawn(owner(heard), undefined, { id: stage.called("owner") });
    let isToCome = false;
    const handler = fromStart(
      async (connection) => {
        await stage.until("he has gone", () => isToCome, 20_000);
        connection.send("too late");
        return pid;
      },
      { isShared: true },
    );
    const listener = await stage.open({}, handler);
    const visitor = stage.visit(listener);
    await stage.until("he is there", () => visitor.isConnected);
    await stage.settle();
    visitor.reset();
    await stage.settle();
    isToCome = true;
    await stage.settle();
    await stage.until("nothing is left of him", () => listener.currentClients === 0);
    stage.holds(stage.system.isAlive(pid), "the owner lives on");
    stage.system.exit(pid, shutdown());
  },

  async "an owner goes on with what is to be paid for"(stage) {
    const heard: string[] = [];
    const handler = fromStart((connection, self) => self.spawnLink(owner(heard), connection));
    const proxyProtocol = { trusted: ["10.0.0.0/8"] };
    const listener = await stage.open(
      { packet: "line", proxyProtocol, maxBytesPerSecond: 50, burstBytes: 10 },
      handler,
    );
    const line = `${"a".repeat(60)}\n`;
    const visitor = stage.visit(listener).say(`PROXY TCP4 10.9.9.9 10.0.0.254 4711 5000\r\n${line}`);
    await stage.reads(visitor, line, 6000);
    visitor.say("b\n");
    await stage.reads(visitor, `${line}b\n`, 6000);
    visitor.shut();
    await endsAs(stage, listener, { left: 1 });
  },

  async "a connection is stopped from outside"(stage) {
    const { handler, cast } = puppets();
    const listener = await stage.open({}, handler);
    const visitor = await stage.meet(listener);
    const [pid] = await listener.connections();
    if (pid === undefined) throw new Error("nobody is there");
    stage.holds(listener.connectionOf(pid) === cast[0]?.connection, "a connection is known by its actor");
    stage.equal(await listener.stopConnection(pid, { reason: shutdown("enough") }), true, "whether it was there");
    stage.equal(await listener.stopConnection(pid), false, "whether it is there");
    await endsAs(stage, listener, { enough: 1 });
    stage.equal(await listener.sendSync(pid, "x"), { ok: false, error: "noConnection" }, "what becomes of a send");
    await stage.until("its client hears of it", () => visitor.hasEnded);
  },

  async "a connection is called by its label"(stage) {
    const { listener, puppet } = await pair(stage);
    const labelOf = () => stage.system.inspect().processes.find(({ pid }) => pid === puppet.pid)?.label;
    stage.equal(labelOf(), puppet.connection.label, "its label");
    stage.holds(puppet.connection.label.startsWith(stage.host(1)), "that is its client's address");
    puppet.connection.label = "sensor-7";
    stage.equal(labelOf(), "sensor-7", "its label then");
    puppet.connection.metadata.set("user", "ann");
    const { host } = puppet.connection.peername;
    stage.equal(puppet.connection.describe().includes('user="ann"'), true, "whether inspection shows who it is");
    stage.equal([host, listener.address.port], [stage.host(1), stage.port()], "both ends");
  },

  async "who monitors a connection hears of its end"(stage) {
    const ends: string[] = [];
    const watcher = defineServer<{ args: Pid; state: null; call: Call<"are you there?", true> }>({
      name: "watcher",
      init(pid, self) {
        self.monitor(pid);
        return ok(null);
      },
      handleCall: (_request, _from, state) => reply(true, state),
      handleInfo(message) {
        if (message instanceof Down) ends.push(message.reason.type);
        return stop({ type: "normal" });
      },
    });
    const { listener, visitor, puppet } = await pair(stage);
    const id = { id: stage.called("watcher") };
    const pid = stage.system.spawn(watcher, puppet.pid, id);
    await stage.system.call(pid, { type: "are you there?" });
    await listener.stopConnection(puppet.pid, { reason: shutdown("over") });
    await stage.until("that is heard", () => ends.length > 0);
    stage.equal(ends, ["shutdown"], "how it has ended");
    await stage.until("its client hears of it", () => visitor.hasEnded);
  },
};
