import type { Deadline, Process } from "@espalier/actors";
import { Alarm, type AlarmName, DEFAULT_COOLDOWN_MS } from "./alarm.ts";
import type { ListenerRecord } from "./listener-record.ts";
import type { ListenerConfig } from "./options.ts";

const SECOND_MS = 1000;

/** Watches what a listener raises alarms about, for its connection supervisor. It has a timer only while there is something to watch. */
export class Alarms {
  readonly #process: Process;
  readonly #record: ListenerRecord;
  readonly #config: ListenerConfig["alarms"];
  readonly #connections: Alarm | undefined;
  readonly #refusals: Alarm | undefined;
  readonly #cooled: Deadline;
  readonly #secondOver: Deadline;
  /** In the second that runs; undefined: none runs. */
  #refused: number | undefined;
  #isOver = false;

  constructor(process: Process, record: ListenerRecord) {
    this.#process = process;
    this.#record = record;
    this.#config = record.config.alarms;
    this.#cooled = process.deadline(() => this.lookAtConnections());
    this.#secondOver = process.deadline(() => this.#endSecond());
    if (this.#config === false) return;
    const { connections, refusals, cooldownMs = DEFAULT_COOLDOWN_MS } = this.#config;
    if (connections !== undefined) this.#connections = new Alarm(connections, cooldownMs);
    if (refusals === undefined) return;
    this.#refusals = new Alarm(refusals, cooldownMs);
    record.stats.onRefusal = () => this.#refuse();
  }

  /** Whether these are the alarms that the options ask for. */
  get isCurrent(): boolean {
    return this.#config === this.#record.config.alarms;
  }

  lookAtConnections(): void {
    const alarm = this.#connections;
    const { connections, connectionSupervisor, system } = this.#record;
    // This is its successor's beginning: whoever is still ending does not speak for that one.
    if (connectionSupervisor !== this.#process.pid) return this.end();
    if (alarm === undefined) return;
    const now = system.now();
    this.#look("connections", alarm, connections, now);
    const againMs = alarm.againMs(connections, now);
    if (againMs === undefined) this.#cooled.cancel();
    else this.#cooled.arm(againMs);
  }

  /** Nothing is watched any more, and what is not watched is no alarm. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#record.stats.onRefusal = undefined;
    this.#cooled.cancel();
    this.#secondOver.cancel();
    if (this.#connections?.isSet === true) this.#tell("alarmCleared", "connections", this.#connections, 0);
    if (this.#refusals?.isSet === true) this.#tell("alarmCleared", "refusals", this.#refusals, 0);
  }

  #refuse(): void {
    const alarm = this.#refusals;
    if (alarm === undefined) return;
    if (this.#refused === undefined) this.#secondOver.arm(SECOND_MS);
    this.#refused = (this.#refused ?? 0) + 1;
    // Before its end, a second is known only to have been too much.
    if (!alarm.isSet) this.#look("refusals", alarm, this.#refused, this.#record.system.now());
  }

  #endSecond(): void {
    const alarm = this.#refusals;
    const refused = this.#refused ?? 0;
    if (alarm === undefined) return;
    this.#look("refusals", alarm, refused, this.#record.system.now());
    this.#refused = refused > 0 || alarm.isSet ? 0 : undefined;
    if (this.#refused !== undefined) this.#secondOver.arm(SECOND_MS);
  }

  #look(name: AlarmName, alarm: Alarm, value: number, now: number): void {
    const what = alarm.look(value, now);
    if (what !== undefined) this.#tell(what, name, alarm, value);
  }

  #tell(what: "alarmSet" | "alarmCleared", name: AlarmName, { high, low }: Alarm, value: number): void {
    const { id } = this.#record;
    const isSet = what === "alarmSet";
    const threshold = isSet ? high : low;
    this.#process.observe(what, { listener: id, alarm: name, value, threshold });
    const counted = name === "connections" ? `${value} connections` : `${value} refusals in a second`;
    this.#process.warn(
      `${id}: alarm ${isSet ? "set" : "cleared"}: ${counted} (${isSet ? "high" : "low"}: ${threshold})`,
    );
  }
}
