import { type Context, type Definition, Exit, type ExitReason, fromMachine, shutdown } from "@espalier/actors";
import type { AnyStateMachine, EventFromLogic, InputFrom } from "xstate";
import type { ConnectionEvent, ConnectionInput } from "./connection-event.ts";
import { InvalidOptionError } from "./errors.ts";
import type { Misfit } from "./misfit.ts";

/**
 * A machine that can be a connection: its input can be a `ConnectionInput`, and its events contain those of a
 * connection. Any other is refused by the compiler, with the reason in the name of the type that it does not fit.
 */
export type ConnectionMachine<Machine extends AnyStateMachine> =
  ConnectionInput extends InputFrom<Machine>
    ? ConnectionEvent extends EventFromLogic<Machine>
      ? Machine
      : Misfit<"the events of this machine do not contain those of ConnectionEvent">
    : Misfit<"the input of this machine cannot be a ConnectionInput">;

/** Anything else that can: a server or an async function whose arguments are a `ConnectionInput`. */
export type ConnectionDefinition = Definition<ConnectionInput>;

/**
 * The definition that runs for each connection.
 *
 * A machine need not mind the ends of its socket: what it does not handle in its present state ends it, in order and
 * with a detail that is counted. A machine that wants to live on says so by handling the event.
 *
 * @throws InvalidOptionError (`ERR_INVALID_OPTION`) for what is neither, since the compiler may not have been asked
 */
export function toConnectionDefinition(handler: AnyStateMachine | ConnectionDefinition): ConnectionDefinition {
  const given: unknown = handler;
  if (typeof given !== "object" || given === null || !("behaviour" in given || "transition" in given)) {
    const expected = "an XState machine, or the definition of a server or an async function";
    throw new InvalidOptionError([{ option: "handler", value: given, expected }]);
  }
  if ("behaviour" in handler) return handler;
  // `ConnectionMachine` has checked that the input of this machine can be a ConnectionInput.
  return fromMachine(handler, {
    trapExit: true,
    fallback: {
      closed: (_event, self: Context) => self.exit(shutdown("peerClosed")),
      error: (event: { reason?: unknown }, self: Context) => self.exit(shutdown(String(event.reason))),
      timeout: (_event, self: Context) => self.exit(shutdown("idleTimeout")),
      exit: (event: { reason?: ExitReason }, self: Context) => {
        // A machine that knows nothing of exits is one that does not trap them.
        if (event instanceof Exit && event.reason.type !== "normal") self.exit(event.reason);
      },
    },
  }) as unknown as ConnectionDefinition;
}
