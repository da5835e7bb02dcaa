import {
  type ActorRef,
  type Call,
  type Castable,
  type Context,
  type Definition,
  defineServer,
  type ExitReason,
  type From,
  fromAsync,
  noreply,
  normal,
  ok,
  type Pid,
  reply,
  type ServerRef,
  type StartResult,
  stopReply,
  type System,
} from "@espalier/actors";
import { describe, expect, expectTypeOf, test } from "vitest";
import { counter, type CounterTypes } from "./support/actors.ts";
import { createWorld } from "./support/world.ts";

type PhoneTypes = {
  args: { readonly number: string };
  call: Call<"number", string> | Call<"dial", boolean, { number: string }>;
  cast: "hangUp";
  info: { readonly type: "ring"; readonly times: number };
  state: { readonly number: string };
};

const phone = defineServer<PhoneTypes>({
  name: "phone",
  init: ({ number }) => ok({ number }),
  handleCall: (request, _from, state) => reply(request.type === "number" ? state.number : true, state),
  handleCast: (_message, state) => noreply(state),
  handleInfo: (_message, state) => noreply(state),
});

type Code = (system: System, ref: ServerRef<PhoneTypes>, self: Context<"own">) => void;

/** Code that the compiler checks and nobody runs. */
const unrun = (code: Code): Code => code;

const narrowed = (ref: ActorRef<"a" | "b">): ActorRef<"a"> => ref;

describe("a call", () => {
  test("has the reply type of its request", async () => {
    const { system } = createWorld();
    const ref = system.spawn(phone, { number: "7" });
    const number = await system.call(ref, { type: "number" });
    expectTypeOf(number).toEqualTypeOf<string>();
    const answered = await system.call(ref, { type: "dial", number: "8" });
    expectTypeOf(answered).toEqualTypeOf<boolean>();
    expect([number, answered]).toEqual(["7", true]);
  });

  test("has the same types from within an actor", () => {
    expect(
      unrun((_system, ref, self) => {
        expectTypeOf(self.call(ref, { type: "number" })).toEqualTypeOf<Promise<string>>();
        expectTypeOf(self.call(ref, { type: "dial", number: "8" })).toEqualTypeOf<Promise<boolean>>();
      }),
    ).toBeTypeOf("function");
  });

  test("is refused for a request that the callee does not know", () => {
    expect(
      unrun((system, ref) => {
        // @ts-expect-error no such request
        void system.call(ref, { type: "explode" });
        // @ts-expect-error its field is missing
        void system.call(ref, { type: "dial" });
        // @ts-expect-error its field has another type
        void system.call(ref, { type: "dial", number: 8 });
        // @ts-expect-error a request is no string
        void system.call(ref, "number");
      }),
    ).toBeTypeOf("function");
  });

  test("is answered with the answer to one of the calls", () => {
    defineServer<PhoneTypes>({
      init: ({ number }) => ok({ number }),
      handleCall(request, _from, state) {
        if (request.type === "number") return reply(state.number, state);
        if (request.number === "") return stopReply(normal, false, state);
        return reply(true, state);
      },
    });
    defineServer<PhoneTypes>({
      init: ({ number }) => ok({ number }),
      // @ts-expect-error no call is answered with a count of digits
      handleCall: (_request, _from, state) => reply(state.number.length, state),
    });
    defineServer<PhoneTypes>({
      init: ({ number }) => ok({ number }),
      // @ts-expect-error the same in an async callback
      handleCall: async (_request, _from, state) => await Promise.resolve(stopReply(normal, 7, state)),
    });
    const untyped = defineServer<{ state: number }>({
      init: () => ok(1),
      handleCall: (_request, _from, state) => reply(state, state),
    });
    expect(untyped.name).toBe("server");
  });

  test("is answered so by its from too, also where that is kept for later as one for any reply", () => {
    const kept: From[] = [];
    const later = defineServer<PhoneTypes>({
      init: ({ number }) => ok({ number }),
      handleCall(_request, from, state) {
        expectTypeOf(from).toEqualTypeOf<From<boolean | string>>();
        from.reply(state.number);
        // @ts-expect-error no call is answered with a count of digits
        from.reply(state.number.length);
        kept.push(from);
        return noreply(state);
      },
    });
    const untyped = defineServer({
      init: () => ok(undefined),
      handleCall(_request, from, state) {
        expectTypeOf(from).toEqualTypeOf<From>();
        return noreply(state);
      },
    });
    expect([later.name, untyped.name]).toEqual(["server", "server"]);
  });

  test("to a name takes any request and promises nothing about the answer", () => {
    expect(
      unrun((system) => {
        expectTypeOf(system.call("phone", { type: "anything" })).toEqualTypeOf<Promise<unknown>>();
      }),
    ).toBeTypeOf("function");
  });

  test("takes milliseconds or infinity as its time limit", () => {
    expect(
      unrun((system, ref) => {
        void system.call(ref, { type: "number" }, { timeoutMs: "infinity" });
        // @ts-expect-error neither
        void system.call(ref, { type: "number" }, { timeoutMs: "forever" });
      }),
    ).toBeTypeOf("function");
  });
});

