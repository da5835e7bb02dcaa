import { type ListenerNews, listenerClose, listenerOpen, listenerResume, listenerSuspend } from "./diagnostics.ts";
import type { ListenerRecord } from "./listener-record.ts";
import type { Address } from "./transport.ts";

/** The listener listens. */
export function announceOpen(record: ListenerRecord, address: Address): void {
  // Of one that was killed, nobody may have been there to tell.
  announceClose(record);
  record.announced = address;
  if (listenerOpen.hasSubscribers) listenerOpen.publish({ listener: record.id, address });
}

/** What it listened with is gone, by whatever cause. One that never came to listen has nothing to announce. */
export function announceClose(record: ListenerRecord): void {
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
