import { fromConnection, ReceiveError, startSockets } from "@espalier/sockets";
import { arbPeers, standard } from "../kit.ts";
import { connectionsKeepTime } from "./connection-laws.ts";
import { listenersAreTidy } from "./listener-laws.ts";
import { LISTENER_KNOBS, type ListenerKnobs, type TargetCase } from "./target-case.ts";
import { nobodyCrashesUnasked } from "./crash-law.ts";

interface Knobs extends ListenerKnobs {
  /** So many bytes are asked for at a time. */
  readonly length: number;
}

/** A listener whose connections are async functions, which ask for bytes and send them back. */
export const passive: TargetCase<Knobs> = {
  name: "passive",
  target: {
    async start({ system, transport, knobs: { length, ...options } }) {
      const sockets = await startSockets(system, { transport });
      const handler = fromConnection(
        async (connection) => {
          for (;;) {
            const bytes = await next(() => connection.recv(length, { timeoutMs: 4000 }));
            if (bytes === undefined) return;
            if (bytes !== "later") connection.send(Uint8Array.from(bytes));
          }
        },
        { name: "passive" },
      );
      return sockets.open("passive", 5000, options, handler);
    },
    knobs: { ...LISTENER_KNOBS, length: [1, 3, 7] },
    // Some of its bytes are always enough.
    probe: { ops: [{ type: "send", bytes: new TextEncoder().encode("abcdefg") }], receives: "a" },
  },
  // Whoever asks for three bytes at a time may have up to two more.
  invariants: [
    nobodyCrashesUnasked,
    ...standard({
      model: ({ sent, peer }) => sent.subarray(0, Math.max(sent.length - (sent.length % 21), peer.receivedBytes)),
    }),
    listenersAreTidy,
    connectionsKeepTime(),
  ],
  peers: arbPeers({ maxWaitMs: 6000 }),
};

/** What comes; a client may take its time. */
async function next(receive: () => Promise<Uint8Array | undefined>): Promise<Uint8Array | "later" | undefined> {
  try {
    return await receive();
  } catch (error) {
    if (error instanceof ReceiveError && error.reason === "timeout") return "later";
    throw error;
  }
}
