import type { TracedEvent } from "../api-types.ts";
import { type InspectorClient, RemoteError } from "./client.ts";
import type { TraceCommand } from "./command-line.ts";
import { findProcess } from "./find-process.ts";
import { type Line, span } from "./line.ts";

/** Where lines go: what was asked for, and what is said about it. */
export interface Output {
  readonly line: (line: Line) => void;
  readonly json: (value: unknown, indent?: number) => void;
  readonly remark: (text: string) => void;
}

/**
 * Prints what one actor receives and sends, until it dies, so many have come, or `signal` is given. Tracing is switched off
 * again by `closing`, which that signal does not end.
 */
export async function trace(
  { pid, count, isJson }: TraceCommand,
  client: InspectorClient,
  closing: InspectorClient,
  output: Output,
): Promise<void> {
  if (!client.hasToken) throw new RemoteError("to trace, a token is needed: --token or ESPALIER_TOKEN");
  const id = await findProcess(client.ask, pid);
  if (id === undefined) throw new RemoteError(`no living actor is ${pid}`);
  let left = count;
  let start: number | undefined;
  let last = 0;
  try {
    await client.tell("trace", { id, on: true });
    for await (const event of client.events(["trace"], id)) {
      if (event.name === "gone") return output.remark("the actor has died");
      if (event.name !== "trace") continue;
      for (const traced of event.data.events) {
        start ??= traced.at;
        const missed = traced.number - last - 1;
        if (missed > 0) output.remark(`${missed} more came, and were too many to be kept`);
        last = traced.number;
        if (isJson) output.json(traced);
        else output.line(tracedLine(traced, start));
        left -= 1;
        if (left <= 0) return;
      }
      if (event.data.isTraced) continue;
      // Nothing is kept of the dead either, and which of the two is told first is a matter of when one looks.
      const isAlive = (await findProcess(client.ask, pid)) === id;
      return output.remark(isAlive ? "the inspector traces it no more" : "the actor has died");
    }
    throw new RemoteError("the inspector has ended the stream");
  } finally {
    // It may have died, or the inspector with it: then nobody is traced either.
    await closing.tell("trace", { id, on: false }).catch(() => undefined);
  }
}

/** Seconds since the first event, which way, what, and the message if it may be shown. */
function tracedLine({ at, direction, type, to, message }: TracedEvent, start: number): Line {
  return [
    span(`${((at - start) / 1000).toFixed(3).padStart(9)} `, "dim"),
    span(direction === "in" ? "in  " : "out ", direction === "in" ? "good" : "warning"),
    span(type, "bold"),
    span(to === undefined ? "" : ` → ${to}`),
    span(message === undefined ? "" : ` ${JSON.stringify(message)}`),
  ];
}
