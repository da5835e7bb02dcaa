// Node's HTTP server. Whoever mounts the inspector in a server of their own never loads it.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
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
