import type { CallEnding, Pid, System, TraceEvent } from "@espalier/actors";
import type { Context, Link, Span, SpanKind, SpanStatusCode, Tracer } from "@opentelemetry/api";
import type { Shown } from "../api-types.ts";
import { formatReasonFact, messageType, toReasonFact } from "../discretion.ts";
import { nowhere, within } from "./span-context.ts";

// As the specification numbers them; the enumerations of the API would have to be loaded.
const CLIENT: SpanKind.CLIENT = 2;
const ERROR: SpanStatusCode.ERROR = 2;

/** So many calls that are over are remembered: an actor may go on with one after it has answered, or its caller has left. */
const MOST_OVER = 1000;

type CallEvent = Extract<TraceEvent, { readonly type: "call" }>;

/** The spans of calls: each is as long as its caller waits. */
export class CallSpans {
  static readonly types: readonly TraceEvent["type"][] = ["call", "callEnded"];
  readonly #system: System;
  readonly #tracer: Tracer;
  readonly #show: Shown;
  readonly #share: number;
  readonly #connectionOf: (pid: string) => Span | undefined;
  /** By the id of the event that they began with; undefined: such as are not in the sample. */
  readonly #open = new Map<number, Span | undefined>();
  readonly #over = new Map<number, Span | undefined>();

  /**
   * @param share - of how many of the calls that no other has led to there are spans, from 0 to 1
   * @param connectionOf - the span of a connection, by its printed pid
   */
  constructor(
    system: System,
    tracer: Tracer,
    show: Shown,
    share: number,
    connectionOf: (pid: string) => Span | undefined,
  ) {
    this.#system = system;
    this.#tracer = tracer;
    this.#show = show;
    this.#share = share;
    this.#connectionOf = connectionOf;
  }

  readonly see = (event: TraceEvent): void => {
    if (event.type === "call") {
      this.#open.set(event.id, this.#begin(event));
    } else if (event.type === "callEnded") {
      const { call, ending } = event;
      if (!this.#open.has(call)) return;
      const span = this.#open.get(call);
      this.#open.delete(call);
      this.#remember(call, span);
      if (span !== undefined) this.#end(span, ending);
    }
  };

  close(): void {
    for (const span of this.#open.values()) span?.end(this.#system.host.wallClock());
    this.#open.clear();
    this.#over.clear();
  }

  #begin(event: CallEvent): Span | undefined {
    const { within: outer } = event;
    const isInner = this.#open.has(outer) || this.#over.has(outer);
    const parent = this.#open.get(outer) ?? this.#over.get(outer);
    // A trace is told as a whole or not at all.
    if (isInner ? parent === undefined : !this.#isInSample()) return undefined;
    const { caller, to, name, request, subject } = event;
    const type = messageType(request);
    const callee = to && this.#system.process(to);
    return this.#tracer.startSpan(
      `call ${type}`,
      {
        kind: CLIENT,
        startTime: this.#system.host.wallClock(),
        attributes: {
          "espalier.system": this.#system.name,
          "espalier.request": type,
          ...(caller && { "espalier.caller.pid": caller.toString(), "espalier.caller.path": subject.path }),
          ...(to && { "espalier.callee.pid": to.toString() }),
          ...(callee && { "espalier.callee.path": callee.path }),
          ...(name !== undefined && { "espalier.callee.name": name }),
        },
        links: parent === undefined && caller !== undefined ? this.#linksOf(caller.toString()) : [],
      },
      contextOf(caller, parent),
    );
  }

  /** A connection may live for days, and is no parent: its trace would have no end. */
  #linksOf(caller: string): Link[] {
    const span = this.#connectionOf(caller);
    return span === undefined ? [] : [{ context: span.spanContext() }];
  }

  #isInSample(): boolean {
    return this.#share === 1 || this.#system.host.random("opentelemetry") < this.#share;
  }

  #remember(call: number, span: Span | undefined): void {
    this.#over.set(call, span);
    if (this.#over.size <= MOST_OVER) return;
    for (const oldest of this.#over.keys()) {
      this.#over.delete(oldest);
      break;
    }
  }

  #end(span: Span, ending: CallEnding): void {
    const { type } = ending;
    span.setAttribute("espalier.call.ending", type);
    if (type === "calleeDied") {
      span.setAttribute("espalier.exit.reason", formatReasonFact(toReasonFact(ending.reason, this.#show)));
    }
    // Whoever has given up wanted no answer any more.
    if (type !== "replied" && type !== "abandoned") {
      span.setAttribute("error.type", type);
      span.setStatus({ code: ERROR });
    }
    span.end(this.#system.host.wallClock());
  }
}

/**
 * Where a call stands. One from outside is where whoever makes it is; within an actor that would be wherever the system was
 * woken from.
 */
function contextOf(caller: Pid | undefined, parent: Span | undefined): Context | undefined {
  if (parent !== undefined) return within(parent);
  return caller === undefined ? undefined : nowhere;
}
