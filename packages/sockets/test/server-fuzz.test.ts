import { defineServer, noreply, ok, type Pid, shutdown, stop } from "@espalier/actors";
import {
  type Connection,
  type ConnectionEvent,
  type ConnectionInput,
  encodeFrame,
  type Framing,
  type Pool,
  type PoolConnectionInfo,
  startPool,
} from "@espalier/sockets";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { ConnectionDefinition } from "../src/handler.ts";
import { echo } from "./support/handlers.ts";
import { ServerWorld } from "./support/server-world.ts";
import { ListenRecorder, type SocketRecorder } from "./support/socket-recorder.ts";
import { framings, LARGEST, meaningOf, speechOf } from "./support/speech.ts";

/*
 * Servers that do anything at all, against the connections of a pool, beside a server that behaves. What a server does costs
 * its own connections only: they end for an ordinary reason and come again, and serve when the server has come to reason.
 *
 *   FUZZ_RUNS=500       how many runs for each framing. @defaultValue 25
 */
const { FUZZ_RUNS = "25" } = process.env;

const RUDE = 3;
const BEHAVED = 2;
const IDLE_MS = 500;
const BACKOFF = { initialMs: 10, maxMs: 100 };

/** What a server does with a connection, one thing after the other. */
type Act = { readonly write: Uint8Array } | "end" | "reset" | "close" | "pause" | "resume" | "wait";

