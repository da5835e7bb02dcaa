import {
  type ActorRef,
  actorOf,
  type Context,
  defineServer,
  type Definition,
  noreply,
  InjectedCrashError,
  ok,
} from "@espalier/actors";
import { connectionMachine, fromConnection, type Listener, startSockets } from "@espalier/sockets";
import { child, defineSupervisor } from "@espalier/supervisor";
import type { Invariant } from "../../src/invariant.ts";
import type { PeerOp } from "../../src/peer-script.ts";
import type { Target } from "../../src/target.ts";

/** What devices tell the server of the sessions, and what they are told. */
type Wish = { readonly type: "join" | "leave"; readonly name: string; readonly who: Device };
type Order = { readonly type: "welcome" } | { readonly type: "takeover"; readonly by: Device };
type Device = ActorRef<Order>;

/** Knows whose each session is. Who comes for one that is taken gets it from the one that has it. */
function sessionsOf({ watches }: { readonly watches: boolean }): Definition {
  return defineServer<{ state: ReadonlyMap<string, Device>; info: Wish }>({
    name: "sessions",
    init: () => ok(new Map()),
    handleInfo(message, sessions, self) {
      if (message.type === "down") {
        return noreply(new Map([...sessions].filter(([, device]) => device !== message.pid)));
      }
      if (message.type === "leave") {
        return noreply(new Map([...sessions].filter(([, device]) => device !== message.who)));
      }
      if (message.type !== "join") return noreply(sessions);
      const { name, who } = message;
      const owner = sessions.get(name);
      if (owner === undefined) self.send(who, { type: "welcome" });
      else self.send(owner, { type: "takeover", by: who });
      if (watches) self.monitor(who);
      return noreply(new Map(sessions).set(name, who));
    },
  });
}

function tell(self: Context<Order>, type: Wish["type"], name: string): void {
  // Whoever has this name understands wishes.
  const sessions: ActorRef<Wish> | undefined = self.whereis("sessions");
  if (sessions !== undefined) self.send(sessions, { type, name, who: self.pid });
}

/** A device says who it is, and is welcome in its session. The planted bug: one that is silent for too long does not leave it. */
const deviceOf = (regret: string) =>
  connectionMachine<{ events: Order }>()
    .extend({
      actions: {
        join: ({ self, event }) => {
          if (event.type === "data") tell(actorOf(self), "join", Buffer.from(event.data).toString());
        },
        leave: ({ self }) => tell(actorOf(self), "leave", ""),
        yield: ({ self, event }) => {
          if (event.type === "takeover") actorOf(self).send(event.by, { type: "welcome" });
        },
      },
    })
    .createMachine({
      context: ({ input }) => ({ connection: input.connection }),
      initial: "waiting",
      on: { takeover: { target: ".gone", actions: "yield" }, timeout: ".gone" },
      states: {
        waiting: { on: { socketReady: "nameless" } },
        nameless: {
          entry: "activate",
          on: { data: { target: "asking", actions: "join" }, closed: "gone", error: "gone" },
        },
        asking: {
          on: { welcome: "known" },
          after: { 1000: { target: "gone", actions: { type: "send", params: regret } } },
        },
        known: {
          entry: [{ type: "send", params: "welcome\n" }, "activate"],
          on: {
            data: { actions: "activate" },
            closed: { target: "gone", actions: "leave" },
            error: { target: "gone", actions: "leave" },
          },
        },
        gone: { type: "final" },
      },
    });

interface SessionOptions {
  /** The planted bug is mended. */
  readonly watches: boolean;
  readonly idleTimeoutMs: number;
  /** What a device is told that does not get its session within a second. @defaultValue "busy\n" */
  readonly regret?: string;
}

/** Sessions by name, which a device may take over from one before it. */
export function sessionTarget({ watches, idleTimeoutMs, regret = "busy\n" }: SessionOptions): Target<Listener> {
  return {
    async start({ system, transport }) {
      const sessions = { id: "sessions", start: child(sessionsOf({ watches }), undefined, { name: "sessions" }) };
      await system.start(defineSupervisor({ children: [sessions] }), undefined, { id: "house" });
      const sockets = await startSockets(system, { transport });
      return sockets.open("devices", 5000, { acceptors: 1, packet: "line", idleTimeoutMs }, deviceOf(regret));
    },
  };
}

/** Answers the nonce of a login. */
export const LOGIN: PeerOp = { type: "answer", to: "nonce (\\d+)\n", with: "login $1\n", withinMs: 1000 };

/** Nobody crashes but for what was injected. */
export const nobodyCrashes: Invariant = {
  id: "own-crash",
  says: "actors crash by injections alone",
  watch: (view) => ({
    on: {
      exit({ subject, reason }) {
        const isOwn = reason.type === "error" && !(reason.error instanceof InjectedCrashError);
        if (isOwn) view.violate("own-crash", `${subject.path} crashes: ${String(reason.error)}`);
      },
    },
  }),
};

/** Every device that has said who it is is welcome. */
export function welcome({ sent }: { readonly sent: Uint8Array }): string {
  return sent.includes(10) ? "welcome\n" : "";
}

/** Echoes lines to those who have answered its nonce. The planted bug is behind that, and in who says `quit`. */
export function loginTarget({
  isRight,
  isSecure = false,
}: {
  readonly isRight: boolean;
  readonly isSecure?: boolean;
}): Target<Listener> {
  const handler = fromConnection(async function login(connection, self) {
    const nonce = Math.floor(self.random() * 1e6);
    connection.send(`nonce ${nonce}\n`);
    let isKnown = false;
    for await (const packet of connection) {
      const line = Buffer.from(packet).toString("latin1").trimEnd();
      if (isKnown && line === "quit" && !isRight) throw new Error("nobody has ever quit");
      isKnown ||= line === `login ${nonce}`;
      connection.send(isKnown ? `${line}\n` : "who?\n");
    }
  });
  return {
    async start({ system, transport, tls }) {
      const sockets = await startSockets(system, { transport });
      return sockets.open("login", 5000, { acceptors: 1, packet: "line", ...(isSecure && { tls }) }, handler);
    },
  };
}
