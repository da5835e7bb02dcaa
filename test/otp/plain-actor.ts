import {
  type ActorRef,
  type AsyncContext,
  type Call,
  type Callable,
  CallMessage,
  type Definition,
  Down,
  Exit,
  fromAsync,
  type Incoming,
  type MonitorRef,
  NoProcessError,
  type Pid,
  RegistrationError,
} from "@espalier/actors";
import { failureOfCall, fromExitReason, Raised, toExitReason } from "./reason.ts";
import type { Leaf, Op, PlainActor, ReplyPlan } from "./scenario.ts";

/** What one actor sends to another. */
interface Note {
  readonly type: "note";
  readonly msg: string;
  readonly from: string;
}

/** What the player sends to an actor: things to do inside its own process. */
interface Order {
  readonly type: "order";
  readonly ops: readonly Op[];
  /** Gets the result of each as soon as it is there, so that those of an actor that ends are not lost. */
  readonly results: unknown[];
}

type Message = Note | Order;
type Requests = Call<"ask", string, { req: string }>;

/** The address of a plain actor. */
export type PlainRef = ActorRef<Message> & Callable<Requests>;

/** What the actors of one scenario know of each other, and where they log what they receive. */
export interface Acquaintances {
  pidOf(name: string): PlainRef;
  nameOf(pid: Pid): string;
  add(name: string, ref: PlainRef): void;
  received(receiver: string, message: Leaf): void;
}

/** Has the actor do these things, one after the other; their results appear in the answer as they come. */
export function order(ops: readonly Op[]): Order {
  return { type: "order", ops, results: [] };
}

/** A plain process: it logs what it receives and does what it is ordered. */
export function plainActor(plan: PlainActor, acquaintances: Acquaintances): Definition<void, PlainRef> {
  const { name, trapExit = false } = plan;
  const body = (self: AsyncContext<Message>): Promise<void> => new Actor(self, plan, acquaintances).live();
  return fromAsync<Message>(body, { name, trapExit });
}

class Actor {
  readonly #self: AsyncContext<Message>;
  readonly #name: string;
  readonly #others: Acquaintances;
  #reply: ReplyPlan;
  readonly #monitors = new Map<string, MonitorRef>();
  readonly #tags = new Map<MonitorRef, string>();

  constructor(self: AsyncContext<Message>, { name, reply = "now" }: PlainActor, others: Acquaintances) {
    this.#self = self;
    this.#name = name;
    this.#others = others;
    this.#reply = reply;
  }

  async live(): Promise<void> {
    for (;;) {
      const message = await this.#self.receive();
      if ("type" in message && message.type === "order") {
        for (const op of message.ops) {
          if (op.op === "return") return;
          message.results.push(await this.#perform(op));
        }
      } else {
        this.#others.received(this.#name, this.#describe(message));
        if (message instanceof CallMessage) await this.#serve(message);
      }
    }
  }

  #describe(message: Exclude<Incoming<Message>, Order>): Leaf {
    if (message instanceof Exit)
      return { exit: this.#others.nameOf(message.from), reason: fromExitReason(message.reason) };
    if (message instanceof Down) {
      const { ref, pid, name, reason } = message;
      const of = name === undefined && pid !== undefined ? this.#others.nameOf(pid) : `name:${name}`;
      return { down: this.#tags.get(ref), of, reason: fromExitReason(reason) };
    }
    if (message instanceof CallMessage) {
      const { request, from } = message;
      return {
        call: (request as Requests & { req: string }).req,
        from: from.caller === undefined ? null : this.#others.nameOf(from.caller),
      };
    }
    if (message.type === "note") return { msg: message.msg, from: message.from };
    return { stray: JSON.stringify(message) };
  }

  async #serve({ request, from }: CallMessage): Promise<void> {
    const reply = this.#reply;
    if (reply === "never") return;
    if (reply !== "now") {
      if ("exit" in reply) this.#self.exit(toExitReason(reply.exit));
      if ("raise" in reply) throw new Raised(reply.raise);
      await this.#sleep(reply.delayMs);
    }
    from.reply((request as Requests).req);
  }

  async #sleep(ms: number): Promise<void> {
    await this.#self.receive({ match: () => false, timeoutMs: ms });
  }

