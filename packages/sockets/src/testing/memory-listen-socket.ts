import {
  type Address,
  type ListenEvents,
  type ListenSocket,
  type ListenSocketOptions,
  unixAddress,
} from "../transport.ts";
import { type Arrival, type Door, LOCAL_HOST, type Network, type Place, placeOf } from "./memory-network.ts";
import { onceLater } from "./weather.ts";

/** A listening socket of a network inside this process. */
export class MemoryListenSocket implements ListenSocket, Door {
  readonly isSharing: boolean;
  readonly #network: Network;
  readonly #events: ListenEvents;
  readonly #wake: () => void;
  readonly #isEachItsOwn: boolean;
  readonly #address: Address;
  readonly #isBound: boolean;
  readonly #backlog: Arrival[] = [];
  #state: "opening" | "open" | "closed" = "opening";
  #isClosing = false;

  constructor(network: Network, options: ListenSocketOptions, events: ListenEvents) {
    const { host = "::", port, path, reusePort = false } = options;
    this.isSharing = reusePort;
    this.#network = network;
    this.#events = events;
    const weather = network.weather.listener(path ?? `:${port}`);
    this.#wake = onceLater(weather, () => this.#step());
    this.#isEachItsOwn = weather.isEachItsOwn;
    const address = { host, port: port === 0 ? network.freePort(LOCAL_HOST) : port };
    this.#address = path === undefined ? address : unixAddress(path);
    this.#isBound = !weather.isTaken() && network.bind(this);
    this.#wake();
  }

  get place(): Place {
    return placeOf(this.#address);
  }

  close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    if (!this.#isBound) return;
    this.#network.unbind(this);
    for (const socket of this.#backlog.splice(0)) socket.close("reset");
    this.#wake();
  }

  enqueue(socket: Arrival): void {
    this.#backlog.push(socket);
    if (this.#state === "open") this.#announce(socket);
  }

  #announce(socket: Arrival): void {
    if (this.#isEachItsOwn) socket.defer(() => this.#accept(socket));
    else this.#wake();
  }

  #accept(socket: Arrival): void {
    const place = this.#backlog.indexOf(socket);
    if (place === -1) return;
    this.#backlog.splice(place, 1);
    this.#events.accepted(socket);
    socket.arrived();
  }

  /** Tells one thing. */
  #step(): void {
    if (this.#state === "opening") this.#open();
    else if (this.#isClosing) this.#end();
    else {
      const [socket] = this.#backlog;
      if (socket === undefined) return;
      this.#wake();
      this.#accept(socket);
    }
  }

  #open(): void {
    this.#state = this.#isBound ? "open" : "closed";
    if (this.#isClosing) this.#wake();
    for (const socket of this.#backlog) this.#announce(socket);
    if (this.#isBound) this.#events.listening(this.#address);
    else this.#events.failed("EADDRINUSE");
  }

  #end(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#network.openListeners -= 1;
    this.#events.closed();
  }
}
