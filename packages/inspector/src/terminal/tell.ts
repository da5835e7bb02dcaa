import type { CommandAnswer, ListenerFact, ListenersAnswer } from "../api-types.ts";
import { type Ask, type InspectorClient, RemoteError } from "./client.ts";
import type { TellCommand } from "./command-line.ts";
import { findProcess } from "./find-process.ts";
import { shellCommands } from "./shell-commands.ts";

/** Gives one command, and answers what has become of it. */
export async function tell(
  { name, target, word, timeoutMs }: TellCommand,
  client: InspectorClient,
): Promise<CommandAnswer> {
  // Before anything is asked: without a token nothing can come of it.
  if (!client.hasToken) throw new RemoteError(`to ${name}, a token is needed: --token or ESPALIER_TOKEN`);
  const command = shellCommands[name];
  const whom =
    command.of === "actor"
      ? { id: await idOfProcess(client.ask, target) }
      : { listener: await idOfListener(client.ask, target) };
  const body = {
    ...whom,
    ...(command.word !== undefined && { [command.word[1]]: word }),
    ...(timeoutMs !== undefined && { timeoutMs }),
  };
  // The inspector checks what it is told, and says what is wrong with it.
  return client.tell(command.tells, body);
}

async function idOfProcess(ask: Ask, given: string): Promise<string> {
  const id = await findProcess(ask, given);
  if (id === undefined) throw new RemoteError(`no living actor is ${given}`);
  return id;
}

/** Which listener is meant by its id, or by a name or an address that no other has. */
async function idOfListener(ask: Ask, given: string): Promise<string> {
  const { listeners } = await ask<ListenersAnswer>("listeners");
  const exact = listeners.find(({ id }) => id === given);
  if (exact !== undefined) return exact.id;
  const meant = listeners.filter((listener) => isCalled(listener, given));
  const [only, another] = meant;
  if (only !== undefined && another === undefined) return only.id;
  const choices = (only === undefined ? listeners : meant).map(({ id }) => id).join(", ");
  if (only !== undefined) throw new RemoteError(`${given} may be any of ${choices}`);
  throw new RemoteError(`no listener is ${given}; ${choices === "" ? "there is none" : `there is ${choices}`}`);
}

/** For port 0 the id says 0; what people see is the address. */
function isCalled({ name, address }: ListenerFact, given: string): boolean {
  return given === name || given === address || given === `${name}:${address}`;
}
