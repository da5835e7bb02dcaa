import { memoryTransport, type MemoryTransport } from "@espalier/sockets/testing";
import type { AcceptFault, Break, ConnectFault, EndWeather, ListenWeather, Weather } from "@espalier/sockets/testing";
import type { Choices, Stream } from "./choices.ts";
import type { Kind } from "./deviation.ts";
import type { World } from "./world.ts";

export interface SimNetworkOptions {
  /**
   * Bytes that one direction of a connection holds between its writer and a reader that does not read.
   *
   * @defaultValue 65536
   */
  readonly capacity?: number;
  /**
   * For how many ends of connections there is room, as descriptors are limited.
   *
   * @defaultValue Infinity
   */
  readonly room?: number;
}

/** A network in simulated time. */
export type SimNetwork = MemoryTransport;

/**
 * A network that lives in a world: a transport for servers and their clients, on which whatever can happen on a network
 * is a choice of the world. It behaves as TCP does, and whatever the choices are, what happens on one end stays in order.
 *
 * Whoever is to be told apart by deviations needs a host of his own, by `from`: an end is known by the host of its client
 * and the number of the connection from there.
 */
export function simNetwork(world: World, options: SimNetworkOptions = {}): SimNetwork {
  return memoryTransport({ ...options, weather: new SimWeather(world) });
}

class SimWeather implements Weather {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  end(name: string): EndWeather {
    return new End(this.#world, name);
  }

  listener(name: string): ListenWeather {
    return new Listening(this.#world, name);
  }
}

/** How long Linux tries before it closes with ETIMEDOUT: 6 more SYN, and 15 retransmissions of bytes. */
const PATIENCE_MS = { connect: 127_000, bytes: 924_600 } as const;

/** By the value of a deviation, from 1. */
const CONNECT_FAULTS: readonly ConnectFault[] = ["refused", "unanswered"];
const ACCEPT_FAULTS: readonly AcceptFault[] = ["gone", "resetBehind", "dropped", "lost"];
const BREAKS: readonly Break[] = ["reset", "silence"];

/** What is chosen about one end. Each stream is looked up when it is first asked, and kept. */
class End implements EndWeather {
  readonly #world: World;
  readonly #choices: Choices;
  readonly #name: string;
  #net: Stream | undefined;
  #chunk: Stream | undefined;
  #write: Stream | undefined;
  #reset: Stream | undefined;

  constructor(world: World, name: string) {
    this.#world = world;
    this.#choices = world.choices;
    this.#name = name;
  }

  defer(run: () => void): void {
    const world = this.#world;
    world.at(world.now() + world.late((this.#net ??= this.#about("net"))), run);
  }

  chunk(bytes: number): number {
    return (this.#chunk ??= this.#about("chunk")).next(bytes) || bytes;
  }

  write(bytes: number): number {
    const value = (this.#write ??= this.#about("write")).next(bytes + 1);
    return value === 0 ? bytes : value - 1;
  }

  connect(): ConnectFault | undefined {
    return CONNECT_FAULTS[this.#about("connect").next(CONNECT_FAULTS.length + 1) - 1];
  }

  accept(): AcceptFault | undefined {
    return ACCEPT_FAULTS[this.#about("accept").next(ACCEPT_FAULTS.length + 1) - 1];
  }

  breaks(): Break | undefined {
    return BREAKS[(this.#reset ??= this.#about("reset")).next(BREAKS.length + 1) - 1];
  }

  giveUp(what: "connect" | "bytes", run: () => void): () => void {
    return this.#world.at(this.#world.now() + PATIENCE_MS[what], run);
  }

  #about(kind: Kind): Stream {
    return this.#choices.about(kind, this.#name);
  }
}

/** What is chosen about the sockets that listen on one address. */
class Listening implements ListenWeather {
  readonly isEachItsOwn = true;
  readonly #world: World;
  readonly #net: Stream;
  readonly #bind: Stream;

  constructor(world: World, name: string) {
    this.#world = world;
    this.#net = world.choices.about("net", name);
    this.#bind = world.choices.about("bind", name);
  }

  defer(run: () => void): void {
    this.#world.at(this.#world.now() + this.#world.late(this.#net), run);
  }

  isTaken(): boolean {
    return this.#bind.next(2) === 1;
  }
}
