import { type ActorRef, type Call, type Context, defineServer, noreply, ok, type Pid } from "@espalier/actors";
import type { Message, QoS } from "./packet.ts";
import { matches } from "./topic.ts";

// Who gets what. It knows its clients for as long as both of them live: it monitors them, and they monitor it.

export type Filters = ReadonlyMap<string, QoS>;

/** What the router knows of a client. */
export interface Session {
  readonly clientId: string;
  readonly will: Message | undefined;
  readonly filters: Filters;
}

/** What it tells a client: here is a message, or somebody else has come under your name. */
export type RouterEvent = { readonly type: "deliver"; readonly message: Message } | { readonly type: "takenOver" };

type Client = ActorRef<RouterEvent>;

/** A client is here, for the first time or again. */
interface Join {
  readonly type: "join";
  readonly client: Client;
  readonly session: Session;
}

/** A client wants these from now on; of what is retained, what it has asked for just now. */
interface Filter {
  readonly type: "filter";
  readonly client: Client;
  readonly filters: Filters;
  readonly added: Filters;
}

interface Publish {
  readonly type: "publish";
  readonly message: Message;
}

export type RouterCast = Join | Publish;
/** Whether it was done: nothing can be for a client that has not joined. */
export type RouterCall = Call<"filter", boolean, Filter> | Call<"publish", boolean, Publish>;

/** The last message of each topic that was published with `retain`. */
export type Retained = Map<string, Message>;

interface State {
  readonly sessions: Map<Pid, Session & { readonly client: Client }>;
  readonly clients: Map<string, Client>;
  readonly retained: Retained;
}

/** What is retained is its argument: that outlives a crash, and what clients know themselves need not. */
export const router = defineServer<{ args: Retained; state: State; call: RouterCall; cast: RouterCast }>({
  name: "router",
  init: (retained) => ok({ sessions: new Map(), clients: new Map(), retained }),
  handleCall(request, from, state, self) {
    // The answer comes before what is retained.
    from.reply(request.type === "publish" || state.sessions.has(request.client));
    if (request.type === "publish") publish(request.message, state, self);
    else filter(request, state, self);
    return noreply(state);
  },
  handleCast(request, state, self) {
    if (request.type === "join") join(request, state, self);
    else publish(request.message, state, self);
    return noreply(state);
  },
  handleInfo(message, state, self) {
    if (message.type !== "down" || message.pid === undefined) return noreply(state);
    // One that has said goodbye has no last will.
    leave(message.pid, message.reason.type !== "normal", state, self);
    return noreply(state);
  },
});

function join({ client, session }: Join, state: State, self: Context<never>): void {
  const other = state.clients.get(session.clientId);
  if (other !== undefined) {
    self.send(other, { type: "takenOver" });
    leave(other, true, state, self);
  }
  self.monitor(client);
  state.sessions.set(client, { ...session, client });
  state.clients.set(session.clientId, client);
}

function leave(pid: Pid, isAbnormal: boolean, state: State, self: Context<never>): void {
  const session = state.sessions.get(pid);
  // One whose place is taken has left already.
  if (session === undefined) return;
  state.sessions.delete(pid);
  state.clients.delete(session.clientId);
  if (isAbnormal && session.will !== undefined) publish(session.will, state, self);
}

function filter({ client, filters, added }: Filter, { sessions, retained }: State, self: Context<never>): void {
  const session = sessions.get(client);
  if (session === undefined) return;
  sessions.set(client, { ...session, filters });
  for (const message of retained.values()) deliver(message, true, client, added, self);
}

function publish(message: Message, { sessions, retained }: State, self: Context<never>): void {
  if (message.retain && message.payload.length > 0) retained.set(message.topic, message);
  else if (message.retain) retained.delete(message.topic);
  for (const { client, filters } of sessions.values()) deliver(message, false, client, filters, self);
}

/** Once, however many filters match, and by the best of these. */
function deliver(message: Message, retain: boolean, client: Client, filters: Filters, self: Context<never>): void {
  const granted = [...filters].flatMap(([wanted, qos]) => (matches(wanted, message.topic) ? qos : []));
  if (granted.length === 0) return;
  const qos = granted.includes(1) ? message.qos : 0;
  self.send(client, { type: "deliver", message: { ...message, qos, retain } });
}
