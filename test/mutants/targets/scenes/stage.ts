import type { System } from "@espalier/actors";
import type { AnyStateMachine } from "xstate";
import {
  type ClientTls,
  type ConnectionDefinition,
  type Listener,
  type ListenerOptions,
  type ServerTls,
  type Sockets,
  type Transport,
  startSockets,
} from "@espalier/sockets";
import type { MemoryTransport } from "@espalier/sockets/testing";
import type { Kind, RunView } from "../../kit.ts";
import { Visitor } from "./visitor.ts";

/** What a scene plays on. */
export interface House {
  readonly system: System;
  readonly transport: Transport;
  readonly tls: ServerTls;
  readonly clientTls: ClientTls;
}

/**
 * A small story with a listener or more, and who visits it, each of whose lines has to come true: one thing that the docs
 * say. It may be played at any time, more than once, beside others, and under whatever faults.
 */
export type Scene = (stage: Stage) => Promise<void>;

export type Handler = ConnectionDefinition | AnyStateMachine;

/** By these a connection breaks, or does not come about. */
const BREAKS: ReadonlySet<Kind> = new Set(["reset", "accept", "connect", "bind", "tls"]);
const CUTS: ReadonlySet<Kind> = new Set(["chunk", "write"]);
const PATIENCE_MS = 5000;

/** One performance of a scene. Whatever is its own has its number in its name, by which it is known whom a fault is about. */
export class Stage implements House {
  readonly system: System;
  readonly transport: Transport;
  readonly tls: ServerTls;
  readonly clientTls: ClientTls;
  /** Its own: what others close holds it up no more than what they crash. */
  sockets!: Sockets;
  readonly #run: RunView;
  /** What is played. */
  readonly title: string;
  readonly #number: number;
  /** Later than this is too late for what is said: most times that servers, clients and callers have are some seconds. */
  #latestMs = 1000;
  #isWhole = false;
  readonly #visitors: Visitor[] = [];
  readonly #cleanUps: Array<() => unknown> = [];

  constructor(run: RunView, house: House, name: string, number: number) {
    const { system, transport, tls, clientTls } = house;
    this.system = system;
    this.transport = transport;
    this.tls = tls;
    this.clientTls = clientTls;
    this.#run = run;
    this.title = name;
    this.#number = number;
  }

  get now(): number {
    return this.#run.world.now();
  }

  /** By how much what happens may be late. */
  get lateMs(): number {
    return this.#run.world.injectedMs;
  }

  /** A name that nobody else has. */
  called(what: string): string {
    return `${what}@${this.#number}`;
  }

  /** A port that nobody else has; there are ten. */
  port(index = 0): number {
    return 10_000 + 10 * this.#number + index;
  }

  /** An address that nobody else has. */
  host(index: number): string {
    return `10.1.${this.#number}.${index}`;
  }

  async open(options: ListenerOptions, handler: Handler, index = 0): Promise<Listener> {
    const settings = { acceptors: 1, ...options };
    return this.sockets.open(this.called(this.title), this.port(index), settings, handler as never);
  }

