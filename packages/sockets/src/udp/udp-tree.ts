import type { Behaviour, Definition, ExitReason, Process, Progress } from "@espalier/actors";
import { child, type ChildSpec, defineSupervisor, type SupervisorRef } from "@espalier/supervisor";
import { listener } from "../listener.ts";
import { listenerLogger } from "../listener-logger.ts";
import { announceClose } from "../listener-news.ts";
import { listenerSupervisorId } from "../listener-record.ts";
import { connectionSupervisorSpec, listenerFlags } from "../tree.ts";
import type { UdpRecord } from "./udp-record.ts";

/*
 * A UDP listener in the tree of eSockd, with the same parts as one of TCP but for acceptors, of which it has no use:
 *
 *   listener_sup:ID          restForOne
 *    ├─ connection_sup       first, so that peers outlive the socket
 *    └─ listener             owns the socket
 */

/** One UDP listener; transient, as those of TCP. */
export function udpListenerChildSpec(record: UdpRecord): ChildSpec {
  const start = child(udpListenerTree(record), undefined, { logger: listenerLogger(record) });
  return { id: listenerSupervisorId(record.id), start, restart: "transient" };
}

function udpListenerTree(record: UdpRecord): Definition<void, SupervisorRef> {
  return defineSupervisor(
    {
      ...listenerFlags,
      children: [connectionSupervisorSpec(record), { id: "listener", start: child(udpListener, record) }],
    },
    { name: "listener_sup" },
  );
}

const { behaviour } = listener;

/** The listener, with another end: of TCP only the door is its own, here it is all that the peers have. */
class UdpListenerBehaviour implements Behaviour<UdpRecord> {
  readonly kind = behaviour.kind;

  start(process: Process, record: UdpRecord): Progress {
    const { socket } = record;
    if (socket !== undefined) {
      // It was left to the peers by a listener that was told to end while they were not. There can be one only.
      process.own(socket);
      process.disown(socket);
      socket.release();
    }
    return behaviour.start(process, record);
  }

  receive(process: Process, message: unknown): Progress {
    return behaviour.receive(process, message);
  }

  terminate(process: Process, reason: ExitReason): void {
    // The state is what the listener was started with.
    const record = process.state as UdpRecord;
    const { socket } = record;
    // Of one that ends late, it is the successor's.
    if (socket?.ownerPid !== process.pid) return;
    if (reason.type === "shutdown") socket.retire();
    announceClose(record, socket);
  }

  describe(process: Process): unknown {
    return behaviour.describe?.(process);
  }
}

const udpListener: Definition<UdpRecord> = {
  name: listener.name,
  trapExit: true,
  behaviour: new UdpListenerBehaviour(),
};
