import {
  type Call,
  defineServer,
  noreply,
  normal,
  ok,
  reply,
  type ServerRef,
  shutdown,
  stop,
  stopReply,
} from "@espalier/actors";
import { type Gate, type Stage, textOf } from "./stage.ts";

export interface CounterTypes {
  readonly state: number;
  readonly call: Call<"add", number> | Call<"later", number> | Call<"end", string> | Call<"wrong", number>;
  readonly cast: string;
  readonly info: string;
  readonly continue: string;
}

/** A server that notes what it does, and in which state. */
export function counter(stage: Stage, cleanUp?: () => unknown, gate?: Gate): ServerRef<CounterTypes> {
  return stage.spawn(
    "counter",
    defineServer<CounterTypes>({
      name: "counter",
      trapExit: true,
      init: () => ok(0, { continue: "after init" }),
      handleContinue(text, count) {
        stage.note(`${count} continues ${text}`);
        return noreply(count + 1);
      },
      handleCast: (text, count) => noreply(count + 1, { continue: text }),
      handleCall(request, from, count) {
        switch (request.type) {
          case "add":
            return reply(count, count + 1, { timeoutMs: 20 });
          case "later":
            return (gate?.opened ?? Promise.resolve()).then(() => reply(count, count + 10));
          case "end":
            return stopReply(shutdown("done"), "goodbye", count);
          case "wrong":
            from.reply(count);
            return "wrong" as never;
        }
      },
      handleInfo(message, count) {
        stage.note(`${count} hears ${textOf(message)}`);
        return message === "stop" ? stop(normal, count + 100) : noreply(count + 1);
      },
      terminate(reason, count) {
        stage.note(`${count} cleans up ${textOf(reason)}`);
        return cleanUp?.();
      },
    }),
  );
}
