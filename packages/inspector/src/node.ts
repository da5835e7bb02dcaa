// Node's HTTP server and event loop. Whoever mounts the inspector in a server of their own never loads it.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { getRequestListener } from "@hono/node-server";
import type { EventLoopDelayFact } from "./api-types.ts";
import { InspectorListenError } from "./errors.ts";

/** A server that listens. */
export interface NodeServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Headers are short here, and nobody needs long for them. */
const limits = { maxHeaderSize: 16_384, headersTimeout: 10_000, requestTimeout: 30_000 };

/** @throws InspectorListenError (`ERR_LISTEN`) */
export function serve(
  fetch: (request: Request) => Response | Promise<Response>,
  host: string,
  port: number,
): Promise<NodeServer> {
  return new Promise((resolve, reject) => {
    const server = createServer(limits, getRequestListener(fetch));
    server.maxConnections = 256;
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(new InspectorListenError(`${host}:${port}`, error.code ?? "unknown", { cause: error }));
    });
    server.listen({ host, port }, () => {
      const { port: found } = server.address() as AddressInfo;
      resolve({
        port: found,
        close: () =>
          new Promise<void>((closed) => {
            server.close(() => closed());
            server.closeAllConnections();
          }),
      });
    });
  });
}

/** The event loop is looked at every so many milliseconds. */
const RESOLUTION_MS = 20;

/** How late the event loop is, since it was last read. It keeps no program alive. */
export class EventLoopWatch {
  readonly #histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  constructor() {
    this.#histogram.enable();
  }

  read(): EventLoopDelayFact {
    const histogram = this.#histogram;
    // What Node tells is the time between two looks.
    const toMs = (nanoseconds: number): number =>
      histogram.count === 0 ? 0 : Math.max(0, Math.round((nanoseconds / 1e6 - RESOLUTION_MS) * 100) / 100);
    const fact = {
      p50: toMs(histogram.percentile(50)),
      p99: toMs(histogram.percentile(99)),
      max: toMs(histogram.max),
    };
    histogram.reset();
    return fact;
  }

  stop(): void {
    this.#histogram.disable();
  }
}
