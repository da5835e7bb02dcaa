import type { Context } from "@espalier/actors";
import { defineServer, noreply, ok, shutdown, stop } from "@espalier/actors";
import type {
  Connection,
  ConnectionEvent,
  ConnectionInput,
  Listener,
  SocketEvents,
  Transport,
  TransportSocket,
} from "@espalier/sockets";
import { afterEach } from "vitest";
import type { ConnectionDefinition } from "../../src/handler.ts";
import { useWorld, world, type WorldOptions } from "./server-world.ts";
import type { EventOf } from "./world.ts";

/** A transport as one client sees it: a test looks at what it has asked for, and holds connections back. */
export interface Tap {
  readonly transport: Transport;
  /** Sockets that neither are closed nor were told to be at once. */
  open: number;
  /** The most that were open at once. */
  most: number;
  /** 1, unless several clients share it, or one is started anew while the end of the other is under way. */
  allowed: number;
  readonly sockets: TransportSocket[];
  /** What was asked for with each. */
  readonly asked: Array<Parameters<Transport["connect"]>[0]>;
  /** While it is set, no answer comes to an attempt to connect. */
  isSilent: boolean;
}

const taps: Tap[] = [];

/** A tap in the transport of the world. */
export function tap(allowed = 1): Tap {
  const inner = world.transport;
  const result: Tap = {
    transport: {
      name: inner.name,
      get hasRoom() {
        return inner.hasRoom;
      },
      listen: (options, events) => inner.listen(options, events),
      connect(options, events) {
        result.asked.push(options);
        result.open += 1;
        result.most = Math.max(result.most, result.open);
        let isOpen = true;
        const gone = (): void => {
          if (isOpen) result.open -= 1;
          isOpen = false;
          world.changed();
        };
        const socket = inner.connect(options, watching(events, result, gone));
        const setEvents = socket.setEvents.bind(socket);
        socket.setEvents = (next) => setEvents(watching(next, result, gone));
        const close = socket.close.bind(socket);
        socket.close = (how) => {
          close(how);
          if (how !== "flush") gone();
        };
        result.sockets.push(socket);
        return socket;
      },
    },
    open: 0,
    most: 0,
    allowed,
    sockets: [],
    asked: [],
    isSilent: false,
  };
  taps.push(result);
  return result;
}

function watching(events: SocketEvents, owner: Tap, gone: () => void): SocketEvents {
  return {
    connected() {
      if (!owner.isSilent) events.connected();
    },
    data: (bytes) => events.data(bytes),
    end: () => events.end(),
    drain: () => events.drain(),
    closed(code) {
      gone();
      events.closed(code);
    },
  };
}

/** A world for clients. Behind each test it looks for what must add up for every client. */
export function useClients(transport: "memory" | "tcp", options: WorldOptions = {}): void {
  // The last hook runs first: when this one runs, the world has been taken down.
  afterEach(() => {
    const faults = clientFaults();
    taps.length = 0;
    if (faults.length > 0) throw new Error(faults.join("\n"));
  });
  useWorld(transport, options);
}

/** What must add up for every client. */
export function clientFaults(): string[] {
  const faults: string[] = [];
  for (const { most, open, allowed } of taps) {
    if (most > allowed) faults.push(`a client had ${most} sockets at once`);
    if (open > 0) faults.push(`${open} sockets of a client were left open`);
  }
  const ends = world.of("clientDisconnected");
  for (const { connection } of world.of("clientConnected")) {
    const count = ends.filter((end) => end.connection === connection).length;
    if (count !== 1) faults.push(`${connection} was connected once and disconnected ${count} times`);
  }
  if (ends.length > world.of("clientConnected").length) faults.push("more was disconnected than connected");
  const outcomes = world.of("clientFailed").length + world.of("clientConnected").length;
  if (outcomes > world.of("clientConnecting").length) faults.push("more outcomes than attempts");
  return faults;
}

/** `127.0.0.1` and the port. */
export function addressOf({ port }: Pick<Listener, "port">): string {
  return `127.0.0.1:${port}`;
}

/** A handler that keeps what it is told and ends as an ordinary machine does: when its socket is closed. */
export interface Listening {
  readonly handler: ConnectionDefinition;
  /** One for each connection, the oldest first. */
  readonly connections: readonly Heard[];
  /** The present one, once it has its socket. */
  readonly last: () => Heard;
}

export interface Heard {
  readonly connection: Connection;
  readonly self: Context;
  text: string;
  readonly events: string[];
}

export function listening(react?: (text: string, heard: Heard) => void): Listening {
  const connections: Heard[] = [];
  const handler = defineServer<{ args: ConnectionInput; state: Heard; info: ConnectionEvent | "finish" | "boom" }>({
    name: "listening",
    init({ connection }, self) {
      const heard: Heard = { connection, self: self as unknown as Context, text: "", events: [] };
      connections.push(heard);
      return ok(heard);
    },
    handleInfo(event, heard) {
      if (event === "finish") return stop(shutdown("finished"), heard);
      if (event === "boom") throw new Error("boom");
      heard.events.push(event.type);
      if (event.type === "socketReady") heard.connection.activate(true);
      if (event.type === "data") {
        const text = Buffer.from((event as { data: Uint8Array }).data).toString();
        heard.text += text;
        react?.(text, heard);
      }
      world.changed();
      if (event.type === "closed") return stop(shutdown("peerClosed"), heard);
      if (event.type === "error") return stop(shutdown((event as { reason: string }).reason), heard);
      return noreply(heard);
    },
    handleCall: (request, from, heard) => {
      from.reply({ heard: heard.text, request });
      return noreply(heard);
    },
  });
  return {
    handler,
    connections,
    last() {
      const heard = connections.at(-1);
      if (heard === undefined) throw new Error("there was no connection");
      return heard;
    },
  };
}

/** Sends to the handler of the last connection. */
export function order({ self }: Heard, what: "finish" | "boom"): void {
  world.system.send(self.ref as never, what as never);
}

/** The pauses so far. */
export function pauses(): number[] {
  return world.of("clientWaiting").map(({ pauseMs }: EventOf<"clientWaiting">) => pauseMs);
}

/** When each attempt has begun. */
export function attemptTimes(): number[] {
  return world.of("clientConnecting").map(({ time }) => time);
}
