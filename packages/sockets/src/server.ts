import {
  type Call,
  type Definition,
  defineServer,
  Down,
  formatReason,
  noreply,
  ok,
  type Pid,
  reply,
  type ServerRef,
} from "@espalier/actors";
import type { ListenerRecord } from "./listener-record.ts";

/** A listener that is open: what its actors share, and its supervisor. */
export interface OpenListener {
  readonly record: ListenerRecord;
  readonly supervisor: Pid;
}

/** The listeners by id. Made once, outside the process that serves it, so that it outlives a crash of that. */
export type ListenerTable = Map<string, OpenListener>;

/** What the server process answers. */
export type ServerCalls = Call<"opened", boolean, { listener: OpenListener }> | Call<"closed", boolean, { id: string }>;

interface ServerTypes {
  readonly args: ListenerTable;
  readonly state: ListenerTable;
  readonly call: ServerCalls;
}

/**
 * The process that keeps the table of listeners, and raises its voice when one of them has given up: its supervisor ends
 * as `shutdown` then, which nobody else would take for a failure.
 */
export const server: Definition<ListenerTable, ServerRef<ServerTypes>> = defineServer<ServerTypes>({
  name: "server",
  init(table, self) {
    for (const { supervisor } of table.values()) self.monitor(supervisor);
    return ok(table);
  },
  handleCall(request, _from, table, self) {
    switch (request.type) {
      case "opened":
        table.set(request.listener.record.id, request.listener);
        self.monitor(request.listener.supervisor);
        return reply(true, table);
      case "closed":
        return reply(table.delete(request.id), table);
    }
  },
  handleInfo(message, table, self) {
    if (!(message instanceof Down)) return noreply(table);
    for (const { record, supervisor } of table.values()) {
      if (supervisor !== message.pid) continue;
      const text = `listener ${record.id} is down (${formatReason(message.reason)}); it takes no connections any more`;
      self.logger.error({ listener: record.id }, text);
    }
    return noreply(table);
  },
  formatStatus: (table) => [...table.keys()],
});
