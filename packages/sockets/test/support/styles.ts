import { Exit, defineServer, fromAsync, noreply, ok, shutdown, stop } from "@espalier/actors";
import {
  type Connection,
  type ConnectionEvent,
  type ConnectionInput,
  connectionMachine,
  connector,
  fromConnection,
  fromConnector,
  fromStart,
} from "@espalier/sockets";
import { setup } from "xstate";
import type { ConnectionDefinition } from "../../src/handler.ts";
import { type ConnectionTypes, typesOf } from "./handlers.ts";

/** Sends a line back; crashes at `boom`, and is called as a client says who it is. */
function respond(connection: Connection, line: Uint8Array): void {
  const text = Buffer.from(line).toString();
  if (text.startsWith("I am ")) connection.label = text.slice("I am ".length, -1);
  if (text === "boom\n") throw new Error("boom");
  connection.send(text);
}

function endOf(event: Exclude<ConnectionEvent, { type: "socketReady" | "secured" | "data" | "shutdown" }>) {
  if (event.type === "closed") return shutdown("peerClosed");
  return shutdown(event.type === "timeout" ? "idleTimeout" : event.reason);
}

const machine = connectionMachine()
  .extend({
    actions: {
      respond({ context, event }) {
        if (event.type === "data") respond(context.connection, event.data);
      },
    },
  })
  .createMachine({
    id: "echo",
    context: ({ input }) => ({ connection: input.connection }),
    initial: "echoing",
    states: {
      echoing: {
        on: {
          socketReady: { actions: "activate" },
          data: { actions: ["respond", "activate"] },
          shutdown: { target: "gone", actions: { type: "send", params: "goodbye\n" } },
        },
      },
      gone: { type: "final" },
    },
  });

const bareMachine = setup({
  types: typesOf<ConnectionTypes>(),
}).createMachine({
  id: "bare",
  context: ({ input }) => input,
  on: {
    socketReady: { actions: ({ context }) => context.connection.activate(true) },
    data: { actions: ({ context, event }) => respond(context.connection, event.data) },
    shutdown: { target: ".gone", actions: ({ context }) => void context.connection.send("goodbye\n") },
  },
  initial: "echoing",
  states: { echoing: {}, gone: { type: "final" } },
});

const server = defineServer<{ args: ConnectionInput; state: Connection; info: ConnectionEvent }>({
  name: "server",
  trapExit: true,
  init: ({ connection }) => ok(connection),
  handleInfo(event, connection) {
    if (event.type === "closed" || event.type === "error" || (event.type === "timeout" && !("timer" in event))) {
      return stop(endOf(event as { type: "closed" }), connection);
    }
    if (event.type === "data") respond(connection, event.data);
    connection.activate();
    return noreply(connection);
  },
  terminate(reason, connection) {
    if (reason.type === "shutdown" && reason.detail === undefined) connection.send("goodbye\n");
  },
});

const asyncFunction = fromAsync<ConnectionEvent, ConnectionInput>(
  async (self, { connection }) => {
    for (;;) {
      const event = await self.receive();
      if (event instanceof Exit) {
        connection.send("goodbye\n");
        return self.exit(event.reason);
      }
      if (event.type === "closed" || event.type === "error" || event.type === "timeout") self.exit(endOf(event));
      if (event.type === "data") respond(connection, event.data);
      connection.activate();
    }
  },
  { trapExit: true },
);

const connectionFunction = fromConnection(async (connection) => {
  for await (const line of connection) respond(connection, line);
  if (connection.isOpen) connection.send("goodbye\n");
});

function connectorThat(active: boolean): ConnectionDefinition {
  return fromConnector<{ state: Connection }>({
    active,
    connectorInit: ({ connection }) => connector.ok({ state: connection, active: true }),
    handlePacket(line, connection) {
      respond(connection, line);
      return connector.ok();
    },
    terminate(reason, connection) {
      if (reason.type === "shutdown" && reason.detail === undefined) connection.send("goodbye\n");
    },
  });
}

/** The same protocol in every style: lines are echoed, `boom` is a crash, and a closing listener says goodbye. */
export const styles: ReadonlyArray<readonly [string, ConnectionDefinition | object]> = [
  ["a machine", machine],
  ["a machine of XState's own setup", bareMachine],
  ["a server", server],
  ["an async function with a mailbox", asyncFunction],
  ["an async function with a connection", connectionFunction],
  ["a callback object", connectorThat(true)],
  ["a callback object that activates itself", connectorThat(false)],
  ["an actor of one's own", fromStart((_connection, self, input) => self.spawnLink(server, input))],
  [
    "an actor of one's own that takes its time",
    fromStart(async (_connection, self, input) => {
      const started = await self.startLink(server, input);
      if (!started.ok) throw new Error("it does not start");
      return started.ref;
    }),
  ],
];