describe("a message", () => {
  test("is one that the receiver understands", () => {
    expect(
      unrun((system, ref, self) => {
        system.send(ref, { type: "ring", times: 3 });
        self.send(ref, { type: "ring", times: 3 });
        // @ts-expect-error no such message
        system.send(ref, { type: "explode" });
        // @ts-expect-error its field is missing
        self.send(ref, { type: "ring" });
        // @ts-expect-error a cast is not sent
        system.send(ref, "hangUp");
      }),
    ).toBeTypeOf("function");
  });

  test("later is one that the receiver understands, too", () => {
    expect(
      unrun((_system, ref, self) => {
        self.sendAfter(ref, { type: "ring", times: 3 }, 100);
        self.sendAfter(self.ref, "own", 100);
        // @ts-expect-error no such message
        self.sendAfter(ref, { type: "explode" }, 100);
        // @ts-expect-error this actor understands "own" only
        self.sendAfter(self.ref, "other", 100);
      }),
    ).toBeTypeOf("function");
  });

  test("of a cast is one that the receiver obeys", () => {
    expect(
      unrun((system, ref, self) => {
        system.cast(ref, "hangUp");
        self.cast(ref, "hangUp");
        // @ts-expect-error no such cast
        system.cast(ref, "explode");
        // @ts-expect-error a message is not cast
        self.cast(ref, { type: "ring", times: 3 });
      }),
    ).toBeTypeOf("function");
  });
});

describe("a ref", () => {
  test("is a pid", () => {
    expectTypeOf<ServerRef<PhoneTypes>>().toExtend<Pid>();
    expectTypeOf<ActorRef<string>>().toExtend<Pid>();
    expect(
      unrun((system, ref, self) => {
        system.kill(ref);
        self.link(ref);
        self.monitor(ref);
        self.exit(ref, { type: "normal" });
      }),
    ).toBeTypeOf("function");
  });

  test("for more messages serves as one for fewer, and not the other way round", () => {
    expectTypeOf<ActorRef<"a" | "b">>().toExtend<ActorRef<"a">>();
    expectTypeOf<ActorRef<"a">>().not.toExtend<ActorRef<"a" | "b">>();
    expectTypeOf<Castable<"a" | "b">>().toExtend<Castable<"a">>();
    expectTypeOf<Castable<"a">>().not.toExtend<Castable<"a" | "b">>();
    expect(
      unrun((system) => {
        system.send(narrowed(system.spawn(fromAsync<"a" | "b">(() => Promise.resolve()))), "a");
      }),
    ).toBeTypeOf("function");
  });

  test("is what spawn and start give for a definition", () => {
    expectTypeOf(phone).toEqualTypeOf<Definition<{ readonly number: string }, ServerRef<PhoneTypes>>>();
    expectTypeOf(counter).toEqualTypeOf<Definition<number, ServerRef<CounterTypes>>>();
    expect(
      unrun((system, _ref, self) => {
        expectTypeOf(system.spawn(phone, { number: "7" })).toEqualTypeOf<ServerRef<PhoneTypes>>();
        expectTypeOf(self.spawnLink(phone, { number: "7" })).toEqualTypeOf<ServerRef<PhoneTypes>>();
        expectTypeOf(self.spawnMonitor(phone, { number: "7" }).ref).toEqualTypeOf<ServerRef<PhoneTypes>>();
        expectTypeOf(system.start(phone, { number: "7" })).toEqualTypeOf<Promise<StartResult<ServerRef<PhoneTypes>>>>();
      }),
    ).toBeTypeOf("function");
  });
});

