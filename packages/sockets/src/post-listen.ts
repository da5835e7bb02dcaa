import { PostListenError } from "./errors.ts";
import type { ListenerRecord } from "./listener-record.ts";
import type { Address } from "./transport.ts";

/** Why a listener listens: it is opened, or resumed, or was started anew after a crash or the loss of its socket. */
export type ListenOccasion = "start" | "resume" | "restart";

/** What there is to say about a listener that has just bound its address. */
export interface ListeningFacts {
  /** The id of the listener. */
  readonly listener: string;
  readonly name: string;
  readonly occasion: ListenOccasion;
}

/** Told where a listener listens. An `Error` as the result refuses, as a throw does. */
export type PostListenHook = (address: Address, facts: ListeningFacts) => unknown;

/** Calls the hook of a listener, and keeps what it returns for its connections; answers why it has refused. */
export function callPostListen(
  record: ListenerRecord,
  address: Address,
  occasion: ListenOccasion,
): PostListenError | undefined {
  const { id, name } = record;
  const { postListen } = record.config;
  try {
    const listenData = postListen === false ? undefined : postListen(address, { listener: id, name, occasion });
    if (listenData instanceof Error) return new PostListenError(id, listenData);
    refusePromise(listenData);
    // The hook may have changed options.
    record.config = Object.freeze({ ...record.config, listenData });
    return undefined;
  } catch (error) {
    return new PostListenError(id, error);
  }
}

/** Connections would begin before it is settled, and nobody would hear that it has failed. */
function refusePromise(result: unknown): void {
  if (!(result instanceof Promise)) return;
  // It is told already that something is wrong, and that is enough.
  result.catch(() => undefined);
  throw new TypeError("postListen must not be asynchronous");
}
