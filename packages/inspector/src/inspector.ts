import type { System } from "@espalier/actors";
import type { Hono } from "hono";
import { createApi } from "./api.ts";
import { Commander } from "./commands.ts";
import { InspectorClosedError, InvalidOptionError } from "./errors.ts";
import type { EventLoopDelay } from "./event-loop-delay.ts";
import { Journal } from "./journal.ts";
import { type InspectorConfig, type InspectorOptions, toInspectorConfig } from "./options.ts";
import { Readings } from "./readings.ts";
import { Sampler } from "./sampler.ts";
import { Streams } from "./streams.ts";
import { Suspensions } from "./suspensions.ts";
import { Tracing } from "./tracing.ts";

export interface ListenOptions {
  /** 0 finds a free one. @defaultValue 4848 */
  readonly port?: number;
  /**
   * Any other than this machine's own needs `protectReads`, since whoever can reach it could look at everything; and to be
   * reached under its name it has to be among `allowedHosts`. @defaultValue "127.0.0.1"
   */
  readonly host?: string;
}

/** An inspector that listens by itself. */
export interface ListeningInspector {
  readonly port: number;
  /** Where a browser finds it, such as `http://127.0.0.1:4848`. */
  readonly url: string;
  /** Stops listening, and ends its streams. The inspector goes on. */
  close(): Promise<void>;
}

/**
 * Attaches an inspector to a system: what lives in it, what becomes of it, and how it is told what to do. It reads; no
 * actor notices, and a message costs what it cost before. What is heard of as it happens are starts, reports and alarms.
 *
 * @throws InvalidOptionError (`ERR_INVALID_OPTION`) naming every fault
 */
export function inspector(system: System, options: InspectorOptions = {}): Inspector {
  return new Inspector(system, toInspectorConfig(options));
}

/** What {@link inspector} answers. */
export class Inspector {
  /** The system that it is attached to. */
  readonly system: System;
  /** What the API answers, for the program itself. */
  readonly readings: Readings;
  /** The API as an application of hono: to be mounted in another one, or asked by `app.request(path)`. */
  readonly app: Hono;
  /** The API as a function of the Fetch standard, for any server that knows it. */
  readonly fetch: (request: Request) => Response | Promise<Response>;
  readonly #config: InspectorConfig;
  readonly #journal: Journal;
  readonly #tracing: Tracing;
  readonly #suspensions: Suspensions;
  readonly #streams: Streams;
  readonly #sampler: Sampler;
  readonly #listening = new Set<ListeningInspector>();
  #watch: EventLoopDelay | undefined;
  #isClosed = false;

  /** @internal */
  constructor(system: System, config: InspectorConfig) {
    this.system = system;
    this.#config = config;
    const journal = new Journal(system, config.show, config.logEntries);
    const sampler = new Sampler(system, journal);
    const tracing = new Tracing(system, config.show);
    this.#journal = journal;
    this.#tracing = tracing;
    this.#suspensions = new Suspensions(system);
    this.#sampler = sampler;
    this.readings = new Readings(system, config, journal, sampler, tracing);
    this.#streams = new Streams(system, this.readings, config);
    // From here on, rates add up to the counters.
    sampler.sample(this.readings.moment());
    this.app = createApi({
      config,
      readings: this.readings,
      commander: new Commander(system, config, journal, tracing, this.#suspensions),
      streams: this.#streams,
      isClosed: () => this.#isClosed,
      failed: (err) => system.logger.error({ err }, "inspector: a request has failed"),
    });
    this.fetch = (request) => this.app.fetch(request);
  }

  /** Streams that are open. */
  get streams(): number {
    return this.#streams.size;
  }

  /**
   * Serves the API by `node:http`, on this machine alone unless told otherwise.
   *
   * @throws InvalidOptionError (`ERR_INVALID_OPTION`), InspectorListenError (`ERR_LISTEN`), InspectorClosedError
   * (`ERR_INSPECTOR_CLOSED`)
   */
  async listen(options: ListenOptions = {}): Promise<ListeningInspector> {
    const { port = 4848, host = "127.0.0.1" } = options;
    if (!(Number.isInteger(port) && port >= 0 && port <= 65_535)) {
      throw new InvalidOptionError([{ option: "port", value: port, expected: "a port from 0 to 65535" }]);
    }
    if (!LOOPBACK.test(host) && !this.#config.protectReads) {
      const expected = "an address of this machine's own, such as 127.0.0.1, unless protectReads is set";
      throw new InvalidOptionError([{ option: "host", value: host, expected }]);
    }
    this.#checkOpen();
    // Only those who listen need Node.
    const [{ serve }, { EventLoopDelay }] = await Promise.all([import("./node.ts"), import("./event-loop-delay.ts")]);
    const server = await serve(this.fetch, host, port, (err) => {
      this.system.logger.error({ err }, "inspector: its server has failed, and goes on");
    });
    const watch = (this.#watch ??= new EventLoopDelay());
    this.#sampler.readEventLoopDelay = () => watch.read();
    const listening: ListeningInspector = {
      port: server.port,
      url: `http://${host.includes(":") ? `[${host}]` : host}:${server.port}`,
      close: async () => {
        this.#listening.delete(listening);
        if (this.#listening.size === 0) this.#stopWatch();
        await server.close();
      },
    };
    this.#listening.add(listening);
    if (this.#isClosed) await listening.close();
    this.#checkOpen();
    return listening;
  }

  /**
   * Takes it off the system: it listens no more, its streams end, nothing is traced for it, and the actors that were
   * suspended through it go on. Who is traced or suspended by somebody else too stays so. What listeners were told stands.
   * Closing twice changes nothing.
   */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#journal.close();
    this.#streams.close();
    this.readings.close();
    const letGo = [this.#tracing.close(), this.#suspensions.close()];
    await Promise.all([...letGo, ...[...this.#listening].map((listening) => listening.close())]);
  }

  #stopWatch(): void {
    this.#watch?.stop();
    this.#watch = undefined;
    this.#sampler.readEventLoopDelay = undefined;
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new InspectorClosedError();
  }
}

const LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|::1|localhost)$/u;
