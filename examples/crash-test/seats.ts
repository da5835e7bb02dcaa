import {
  type ActorRef,
  actorOf,
  type Context,
  defineServer,
  type Definition,
  noreply,
  ok,
  type Pid,
  type System,
} from "@espalier/actors";
import { connectionMachine, type Listener, startSockets, type Transport } from "@espalier/sockets";
import { child, defineSupervisor } from "@espalier/supervisor";

// A server with so many seats: each client takes one for as long as it is connected, and is turned away when all are taken.

/** What connections tell the server of the seats, and what it answers. */
type Wish = { readonly type: "take" | "leave"; readonly who: Guest };
type Answer = { readonly type: "seated" | "full" };
type Guest = ActorRef<Answer>;

export interface SeatsOptions {
  readonly seats: number;
  /** Who has a seat is watched, so that it is free again however he ends. */
  readonly watches: boolean;
}

/** Knows who sits. */
function seatsOf({ seats, watches }: SeatsOptions): Definition {
  return defineServer<{ state: ReadonlySet<Guest>; info: Wish }>({
    name: "seats",
    init: () => ok(new Set()),
    handleInfo(message, taken, self) {
      if (message.type === "down") return noreply(without(taken, message.pid));
      if (message.type === "leave") return noreply(without(taken, message.who));
      if (message.type !== "take") return noreply(taken);
      const { who } = message;
      const isFull = taken.size >= seats;
      self.send(who, { type: isFull ? "full" : "seated" });
      if (isFull) return noreply(taken);
      if (watches) self.monitor(who);
      return noreply(new Set(taken).add(who));
    },
  });
}

function without(taken: ReadonlySet<Guest>, who: Pid | undefined): ReadonlySet<Guest> {
  return new Set([...taken].filter((one) => one !== who));
}

/** One client: it asks for a seat, sits, and echoes what it gets. */
export const guest = connectionMachine<{ events: Answer }>()
  .extend({
    actions: {
      take: ({ self }) => tell(actorOf(self), "take"),
      leave: ({ self }) => tell(actorOf(self), "leave"),
    },
  })
  .createMachine({
    id: "guest",
    context: ({ input }) => ({ connection: input.connection }),
    initial: "waiting",
    states: {
      waiting: { on: { socketReady: "asking" } },
      asking: {
        entry: "take",
        on: { seated: "seated", full: { target: "gone", actions: { type: "send", params: "full\n" } } },
        after: { 5000: "gone" },
      },
      seated: {
        entry: [{ type: "send", params: "seated\n" }, "activate"],
        on: {
          data: { actions: [{ type: "send", params: ({ event }) => event.data }, "activate"] },
          closed: "gone",
          error: "gone",
          timeout: "gone",
          shutdown: "gone",
        },
        exit: "leave",
      },
      gone: { type: "final" },
    },
  });

function tell(self: Context<Answer>, type: Wish["type"]): void {
  // Whoever has this name understands wishes.
  const seats: ActorRef<Wish> | undefined = self.whereis("seats");
  if (seats !== undefined) self.send(seats, { type, who: self.pid });
}

export interface Surroundings {
  readonly system: System;
  readonly transport?: Transport;
  readonly machine?: typeof guest;
}

export async function startSeats(
  { system, transport, machine = guest }: Surroundings,
  options: SeatsOptions,
): Promise<Listener> {
  const seats = { id: "seats", start: child(seatsOf(options), undefined, { name: "seats" }) };
  await system.start(defineSupervisor({ children: [seats] }), undefined, { id: "house" });
  const sockets = await startSockets(system, transport === undefined ? {} : { transport });
  return sockets.open("guests", 5000, { acceptors: 1, packet: "line", idleTimeoutMs: 10_000 }, machine);
}
