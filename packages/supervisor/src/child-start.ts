import { type FreshMatch, type Pid, type Process, Started } from "@espalier/actors";
import type { Start } from "./child-spec.ts";

/** A start that is under way: to be yielded, for the `Started` that says what has become of it. */
interface StartUnderWay extends FreshMatch {
  readonly pid: Pid;
}

/** Begins to start a child, for the how-manieth time its incarnation says. */
export function beginStart(process: Process, id: string, incarnation: number, start: Start): StartUnderWay {
  const skip = process.mailboxLength;
  const pid = process.startChild(start.definition, start.args, {
    id,
    incarnation,
    ...(start.name === undefined ? {} : { name: start.name }),
    ...(start.label === undefined ? {} : { label: start.label }),
    ...(start.logger === undefined ? {} : { logger: start.logger }),
  });
  return { pid, match: (message) => message instanceof Started && message.pid === pid, skip };
}
