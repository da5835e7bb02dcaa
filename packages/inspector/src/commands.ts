import { CallExitError, CallTimeoutError, describeValue, type ProcessView, type System } from "@espalier/actors";
import {
  InvalidOptionError as SocketsOptionError,
  type Listener,
  SocketsError,
  UnknownListenerError,
} from "@espalier/sockets";
import type { CommonCalls } from "@espalier/supervisor";
import type { CommandAnswer, CommandName } from "./api-types.ts";
import type { Journal } from "./journal.ts";
import { formatRule, listenersOf } from "./listener-facts.ts";
import type { InspectorConfig } from "./options.ts";
import { findByPid, findProcess, formatProcessId } from "./process-id.ts";
import type { Query } from "./query.ts";
import { Refusal } from "./refusal.ts";
import type { Suspensions } from "./suspensions.ts";
import type { Tracing } from "./tracing.ts";

/** How long an actor may take to do what it is told. */
const patience = { timeoutMs: 30_000 } as const;
/** A day: nobody waits longer for a listener to be drained. */
const LONGEST_DRAIN_MS = 86_400_000;

type Run = (query: Query) => Promise<CommandAnswer> | CommandAnswer;

/** What an operator can do. Each command is kept in the log, whether it could be carried out or not. */
export class Commander {
  readonly #system: System;
  readonly #config: InspectorConfig;
  readonly #journal: Journal;
  readonly #tracing: Tracing;
  readonly #suspensions: Suspensions;
  readonly #commands: Readonly<Record<CommandName, Run>> = {
    kill: (query) => this.#kill(this.#onlyProcessOf(query)),
    suspend: (query) => this.#suspend(this.#onlyProcessOf(query)),
    resume: (query) => this.#resume(this.#onlyProcessOf(query)),
    trace: (query) => this.#trace(this.#processOf(query), query.needBoolean("on"), query),
    restartChild: (query) => this.#restartChild(this.#processOf(query), query.needText("child"), query),
    suspendListener: (query) => this.#suspendListener(query),
    resumeListener: (query) => this.#resumeListener(query),
    drainListener: (query) => this.#drain(query),
    setMaxClients: (query) => this.#setMaxClients(query),
    allow: (query) => this.#rule(query, "allow"),
    deny: (query) => this.#rule(query, "deny"),
    removeRule: (query) => this.#removeRule(query),
  };

  constructor(system: System, config: InspectorConfig, journal: Journal, tracing: Tracing, suspensions: Suspensions) {
    this.#system = system;
    this.#config = config;
    this.#journal = journal;
    this.#tracing = tracing;
    this.#suspensions = suspensions;
  }

  /** @throws Refusal */
  async run(name: string, query: Query): Promise<CommandAnswer> {
    if (!this.#isCommand(name)) throw new Refusal("notFound", "there is no such command");
    try {
      return await this.#commands[name](query);
    } catch (error) {
      throw toRefusal(error);
    }
  }

  #isCommand(name: string): name is CommandName {
    return Object.hasOwn(this.#commands, name);
  }

  // — Actors —————————————————————————————————————————————————————————————————————————————————————————————————————

  #processOf(query: Query): ProcessView {
    const { id, pid } = query.idOrPid();
    const process = id === undefined ? findByPid(this.#system, pid ?? 0) : findProcess(this.#system, id);
    if (process === undefined) throw new Refusal("notFound", "there is no such actor; it may have died");
    return process;
  }

  #onlyProcessOf(query: Query): ProcessView {
    const process = this.#processOf(query);
    query.end();
    return process;
  }

  #kill(process: ProcessView): CommandAnswer {
    const { path, pid } = process;
    this.#note(path, `kill ${pid.toString()}`);
    this.#system.kill(pid);
    return done(`${path} was killed`);
  }

  async #suspend({ path, pid }: ProcessView): Promise<CommandAnswer> {
    this.#note(path, `suspend ${pid.toString()}`);
    await this.#suspensions.suspend(pid);
    return done(`${path} is suspended`);
  }

  async #resume({ path, pid }: ProcessView): Promise<CommandAnswer> {
    this.#note(path, `resume ${pid.toString()}`, "info");
    await this.#suspensions.resume(pid);
    return done(`${path} goes on`);
  }

  async #trace(process: ProcessView, isOn: boolean, query: Query): Promise<CommandAnswer> {
    query.end();
    const { path, pid } = process;
    this.#note(path, `trace ${pid.toString()} ${isOn ? "on" : "off"}`, "info");
    await (isOn ? this.#tracing.start(process) : this.#tracing.stop(process));
    return done(`${path} is ${isOn ? "" : "not "}traced`);
  }

  async #restartChild({ path, pid, definition }: ProcessView, child: string, query: Query): Promise<CommandAnswer> {
    query.end();
    if (definition.behaviour.kind !== "supervisor") throw new Refusal("conflict", "this actor is no supervisor");
    const deadline = this.#system.now() + patience.timeoutMs;
    const rest = () => ({ timeoutMs: Math.max(deadline - this.#system.now(), 1) });
    const spec = await this.#system.call<CommonCalls, { type: "getChildSpec"; child: string }>(
      pid,
      { type: "getChildSpec", child },
      rest(),
    );
    if (spec === undefined) throw new Refusal("notFound", "this supervisor has no child of this id");
    if (spec.restart === "temporary") throw new Refusal("conflict", "a temporary child is never started anew");
    this.#note(path, `restart child ${spec.id}`);
    // Both are told at once: a supervisor does one after the other, however long its child takes to end.
    const [, result] = await Promise.all([
      this.#system.call<CommonCalls, { type: "terminateChild"; child: string }>(
        pid,
        { type: "terminateChild", child },
        rest(),
      ),
      this.#system.call<CommonCalls, { type: "restartChild"; id: string }>(
        pid,
        { type: "restartChild", id: child },
        rest(),
      ),
    ]).catch(asLate);
    if (!result.ok) throw new Refusal("conflict", `the child was not started: ${result.error}`);
    const started = result.child && this.#system.process(result.child);
    return { ...done(`${path}/${spec.id} was started anew`), id: started && formatProcessId(started) };
  }

  // — Listeners ——————————————————————————————————————————————————————————————————————————————————————————————————

  #listenerOf(query: Query): Listener {
    const id = query.needText("listener");
    const [listener, other] = listenersOf(this.#config.sources).filter((candidate) => candidate.id === id);
    if (listener === undefined) throw new Refusal("notFound", "there is no such listener");
    if (other !== undefined) throw new Refusal("conflict", "several listeners have this id");
    return listener;
  }

  async #suspendListener(query: Query): Promise<CommandAnswer> {
    const listener = this.#listenerOf(query);
    query.end();
    this.#note(listener.id, "suspended");
    await listener.suspend();
    return done(`${listener.id} is suspended`);
  }

  async #resumeListener(query: Query): Promise<CommandAnswer> {
    const listener = this.#listenerOf(query);
    query.end();
    this.#note(listener.id, "resumed", "info");
    await listener.resume();
    return done(`${listener.id} is resumed`);
  }

  #drain(query: Query): CommandAnswer {
    const listener = this.#listenerOf(query);
    const timeoutMs = query.integer("timeoutMs", 0, LONGEST_DRAIN_MS);
    query.end();
    this.#note(listener.id, "drain");
    listener.drain(timeoutMs === undefined ? {} : { timeoutMs }).then(
      ({ ended, killed }) =>
        this.#note(listener.id, `drained: ${ended} connections ended, ${killed} were killed`, "info"),
      () => this.#note(listener.id, "could not be drained"),
    );
    return done(`${listener.id} is being drained`);
  }

  async #setMaxClients(query: Query): Promise<CommandAnswer> {
    const listener = this.#listenerOf(query);
    const maxClients = query.has("maxClients", "infinity")
      ? (query.oneOf("maxClients", ["infinity"]) ?? "infinity")
      : query.integer("maxClients", 1, Number.MAX_SAFE_INTEGER, 'an integer from 1, or "infinity"');
    query.end();
    if (maxClients === undefined) throw new Refusal("badRequest", "maxClients is missing");
    this.#note(listener.id, `maxClients ${maxClients}`);
    await listener.setOptions({ maxClients });
    return done(`${listener.id} takes ${listener.maxClients} clients`);
  }

  async #rule(query: Query, verb: "allow" | "deny"): Promise<CommandAnswer> {
    const listener = this.#listenerOf(query);
    const peers = query.needText("peers");
    query.end();
    const isNew = await listener[verb](peers).catch(asFaultOf("peers"));
    this.#note(listener.id, `${verb} ${peers}`);
    return done(isNew ? `${listener.id}: ${verb} ${peers}` : `${listener.id} has this rule already`);
  }

  async #removeRule(query: Query): Promise<CommandAnswer> {
    const listener = this.#listenerOf(query);
    const rule = query.needText("rule");
    query.end();
    const rules = listener.accessRules;
    const left = rules.filter((candidate) => formatRule(candidate) !== rule);
    if (left.length === rules.length) throw new Refusal("notFound", "the listener has no such rule");
    await listener.setOptions({ accessRules: left });
    this.#note(listener.id, `remove rule ${rule}`);
    return done(`${listener.id}: no more ${rule}`);
  }

  // — The log ————————————————————————————————————————————————————————————————————————————————————————————————————

  /**
   * Whoever reads the log later should see that somebody had a hand in it: as a warning, unless it takes nothing from
   * anybody. The token is never part of it.
   */
  #note(path: string, text: string, level: "info" | "warn" = "warn"): void {
    this.#journal.command(path, text);
    this.#system.logger[level]({ path, command: text, by: "http" }, `inspector, by http: ${path}: ${text}`);
  }
}

