import { once } from "node:events";
import { connect as connectPlain } from "node:net";
import { Duplex } from "node:stream";
import { connect } from "node:tls";
import { buildProxyHeader, encodeFrame, type Listener } from "@espalier/sockets";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createAuthority } from "./support/certificates.ts";
import { echo } from "./support/handlers.ts";
import { ServerWorld, useWorld, world } from "./support/server-world.ts";
import type { SocketRecorder } from "./support/socket-recorder.ts";
import { bytes, framings, LARGEST, meaningOf, speechOf } from "./support/speech.ts";

/*
 * Clients that do anything at all, against a whole listener, beside one that behaves. Nothing crashes, nothing hangs, the
 * one that behaves gets all its bytes back and no others, and so do the rest as far as what they say has a meaning.
 *
 *   FUZZ_RUNS=2000      how many runs of each property. @defaultValue 100 for framings, 60 for headers
 */
const { FUZZ_RUNS } = process.env;

const IDLE_MS = 1000;

/** What a client does, one thing after the other. */
type Act = { readonly write: Uint8Array } | "end" | "reset" | "close" | "pause" | "resume" | "wait";

function actsOf(speech: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Act[]> {
  const act: fc.Arbitrary<Act> = fc.oneof(
    { weight: 12, arbitrary: speech.map((write) => ({ write })) },
    { weight: 3, arbitrary: fc.constant("wait" as const) },
    { weight: 1, arbitrary: fc.constantFrom("end" as const, "reset" as const, "close" as const) },
    { weight: 1, arbitrary: fc.constantFrom("pause" as const, "resume" as const) },
  );
  return fc.array(act, { maxLength: 15 });
}

/** A client that does what it likes, and what it has said. */
class Fuzzer {
  readonly said: Uint8Array[] = [];
  readonly #client: SocketRecorder;
  #isOver = false;

  constructor(client: SocketRecorder) {
    this.#client = client;
  }

  get heard(): Buffer {
    return this.#client.received;
  }

  act(act: Act): void {
    if (act === "wait") return;
    if (act === "pause" || act === "resume") this.#client[act]();
    else if (act === "end") this.#client.end();
    else if (act === "reset" || act === "close") this.#client.close(act === "close" ? "now" : "reset");
    else if (!this.#isOver) {
      this.said.push(act.write);
      this.#client.write(Uint8Array.from(act.write));
      return;
    }
    this.#isOver ||= act === "end" || act === "reset" || act === "close";
  }
}

test.each(framings)("framed by %s", { timeout: 60_000 }, async (framing) => {
  const all = fc.array(actsOf(speechOf(framing)), { minLength: 1, maxLength: 4 });
  const capacity = fc.integer({ min: 1, max: 2000 });
  const cuts = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 10 });
  await fc.assert(
    fc.asyncProperty(all, capacity, cuts, async (scripts, room, sizes) => {
      let cut = 0;
      const chunk = (): number => sizes[(cut += 1) % sizes.length] ?? 1;
      const own = await new ServerWorld("memory", { memory: { capacity: room, chunk } }).start();
      const options = { packet: framing, maxPacketSize: LARGEST, idleTimeoutMs: IDLE_MS, packetTimeoutMs: IDLE_MS };
      const listener = await own.open(echo, { ...options, sendTimeoutMs: IDLE_MS, highWaterMark: 100 });
      const behaved = await own.connect(listener);
      const sent: Uint8Array[] = [];
      const fuzzers = scripts.map(() => new Fuzzer(own.startConnecting(listener)));
      const longest = Math.max(...scripts.map(({ length }) => length));
      for (let step = 0; step < longest; step += 1) {
        for (const [index, script] of scripts.entries()) {
          const act = script[step];
          if (act !== undefined) fuzzers[index]?.act(act);
        }
        const line = encodeFrame(framing, Buffer.from(`step ${step}\n`));
        sent.push(line);
        behaved.write(line);
        await own.manual.advance(10);
      }
      // Whoever says nothing more, or does not listen, is gone after a while.
      for (let turns = 0; turns < 5; turns += 1) {
        const line = encodeFrame(framing, Buffer.from(`turn ${turns}\n`));
        sent.push(line);
        behaved.write(line);
        await own.manual.advance(IDLE_MS - 1);
      }
      await own.system.idle();
      expect(listener.currentClients).toBe(1);
      expect(behaved.received.equals(Buffer.concat(sent))).toBe(true);
      for (const { said, heard } of fuzzers) {
        const meaning = meaningOf(framing, Buffer.concat(said));
        expect(heard.equals(meaning.subarray(0, heard.length))).toBe(true);
      }
      // All counts add up, nothing is left, and nothing was logged.
      await own.dispose();
    }),
    { numRuns: Number(FUZZ_RUNS ?? 100) },
  );
});

