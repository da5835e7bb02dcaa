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

/**
 * @param failed - hears of what goes wrong later, such as a client that could not be accepted for want of a file descriptor
 * @throws InspectorListenError (`ERR_LISTEN`)
 */
export function serve(
  fetch: (request: Request) => Response | Promise<Response>,
  host: string,
  port: number,
  failed: (error: unknown) => void,
): Promise<NodeServer> {
  return new Promise((resolve, reject) => {
    // `Request` and `Response` are the program's own: whoever is inspected finds them as they were.
    const server = createServer(limits, getRequestListener(fetch, { overrideGlobalObjects: false }));
    server.maxConnections = 256;
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(new InspectorListenError(`${host}:${port}`, error.code ?? "unknown", { cause: error }));
    });
    server.listen({ host, port }, () => {
      // The next one that nobody heard of would end the program.
      server.on("error", failed);
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