function done(text: string): CommandAnswer {
  return { ok: true, text };
}

/** What is wrong with an option of a listener, said of the parameter that it was given by. */
function asFaultOf(parameter: string): (error: unknown) => never {
  return (error) => {
    const [issue] = error instanceof SocketsOptionError ? error.issues : [];
    if (issue === undefined) throw error;
    throw new Refusal("badRequest", `${parameter} must be ${issue.expected}; got ${describeValue(issue.value)}`);
  };
}

/** What has been told is done all the same. */
function asLate(error: unknown): never {
  if (!(error instanceof CallTimeoutError)) throw error;
  throw new Refusal("timeout", "the child has not ended in time; it is started anew as soon as it has");
}

/** What a client has to branch on. The text of any other error may hold what is not to be shown. */
function toRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof CallTimeoutError) return new Refusal("timeout", "the actor has not answered in time");
  if (error instanceof CallExitError) return new Refusal("notFound", "the actor has died meanwhile");
  if (error instanceof SocketsOptionError) return new Refusal("badRequest", error.message);
  if (error instanceof UnknownListenerError) return new Refusal("conflict", "the listener is down");
  if (error instanceof SocketsError) return new Refusal("conflict", error.message);
  return new Refusal("internal", "the command has failed; the log of the program may say why");
}
