import { type Call, defineServer, noreply, ok, reply, shutdown } from "@espalier/actors";
import {
  type Client,
  type ClientEnd,
  type ClientOptions,
  connect,
  type ConnectionDefinition,
  type ConnectionEvent,
  type ConnectionInput,
  fromConnection,
  packetMachine,
  startPool,
} from "@espalier/sockets";
import { puppets } from "./puppet.ts";
import type { Scene, Stage } from "./stage.ts";

const echo = packetMachine({ onData: (connection, data) => void connection.send(data) });

/** Notes what it gets, until its server leaves. */
function noting(lines: string[]): ConnectionDefinition {
  return fromConnection(async (connection) => {
    for await (const line of connection) lines.push(String(Buffer.from(line)));
    connection.send("goodbye\n");
  });
}

/** An attempt takes as long as it takes. */
const connectTimeoutMs = 120_000;
const backoff = { initialMs: 100, maxMs: 300, factor: 2, jitter: 0 };

async function client(stage: Stage, options: ClientOptions, handler: ConnectionDefinition): Promise<Client> {
  const to = { host: "10.0.0.254", port: stage.port() };
  const common = {
    packet: "line",
    name: stage.called("client"),
    transport: stage.from(50),
    backoff,
    connectTimeoutMs,
  } as const;
  const started = await connect(stage.system, to, { ...common, ...options }, handler);
  stage.atLast(() => started.close());
  return started;
}

async function isConnected(stage: Stage, one: Client): Promise<void> {
  await one.connected({ timeoutMs: 5000 + stage.lateMs });
}

async function stateOf(one: Client): Promise<string> {
  return one.info().then(
    ({ state }) => state,
    () => "ended",
  );
}

/** Comes to be so, which has to be asked for. */
async function becomes(stage: Stage, one: Client, state: string, withinMs = 5000): Promise<void> {
  const since = stage.now;
  while ((await stateOf(one)) !== state) {
    stage.holds(stage.now <= since + withinMs + stage.lateMs, `a client comes to be ${state}`);
    await stage.wait(10);
  }
}

/** When attempts to connect have begun. */
function timesOf(stage: Stage): number[] {
  const times: number[] = [];
  const name = stage.called("client");
  const seen = stage.system.trace(
    (event) => {
      if (event.type === "clientConnecting" && event.client === name) times.push(stage.now);
    },
    { types: ["clientConnecting"] },
  );
  stage.atLast(seen);
  return times;
}

