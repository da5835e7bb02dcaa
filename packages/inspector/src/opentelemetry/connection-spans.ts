import type { ExitReason, System, TraceEvent } from "@espalier/actors";
import { type ConnectionIdentity, formatAddress } from "@espalier/sockets";
import type { Span, SpanKind, SpanStatusCode, Tracer } from "@opentelemetry/api";
import type { Shown } from "../api-types.ts";
import { formatReasonFact, toReasonFact } from "../discretion.ts";

// As the specification numbers them; the enumerations of the API would have to be loaded.
const SERVER: SpanKind.SERVER = 1;
const ERROR: SpanStatusCode.ERROR = 2;

/** The spans of connections: each is as long as the life of its connection. */
export class ConnectionSpans {
  static readonly types: readonly TraceEvent["type"][] = ["connectionStarted", "connectionStopped", "connectionFailed"];
  readonly #system: System;
  readonly #tracer: Tracer;
  readonly #show: Shown;
  /** By the printed pid of the connection. */
  readonly #open = new Map<string, Span>();

  constructor(system: System, tracer: Tracer, show: Shown) {
    this.#system = system;
    this.#tracer = tracer;
    this.#show = show;
  }

  readonly see = (event: TraceEvent): void => {
    if (event.type === "connectionStarted") {
      const span = this.#begin(event);
      if (event.tls !== undefined) span.setAttribute("tls.protocol.version", event.tls.protocol);
      this.#open.set(event.connection, span);
    } else if (event.type === "connectionStopped") {
      const span = this.#open.get(event.connection);
      if (span === undefined) return;
      this.#open.delete(event.connection);
      const { bytesReceived, bytesSent, reason } = event;
      span.setAttributes({ "espalier.bytes.received": bytesReceived, "espalier.bytes.sent": bytesSent });
      this.#end(span, reason);
    } else if (event.type === "connectionFailed") {
      const span = this.#begin(event);
      if (event.failure !== undefined) span.setAttribute("espalier.failure", event.failure);
      this.#end(span, event.reason);
    }
  };

  /** That of a connection that is open. */
  of(connection: string): Span | undefined {
    return this.#open.get(connection);
  }

  close(): void {
    for (const span of this.#open.values()) span.end(this.#system.host.wallClock());
    this.#open.clear();
  }

  #begin(identity: ConnectionIdentity): Span {
    const { listener, connection, peer } = identity;
    return this.#tracer.startSpan(`connection ${listener}`, {
      kind: SERVER,
      startTime: this.#system.host.wallClock(),
      attributes: {
        "espalier.system": this.#system.name,
        "espalier.listener": listener,
        "espalier.pid": connection,
        "network.peer.address": peer.path === undefined ? peer.host : formatAddress(peer),
        "network.peer.port": peer.port,
      },
    });
  }

  #end(span: Span, reason: ExitReason): void {
    const fact = toReasonFact(reason, this.#show);
    span.setAttribute("espalier.exit.reason", formatReasonFact(fact));
    if (reason.type === "error") span.setStatus({ code: ERROR });
    span.end(this.#system.host.wallClock());
  }
}
