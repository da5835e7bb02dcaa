import type { CommandName, Commands, ProcessId } from "@espalier/inspector/api-types";
import { signal } from "@preact/signals";
import { command, keepToken, RefusedError, token } from "./api.ts";
import { doomed, link, main } from "./store.ts";

/** What is asked of whoever sits here. */
export type Asked =
  | { readonly type: "token"; readonly wasWrong: boolean; readonly answered: (text: string | undefined) => void }
  | {
      readonly type: "confirm";
      readonly title: string;
      readonly text: string;
      readonly verb: string;
      readonly answered: (isYes: boolean) => void;
    };

export const asked = signal<Asked | undefined>(undefined);

/** What has become of the last command. */
export const notice = signal<{ readonly text: string; readonly isBad: boolean } | undefined>(undefined);

let noticeTimer: ReturnType<typeof setTimeout> | undefined;

function say(text: string, isBad = false): void {
  notice.value = { text, isBad };
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => (notice.value = undefined), isBad ? 8000 : 4000);
}

export async function askForToken(wasWrong = false): Promise<boolean> {
  const text = await new Promise<string | undefined>((answered) => {
    asked.value = { type: "token", wasWrong, answered };
  });
  asked.value = undefined;
  if (text === undefined || text === "") return false;
  keepToken(text);
  if (link.value.type === "locked") main.open();
  return true;
}

export async function confirm(title: string, text: string, verb: string): Promise<boolean> {
  const isYes = await new Promise<boolean>((answered) => {
    asked.value = { type: "confirm", title, text, verb, answered };
  });
  asked.value = undefined;
  return isYes;
}

/** What has become of a command. It is `cancelled` by whoever does not give the token. */
type Outcome =
  | { readonly type: "done" }
  | { readonly type: "refused"; readonly message: string }
  | { readonly type: "cancelled" };

/** Gives a command, and asks for the token as often as it takes. What was done is said; a refusal is the caller's to show. */
export async function attempt<Name extends CommandName>(name: Name, body: Commands[Name]): Promise<Outcome> {
  notice.value = undefined;
  if (token.value === "" && !(await askForToken())) return { type: "cancelled" };
  for (;;) {
    try {
      const { text } = await command(name, body);
      say(text);
      return { type: "done" };
    } catch (error) {
      if (!(error instanceof RefusedError)) return { type: "refused", message: "The inspector cannot be reached." };
      if (error.status !== 401) return { type: "refused", message: error.message };
      keepToken("");
      if (!(await askForToken(true))) return { type: "cancelled" };
    }
  }
}

/** Gives a command, and says what has become of it. Whether it was carried out. */
export async function give<Name extends CommandName>(name: Name, body: Commands[Name]): Promise<boolean> {
  const outcome = await attempt(name, body);
  if (outcome.type === "refused") say(outcome.message, true);
  return outcome.type === "done";
}

/** Kills an actor once it is sure that this is meant. */
export async function kill(id: ProcessId, path: string, below: number, supervisor: string | undefined): Promise<void> {
  const others = below === 0 ? "" : ` The ${below} below it end with it.`;
  const heals = supervisor === undefined ? "" : ` Its supervisor, ${supervisor}, does what its strategy says.`;
  if (!(await confirm(`Kill ${path}?`, `It ends at once; none of its code runs.${others}${heals}`, "Kill"))) return;
  if (await give("kill", { id })) doomed.value = new Set([...doomed.value, id]);
}
