import { defineServer, noreply, ok, type Pid, type Signal } from "@espalier/actors";
import type {
  Connection,
  ConnectionDefinition,
  ConnectionEvent,
  ConnectionInput,
  Listener,
  ListenerOptions,
} from "@espalier/sockets";
import type { Stage } from "./stage.ts";
import { textOf, type Visitor } from "./visitor.ts";

/** A handler that does nothing by itself: the scene acts on its connection, and looks at what it was told. */
export interface Puppet {
  readonly connection: Connection;
  readonly pid: Pid;
  /** Such as `"socketReady"`, `"data:hello"`, `"error:ECONNRESET"`. */
  readonly heard: string[];
}

interface Types {
  readonly args: ConnectionInput;
  readonly state: Puppet;
  readonly info: ConnectionEvent;
}

/** A handler, and those who have run it so far, in the order of their coming. */
export function puppets({ trapExit = false } = {}): { handler: ConnectionDefinition; cast: Puppet[] } {
  const cast: Puppet[] = [];
  const server = defineServer<Types>({
    name: "puppet",
    init({ connection }, self) {
      const puppet: Puppet = { connection, pid: self.pid, heard: [] };
      cast.push(puppet);
      return ok(puppet);
    },
    handleInfo(event, puppet) {
      puppet.heard.push(lineOf(event));
      return noreply(puppet);
    },
  });
  return { handler: { ...server, trapExit }, cast };
}

function lineOf(event: ConnectionEvent | Signal): string {
  if (event.type === "data") return `data:${textOf(event.data.subarray(0, 100))}`;
  return event.type === "error" ? `error:${event.reason}` : event.type;
}

interface Pair {
  readonly listener: Listener;
  readonly visitor: Visitor;
  readonly puppet: Puppet;
  /** The puppet, and those who come later. */
  readonly cast: readonly Puppet[];
}

/** One visitor, and what is at the other end. */
export async function pair(stage: Stage, options: ListenerOptions = {}): Promise<Pair> {
  const { handler, cast } = puppets();
  const listener = await stage.open(options, handler);
  const visitor = await stage.meet(listener);
  const [puppet] = cast;
  if (puppet === undefined) throw new Error("nobody has heard of the visitor");
  await stage.until("a handler has its socket", () => puppet.heard.length > 0);
  return { listener, visitor, cast, puppet };
}

const PIECE = new Uint8Array(4096);

/** Some of it stays unsent as long as nobody reads, however much the network holds. Answers how much it is. */
export async function flood(stage: Stage, { connection }: Puppet): Promise<number> {
  let sent = 0;
  while (connection.isOpen && connection.unsentBytes < 2000) {
    // A connection that is just breaking takes whatever there is.
    for (let piece = 0; piece < 50 && connection.unsentBytes < 2000; piece += 1) {
      connection.send(PIECE);
      sent += PIECE.length;
    }
    // What the system has only not taken at once does not count.
    await stage.settle(5);
  }
  return sent;
}
