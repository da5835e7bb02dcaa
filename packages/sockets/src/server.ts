import {
  type Context,
  type Definition,
  defineServer,
  Down,
  type ExitReason,
  formatReason,
  isExpected,
  noreply,
  ok,
  type ServerRef,
} from "@espalier/actors";
import { whichChildren } from "@espalier/supervisor";
import { listenerLogger } from "./listener-logger.ts";
import { type ListenerRecord, listenerSupervisorId } from "./listener-record.ts";

/** What the server process is started with. */
export interface ServerArgs {
  readonly table: ListenerTable;
  /** The name of the root supervisor, whose child it is. */
  readonly root: string;
}

/** The open listeners by id. Kept by who opens and closes them, so that it outlives a crash of the process that watches. */
export type ListenerTable = Map<string, ListenerRecord>;

/** The supervisor of a listener starts it, for the first time or anew. */
export interface ListenerStarted {
  readonly type: "listenerStarted";
  readonly record: ListenerRecord;
}

interface ServerTypes {
  readonly args: ServerArgs;
  readonly state: ServerArgs;
  readonly info: ListenerStarted;
}

/**
 * The process that watches the listeners, and raises its voice when one of them has given up: its supervisor ends
 * as `shutdown` then, which nobody else would take for a failure. Any other end is the business of the root supervisor,
 * which starts it anew.
 */
export const server: Definition<ServerArgs, ServerRef<ServerTypes>> = defineServer<ServerTypes>({
  name: "server",
  init(args, self) {
    for (const { supervisor } of args.table.values()) if (supervisor !== undefined) self.monitor(supervisor);
    return ok(args);
  },
  handleInfo(message, state, self) {
    if (message.type === "listenerStarted") {
      const { supervisor } = message.record;
      if (supervisor !== undefined) self.monitor(supervisor);
    } else if (message instanceof Down && isExpected(message.reason)) {
      const record = [...state.table.values()].find(({ supervisor }) => supervisor === message.pid);
      if (record !== undefined) return alarm(record, message.reason, state, self);
    }
    return noreply(state);
  },
  formatStatus: ({ table }) => [...table.keys()],
});

async function alarm(record: ListenerRecord, reason: ExitReason, state: ServerArgs, self: Context<ListenerStarted>) {
  // A root that is ending has ended this listener itself. It does not answer any more, and ends this process next.
  const children = await whichChildren(self, state.root);
  // That of a listener that failed to start while it was started anew ends like this, too: the root tries again.
  if (children.some(({ id, child }) => id === listenerSupervisorId(record.id) && child !== undefined))
    return noreply(state);
  const text = `listener ${record.id} is down (${formatReason(reason)}); it takes no connections any more`;
  listenerLogger(record).error({}, text);
  return noreply(state);
}