/** What clients and pools do. */
export const onClients: Readonly<Record<string, Scene>> = {
  async "a first attempt that fails is told"(stage) {
    const failure = await client(stage, {}, noting([])).then(
      () => undefined,
      (error: unknown) => error as { code: string; reason: string },
    );
    stage.equal([failure?.code, failure?.reason], ["ERR_CONNECT", "ECONNREFUSED"], "how it fails");
  },

  async "a client says and hears"(stage) {
    const lines: string[] = [];
    const listener = await stage.open({ packet: "line" }, echo);
    const one = await client(stage, {}, noting(lines));
    stage.equal(await one.send("a\n"), { ok: true, isFull: false }, "what becomes of a send");
    stage.equal(await one.sendSync("b\n"), { ok: true }, "what becomes of one that is waited for");
    await stage.until("both are back", () => lines.length === 2);
    stage.equal(lines, ["a\n", "b\n"], "what came back");
    await one.close();
    stage.equal(await one.send("c\n"), { ok: false, error: "stopped" }, "what becomes of a send then");
    await stage.until("its server hears of it", () => listener.currentClients === 0);
    stage.equal(listener.traffic.bytesReceived, 12, "what its server has got, a goodbye among it");
  },

  async "a client is called"(stage) {
    await stage.open({}, echo);
    type Ask = Call<"ask", string>;
    const answering = defineServer<{ args: ConnectionInput; state: null; call: Ask; info: ConnectionEvent }>({
      name: "answering",
      init: () => ok(null),
      handleCall: (_ask, _from, state) => reply("here I am", state),
      handleInfo: (_event, state) => noreply(state),
    });
    const one = await client(stage, {}, answering);
    stage.equal(await one.call({ type: "ask" }), "here I am", "the answer");
    const { state, attempt, connections } = await one.info();
    stage.equal([state, attempt, connections], ["connected", 1, 1], "what it says of itself");
  },

  async "pauses grow, and it gives up"(stage) {
    stage.unlessLater(0);
    const times = timesOf(stage);
    const listener = await stage.open({}, echo);
    const one = await client(stage, { attempts: 4, stableMs: 1000 }, noting([]));
    await stage.wait(2000);
    const since = stage.now;
    await listener.close();
    const failure = await one.connected({ timeoutMs: "infinity" }).then(
      () => undefined,
      (error: unknown) => error as { code: string; reason: string; attempt: number },
    );
    stage.equal([failure?.code, failure?.reason, failure?.attempt], ["ERR_CONNECT", "ECONNREFUSED", 4], "how it ends");
    const pauses = times.slice(1).map((time, index) => time - (index === 0 ? since : (times[index] ?? 0)));
    stage.equal(pauses, [100, 200, 300, 300].slice(0, pauses.length), "the pauses");
    stage.equal(await stateOf(one), "ended", "how it is");
  },

  async "what does not last is no success"(stage) {
    stage.unlessLater(0);
    const times = timesOf(stage);
    const listener = await stage.open(
      {},
      packetMachine({ onReady: (connection) => connection.close(), onData: () => undefined }),
    );
    const one = await client(stage, { attempts: 3, stableMs: 1000 }, noting([]));
    const failure = await one.connected({ timeoutMs: "infinity" }).then(
      () => undefined,
      (error: unknown) => error as { reason: string },
    );
    await becomes(stage, one, "ended", 10_000);
    stage.equal([times.length, listener.stats.accepted], [3, 3], "how often it has tried");
    stage.holds(failure === undefined || failure.reason === "unstable", "why it gives up");
  },

  async "a plan is told of each end"(stage) {
    stage.unlessLater(500);
    const kinds: string[] = [];
    const { handler, cast } = puppets();
    const listener = await stage.open({ packet: "line" }, handler);
    const plan = ({ kind }: ClientEnd) => {
      kinds.push(kind);
      return kind === "finished" ? "stop" : ({ reconnectAfterMs: 1000 } as const);
    };
    const leaving = fromConnection(async (connection) => {
      for await (const line of connection) if (line.length === 1) return;
    });
    const one = await client(stage, { plan }, leaving);
    const come = async (count: number) => {
      await stage.until(`it comes for the ${count}th time`, () => cast[count - 1]?.heard.length === 1);
      return cast[count - 1]?.connection;
    };
    (await come(1))?.close();
    (await come(2))?.abort();
    await come(3);
    await listener.suspend();
    cast[2]?.connection.abort();
    await stage.until("an attempt has failed", () => kinds.includes("connectFailed"));
    await listener.resume();
    (await come(4))?.send("\n");
    await becomes(stage, one, "ended");
    const known = kinds.filter((kind, index) => kind !== kinds[index - 1]);
    stage.equal(known, ["closed", "broken", "connectFailed", "finished"], "what it was told");
  },

  async "never, on errors, always"(stage) {
    const { handler, cast } = puppets();
    await stage.open({ packet: "line" }, handler);
    for (const [reconnect, how, state] of [
      ["never", "abort", "ended"],
      ["onError", "close", "ended"],
      ["onError", "abort", "connected"],
      ["always", "close", "connected"],
    ] as const) {
      const before = cast.length;
      const one = await client(stage, { reconnect }, noting([]));
      await stage.until("it is there", () => cast.length > before && cast.at(-1)?.heard.length === 1);
      cast.at(-1)?.connection[how]();
      if (state === "connected") {
        await stage.until(
          "it is there again",
          () => cast.length > before + 1 && cast.at(-1)?.heard.length === 1,
          10_000,
        );
        await one.close();
      } else {
        await becomes(stage, one, state);
        stage.equal(cast.length, before + 1, "how often it has come");
      }
    }
  },

  async "it connects anew when it is told to"(stage) {
    const { handler, cast } = puppets();
    const listener = await stage.open({ packet: "line" }, handler);
    const one = await client(stage, { backoff: { initialMs: 60_000, maxMs: 60_000, jitter: 0 } }, noting([]));
    await stage.until("it is there", () => cast.length === 1);
    await one.reconnect();
    await stage.until("it is there again", () => cast.length === 2, 10_000);
    await listener.suspend();
    cast[1]?.connection.abort();
    await becomes(stage, one, "waiting");
    const refused = await one.send("x\n");
    stage.equal(refused.ok ? "sent" : refused.error, "notConnected", "what becomes of a send");
    await listener.resume();
    await one.reconnect();
    await isConnected(stage, one);
    await stage.until("it is there a third time", () => cast.length === 3);
  },

  async "its server says nothing"(stage) {
    stage.unlessLater(500);
    const { handler } = puppets();
    await stage.open({ packet: "line" }, handler);
    const one = await client(stage, { idleTimeoutMs: 1000, reconnect: "never" }, noting([]));
    await stage.wait(500);
    stage.equal(await stateOf(one), "connected", "how it is");
    await becomes(stage, one, "ended", 1000);
  },

  async "a pool takes turns"(stage) {
    const { handler, cast } = puppets();
    await stage.open({ packet: "line" }, handler);
    const to = { host: "10.0.0.254", port: stage.port() };
    const entry = (id: string, index: number) => ({ id, to, options: { transport: stage.from(60 + index) } });
    const options = { packet: "line", name: stage.called("pool"), backoff, connectTimeoutMs } as const;
    const pool = startPool(stage.system, ["a", "b", "c"].map(entry), options, noting([]));
    stage.atLast(() => pool.close());
    await pool.connected(3, { timeoutMs: 5000 + stage.lateMs });
    await stage.until("all are there", () => cast.length === 3 && cast.every(({ heard }) => heard.length === 1));
    for (const { connection } of cast) connection.activate(true);
    const ids: string[] = [];
    for (let count = 0; count < 6; count += 1) {
      const sent = await pool.send("turn\n");
      if (sent.ok) ids.push(sent.id);
    }
    stage.equal(ids.toSorted(), ["a", "a", "b", "b", "c", "c"], "who has taken a packet");
    const byId = await pool.send("b\n", { choice: { id: "b" } });
    stage.equal(byId.ok && byId.id, "b", "who has taken what was for one");
    const keys = [
      await pool.send("key\n", { choice: { key: "x" } }),
      await pool.send("key\n", { choice: { key: "x" } }),
    ];
    stage.equal(new Set(keys.map((sent) => sent.ok && sent.id)).size, 1, "how many take what has one key");
    stage.equal(await pool.broadcast("all\n"), { sent: ["a", "b", "c"], missed: [] }, "who has taken what was for all");
    await stage.until("all have heard of it", () => cast.every(({ heard }) => heard.includes("data:all\n")));
    const turns = cast.flatMap(({ heard }) => heard).filter((line) => line === "data:turn\n").length;
    stage.equal(turns, 6, "how many turns were heard");
    stage.equal(await pool.remove("b"), { ok: true }, "what becomes of one that is removed");
    stage.equal((await pool.send("b\n", { choice: { id: "b" } })).ok, false, "whether it takes anything");
    await stage.until("its server hears of it", () => cast.some(({ heard }) => heard.includes("closed")));
    stage.equal(await pool.add(entry("d", 3)), { ok: true }, "what becomes of one that is added");
    stage.equal((await pool.add(entry("d", 3))).ok, false, "whether it is added twice");
    await pool.connected(3, { timeoutMs: 5000 + stage.lateMs });
    const ended = await pool.broadcast("bye\n");
    stage.equal([...ended.sent].toSorted(), ["a", "c", "d"], "who has taken it then");
  },

  async "a pool goes by its plan"(stage) {
    const { handler, cast } = puppets();
    await stage.open({ packet: "line" }, handler);
    const to = { host: "10.0.0.254", port: stage.port() };
    const options = { packet: "line", name: stage.called("pool"), backoff, connectTimeoutMs } as const;
    const entries = [
      { id: "a", to, options: { transport: stage.from(60), plan: { broken: "delete" } } },
      { id: "b", to, options: { transport: stage.from(61), plan: { broken: "stop" } } },
      { id: "c", to, options: { transport: stage.from(62), plan: { broken: { stopPool: shutdown("enough") } } } },
    ] as const;
    const pool = startPool(stage.system, entries, options, noting([]));
    stage.atLast(() => pool.close());
    await pool.connected(3, { timeoutMs: 5000 + stage.lateMs });
    const endOf = async (index: number, isSo: (ids: readonly string[]) => boolean) => {
      const host = stage.host(60 + index);
      await stage.until("it is there", () => cast.some(({ connection }) => connection.peername.host === host));
      cast.find(({ connection }) => connection.peername.host === host)?.connection.abort();
      const since = stage.now;
      for (;;) {
        const states = await pool.connections().then(
          (all) => all.map(({ id, state }) => `${id} ${state}`),
          () => ["ended"],
        );
        if (isSo(states)) return;
        stage.holds(stage.now <= since + 5000 + stage.lateMs, `the pool does what it is to do about ${index}`);
        await stage.wait(10);
      }
    };
    await endOf(0, (states) => states.join() === "b connected,c connected");
    await endOf(1, (states) => states.join() === "b stopped,c connected");
    stage.equal(await pool.restart("b"), { ok: true }, "what becomes of one that is restarted");
    await pool.connected(2, { timeoutMs: 5000 + stage.lateMs });
    await endOf(2, (states) => states.join() === "ended");
  },
};