/** The first that a client of TLS says. */
async function clientHello(): Promise<Buffer> {
  const said: Buffer[] = [];
  const socket = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      said.push(chunk);
      done();
      this.emit("said");
    },
  });
  const client = connect({ socket, servername: "localhost" }).on("error", () => {});
  if (said.length === 0) await once(socket, "said");
  client.destroy();
  return Buffer.concat(said);
}

/** Says all that, piece by piece, and waits for the end. */
async function say({ port }: Listener, pieces: readonly Uint8Array[], how: "end" | "destroy"): Promise<void> {
  const socket = connectPlain(port, "127.0.0.1").on("error", () => {});
  const closed = new Promise((resolve) => socket.on("close", resolve));
  socket.resume();
  for (const piece of pieces) socket.write(piece);
  if (how === "end") socket.end();
  else socket.write("", () => socket.destroy());
  await closed;
}

/** The first twelve bytes of version 2. */
const SIGNATURE = Buffer.from("0d0a0d0a000d0a515549540a", "hex");

describe("behind a PROXY header, with TLS", () => {
  useWorld("tcp");

  const authority = createAuthority();
  const server = authority.issue("server", "DNS:localhost,IP:127.0.0.1");
  const source = { host: "192.0.2.7", port: 7 };
  const destination = { host: "192.0.2.8", port: 8 };
  const tlvs = { alpn: "h2", authority: "localhost", uniqueId: Buffer.from("1234") };
  const headers = [
    ["of version 1", Buffer.from("PROXY TCP4 192.0.2.7 192.0.2.8 7 8\r\n")],
    ["of version 2", Buffer.from(buildProxyHeader({ source, destination }))],
    [
      "with all that version 2 can say",
      Buffer.from(buildProxyHeader({ source, destination, tlvs, isChecksummed: true })),
    ],
  ] as const;

  /** A header of version 2 whose every field is as it likes: too short, too long, of no family that there is. */
  const anyHeader = fc
    .record({
      first: fc.oneof(fc.constantFrom(0x20, 0x21), fc.nat(255)),
      second: fc.oneof(fc.constantFrom(0x00, 0x11, 0x12, 0x21, 0x31), fc.nat(255)),
      body: fc.uint8Array({ maxLength: 300, size: "max" }),
      /** What it says of its length, if that is not the truth. */
      length: fc.option(fc.oneof(fc.nat(400), fc.nat(65_535)), { nil: undefined, freq: 2 }),
    })
    .map(({ first, second, body, length = body.length }) =>
      Buffer.concat([SIGNATURE, Buffer.from([first, second, length >> 8, length & 0xff]), body]),
    );

  test.each(headers)(
    "%s: a client that does not make a whole handshake behind it loses its own connection, and no other client notices",
    { timeout: 60_000 },
    async (_name, header) => {
      const listener = await world.open(echo, { tls: server, proxyProtocol: {} });
      const plain = connectPlain(listener.port, "127.0.0.1");
      plain.write(header);
      const behaved = connect({ socket: plain, servername: "localhost", ca: authority.cert }).setEncoding("utf8");
      await once(behaved, "secureConnect");
      const hello = await clientHello();
      const right = [header, hello];
      const start = fc.oneof(fc.constant([]), fc.constant(right.slice(0, 1)), fc.constant(right));
      // The right beginning with one byte changed, or cut off.
      const spoiled = fc
        .tuple(fc.nat(header.length + hello.length - 1), fc.nat(255), fc.boolean())
        .map(([at, to, isCut]) => {
          const whole = Buffer.concat(right);
          whole[at] = to;
          return isCut ? [whole.subarray(0, at)] : [whole];
        });
      const speech = fc.oneof(
        fc.tuple(start, fc.array(bytes, { maxLength: 3 })).map((parts) => parts.flat()),
        spoiled,
        fc
          .tuple(anyHeader, fc.constantFrom([], [hello]), fc.array(bytes, { maxLength: 2 }))
          .map((parts) => parts.flat()),
      );
      let number = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.array(speech, { minLength: 1, maxLength: 4 }),
          fc.constantFrom("end", "destroy"),
          async (all, how) => {
            const rude = all.map((pieces) => say(listener, pieces, how));
            number += 1;
            behaved.write(`number ${number}\n`);
            expect((await once(behaved, "data")) as [string]).toEqual([`number ${number}\n`]);
            await Promise.all(rude);
            await listener.waitForConnections("==", 1);
            await world.system.idle();
          },
        ),
        { numRuns: Number(FUZZ_RUNS ?? 60) },
      );
      behaved.end();
      await once(behaved, "close");
      await listener.waitForConnections("==", 0);
      // Nobody of them was ever more than at the door.
      const { peerClosed, ...atTheDoor } = listener.shutdownCounts;
      expect(peerClosed).toBe(1);
      for (const cause of Object.keys(atTheDoor)) expect(cause).toMatch(/^(proxyProtocol|tlsHandshake)/);
    },
  );
});
