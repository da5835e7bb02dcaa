import { type Logger, silentLogger } from "@espalier/actors";
import { defineSupervisor } from "@espalier/supervisor";
import {
  connectionMachine,
  drainOnSignal,
  type Drained,
  embedListener,
  fromConnection,
  type Listener,
  packetMachine,
  type SignalSource,
} from "@espalier/sockets";
import { flood, pair, puppets } from "./puppet.ts";
import type { Scene, Stage } from "./stage.ts";
import type { Visitor } from "./visitor.ts";

const echo = packetMachine({ onData: (connection, data) => void connection.send(data) });

/** Says a word, and stays. */
function saying(word: string) {
  return packetMachine({ onReady: (connection) => void connection.send(word), onData: () => undefined });
}

/** Says what `postListen` has returned, and stays. */
const telling = fromConnection(async (connection) => {
  connection.send(String(connection.config.listenData));
  await connection.recv();
});

/** Answers with a word, whatever is said. */
function version(word: string) {
  return connectionMachine().createMachine({
    id: "versioned",
    context: ({ input }) => ({ connection: input.connection }),
    initial: "waiting",
    states: {
      waiting: { on: { socketReady: { target: "open", actions: "activate" } } },
      open: { on: { data: { actions: [{ type: "send", params: word }, "activate"] } } },
    },
  });
}

/** Does not end when it is told to. */
const stubborn = connectionMachine().createMachine({
  context: ({ input }) => ({ connection: input.connection }),
  initial: "waiting",
  states: {
    waiting: { on: { socketReady: { target: "open", actions: "activate" } } },
    open: { on: { shutdown: {}, closed: {}, data: { actions: "activate" } } },
  },
});

async function isServed(stage: Stage, listener: Listener, word = "hello\n"): Promise<void> {
  const visitor = stage.visit(listener).say("hello\n");
  await stage.reads(visitor, word);
  visitor.reset();
}

async function isRefused(stage: Stage, listener: Listener, code = "ECONNRESET"): Promise<Visitor> {
  const visitor = stage.visit(listener);
  await stage.until("he is refused", () => visitor.isOver);
  stage.equal(visitor.over, code, "how he is refused");
  return visitor;
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown }).code;
}

/** One of its actors is killed. */
function killOne(stage: Stage, listener: Listener, name: string): void {
  const path = `listener_sup:${listener.id}/${name}`;
  const found = stage.system.inspect().processes.find((process) => process.path.endsWith(path));
  if (found !== undefined) stage.system.kill(found.pid);
}

/** A log of its own, of the lines of these levels. */
function logOf(lines: string[]): Logger {
  const note = (_fields: object, text: string): void => {
    if (!text.startsWith("progress")) lines.push(text);
  };
  return { ...silentLogger, info: note, warn: note };
}

