import { useEffect, useState } from "preact/hooks";
import { type Answers, ask, type Parameters } from "./api.ts";
import { link } from "./store.ts";

/** The answer to a question that is asked again and again, while it is looked at; the last one, if there is none now. */
export function usePolled<Question extends keyof Answers>(
  question: Question,
  parameters: Parameters,
  everyMs: number,
): Answers[Question] | undefined {
  const [answer, setAnswer] = useState<Answers[Question] | undefined>(undefined);
  const key = JSON.stringify(parameters);
  useEffect(() => {
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const poll = async (): Promise<void> => {
      if (!document.hidden && link.peek().type === "live") {
        // What it is about may be gone: then the tree tells.
        const told = await ask(question, parameters, abort.signal).catch(() => undefined);
        if (abort.signal.aborted) return;
        if (told !== undefined) setAnswer(() => told);
      }
      timer = setTimeout(poll, everyMs);
    };
    void poll();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [question, key, everyMs]);
  return answer;
}