function scriptOf(speech: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Act[]> {
  const act: fc.Arbitrary<Act> = fc.oneof(
    { weight: 8, arbitrary: speech.map((write) => ({ write })) },
    { weight: 4, arbitrary: fc.constant("wait" as const) },
    { weight: 2, arbitrary: fc.constantFrom("end" as const, "reset" as const, "close" as const) },
    { weight: 1, arbitrary: fc.constantFrom("pause" as const, "resume" as const) },
  );
  return fc.array(act, { maxLength: 12 });
}

/** What a client's handler has heard. */
interface Heard {
  readonly pid: Pid;
  readonly connection: Connection;
  readonly port: number | undefined;
  readonly packets: Uint8Array[];
  /** How its socket has ended. */
  end?: "closed" | "error";
}

/** A handler that keeps all packets, and ends as its connection does. */
function keeping(heard: Heard[]): ConnectionDefinition {
  return defineServer<{ args: ConnectionInput; state: Heard; info: ConnectionEvent }>({
    name: "keeping",
    init({ connection }, { pid }) {
      const own: Heard = { pid, connection, port: connection.sockname?.port, packets: [] };
      heard.push(own);
      return ok(own);
    },
    handleInfo(event, own) {
      if (event.type === "socketReady") own.connection.activate(true);
      else if (event.type === "data") own.packets.push(event.data);
      else if (event.type === "closed" || event.type === "error") {
        own.end = event.type;
        return stop(shutdown(event.type === "closed" ? "peerClosed" : event.reason), own);
      } else if (event.type === "timeout") return stop(shutdown("idleTimeout"), own);
      return noreply(own);
    },
  });
}

/** One connection of the rude server: what it has still to do, and what it has said. */
class Rude {
  readonly #said: Uint8Array[] = [];
  readonly #port: number | undefined;
  /** It has ended in order, behind all that it has said. */
  #hasEnded = false;
  readonly #socket: SocketRecorder;
  readonly #script: readonly Act[];
  #step = 0;
  #isOver = false;

  constructor(socket: SocketRecorder, script: readonly Act[]) {
    this.#socket = socket;
    this.#script = script;
    this.#port = socket.socket.peer?.port;
  }

  act(): void {
    const act = this.#script[this.#step];
    this.#step += 1;
    if (act === undefined || act === "wait") return;
    if (act === "pause" || act === "resume") this.#socket[act]();
    else if (act === "end") {
      this.#hasEnded ||= !this.#isOver;
      this.#socket.end();
    } else if (act === "reset" || act === "close") {
      this.#hasEnded = false;
      this.#socket.close(act === "close" ? "now" : "reset");
    } else if (!this.#isOver) {
      this.#said.push(act.write);
      this.#socket.write(Uint8Array.from(act.write));
    }
    this.#isOver ||= act === "end" || act === "reset" || act === "close";
  }

  /** What its client has heard that was not said, or has not heard before an end in order. */
  faults(framing: Framing, all: readonly Heard[]): string[] {
    const heard = all.find(({ port }) => port === this.#port);
    const got = Buffer.concat((heard?.packets ?? []).map((packet) => encodeFrame(framing, packet)));
    const meant = meaningOf(framing, Buffer.concat(this.#said));
    if (!got.equals(meant.subarray(0, got.length))) return [`port ${this.#port} has heard what was not said`];
    const isAll = !this.#hasEnded || heard?.end !== "closed" || got.length === meant.length;
    return isAll ? [] : [`port ${this.#port} has heard ${got.length} of ${meant.length} bytes`];
  }
}

/** A server that plays its scripts, one for each connection, and echoes when it has no more. */
class RudeServer {
  readonly connections: Rude[] = [];
  readonly #listening: ListenRecorder;
  readonly #scripts: ReadonlyArray<readonly Act[]>;
  /** Those to come are served. */
  isGood = false;

  constructor(world: ServerWorld, scripts: ReadonlyArray<readonly Act[]>) {
    this.#scripts = scripts;
    this.#listening = new ListenRecorder((event, socket, bytes) => {
      if (!this.isGood) return;
      if (event === "data") socket.write(Uint8Array.from(bytes));
      if (event === "end") socket.close("flush");
    });
    const options = { host: "127.0.0.1", port: 0, backlog: 100, noDelay: true, keepAlive: false };
    this.#listening.attach(world.transport.listen(options, this.#listening.events));
  }

  async port(): Promise<number> {
    await this.#listening.next("listening");
    return this.#listening.port;
  }

  /** Each connection does its next thing. */
  act(): void {
    for (const socket of this.#listening.accepted.slice(this.connections.length)) {
      const script = this.isGood ? [] : (this.#scripts[this.connections.length % this.#scripts.length] ?? []);
      this.connections.push(new Rude(socket, script));
      socket.resume();
    }
    if (!this.isGood) for (const connection of this.connections) connection.act();
  }

  /** Throws out everybody, and is good from then on. */
  comeToReason(): void {
    this.act();
    for (const socket of this.#listening.accepted) socket.close("now");
    this.isGood = true;
  }

  close(): void {
    this.#listening.close();
    for (const socket of this.#listening.accepted) socket.close("now");
  }
}

async function poolOf(own: ServerWorld, framing: Framing, rude: number, good: number, heard: Heard[]): Promise<Pool> {
  const common = { packet: framing, maxPacketSize: LARGEST, transport: own.transport, backoff: BACKOFF, stableMs: 1 };
  const impatient = { idleTimeoutMs: IDLE_MS, packetTimeoutMs: IDLE_MS, sendTimeoutMs: IDLE_MS };
  const connections = [
    ...Array.from({ length: RUDE }, (_, index) => ({ id: `rude${index}`, to: rude, options: impatient })),
    ...Array.from({ length: BEHAVED }, (_, index) => ({ id: `good${index}`, to: good })),
  ];
  const pool = startPool(own.system, connections, common, keeping(heard));
  const all = pool.connected(RUDE + BEHAVED);
  await own.manual.advance(0);
  await all;
  return pool;
}

test.each(framings)("framed by %s", { timeout: 120_000 }, async (framing) => {
  const scripts = fc.array(scriptOf(speechOf(framing)), { minLength: 1, maxLength: 6 });
  const capacity = fc.integer({ min: 1, max: 2000 });
  const cuts = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 10 });
  await fc.assert(
    fc.asyncProperty(scripts, capacity, cuts, fc.nat(60), async (all, room, sizes, steps) => {
      let cut = 0;
      const chunk = (): number => sizes[(cut += 1) % sizes.length] ?? 1;
      const own = await new ServerWorld("memory", { memory: { capacity: room, chunk } }).start();
      const good = await own.open(echo, { packet: framing, maxPacketSize: LARGEST });
      const rude = new RudeServer(own, all);
      const heard: Heard[] = [];
      const pool = await poolOf(own, framing, await rude.port(), good.port, heard);
      const steady = (await pool.connections()).slice(RUDE).map(printed);
      let sent = "";
      for (let step = 0; step < steps; step += 1) {
        const words = `step ${step}\n`;
        sent += words;
        rude.act();
        for (const { id } of steady) expect(await pool.send(words, { choice: { id } })).toMatchObject({ ok: true, id });
        await pool.send(words, { choice: { id: "rude0" } });
        await own.manual.advance(10);
      }
      await own.manual.advance(100);
      // Those with a server that behaves have noticed nothing.
      expect((await pool.connections()).slice(RUDE).map(printed)).toEqual(steady);
      for (const { handler } of steady) expect(textOf(heard, handler)).toBe(sent);
      expect(rude.connections.flatMap((connection) => connection.faults(framing, heard))).toEqual([]);

      rude.comeToReason();
      await own.manual.advance(BACKOFF.maxMs);
      rude.act();
      await own.manual.advance(10);
      await pool.connected(RUDE + BEHAVED);
      for (const { id, handler } of (await pool.connections()).slice(0, RUDE).map(printed)) {
        expect(await pool.send("at last\n", { choice: { id } })).toMatchObject({ ok: true, id });
        await own.manual.advance(100);
        expect(textOf(heard, handler)).toBe("at last\n");
      }
      const ends = own.of("clientDisconnected").map(({ client, reason }) => ({ client: client.slice(0, 4), reason }));
      for (const end of ends) expect(end).toEqual({ client: "rude", reason: shutdown(expect.any(String)) });
      await pool.close();
      expect(own.of("clientDisconnected")).toHaveLength(own.of("clientConnected").length);
      rude.close();
      // Attempts that fail are told, and nobody crashes.
      expect(own.logged.splice(0).filter((line) => !line.startsWith("warn"))).toEqual([]);
      await own.dispose();
    }),
    { numRuns: Number(FUZZ_RUNS) },
  );
});

/** A connection of a pool, and which of its handlers it has. */
function printed({ id, state, handler, connections, restarts }: PoolConnectionInfo) {
  return { id, state, handler: String(handler), connections, restarts };
}

/** All that the handler has heard, without what frames it. */
function textOf(heard: readonly Heard[], handler: string): string {
  const own = heard.find(({ pid }) => pid.toString() === handler);
  return Buffer.concat(own?.packets ?? []).toString();
}
