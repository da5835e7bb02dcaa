import { type ListenerNews, listenerClose, listenerOpen, listenerResume, listenerSuspend } from "./diagnostics.ts";
import type { ListenerRecord, OpenSocket } from "./listener-record.ts";
import type { Address } from "./transport.ts";

/** The listener listens, with this socket from now on. */
export function announceOpen(record: ListenerRecord, socket: OpenSocket, address: Address): void {
  // One whose end is late has not said so.
  if (record.listeningSocket !== undefined) announceClose(record, record.listeningSocket);
  record.listeningSocket = socket;
  record.announced = address;
  if (listenerOpen.hasSubscribers) listenerOpen.publish({ listener: record.id, address });
}

/**
 * A socket is gone, by whatever cause. Unless the listener listened with it, there is nothing to announce: it never came
 * to that, or another has taken its place.
 */
export function announceClose(record: ListenerRecord, socket: OpenSocket): void {
  if (record.listeningSocket !== socket) return;
  record.listeningSocket = undefined;
  const { id, announced: address } = record;
  if (address === undefined) return;
  record.announced = undefined;
  if (listenerClose.hasSubscribers) listenerClose.publish({ listener: id, address });
}

/** It was told to stop listening, and has. */
export function announceSuspend(record: ListenerRecord): void {
  if (listenerSuspend.hasSubscribers) listenerSuspend.publish(newsOf(record));
}

/** It was told to listen again, and does. */
export function announceResume(record: ListenerRecord): void {
  if (listenerResume.hasSubscribers) listenerResume.publish(newsOf(record));
}

/** One that has not listened yet has only the address that was asked for. */
function newsOf({ id, address, listenOn }: ListenerRecord): ListenerNews {
  return { listener: id, address: address ?? { host: "::", ...listenOn } };
}
