import type { ExitReason, System } from "@espalier/actors";
import { type ConnectionIdentity, formatAddress } from "@espalier/sockets";
import type { Span, SpanKind, SpanStatusCode, Tracer } from "@opentelemetry/api";
import type { Shown } from "../api-types.ts";
import { formatReasonFact, toReasonFact } from "../discretion.ts";

export interface OpenTelemetryOptions {
  /** Who makes the spans, such as `trace.getTracer("my-server")`. This package itself loads nothing of OpenTelemetry. */
  readonly tracer: Tracer;
  /** Whether texts of errors and details of exit reasons are told, which may hold what a peer has sent. @defaultValue false */
  readonly showErrors?: boolean;
}

// As the specification numbers them; the enumerations of the API would have to be loaded.
const SERVER: SpanKind.SERVER = 1;
const ERROR: SpanStatusCode.ERROR = 2;

/**
 * Makes a span of the life of each connection, from when its handler gets the socket to its end; of one that comes to
 * nothing before, a span without length. Connections that are open already have none. The answer ends it: spans that are
 * open then end with it.
 */
export function openTelemetry(system: System, options: OpenTelemetryOptions): () => void {
  const { tracer, showErrors = false } = options;
  const show: Shown = { states: false, messages: false, errors: showErrors, metadata: false };
  const open = new Map<string, Span>();
  const { host } = system;

  const begin = (identity: ConnectionIdentity): Span => {
    const { listener, connection, peer } = identity;
    return tracer.startSpan(`connection ${listener}`, {
      kind: SERVER,
      startTime: host.wallClock(),
      attributes: {
        "espalier.system": system.name,
        "espalier.listener": listener,
        "espalier.pid": connection,
        "network.peer.address": peer.path === undefined ? peer.host : formatAddress(peer),
        "network.peer.port": peer.port,
      },
    });
  };
  const end = (span: Span, reason: ExitReason): void => {
    const fact = toReasonFact(reason, show);
    span.setAttribute("espalier.exit.reason", formatReasonFact(fact));
    if (reason.type === "error") span.setStatus({ code: ERROR });
    span.end(host.wallClock());
  };

  const stop = system.trace(
    (event) => {
      if (event.type === "connectionStarted") {
        const span = begin(event);
        if (event.tls !== undefined) span.setAttribute("tls.protocol.version", event.tls.protocol);
        open.set(event.connection, span);
      } else if (event.type === "connectionStopped") {
        const span = open.get(event.connection);
        if (span === undefined) return;
        open.delete(event.connection);
        const { bytesReceived, bytesSent, reason } = event;
        span.setAttributes({ "espalier.bytes.received": bytesReceived, "espalier.bytes.sent": bytesSent });
        end(span, reason);
      } else if (event.type === "connectionFailed") {
        const span = begin(event);
        if (event.failure !== undefined) span.setAttribute("espalier.failure", event.failure);
        end(span, event.reason);
      }
    },
    { detail: "life", types: ["connectionStarted", "connectionStopped", "connectionFailed"] },
  );
  return () => {
    stop();
    for (const span of open.values()) span.end(host.wallClock());
    open.clear();
  };
}
