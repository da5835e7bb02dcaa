import type { Context, Span } from "@opentelemetry/api";

/** Under which the API keeps the span of a context. All of its copies have the same key, and so has this one. */
const SPAN = Symbol.for("OpenTelemetry Context Key SPAN");

/** A context, as the API has them: values that are never changed. The API's own would have to be loaded. */
class Values implements Context {
  readonly #values: ReadonlyMap<symbol, unknown>;

  constructor(values: ReadonlyMap<symbol, unknown>) {
    this.#values = values;
  }

  getValue(key: symbol): unknown {
    return this.#values.get(key);
  }

  setValue(key: symbol, value: unknown): Context {
    return new Values(new Map(this.#values).set(key, value));
  }

  deleteValue(key: symbol): Context {
    const values = new Map(this.#values);
    values.delete(key);
    return new Values(values);
  }
}

/** A context in which nothing stands: a span that is started in it has no parent, whatever is active where it is started. */
export const nowhere: Context = new Values(new Map());

/** A context whose spans have this one as their parent. */
export function within(span: Span): Context {
  return nowhere.setValue(SPAN, span);
}