  /** Somebody new comes. */
  visit(listener: { readonly port: number } = { port: this.port() }): Visitor {
    const to = { host: "10.0.0.254", port: listener.port };
    const visitor = new Visitor(this.from(this.#visitors.length + 1), to, () => this.now);
    this.#visitors.push(visitor);
    return visitor;
  }

  /** The network for somebody new. */
  from(index: number): Transport {
    return (this.transport as MemoryTransport).from(this.host(index));
  }

  /** Somebody has connected, and his handler has the socket. */
  async meet(listener: Listener): Promise<Visitor> {
    const before = listener.stats.accepted;
    const visitor = this.visit(listener);
    await this.until("a visitor is let in", () => listener.stats.accepted > before);
    return visitor;
  }

  /** What follows need not be true where anything is later than this, such as what has to come in time. */
  unlessLater(ms: number): void {
    this.#latestMs = Math.min(this.#latestMs, ms);
  }

  /** What follows need not be true where the network cuts what is sent. */
  unlessCut(): void {
    this.#isWhole = true;
  }

  /** It is done when the scene is over, however it ends. */
  atLast(cleanUp: () => unknown): void {
    this.#cleanUps.push(cleanUp);
  }

  /** Waits until it is so, or has not become so in time. */
  async until(what: string, isSo: () => boolean, withinMs: number = PATIENCE_MS): Promise<void> {
    const since = this.now;
    await this.#awaits(isSo, () => since + withinMs + this.lateMs);
    if (!isSo()) throw new Untrue(`${what}: not within ${withinMs} ms`);
  }

  /** Something has happened of which the simulated world knows nothing. */
  look(): void {
    lookAround(this.#run);
  }

  /** What he has read comes to be this. */
  async reads(visitor: Visitor, text: string, withinMs?: number): Promise<void> {
    try {
      await this.until(`a visitor reads ${JSON.stringify(text)}`, () => visitor.read.length >= text.length, withinMs);
    } finally {
      this.equal(visitor.read, text, "what a visitor has read");
    }
  }

  /** Lets time pass. */
  async wait(ms: number): Promise<void> {
    const until = this.now + ms;
    await this.#awaits(
      () => this.now >= until,
      () => until,
    );
  }

  /** The same, and as long again as anything may be late. */
  async settle(ms = 100): Promise<void> {
    const since = this.now;
    await this.#awaits(
      () => this.now >= since + ms + this.lateMs,
      () => since + ms + this.lateMs,
    );
  }

  holds(isSo: boolean, what: string): void {
    if (!isSo) throw new Untrue(`${what}: it is not so`);
  }

  equal(actual: unknown, expected: unknown, what: string): void {
    const [one, other] = [JSON.stringify(actual), JSON.stringify(expected)];
    if (one !== other) throw new Untrue(`${what} is ${one}, and should be ${other}`);
  }

  /** Plays it, and ends what it has begun. Of one whom a crash or the network has spoilt, nothing is expected but its end. */
  async play(scene: Scene): Promise<void> {
    const { system, transport } = this;
    try {
      this.sockets = await startSockets(system, { transport, name: this.called("sockets") });
      this.atLast(() => system.terminate(this.sockets.supervisor, "infinity"));
      await scene(this);
    } catch (error) {
      if (!this.#isSpoilt) {
        const { message, stack } = error as Error;
        this.#run.violate("T38-scenes", `${this.title}: ${error instanceof Untrue ? message : String(stack)}`);
      }
    } finally {
      for (const { socket } of this.#visitors) socket.close("now");
      await Promise.allSettled(this.#cleanUps.toReversed().map(async (cleanUp) => cleanUp()));
    }
  }

  get #isSpoilt(): boolean {
    const { injections, choices } = this.#run.world;
    if (injections.some(({ actor }) => this.#concerns(actor, /@(\d+)/))) return true;
    if (this.lateMs > this.#latestMs) return true;
    return choices.deviations.some(
      ({ kind, subject }) =>
        (BREAKS.has(kind) || (this.#isWhole && CUTS.has(kind))) &&
        this.#concerns(subject, /10\.1\.(\d+)\.|^:1(\d{3})\d$/),
    );
  }

  /** What is nobody's in particular concerns all. */
  #concerns(name: string, pattern: RegExp): boolean {
    const [, ...numbers] = pattern.exec(name) ?? [];
    const number = numbers.find((found) => found !== undefined);
    return number === undefined || Number(number) === this.#number;
  }

  /** Looks at each quiet moment, and at this time, which may be put off. */
  #awaits(isSo: () => boolean, until: () => number): Promise<void> {
    const { world } = this.#run;
    const waiting = waitingIn(this.#run);
    return new Promise((resolve) => {
      const look = (): void => {
        if (!isSo() && world.now() < until()) return;
        waiting.delete(look);
        resolve();
      };
      const wake = (): void => {
        look();
        if (waiting.has(look)) world.at(until(), wake);
      };
      waiting.add(look);
      wake();
    });
  }
}

/** Something that was said is not so. */
class Untrue extends Error {}

const waitingOf = new WeakMap<RunView, Set<() => void>>();

/** Those who wait for something. */
function waitingIn(run: RunView): Set<() => void> {
  let known = waitingOf.get(run);
  if (known === undefined) waitingOf.set(run, (known = new Set()));
  return known;
}

/** Whoever waits for something looks whether it is so. */
export function lookAround(run: RunView): void {
  for (const look of waitingOf.get(run) ?? []) look();
}
