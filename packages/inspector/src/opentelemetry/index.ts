import type { System } from "@espalier/actors";
import type { Tracer } from "@opentelemetry/api";
import type { Shown } from "../api-types.ts";
import { InvalidOptionError } from "../errors.ts";
import { CallSpans } from "./call-spans.ts";
import { ConnectionSpans } from "./connection-spans.ts";

export interface OpenTelemetryOptions {
  /** Who makes the spans, such as `trace.getTracer("my-server")`. This package itself loads nothing of OpenTelemetry. */
  readonly tracer: Tracer;
  /** Whether texts of errors and details of exit reasons are told, which may hold what a peer has sent. @defaultValue false */
  readonly showErrors?: boolean;
  /**
   * Of which share of the calls there are spans too: 0 is none, 1 is all. It is decided for each call that is not made within
   * another, and holds for all that are made within that one. More than 0 costs each message of the system an event.
   *
   * @defaultValue 0
   */
  readonly calls?: number;
}

/**
 * Makes a span of the life of each connection, from when its handler gets the socket to its end; of one that comes to
 * nothing before, a span without length. Connections that are open already have none.
 *
 * With `calls` also one of each call, from when it is made until its caller has the answer or hears no more of it: `call` and
 * the type of the request, with path and pid of both actors, and none of what is asked and answered. It is an error if the
 * time was up or one of the two has died. Its parent is the call that its caller was handling, across whatever the handler
 * awaits (an actor of `fromAsync` handles none), and of one from outside whatever is active there. One that a connection makes
 * otherwise is linked to the connection's span.
 * Calls that supervisors take from acceptors are not among them.
 *
 * The answer ends it: spans that are open then end with it.
 *
 * @throws InvalidOptionError (`ERR_INVALID_OPTION`)
 */
export function openTelemetry(system: System, options: OpenTelemetryOptions): () => void {
  const { tracer, showErrors = false, calls = 0 } = options;
  if (!(typeof calls === "number" && calls >= 0 && calls <= 1)) {
    throw new InvalidOptionError([{ option: "calls", value: calls, expected: "a number from 0 to 1" }]);
  }
  const show: Shown = { states: false, messages: false, errors: showErrors, metadata: false };
  const connections = new ConnectionSpans(system, tracer, show);
  const callSpans = new CallSpans(system, tracer, show, calls, (pid) => connections.of(pid));
  const stops = [system.trace(connections.see, { detail: "life", types: ConnectionSpans.types })];
  if (calls > 0) stops.push(system.trace(callSpans.see, { types: CallSpans.types }));
  return () => {
    for (const stop of stops) stop();
    callSpans.close();
    connections.close();
  };
}
