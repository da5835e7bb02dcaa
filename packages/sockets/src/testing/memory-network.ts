import type { Address, TransportSocket } from "../transport.ts";
import type { Weather } from "./weather.ts";

const LAST_PORT = 65535;
const FIRST_FREE_PORT = 49152;

/** Where a transport connects from, unless it is said. */
export const LOCAL_HOST = "127.0.0.1";

/** The server's end of a connection, on its way to be accepted. */
export interface Arrival extends TransportSocket {
  /** Runs its next event later. */
  defer(run: () => void): void;
  /** It has just been accepted. */
  arrived(): void;
}

/** A listening socket, as connections see it. */
export interface Door {
  /** By what it is found. */
  readonly place: Place;
  /** Shares its place with all others that want to. */
  readonly isSharing: boolean;
  /** A connection was made, which `accepted` will tell. */
  enqueue(socket: Arrival): void;
}

/** A port, whatever the host, or the path of a unix socket. */
export type Place = number | string;

export function placeOf({ port, path }: Address): Place {
  return path ?? port;
}

/** What is common to all sockets of one transport. */
export class Network {
  /** Bytes that one direction of a connection holds. */
  readonly capacity: number;
  readonly room: number;
  readonly weather: Weather;
  openSockets = 0;
  openListeners = 0;
  /** Several share a place if all of them want to; the first is the next to get a connection. */
  readonly #doors = new Map<Place, Door[]>();
  /** How many connections have come from each host. */
  readonly #connections = new Map<string, number>();
  readonly #ports = new Map<string, number>();

  constructor(capacity: number, room: number, weather: Weather) {
    this.capacity = capacity;
    this.room = room;
    this.weather = weather;
  }

  get hasRoom(): boolean {
    return this.openSockets <= this.room;
  }

  /** What the next connection from there is called. */
  nextName(host: string): string {
    const count = (this.#connections.get(host) ?? 0) + 1;
    this.#connections.set(host, count);
    return `${host}#${count}`;
  }

  /** Each host has its own, so that no client is seen to come from elsewhere because of another. */
  freePort(host: string): number {
    let port = this.#ports.get(host) ?? FIRST_FREE_PORT - 1;
    do port = port === LAST_PORT ? FIRST_FREE_PORT : port + 1;
    while (this.#doors.has(port));
    this.#ports.set(host, port);
    return port;
  }

  /** False: the place is taken. */
  bind(door: Door): boolean {
    const others = this.#doors.get(door.place) ?? [];
    if (others.some(({ isSharing }) => !isSharing || !door.isSharing)) return false;
    this.#doors.set(door.place, [...others, door]);
    this.openListeners += 1;
    return true;
  }

  unbind(door: Door): void {
    const others = this.#doors.get(door.place)?.filter((other) => other !== door) ?? [];
    if (others.length > 0) this.#doors.set(door.place, others);
    else this.#doors.delete(door.place);
  }

  /** Who gets the next connection: those that share a port, in turn. */
  doorAt(place: Place): Door | undefined {
    const doors = this.#doors.get(place);
    if (doors === undefined || doors.length === 1) return doors?.[0];
    const [first, ...others] = doors;
    if (first !== undefined) this.#doors.set(place, [...others, first]);
    return first;
  }
}
