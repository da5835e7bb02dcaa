import {
  type ActorRef,
  type Call,
  type Context,
  defineServer,
  type Definition,
  type ExitReason,
  noreply,
  ok,
  reply,
  type ServerRef,
  type System,
} from "@espalier/actors";

/** Answers every call with the request itself. */
export const echo = defineServer<{ call: Call<"echo", { type: "echo"; value: unknown }, { value: unknown }> }>({
  name: "echo",
  init: () => ok(undefined),
  handleCall: (request) => reply(request, undefined),
});

/** Takes calls and never answers. */
export const mute = defineServer<{ call: { readonly type: string } }>({
  name: "mute",
  init: () => ok(undefined),
  handleCall: () => noreply(undefined),
});

export type CounterTypes = {
  args: number;
  state: number;
  call: Call<"get", number> | Call<"add", number, { by: number }>;
  cast: { readonly type: "reset" };
};

/** A number that can be read, raised and set to zero. */
export const counter: Definition<number, ServerRef<CounterTypes>> = defineServer<CounterTypes>({
  name: "counter",
  init: (first) => ok(first),
  handleCall(request, _from, count) {
    switch (request.type) {
      case "get":
        return reply(count, count);
      case "add":
        return reply(count + request.by, count + request.by);
    }
  },
  handleCast: () => noreply(0),
});

/** Throws an error with that message at the first message it gets. */
export function crashOn(message: string): Definition<void, ActorRef<unknown>> {
  return defineServer<{ info: unknown }>({
    name: "crashOn",
    init: () => ok(undefined),
    handleInfo(received) {
      if (received === message) throw new Error(message);
      return noreply(undefined);
    },
  });
}

/** Traps exits and is never done with its clean-up: only a kill ends it. */
export const refuseToStop = defineServer({
  name: "refuseToStop",
  trapExit: true,
  init: () => ok(undefined),
  terminate: () => new Promise<never>(() => undefined),
});

/** What a puppet is told to do, as a step of its own. */
export type Order = (self: Context) => void;

export interface PuppetOptions {
  readonly trapExit?: boolean;
  /** Gets every message that is not an order. */
  readonly received?: unknown[];
  /** Gets the reasons with which the clean-up ran. */
  readonly cleanedUp?: ExitReason[];
}

/** Does what it is sent if that is a function, and keeps what is not. */
export function puppet(options: PuppetOptions = {}): Definition<void, ActorRef<unknown>> {
  const { trapExit = false, received = [], cleanedUp = [] } = options;
  return defineServer<{ info: unknown }>({
    name: "puppet",
    trapExit,
    init: () => ok(undefined),
    handleInfo(message, _state, self) {
      if (typeof message === "function") (message as Order)(self);
      else received.push(message);
      return noreply(undefined);
    },
    terminate(reason) {
      cleanedUp.push(reason);
    },
  });
}

/** Has a puppet do something as a step of its own and waits until all that follows from it is done. */
export async function tell(system: System, target: ActorRef<unknown>, order: Order): Promise<void> {
  system.send(target, order);
  await system.idle();
}

/** `tell` for what has a result, or throws something that is to be looked at and not to crash the puppet. */
export async function ask<Result>(
  system: System,
  target: ActorRef<unknown>,
  order: (self: Context) => Result,
): Promise<Result> {
  const outcomes: Array<() => Result> = [];
  await tell(system, target, (self) => {
    try {
      const result = order(self);
      outcomes.push(() => result);
    } catch (error) {
      outcomes.push(() => {
        throw error;
      });
    }
  });
  const [outcome] = outcomes;
  if (outcome === undefined) throw new Error("the puppet did not get so far");
  return outcome();
}

/** A message, or the type of one that is an object, for logs. */
export function nameOf(message: unknown): string {
  if (typeof message === "object" && message !== null && "type" in message) return String(message.type);
  return String(message);
}
