import { connectionMachine, type Listener, type ListenerOptions, startSockets } from "@espalier/sockets";
import * as fc from "fast-check";
import type { Model } from "../../src/invariants/model.ts";
import { arbPeers } from "../../src/peer-arbitrary.ts";
import type { PeerProxy, PeerScript } from "../../src/peer-script.ts";
import type { Probe, Surroundings, Target } from "../../src/target.ts";

/** Answers each line with itself, and `STARTTLS` with `go` and TLS. */
const machine = connectionMachine()
  .extend({
    guards: {
      isStart: ({ event }) => event.type === "data" && Buffer.from(event.data).toString() === "STARTTLS\n",
    },
  })
  .createMachine({
    context: ({ input }) => ({ connection: input.connection }),
    initial: "waiting",
    states: {
      waiting: { on: { socketReady: "open" } },
      open: {
        entry: "activate",
        on: {
          data: [
            { guard: "isStart", target: "securing" },
            { actions: [{ type: "send", params: ({ event }) => event.data }, "activate"] },
          ],
          closed: "done",
        },
      },
      securing: {
        entry: [{ type: "send", params: "go\n" }, "startTls"],
        on: { secured: "open", error: "done", closed: "done" },
      },
      done: { type: "final" },
    },
  });

export interface SecureKnobs {
  readonly maxClients: number;
  readonly highWaterMark: number;
}

type OptionsOf = (surroundings: Surroundings<SecureKnobs>) => ListenerOptions;

function echoing(optionsOf: OptionsOf, probe: Partial<Probe>): Target<Listener, SecureKnobs> {
  return {
    async start(surroundings) {
      const { system, transport, knobs } = surroundings;
      const sockets = await startSockets(system, { transport });
      return sockets.open("echo", 5000, { packet: "line", ...knobs, ...optionsOf(surroundings) }, machine);
    },
    knobs: { maxClients: [100, 2, 1], highWaterMark: [65_536, 8, 1] },
    probe: { ops: [send("hello\n")], receives: "hello\n", ...probe },
  };
}

function send(text: string): PeerScript["ops"][number] {
  return { type: "send", bytes: new TextEncoder().encode(text) };
}

const header: PeerProxy = {
  version: 2,
  source: { host: "192.0.2.7", port: 4711 },
  destination: { host: "192.0.2.1", port: 5000 },
};

/** Servers with something before the first byte of their protocol, by name. */
export const secureTargets: Readonly<Record<string, Target<Listener, SecureKnobs>>> = {
  TLS: echoing(({ tls }) => ({ tls }), { tls: true }),
  PROXY: echoing(() => ({ proxyProtocol: {} }), { proxy: header }),
  "PROXY and TLS": echoing(({ tls }) => ({ tls, proxyProtocol: {} }), { proxy: header, tls: true }),
  STARTTLS: echoing(({ tls }) => ({ tls, startTls: true }), {
    ops: [send("STARTTLS\n"), { type: "startTls", after: "go\n" }, send("hello\n")],
    receives: "go\nhello\n",
  }),
};

/** What they answer. Whoever is to speak TLS, or to send a header, and does not, gets nothing. */
export function answersOf(name: string): Model {
  return ({ sent, peer: { script } }) => {
    if (name.includes("PROXY") !== (script.proxy !== undefined) || beginsWithTls(name) !== (script.tls === true))
      return "";
    const text = Buffer.from(sent).toString("latin1");
    const lines = text.slice(0, text.lastIndexOf("\n") + 1);
    return Buffer.from(name === "STARTTLS" ? lines.replaceAll(/(^|\n)STARTTLS(?=\n)/g, "$1go") : lines, "latin1");
  };
}

function beginsWithTls(name: string): boolean {
  return /(?:^| )TLS$/.test(name);
}

/** One client that does as it should. */
export function secureScripts(name: string): readonly PeerScript[] {
  const asks = name === "STARTTLS" ? [send("STARTTLS\n"), { type: "startTls", after: "go\n" } as const] : [];
  return [
    {
      at: 0,
      host: "10.0.0.1",
      ops: [send("one\n"), ...asks, send("two\n"), { type: "end" }],
      ...(beginsWithTls(name) && { tls: true }),
      ...(name.includes("PROXY") && { proxy: header }),
    },
  ];
}

const lines = fc
  .array(fc.stringMatching(/^[a-f]{0,8}$/), { minLength: 1, maxLength: 3 })
  .map((words) => new TextEncoder().encode(`${words.join("\n")}\n`));

const proxies: fc.Arbitrary<PeerProxy> = fc.oneof(
  fc.constantFrom<PeerProxy[]>({ ...header, version: 1 }, header, { ...header, isChecksummed: true }),
  fc.constantFrom<PeerProxy[]>({ version: 1, command: "local" }, { command: "local" }),
);

const mostly = fc.nat(9).map((number) => number > 0);

/** Clients of such a server: most do as they should, and some do not. */
export function peersOf(name: string): fc.Arbitrary<readonly PeerScript[]> {
  const noise = fc.uint8Array({ minLength: 1, maxLength: 40 });
  const peers = arbPeers({
    messages: fc.oneof({ arbitrary: lines, weight: 6 }, { arbitrary: noise, weight: 1 }),
    ...(beginsWithTls(name) && { tls: mostly }),
    ...(name.includes("PROXY") && { proxy: fc.option(proxies, { nil: undefined, freq: 9 }) }),
  });
  if (name !== "STARTTLS") return peers;
  const places = fc.array(fc.option(fc.nat(8), { nil: undefined, freq: 2 }), { minLength: 8, maxLength: 8 });
  return fc
    .tuple(peers, places)
    .map(([scripts, asks]) =>
      scripts.map((script, index) => Object.assign(script, { ops: upgraded(script.ops, asks[index]) })),
    );
}

/** It asks for TLS in this place. */
function upgraded(ops: PeerScript["ops"], place: number | undefined): PeerScript["ops"] {
  if (place === undefined) return ops;
  return [...ops.slice(0, place), send("STARTTLS\n"), { type: "startTls", after: "go\n" }, ...ops.slice(place)];
}
