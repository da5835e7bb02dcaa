import { type Connection, connectionMachine, createDecoder, type Framing, startSockets } from "@espalier/sockets";
import { arbPeers, standard } from "../kit.ts";
import { connectionsKeepTime } from "./connection-laws.ts";
import { nobodyCrashesUnasked } from "./crash-law.ts";
import { listenersAreTidy } from "./listener-laws.ts";
import { arbShortLines, LISTENER_KNOBS, type ListenerKnobs, type TargetCase, wholeLines } from "./target-case.ts";

interface Knobs extends ListenerKnobs {
  /** It takes out a line so often. */
  readonly everyMs: number;
  /** Its lines are cut by a framing of its own. */
  readonly isCustom: boolean;
}

const MOST_BYTES = 65_536;

/** As `"line"`. */
const customLines: Framing = {
  maxHeaderBytes: MOST_BYTES,
  lengthOf(bytes, start, end) {
    const length = bytes.subarray(start, end).indexOf(0x0a) + 1;
    return length === 0 ? undefined : length;
  },
};

/** What has come, and is taken out line by line. */
class Lines {
  /** There may be another one. */
  hasMore = false;
  readonly #connection: Connection;
  readonly #decoder: ReturnType<typeof createDecoder>;

  constructor(connection: Connection, isCustom: boolean) {
    this.#connection = connection;
    this.#decoder = createDecoder(isCustom ? customLines : "line", { maxPacketSize: MOST_BYTES });
  }

  push(bytes: Uint8Array): void {
    this.#decoder?.push(bytes);
    this.hasMore = true;
  }

  /** Sends one back. */
  take(): void {
    const line = this.#decoder?.next();
    this.hasMore = line !== undefined;
    if (line !== undefined) this.#connection.send(line);
  }

  takeAll(): void {
    while (this.hasMore) this.take();
  }
}

/** Reads on all the time and cuts lines itself, of which it takes one now and then: what comes meanwhile has to wait. */
function cutting(everyMs: number, isCustom: boolean) {
  return connectionMachine<{ context: { lines: Lines } }>().createMachine({
    id: "cutting",
    context: ({ input: { connection } }) => ({ connection, lines: new Lines(connection, isCustom) }),
    initial: "waiting",
    states: {
      waiting: { on: { socketReady: { target: "open", actions: "activate" } } },
      open: {
        initial: "resting",
        on: {
          data: {
            target: ".busy",
            actions: [({ context, event }) => context.lines.push(event.data), "activate"],
          },
          timeout: "over",
          closed: "over",
          error: "over",
        },
        states: {
          resting: {},
          busy: {
            after: { [everyMs]: { target: "looking", actions: ({ context }) => context.lines.take() } },
            on: {
              data: { actions: [({ context, event }) => context.lines.push(event.data), "activate"] },
            },
          },
          looking: {
            always: [{ guard: ({ context }) => context.lines.hasMore, target: "busy" }, { target: "resting" }],
          },
        },
      },
      over: { type: "final", entry: [({ context }) => context.lines.takeAll(), "close"] },
    },
  });
}

/** A listener whose connections have a decoder of their own. */
export const decoding: TargetCase<Knobs> = {
  name: "decoding",
  target: {
    async start({ system, transport, knobs: { everyMs, isCustom, ...options } }) {
      const sockets = await startSockets(system, { transport });
      return sockets.open("decoding", 5000, options, cutting(everyMs, isCustom));
    },
    knobs: { ...LISTENER_KNOBS, everyMs: [200, 20, 5], isCustom: [false, true] },
    probe: { ops: [{ type: "send", bytes: new TextEncoder().encode("probe\nprobe\n") }], receives: "probe\nprobe\n" },
  },
  invariants: [
    nobodyCrashesUnasked,
    ...standard({ model: ({ sent }) => wholeLines(sent) }),
    listenersAreTidy,
    connectionsKeepTime(),
  ],
  peers: arbPeers({ messages: arbShortLines, maxPeers: 2, maxWaitMs: 600 }),
};
