/** A promise that is settled from outside: an asynchronous callback under the test's control. */
export interface Deferred<Value> {
  readonly promise: Promise<Value>;
  readonly resolve: (value: Value) => void;
  readonly reject: (error: unknown) => void;
}

/** The error with which the promise will reject. Taken at once, so that the rejection is not unhandled meanwhile. */
export async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`it should have failed, but resolved with ${String(value)}`);
}

/** A promise and what settles it. */
export function defer<Value = void>(): Deferred<Value> {
  const settle: Partial<Omit<Deferred<Value>, "promise">> = {};
  const promise = new Promise<Value>((resolve, reject) => Object.assign(settle, { resolve, reject }));
  // The executor has run before the constructor returned.
  return { promise, ...(settle as Omit<Deferred<Value>, "promise">) };
}
