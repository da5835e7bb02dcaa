import {
  type ActorRef,
  actorOf,
  type Context,
  defineServer,
  type Definition,
  noreply,
  ok,
  type Pid,
} from "@espalier/actors";
import { connectionMachine, type Listener, startSockets } from "@espalier/sockets";
import { child, defineSupervisor } from "@espalier/supervisor";
import type { Target } from "../../src/target.ts";

// A game of so many seats that tells each player of each of its frames, 20 a second.

const TICK_MS = 50;

type Frame = { readonly type: "frame"; readonly number: number };
type Answer = { readonly type: "welcome" | "full" } | Frame;
type Player = ActorRef<Answer>;
type Wish = { readonly type: "join"; readonly name: string; readonly who: Player } | { readonly type: "tick" };

interface Game {
  readonly frame: number;
  readonly players: ReadonlySet<Player>;
  /** Who has ever played. */
  readonly known: ReadonlySet<string>;
}

/** The planted fault: who comes back is not watched, so that he keeps his seat for good. */
function gameOf(seats: number): Definition {
  return defineServer<{ state: Game; info: Wish }>({
    name: "game",
    init(_args, self) {
      self.sendAfter(self.pid, { type: "tick" }, TICK_MS);
      return ok({ frame: 0, players: new Set(), known: new Set() });
    },
    handleInfo(message, game, self) {
      const { frame, players, known } = game;
      if (message.type === "tick") {
        self.sendAfter(self.pid, { type: "tick" }, TICK_MS);
        for (const player of players) self.send(player, { type: "frame", number: frame });
        return noreply({ ...game, frame: frame + 1 });
      }
      if (message.type === "down") return noreply({ ...game, players: without(players, message.pid) });
      if (message.type !== "join") return noreply(game);
      const { who, name } = message;
      const isFull = players.size >= seats;
      self.send(who, { type: isFull ? "full" : "welcome" });
      if (isFull) return noreply(game);
      if (!known.has(name)) self.monitor(who);
      return noreply({ ...game, players: new Set(players).add(who), known: new Set(known).add(name) });
    },
  });
}

function without(players: ReadonlySet<Player>, who: Pid | undefined): ReadonlySet<Player> {
  return new Set([...players].filter((one) => one !== who));
}

const player = connectionMachine<{ events: Answer }>()
  .extend({ actions: { join: ({ self }, { line }: { line: Uint8Array }) => join(actorOf(self), line) } })
  .createMachine({
    id: "player",
    context: ({ input }) => ({ connection: input.connection }),
    initial: "waiting",
    on: { closed: ".gone", error: ".gone", timeout: ".gone" },
    states: {
      waiting: { on: { socketReady: "joining" } },
      joining: {
        entry: "activate",
        on: {
          data: { actions: { type: "join", params: ({ event }) => ({ line: event.data }) } },
          welcome: "playing",
          full: { target: "gone", actions: { type: "send", params: "FULL\n" } },
        },
      },
      playing: {
        entry: [{ type: "send", params: "WELCOME\n" }, "activate"],
        on: {
          frame: { actions: { type: "send", params: ({ event }) => `FRAME ${event.number}\n` } },
          data: { actions: "activate" },
        },
      },
      gone: { type: "final" },
    },
  });

function join(self: Context<Answer>, line: Uint8Array): void {
  const name = new TextDecoder()
    .decode(line)
    .replace(/^JOIN /, "")
    .trimEnd();
  // Whoever has this name understands wishes.
  const game: ActorRef<Wish> | undefined = self.whereis("game");
  if (game !== undefined) self.send(game, { type: "join", name, who: self.pid });
}

export const gameServer: Target<Listener> = {
  async start({ system, transport }) {
    const game = { id: "game", start: child(gameOf(1), undefined, { name: "game" }) };
    await system.start(defineSupervisor({ children: [game] }), undefined, { id: "house" });
    const sockets = await startSockets(system, { transport });
    return sockets.open("players", 5000, { acceptors: 1, packet: "line", idleTimeoutMs: 3000 }, player);
  },
  // Longer than idle players stay, and no longer: each second costs twenty ticks.
  healMs: 5000,
  probe: { ops: [{ type: "send", bytes: new TextEncoder().encode("JOIN probe\n") }], receives: "WELCOME\n" },
};
