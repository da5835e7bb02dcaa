import type { Pid, System } from "@espalier/actors";
import { type DynamicSupervisorRef, startDynamicChild, terminateChild, whichChildren } from "@espalier/supervisor";
import { acceptorSupervisorName, configOf, type ListenerRecord } from "./listener-record.ts";
import { type ListenerConfig, type ListenerOptions, withoutKeys } from "./options.ts";

/**
 * Puts new options of an open listener into effect, or leaves it with the old ones. One change begins when the one before
 * is over: what fails takes back its own, and nothing that has come meanwhile.
 *
 * @param change - the options, made of those that there are when its turn has come
 */
export async function applyOptions(
  system: System,
  record: ListenerRecord,
  change: (present: ListenerOptions) => ListenerOptions,
): Promise<void> {
  while (record.changing !== undefined) await record.changing;
  const changed = changeOptions(system, record, change(record.options));
  // That it has failed is nothing to those who wait for its end.
  record.changing = changed.catch(() => undefined);
  try {
    await changed;
  } finally {
    record.changing = undefined;
  }
}

async function changeOptions(system: System, record: ListenerRecord, options: ListenerOptions): Promise<void> {
  const config = configOf(record, options);
  const { options: optionsBefore, config: configBefore } = record;
  setOptions(record, withoutKeys(options, config), config);
  try {
    await adjustAcceptors(system, record);
    record.limits.apply(config, system.now());
  } catch (error) {
    setOptions(record, optionsBefore, configBefore);
    await adjustAcceptors(system, record);
    throw error;
  }
}

/** All but what `postListen` has returned, which is no option, and may be another by now. */
function setOptions(record: ListenerRecord, options: ListenerOptions, config: ListenerConfig): void {
  const { listenData } = record.config;
  record.options = options;
  record.config = Object.freeze({ ...config, listenData });
}

/** As many acceptors as the options say; those that have nothing in hand are the first to go. */
async function adjustAcceptors(system: System, record: ListenerRecord): Promise<void> {
  // The tree registers nothing else under this name.
  const supervisor: DynamicSupervisorRef<undefined> | undefined = system.whereis(acceptorSupervisorName(record));
  // If it is just being started anew, its starter reads the options.
  if (supervisor === undefined) return;
  const present = await whichChildren(system, supervisor);
  const pids = present.flatMap(({ child }) => (typeof child === "object" ? [child] : []));
  const { acceptors } = record.config;
  for (let number = pids.length; number < acceptors; number += 1) {
    const started = await startDynamicChild(system, supervisor, undefined);
    if (!started.ok) throw new Error(`cannot start acceptor ${number + 1} of ${record.id}: ${started.error}`);
  }
  const isIdle = (pid: Pid): number => (record.idleAcceptors.includes(pid) ? 1 : 0);
  const surplus = pids.toSorted((a, b) => isIdle(b) - isIdle(a)).slice(0, Math.max(0, pids.length - acceptors));
  for (const pid of surplus) await terminateChild(system, supervisor, pid);
}