describe("the arguments of an actor", () => {
  test("are those of its definition", () => {
    const plain = defineServer({ init: () => ok(undefined) });
    expect(
      unrun((system, _ref, self) => {
        system.spawn(plain);
        self.spawn(plain);
        self.spawnLink(plain, undefined, { name: "plain" });
        // @ts-expect-error they have another type
        system.spawn(phone, { number: 7 });
        // @ts-expect-error they have another type
        self.spawn(phone, 7);
        // @ts-expect-error they are missing
        self.spawn(phone);
        // @ts-expect-error they are missing
        self.spawnLink(phone);
        // @ts-expect-error they are missing
        system.spawn(phone);
        // @ts-expect-error they are missing
        void system.start(phone);
      }),
    ).toBeTypeOf("function");
  });
});

describe("the callbacks of a server", () => {
  test("have the types of its protocol", () => {
    const definition = defineServer<PhoneTypes>({
      init(args, self) {
        expectTypeOf(args).toEqualTypeOf<{ readonly number: string }>();
        expectTypeOf(self).toEqualTypeOf<Context<PhoneTypes["info"]>>();
        return ok({ number: args.number });
      },
      handleCall(request, from, state) {
        expectTypeOf(request.type).toEqualTypeOf<"number" | "dial">();
        expectTypeOf(from.caller).toEqualTypeOf<Pid | undefined>();
        expectTypeOf(state).toEqualTypeOf<{ readonly number: string }>();
        return noreply(state);
      },
      handleCast(message, state) {
        expectTypeOf(message).toEqualTypeOf<"hangUp">();
        return noreply(state);
      },
      handleInfo(message, state) {
        expectTypeOf<(typeof message)["type"]>().toEqualTypeOf<"ring" | "down" | "exit" | "response" | "timeout">();
        return noreply(state);
      },
      terminate(reason) {
        expectTypeOf(reason).toEqualTypeOf<ExitReason>();
      },
    });
    expect(definition.name).toBe("server");
  });

  test("answer with the state's type", () => {
    const definition = defineServer<{ state: number; info: string }>({
      // @ts-expect-error the state is a number
      init: () => ok("zero"),
      // @ts-expect-error the state is a number
      handleInfo: () => noreply("one"),
    });
    expect(definition.behaviour.kind).toBe("server");
  });

  test("are known", () => {
    defineServer<{ state: number }>({
      init: () => ok(0),
      // @ts-expect-error there is no such callback
      handleEverything: () => noreply(0),
    });
    expect(defineServer).toBeTypeOf("function");
  });
});

describe("an async function", () => {
  test("receives what its ref understands, and what the kernel sends", () => {
    const definition = fromAsync<{ readonly type: "ping" }>(async (self) => {
      const message = await self.receive();
      expectTypeOf<(typeof message)["type"]>().toEqualTypeOf<"ping" | "call" | "cast" | "down" | "exit" | "response">();
      const later = await self.receive({ timeoutMs: 10 });
      expectTypeOf(later).toEqualTypeOf<typeof message | undefined>();
      const ping = await self.receive({ match: (each): each is { type: "ping" } => each.type === "ping" });
      expectTypeOf(ping).toEqualTypeOf<{ type: "ping" }>();
    });
    expectTypeOf(definition).toEqualTypeOf<Definition<void, ActorRef<{ readonly type: "ping" }>>>();
    expect(definition.behaviour.kind).toBe("async");
  });
});
