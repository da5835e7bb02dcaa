import {
  type Behaviour,
  type Definition,
  Exit,
  type Process,
  type Progress,
  shutdown,
  type Waiting,
} from "@espalier/actors";
import { ListenError } from "./errors.ts";
import type { ListenerRecord } from "./listener-record.ts";
import { formatAddress } from "./listen-on.ts";
import { type ListeningEvent, ListeningSocket } from "./listening-socket.ts";

/*
 * The listener owns the listening socket.
 *
 *   start ── bind ──▶ listening ──▶ (started) LISTENING ── socket lost ──▶ crash: its supervisor starts it anew,
 *               └───▶ failed ─────▶ start fails             with everything after it; connections stay
 */
class ListenerBehaviour implements Behaviour<ListenerRecord> {
  readonly kind = "listener";

  *start(process: Process, record: ListenerRecord): Waiting {
    process.state = record;
    const socket = new ListeningSocket(record, process);
    process.own(socket);
    // Nothing else is sent to a listener that is still starting.
    const event = (yield isListeningEvent) as ListeningEvent;
    if (event.type !== "listening") {
      const { host, port } = record.listenOn;
      const code = event.type === "listenFailed" ? event.code : "ECONNABORTED";
      // No crash: the operating system has said no, and whoever opens is told.
      process.stop(shutdown(new ListenError(host, port, code)));
      return;
    }
    record.address = event.address;
    record.listeningSocket = socket;
    process.label = formatAddress(event.address);
    process.observe("listening", { listener: record.id, address: event.address });
  }

  receive(process: Process, message: unknown): Progress {
    if (message instanceof Exit && message.from === process.parentPid) return process.stop(message.reason);
    if (isListeningEvent(message)) throw new ListeningSocketLost();
  }

  terminate(process: Process): void {
    // The state is what `start` was given.
    (process.state as ListenerRecord).listeningSocket = undefined;
  }

  describe(process: Process): unknown {
    return process.label;
  }
}

/** The system has closed the listening socket. */
class ListeningSocketLost extends Error {
  override readonly name = "ListeningSocketLost";

  constructor() {
    super("the listening socket is gone");
  }
}

function isListeningEvent(message: unknown): message is ListeningEvent {
  if (typeof message !== "object" || message === null || !("type" in message)) return false;
  return message.type === "listening" || message.type === "listenFailed" || message.type === "listenClosed";
}

export const listener: Definition<ListenerRecord> = {
  name: "listener",
  trapExit: true,
  behaviour: new ListenerBehaviour(),
};
