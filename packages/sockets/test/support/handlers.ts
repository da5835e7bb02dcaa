import { type Context, defineServer, noreply, ok } from "@espalier/actors";
import {
  type Connection,
  type ConnectionEvent,
  type ConnectionInput,
  packetMachine,
  Received,
  Sent,
} from "@espalier/sockets";
import { type AnyStateMachine, setup } from "xstate";
import type { ConnectionDefinition } from "../../src/handler.ts";
import { anyWorld } from "./world.ts";

/** Sends back each packet. */
export const echo: AnyStateMachine = packetMachine({ onData: (connection, data) => void connection.send(data) });

/** Sends back each packet, and crashes at `boom`. */
export const fragileEcho: AnyStateMachine = packetMachine({
  onData(connection, data) {
    if (Buffer.from(data).toString().trim() === "boom") throw new Error("boom");
    connection.send(data);
  },
});

/** What `setup` calls types, of which it reads only the type. */
export function typesOf<Types extends object>(): Partial<Types> {
  return {};
}

/** The types of a machine that can be a connection and has nothing of its own. */
export interface ConnectionTypes {
  readonly context: ConnectionInput;
  readonly events: ConnectionEvent;
  readonly input: ConnectionInput;
}

/** A machine that knows of nothing but data, which it sends back: all else happens to it. */
export const ignorant: AnyStateMachine = setup({ types: typesOf<ConnectionTypes>() }).createMachine({
  id: "ignorant",
  context: ({ input }) => input,
  on: {
    socketReady: { actions: ({ context }) => context.connection.activate() },
    data: {
      actions({ context, event }) {
        context.connection.send(event.data);
        context.connection.activate();
      },
    },
  },
});

/** When its listener closes it says goodbye, and it ends when the client has answered. Until then it echoes. */
export const polite: AnyStateMachine = setup({
  types: typesOf<ConnectionTypes>(),
  actions: {
    activate: ({ context }) => context.connection.activate(),
    echo({ context, event }) {
      if (event.type === "data") context.connection.send(event.data);
    },
    sayGoodbye: ({ context }) => void context.connection.send("goodbye"),
  },
}).createMachine({
  id: "polite",
  context: ({ input }) => input,
  initial: "open",
  states: {
    open: {
      on: {
        socketReady: { actions: "activate" },
        data: { actions: ["echo", "activate"] },
        shutdown: { target: "leaving", actions: "sayGoodbye" },
      },
    },
    leaving: { on: { data: "gone" } },
    gone: { type: "final" },
  },
});

/** A handler in the hand of the test. */
export interface Puppet {
  readonly self: Context<Told>;
  readonly connection: Connection;
  /** What it was told, in order: the type of each event, with the text of `data` and the reason of `error`. */
  readonly heard: string[];
  /** The same, as it was told. */
  readonly events: ConnectionEvent[];
}

/** A connection's event, or an order: something to do as a step of the handler. */
type Told = ConnectionEvent | ((puppet: Puppet) => void);

export interface PuppetOptions {
  /** Its ends are its own: it hears of the parent's exit by `terminate` only. */
  readonly trapExit?: boolean;
  /** What it does at its start, before the socket is its own; a promise is waited for. */
  readonly init?: (puppet: Puppet) => void | Promise<void>;
  /** What it does at each event, beside keeping it. */
  readonly react?: (event: ConnectionEvent, puppet: Puppet) => void;
  /** What it does at each reply to a request of its connection, which it does not keep. */
  readonly hear?: (reply: Received | Sent) => void;
}

/** Handlers that keep all that they are told and do only what they are told. */
export interface Puppetry {
  readonly handler: ConnectionDefinition;
  /** In the order in which they were started. */
  readonly puppets: readonly Puppet[];
  /** The only one, once it has its socket. */
  readonly one: () => Promise<Puppet>;
  /** That of the connection which came as number `index`, once it has been told so much. */
  readonly hears: (index: number, count: number) => Promise<Puppet>;
}

export function puppetry(options: PuppetOptions = {}): Puppetry {
  const { trapExit = false, init, react, hear } = options;
  const puppets: Puppet[] = [];
  const handler = defineServer<{ args: ConnectionInput; state: Puppet; info: Told }>({
    name: "puppet",
    trapExit,
    init({ connection }, self) {
      const puppet: Puppet = { self, connection, heard: [], events: [] };
      puppets.push(puppet);
      anyWorld?.changed();
      const rest = init?.(puppet);
      return rest instanceof Promise ? rest.then(() => ok(puppet)) : ok(puppet);
    },
    handleInfo(told, puppet) {
      if (typeof told === "function") {
        told(puppet);
      } else if (told instanceof Received || told instanceof Sent) {
        hear?.(told);
      } else if ("type" in told && told.type !== "down" && told.type !== "exit") {
        puppet.heard.push(describeEvent(told as ConnectionEvent));
        puppet.events.push(told as ConnectionEvent);
        react?.(told as ConnectionEvent, puppet);
      }
      anyWorld?.changed();
      return noreply(puppet);
    },
    formatStatus: ({ heard }) => heard,
  });
  return {
    handler,
    puppets,
    one: async () => {
      await anyWorld?.until(() => puppets[0]?.heard.includes("socketReady") === true);
      return puppets[0] as Puppet;
    },
    hears: async (index, count) => {
      await anyWorld?.until(() => (puppets[index]?.heard.length ?? 0) >= count);
      return puppets[index] as Puppet;
    },
  };
}

function describeEvent(event: ConnectionEvent): string {
  if (event.type === "data") return `data ${Buffer.from(event.data).toString()}`;
  return event.type === "error" ? `error ${event.reason}` : event.type;
}
