import {
  type Attributes,
  context,
  type Link,
  type Span,
  type SpanStatus,
  trace,
  type Tracer,
} from "@opentelemetry/api";

/** A span that has begun. */
export interface Recorded {
  readonly name: string;
  readonly attributes: Attributes;
  readonly parent: Recorded | undefined;
  /** Those that it is linked to. */
  readonly links: readonly Recorded[];
  isError: boolean;
  /** From its begin to each of its ends. */
  readonly lengths: number[];
}

/** What OpenTelemetry asks of a tracer, as far as it is used here, in memory. Its SDK does not load under Vite's conditions. */
export function recorder(): { readonly begun: readonly Recorded[]; readonly tracer: Tracer } {
  const begun: Recorded[] = [];
  const bySpan = new Map<Span | undefined, Recorded>();
  const byId = new Map<string, Recorded>();
  const startSpan: Tracer["startSpan"] = (name, options = {}, where = context.active()) => {
    const { startTime, attributes: given, links = [] } = options;
    const attributes: Attributes = { ...given };
    const spanId = begun.length.toString(16).padStart(16, "0");
    const recorded: Recorded = {
      name,
      attributes,
      parent: bySpan.get(trace.getSpan(where)),
      links: links.map(({ context: { spanId: id } }: Link) => byId.get(id) as Recorded),
      isError: false,
      lengths: [],
    };
    const span = {
      spanContext: () => ({ traceId: "0".repeat(32), spanId, traceFlags: 1 }),
      setAttribute: (key: string, value: string) => void (attributes[key] = value),
      setAttributes: (more: Attributes) => void Object.assign(attributes, more),
      setStatus: ({ code }: SpanStatus) => void (recorded.isError = `${code}` === "2"),
      end: (at: number) => void recorded.lengths.push(at - (startTime as number)),
    } as unknown as Span;
    begun.push(recorded);
    bySpan.set(span, recorded);
    byId.set(spanId, recorded);
    return span;
  };
  return { begun, tracer: { startSpan } as unknown as Tracer };
}
