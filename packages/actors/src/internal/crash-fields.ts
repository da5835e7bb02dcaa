import { CallMessage, CastMessage } from "../call.ts";
import type { CrashReport } from "../event.ts";

/**
 * What a line of the log says of a crash, beside who and where: enough to find it. States and messages stand there by the
 * names that their author has given them, since what is in them may be a secret.
 *
 * @param state - the state in a word, if the behaviour has one for it
 */
export function crashFields({ label, lastMessage, reason }: CrashReport, state: string | undefined): object {
  const fields = { label, state, message: nameOf(lastMessage) };
  // Only a crash has a stack that is worth printing; whoever reports the same death later names its reason.
  return reason.type === "error" ? { ...fields, err: reason.error } : fields;
}

/** The type of a message; of a call or a cast, that of what is in it. */
function nameOf(message: unknown): string | undefined {
  if (message instanceof CallMessage) return typeOf(message.request);
  return typeOf(message instanceof CastMessage ? message.message : message);
}

function typeOf(message: unknown): string | undefined {
  if (typeof message !== "object" || message === null || !("type" in message)) return undefined;
  return typeof message.type === "string" ? message.type : undefined;
}
