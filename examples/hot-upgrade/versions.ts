import type { MachineState, NewMachineState } from "@espalier/actors";
import { connectionMachine } from "@espalier/sockets";
import { assign, type ContextFrom } from "xstate";

// Two versions of one protocol: a client says its name, and then each of its lines is answered.

interface Client {
  readonly name: string;
}

interface CountedClient extends Client {
  readonly lines: number;
}

function textOf(data: Uint8Array): string {
  return new TextDecoder().decode(data);
}

export const version1 = connectionMachine<{ context: Client }>().createMachine({
  context: ({ input }) => ({ connection: input.connection, name: "" }),
  initial: "waiting",
  states: {
    waiting: { on: { socketReady: { target: "naming", actions: "activate" } } },
    naming: {
      on: {
        data: {
          target: "answering",
          actions: [assign({ name: ({ event }) => textOf(event.data).trim() }), "activate"],
        },
      },
    },
    answering: {
      on: { data: { actions: [{ type: "send", params: ({ event }) => `v1 ${textOf(event.data)}` }, "activate"] } },
    },
  },
});

/** Numbers its answers. What was `answering` is `counting` here. */
export const version2 = connectionMachine<{ context: CountedClient }>().createMachine({
  context: ({ input }) => ({ connection: input.connection, name: "", lines: 0 }),
  initial: "waiting",
  states: {
    waiting: { on: { socketReady: { target: "naming", actions: "activate" } } },
    naming: {
      on: {
        data: {
          target: "counting",
          actions: [assign({ name: ({ event }) => textOf(event.data).trim() }), "activate"],
        },
      },
    },
    counting: {
      on: {
        data: {
          actions: [
            assign({ lines: ({ context }) => context.lines + 1 }),
            { type: "send", params: ({ context, event }) => `v2 #${context.lines} ${textOf(event.data)}` },
            "activate",
          ],
        },
      },
    },
  },
});

/** What becomes of a connection of version 1: it is where it was, and knows more. */
export function migrate({
  value,
  context,
}: MachineState & { readonly context: ContextFrom<typeof version1> }): NewMachineState {
  // A throw leaves this connection, and no other, with the version that it has.
  if (context.name === "carol") throw new Error("carol is not to be disturbed");
  return { value: value === "answering" ? "counting" : value, context: { ...context, lines: 0 } };
}