  /** Does one thing and answers its result; an operation that ends the actor has none. */
  #perform(op: Exclude<Op, { op: "return" }>): unknown {
    const self = this.#self;
    switch (op.op) {
      case "send":
        self.send<Message>(this.#others.pidOf(op.to), this.#note(op.msg));
        return "ok";
      case "sendName":
        return orBadarg(() => self.send(op.name, this.#note(op.msg)));
      case "link":
        return this.#link(op.to);
      case "unlink":
        self.unlink(this.#others.pidOf(op.to));
        return "ok";
      case "monitor":
        return this.#monitored(op.tag, self.monitor(this.#others.pidOf(op.to)));
      case "monitorName":
        return this.#monitored(op.tag, self.monitor(op.name));
      case "demonitor":
        return this.#demonitor(op.tag, op.flush === true);
      case "exit":
        self.exit(this.#others.pidOf(op.to), toExitReason(op.reason));
        return "ok";
      case "exitSelf":
        return self.exit(toExitReason(op.reason));
      case "raise":
        throw new Raised(op.reason);
      case "trapExit":
        return self.trapExit(op.value);
      case "sleep":
        return this.#sleep(op.ms).then(() => "ok");
      case "alive":
        return self.isAlive(this.#others.pidOf(op.to));
      case "register":
        return orBadarg(() => self.register(op.name, op.of === undefined ? self.pid : this.#others.pidOf(op.of)));
      case "unregister":
        return orBadarg(() => self.unregister(op.name));
      case "whereis": {
        const pid = self.whereis(op.name);
        return pid === undefined ? null : this.#others.nameOf(pid);
      }
      case "call":
        return this.#call(op);
      case "setReply":
        this.#reply = op.value;
        return "ok";
      case "spawn":
      case "spawnLink":
      case "spawnMonitor":
        return this.#spawn(op);
    }
  }

  #note(msg: string): Note {
    return { type: "note", msg, from: this.#name };
  }

  #link(to: string): unknown {
    try {
      this.#self.link(this.#others.pidOf(to));
      return "ok";
    } catch (error) {
      if (error instanceof NoProcessError) return { error: "noproc" };
      throw error;
    }
  }

  #monitored(tag: string, ref: MonitorRef): "ok" {
    this.#monitors.set(tag, ref);
    this.#tags.set(ref, tag);
    return "ok";
  }

  #demonitor(tag: string, flush: boolean): "ok" {
    const ref = this.#monitors.get(tag);
    if (ref !== undefined) this.#self.demonitor(ref, { flush });
    return "ok";
  }

  async #call({ to, req, byName = false, timeoutMs }: Extract<Op, { op: "call" }>): Promise<unknown> {
    const target = byName ? to : this.#others.pidOf(to);
    try {
      return {
        ok: await this.#self.call<Requests, Requests>(
          target,
          { type: "ask", req },
          timeoutMs === undefined ? {} : { timeoutMs },
        ),
      };
    } catch (error) {
      return failureOfCall(error);
    }
  }

  /** Whether to wait for the new actor makes no difference: it traps exits from its first moment, if it does. */
  #spawn(op: Extract<Op, { op: "spawn" | "spawnLink" | "spawnMonitor" }>): unknown {
    const definition = plainActor(op, this.#others);
    if (op.op === "spawnMonitor") {
      const { ref, monitor } = this.#self.spawnMonitor(definition, undefined, { id: op.name });
      this.#others.add(op.name, ref);
      this.#monitored(op.tag, monitor);
    } else {
      this.#others.add(op.name, this.#self[op.op](definition, undefined, { id: op.name }));
    }
    return { ok: op.name };
  }
}

/** What Erlang refuses with a badarg error. */
function orBadarg(perform: () => void): "ok" | { readonly error: "badarg" } {
  try {
    perform();
    return "ok";
  } catch (error) {
    if (error instanceof NoProcessError || error instanceof RegistrationError) return { error: "badarg" };
    throw error;
  }
}