/** What may be done to a listener, and what it does by itself. */
export const onListeners: Readonly<Record<string, Scene>> = {
  async "who waits is served in turn"(stage) {
    stage.unlessLater(50);
    const { handler, cast } = puppets();
    const listener = await stage.open({ acceptors: 5, maxClients: 1, overLimit: "queue" }, handler);
    const first = await stage.meet(listener);
    for (let count = 1; count <= 4; count += 1) {
      stage.visit(listener);
      await stage.until(`${count} wait`, () => listener.waitingClients === count);
      await stage.settle();
    }
    await listener.setOptions({ idleTimeoutMs: 60_000 });
    await stage.settle();
    first.reset();
    cast[0]?.connection.close();
    await listener.stopConnection(cast[0]?.pid as never);
    await stage.until("the second is served", () => cast.length === 2);
    await listener.setOptions({ maxClients: 3 });
    await stage.until("two more are", () => cast.length === 4);
    const hosts = cast.map(({ connection }) => connection.peername.host);
    stage.equal(
      hosts,
      [1, 2, 3, 4].map((index) => stage.host(index)),
      "who was served",
    );
    stage.equal([listener.currentClients, listener.waitingClients], [3, 1], "who is served, and who waits");
    await listener.suspend();
    await stage.settle();
    stage.equal(listener.currentClients, 3, "who is served when nobody comes any more");
  },

  async "who would be too many is refused"(stage) {
    const listener = await stage.open({ maxClients: 1 }, echo);
    const visitor = await stage.meet(listener);
    await isRefused(stage, listener);
    stage.equal([listener.stats.accepted, listener.stats.closedMaxLimit], [1, 1], "who was let in, and who was not");
    visitor.shut();
    await listener.waitForConnections("==", 0);
    await isServed(stage, listener);
  },

  async "each new one has its time"(stage) {
    stage.unlessLater(0);
    const rate = { capacity: 2, intervalMs: 1000 };
    const listener = await stage.open({ maxConnectionRate: rate }, echo);
    await isServed(stage, listener);
    await isServed(stage, listener);
    await isRefused(stage, listener);
    await stage.wait(500);
    await isServed(stage, listener);
    await isRefused(stage, listener);
    stage.equal([listener.stats.accepted, listener.stats.closedRateLimited], [3, 2], "who was let in, and who was not");
    await listener.setOptions({ maxConnectionRate: "infinity" });
    await isServed(stage, listener);
    await isServed(stage, listener);
  },

  async "who comes too fast waits"(stage) {
    stage.unlessLater(0);
    const rate = { capacity: 1, intervalMs: 1000 };
    const listener = await stage.open({ maxConnectionRate: rate, overLimit: "queue" }, echo);
    await isServed(stage, listener);
    const [one, other] = [stage.visit(listener).say("a"), stage.visit(listener).say("b")];
    await stage.wait(900);
    stage.equal(one.read + other.read, "", "what those have read who wait");
    await stage.until("one is served", () => one.read + other.read === "a", 200);
    await stage.wait(800);
    stage.equal(other.read, "", "what one has read who waits");
    await stage.reads(other, "b", 300);
  },

  async "the hook is asked"(stage) {
    const facts: string[] = [];
    const listener = await stage.open(
      {
        overload: ({ listener: id, peer, connections, fromSameHost, waiting }) => {
          facts.push([id, peer.host, connections, fromSameHost, waiting].join());
          if (connections === 2) throw new Error("it does not know");
          return connections === 1;
        },
      },
      echo,
    );
    await stage.meet(listener);
    await isRefused(stage, listener);
    const { id } = listener;
    stage.equal(facts, [`${id},${stage.host(1)},0,0,0`, `${id},${stage.host(2)},1,0,0`], "what it was told");
    stage.equal(listener.stats.closedOverloaded, 1, "who was refused");
  },

  async "rules are put before others"(stage) {
    const accessRules = [{ deny: stage.host(1) }, { allow: "10.0.0.0/8" }, { deny: "all" }] as const;
    const listener = await stage.open({ accessRules }, echo);
    await isRefused(stage, listener);
    await isServed(stage, listener);
    await listener.deny("10.0.0.0/8");
    await isRefused(stage, listener);
    await listener.allow(`${stage.host(0)}/24`);
    await isServed(stage, listener);
    stage.equal(listener.stats.closedForbidden, 2, "who was refused");
    stage.equal(listener.accessRules.length, 5, "how many rules there are");
  },

  async "what postListen has said"(stage) {
    const occasions: string[] = [];
    const listener = await stage.open(
      {
        postListen: ({ port }, { occasion }) => {
          occasions.push(occasion);
          return `${occasion}, ${port}`;
        },
      },
      telling,
    );
    const port = stage.port();
    await isServed(stage, listener, `start, ${port}`);
    await listener.setOptions({ maxClients: 7 });
    await isServed(stage, listener, `start, ${port}`);
    await listener.suspend();
    await listener.resume();
    await isServed(stage, listener, `resume, ${port}`);
    await listener.resetOptions({ acceptors: 1, maxClients: 8 });
    await isServed(stage, listener, `resume, ${port}`);
    stage.equal(occasions, ["start", "resume"], "when it was asked");
  },

  async "what postListen refuses does not listen"(stage) {
    let isRefusing = true;
    const postListen = () => (isRefusing ? new Error("not today") : "today");
    const refusal = await stage.open({ postListen }, telling).then(() => undefined, codeOf);
    stage.equal(refusal, "ERR_POST_LISTEN", "how it is refused");
    stage.equal(stage.sockets.listener(stage.called(stage.title), stage.port())?.id, undefined, "what is left");
    isRefusing = false;
    await isServed(stage, await stage.open({ postListen }, telling), "today");
  },

  async "an address that is taken is refused"(stage) {
    const first = await stage.open({}, echo);
    const again = await stage.open({}, echo).then(() => undefined, codeOf);
    stage.equal(again, "ERR_LISTENER_EXISTS", "how the same is refused");
    const other = await stage.sockets.open(stage.called("other"), first.port, {}, echo).then(() => undefined, codeOf);
    stage.equal(other, "ERR_LISTEN", "how another one is refused");
    stage.equal(stage.sockets.listener(stage.called("other"), first.port)?.id, undefined, "what is left of it");
    await isServed(stage, first);
  },

  async "options change all or none"(stage) {
    const { handler, cast } = puppets();
    const listener = await stage.open({ idleTimeoutMs: 50_000, maxClients: 9 }, handler);
    await stage.meet(listener);
    const before = listener.info.options;
    const refusal = await listener
      .setOptions({ maxClients: 0, idleTimeoutMs: 1000, acceptors: -1 })
      .then(() => undefined, codeOf);
    stage.equal(refusal, "ERR_INVALID_OPTION", "how they are refused");
    stage.equal(listener.info.options, before, "the options when they were");
    await listener.setOptions({ idleTimeoutMs: 60_000 });
    await stage.meet(listener);
    const idle = cast.map(({ connection }) => connection.getOptions().idleTimeoutMs);
    stage.equal(idle, [50_000, 60_000], "what connections have of it");
    await listener.resetOptions({ acceptors: 2 });
    const { maxClients, idleTimeoutMs, acceptors } = listener.info.options;
    stage.equal([maxClients, idleTimeoutMs, acceptors], [1024, 120_000, 2], "what begins anew");
    await stage.until("there are two acceptors", () => true);
    stage.equal((await listener.acceptors()).length, 2, "how many acceptors there are");
  },

  async "out of service and back"(stage) {
    const listener = await stage.open({}, echo);
    const visitor = await stage.meet(listener);
    await listener.suspend();
    stage.equal(listener.status, "suspended", "how it is");
    await isRefused(stage, listener, "ECONNREFUSED");
    visitor.say("hello");
    await stage.reads(visitor, "hello");
    await listener.resume();
    stage.equal([listener.status, listener.port], ["running", stage.port()], "how it is");
    await isServed(stage, listener);
    visitor.say("!");
    await stage.reads(visitor, "hello!");
  },

  async "one that begins paused"(stage) {
    const listener = await stage.open({ paused: true }, echo);
    stage.equal(listener.status, "suspended", "how it is");
    const visitor = stage.visit();
    await stage.until("he is refused", () => visitor.isOver);
    await listener.resume();
    await isServed(stage, listener);
  },

  async "acceptors sleep"(stage) {
    const listener = await stage.open({}, echo);
    const first = (await stage.meet(listener)).say("a");
    await stage.reads(first, "a");
    listener.sleepAcceptors();
    stage.holds(listener.isAsleep, "they sleep");
    const visitor = stage.visit(listener).say("b");
    await stage.settle();
    stage.equal([visitor.read, visitor.isOver, listener.currentClients], ["", false, 1], "what becomes of him");
    stage.equal(listener.waitingClients, 1, "who waits");
    first.say("c");
    await stage.reads(first, "ac");
    listener.wakeAcceptors();
    await stage.reads(visitor, "b");
    stage.equal(listener.waitingClients, 0, "who waits then");
  },

  async "closed by name, and by port"(stage) {
    const [one, other] = [await stage.open({}, echo), await stage.open({}, echo, 1)];
    const name = one.info.name;
    await stage.sockets.close(name, other.port);
    await isServed(stage, one);
    stage.equal(stage.sockets.listeners().filter(({ info }) => info.name === name).length, 1, "how many are left");
    await stage.sockets.close(name);
    stage.equal([one.status, other.status], ["down", "down"], "how they are");
    const refusal = await stage.sockets.close(name).then(() => undefined, codeOf);
    stage.equal(refusal, "ERR_UNKNOWN_LISTENER", "how another close is refused");
    await isRefused(stage, one, "ECONNREFUSED");
  },

  async "who is closed closes nobody else"(stage) {
    const first = await stage.open({}, saying("first"));
    await first.close();
    const second = await stage.open({}, saying("second"));
    await first.close();
    stage.equal([first.status, second.status], ["down", "running"], "how they are");
    await isServed(stage, second, "second");
  },

  async "opened anew with what was set"(stage) {
    const listener = await stage.open({ maxClients: 7 }, echo);
    const { name } = listener.info;
    await listener.setOptions({ idleTimeoutMs: 77_000 });
    listener.setHandler(saying("hello"));
    const visitor = await stage.meet(listener);
    const again = await stage.sockets.reopen(name, stage.port());
    await stage.until("those who were there have ended", () => visitor.hasEnded || visitor.isOver);
    const { maxClients, idleTimeoutMs } = again.info.options;
    stage.equal([maxClients, idleTimeoutMs, again.port], [7, 77_000, stage.port()], "what it has");
    await isServed(stage, again, "hello");
    await again.close();
  },

  async "another handler is for who comes"(stage) {
    const listener = await stage.open({}, echo);
    const visitor = await stage.meet(listener);
    listener.setHandler(saying("hello"));
    await isServed(stage, listener, "hello");
    visitor.say("a");
    await stage.reads(visitor, "a");
  },

  async "those who are there change over"(stage) {
    stage.unlessLater(1000);
    const listener = await stage.open({ packet: "line" }, version("1"));
    const visitor = (await stage.meet(listener)).say("a\n");
    await stage.reads(visitor, "1");
    stage.equal(await listener.upgrade(version("2")), { upgraded: 1, stayed: [] }, "what becomes of it");
    visitor.say("b\n");
    await stage.reads(visitor, "12");
    const failing = await listener.upgrade(version("3"), {
      migrate() {
        throw new Error("it does not want to");
      },
    });
    stage.equal([failing.upgraded, failing.stayed.length], [0, 1], "what becomes of it then");
    visitor.say("c\n");
    await stage.reads(visitor, "122");
    const other = stage.visit(listener).say("a\n");
    await stage.reads(other, "3");
  },

  async "a drain has its time"(stage) {
    stage.unlessLater(100);
    const listener = await stage.open({ shutdown: 60_000 }, stubborn);
    await stage.meet(listener);
    listener.setHandler(echo);
    const polite = await stage.meet(listener);
    const since = stage.now;
    stage.equal(await listener.drain({ timeoutMs: 1000 }), { ended: 1, killed: 1 }, "what became of them");
    const took = stage.now - since;
    stage.holds(took >= 1000 && took <= 1100, "it takes as long as it may");
    await stage.until("he has heard of it", () => polite.hasEnded || polite.isOver);
  },

  async "the time for the end is one"(stage) {
    stage.unlessLater(100);
    const { handler, cast } = puppets();
    const listener = await stage.open({ shutdown: 1000 }, handler);
    const visitor = (await stage.meet(listener)).ignore();
    const [puppet] = cast;
    if (puppet === undefined) throw new Error("nobody has heard of the visitor");
    await stage.until("it has its socket", () => puppet.heard.length > 0);
    await flood(stage, puppet);
    listener.setHandler(stubborn);
    await stage.meet(listener);
    await listener.stopConnection(puppet.pid);
    const since = stage.now;
    await listener.close();
    const took = stage.now - since;
    stage.holds(took >= 900 && took <= 1100, `it takes as long as it may, and not ${took} ms`);
    visitor.listen();
    await stage.until("who read nothing is cut off", () => visitor.hasEnded || visitor.isOver);
  },

  async "so many are waited for"(stage) {
    const listener = await stage.open({}, echo);
    const resolved: string[] = [];
    const wait = async (comparison: "==" | ">=" | "<" | ">" | "<=", count: number) => {
      await listener.waitForConnections(comparison, count);
      resolved.push(`${comparison}${count}`);
      stage.look();
    };
    void Promise.all([wait("==", 2), wait(">", 1), wait(">=", 1)]);
    await stage.settle();
    stage.equal(resolved, [], "what has come true of nobody");
    const one = await stage.meet(listener);
    await stage.until("one is there", () => resolved.length > 0);
    stage.equal(resolved, [">=1"], "what has come true of one");
    const other = await stage.meet(listener);
    await stage.until("both are there", () => resolved.length === 3);
    void Promise.all([wait("<", 2), wait("<=", 0)]);
    one.shut();
    await stage.until("one has gone", () => resolved.includes("<2"));
    stage.equal(resolved.includes("<=0"), false, "whether all have gone");
    other.shut();
    await stage.until("all have gone", () => resolved.length === 5);
  },

  async "alarms are told once"(stage) {
    stage.unlessLater(0);
    const lines: string[] = [];
    const alarms = { connections: { high: 2, low: 0 }, refusals: { high: 2 }, cooldownMs: 0 };
    const listener = await stage.open({ alarms, maxClients: 3, logger: logOf(lines) }, echo);
    const visitors = [await stage.meet(listener), await stage.meet(listener), await stage.meet(listener)];
    const { id } = listener;
    const set = `${id}: alarm set: 2 connections (high: 2)`;
    stage.equal(lines, [set], "what was logged");
    visitors[0]?.shut();
    await listener.waitForConnections("==", 2);
    stage.equal(lines, [set], "what was logged then");
    for (const visitor of visitors) visitor.shut();
    await listener.waitForConnections("==", 0);
    stage.equal(lines.slice(1), [`${id}: alarm cleared: 0 connections (low: 0)`], "what was logged of nobody");
  },

  async "ten lines a minute"(stage) {
    stage.unlessLater(0);
    const lines: string[] = [];
    const listener = await stage.open({ accessRules: [{ deny: "all" }], logger: logOf(lines) }, echo);
    for (let count = 0; count < 13; count += 1) await isRefused(stage, listener);
    stage.equal([lines.length, listener.stats.closedForbidden], [10, 13], "how many lines there are");
    await stage.wait(61_000);
    stage.equal(lines.length, 11, "how many lines there are when the minute is over");
    stage.holds(/\b3\b/.test(lines.at(-1) ?? ""), "it says how many were left out");
  },

  async "bytes of all are paid for"(stage) {
    stage.unlessLater(100);
    stage.unlessCut();
    const { handler, cast } = puppets();
    const listener = await stage.open({ maxTotalBytesPerSecond: 100, totalBurstBytes: 10 }, handler);
    const [one, other] = [await stage.meet(listener), await stage.meet(listener)];
    await stage.until("both have a socket", () => cast.length === 2 && cast.every(({ heard }) => heard.length > 0));
    for (const { connection } of cast) connection.activate(true);
    one.say("a".repeat(8));
    await stage.wait(10);
    other.say("b".repeat(8));
    await stage.until("both are heard", () => cast.every(({ heard }) => heard.length > 1), 500);
    const since = stage.now;
    other.say("c");
    await stage.until("the next is heard", () => cast.some(({ heard }) => heard.length === 3), 500);
    stage.holds(stage.now - since >= 30, "it has to wait");
    await listener.setOptions({ maxTotalBytesPerSecond: "infinity" });
    const { bytesReceived, bytesSent } = listener.traffic;
    stage.equal([bytesReceived, bytesSent], [17, 0], "the traffic");
  },

  async "its socket is lost, and it heals"(stage) {
    const listener = await stage.open({ acceptors: 2 }, echo);
    const visitor = await stage.meet(listener);
    const { id } = listener;
    for (const name of ["listener", "acceptor_sup"]) {
      killOne(stage, listener, name);
      await stage.until("it is back", () => listener.isRunning && listener.status === "running", 10_000);
      await stage.settle();
      await isServed(stage, listener);
    }
    visitor.say("a");
    await stage.reads(visitor, "a");
    stage.equal([listener.id, listener.port, listener.isRunning], [id, stage.port(), true], "what it is");
    killOne(stage, listener, "connection_sup");
    await stage.until("all have ended with their supervisor", () => visitor.hasEnded || visitor.isOver);
    await stage.settle();
    await isServed(stage, listener);
    await stage.until("nobody is counted who is gone", () => listener.currentClients === 0);
  },

  async "several sockets are one door"(stage) {
    const options = { acceptors: 2, reusePort: true, listenSockets: 2 };
    const listener = await stage.open(options, echo);
    for (let count = 0; count < 3; count += 1) await isServed(stage, listener);
    await listener.suspend();
    await isRefused(stage, listener, "ECONNREFUSED");
    await listener.resume();
    for (let count = 0; count < 2; count += 1) await isServed(stage, listener);
  },

  async "in a tree of one's own"(stage) {
    const name = stage.called("embedded");
    const { spec, listener } = embedListener(stage.system, name, stage.port(), { acceptors: 1 }, echo, stage.transport);
    stage.equal(listener.status, "down", "how it is before its supervisor starts it");
    const tree = defineSupervisor({ children: [spec], intensity: 5 });
    const root = await stage.system.start(tree, undefined, { id: stage.called("tree") });
    if (!root.ok) throw new Error("the tree does not start");
    stage.atLast(() => stage.system.terminate(root.ref, "infinity"));
    await isServed(stage, listener);
    const visitor = await stage.meet(listener);
    killOne(stage, listener, "listener");
    await stage.until("it is back", () => listener.isRunning && listener.status === "running", 10_000);
    visitor.say("a");
    await stage.reads(visitor, "a");
    await listener.close();
    await stage.settle();
    stage.equal([listener.status, listener.currentClients], ["down", 0], "how it is when it is closed");
  },

  async "at the first signal"(stage) {
    const handlers = new Map<string, () => void>();
    const told: string[] = [];
    const source: SignalSource = {
      on: (signal, handler) => handlers.set(signal, handler),
      off: (signal) => handlers.delete(signal),
    };
    const { listener, visitor } = await pair(stage);
    let drained: Drained | undefined;
    const stop = drainOnSignal(source, listener, {
      timeoutMs: 10_000,
      onDrain: () => void told.push("drain"),
      onDrained: (result) => {
        drained = result;
        told.push("drained");
        stage.look();
      },
      onFailed: () => void told.push("failed"),
      onImpatience: () => void told.push("impatience"),
    });
    handlers.get("SIGTERM")?.();
    handlers.get("SIGINT")?.();
    await stage.until("it is drained", () => drained !== undefined, 11_000);
    stage.equal(told, ["drain", "impatience", "drained"], "what was told");
    stage.equal(drained, { ended: 1, killed: 0 }, "what became of them");
    await stage.until("he has heard of it", () => visitor.hasEnded || visitor.isOver);
    stop();
    stage.equal(handlers.size, 0, "how many handlers are left");
  },
};
