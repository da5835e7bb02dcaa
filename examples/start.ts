import {
  createSystem,
  formatReason,
  formatTree,
  type Logger,
  nodeHost,
  silentLogger,
  type TraceEvent,
} from "@espalier/actors";
import { formatAddress, SocketsError, startSockets } from "@espalier/sockets";
import { connection } from "./start/connection.ts";
import { readOptions, type StartOptions, usage, UsageError } from "./start/options.ts";
import { openPage } from "./start/page.ts";
import { startShell } from "./start/shell.ts";

// An echo server to play with: `npx -y pnpm@12 start --help`.

/** How long clients may go on after the server was asked to stop. */
const SHUTDOWN_SECONDS = 5;

/** Says how each connection ended, and that a lost listening socket is back. What went wrong, supervisors report. */
function printEvent(event: TraceEvent): void {
  if (event.type === "listening") {
    console.log(`listening again on ${formatAddress(event.address)}`);
  } else if (event.type === "connectionStopped") {
    const { connection: pid, peer, reason, bytesReceived, bytesSent } = event;
    const bytes = `${bytesReceived} bytes received, ${bytesSent} sent`;
    console.log(`connection ${pid} from ${formatAddress(peer)} ended: ${formatReason(reason)} (${bytes})`);
  } else if (event.type === "connectionRefused") {
    const { peer, counter } = event;
    console.log(`connection from ${formatAddress(peer)} refused: ${counter}`);
  }
}

async function serve({ listenOn, listener: options, pagePort }: StartOptions): Promise<void> {
  const host = nodeHost();
  // Reports on stderr, but not of a start that fails: that is told in one line.
  let logger: Logger = silentLogger;
  const system = createSystem({
    host,
    logger: {
      ...silentLogger,
      warn: (fields, message) => logger.warn(fields, message),
      error: (fields, message) => logger.error(fields, message),
    },
  });
  const sockets = await startSockets(system);
  const listener = await sockets.open("echo", listenOn, { ...options, shutdown: SHUTDOWN_SECONDS * 1000 }, connection);
  logger = host.logger;
  const page = pagePort === undefined ? undefined : await openPage(system, sockets, pagePort);
  system.trace(printEvent, { detail: "life" });

  // Only an orderly stop is a success.
  process.exitCode = 1;
  const closeShell = startShell(system, () => process.emit("SIGINT"));
  let isStopping = false;
  function stop(_signal: NodeJS.Signals, number = 2): void {
    // The second time: at once, with the status of a program that was ended by this signal.
    if (isStopping) process.exit(128 + number);
    isStopping = true;
    const { currentClients: open } = listener;
    const time = open === 0 ? "" : `, with ${SHUTDOWN_SECONDS} s to end (Ctrl-C again: at once)`;
    console.log(`stopping; connections open: ${open}${time}`);
    void shutDown();
  }
  async function shutDown(): Promise<void> {
    // Children stop in reverse start order: first the listening socket closes, then the connections get their time.
    await system.shutdown("infinity");
    await page?.close();
    process.exitCode = 0;
    closeShell();
  }
  process.on("SIGINT", stop).on("SIGTERM", stop);
  // Whoever read the output has left. The clients have not.
  process.stdout.on("error", () => undefined);

  console.log(`listening on ${formatAddress(listener.address)}`);
  if (page !== undefined) console.log(`the living tree: ${page.url} (token for commands: ${page.token})`);
  console.log(`\n${formatTree(system.inspect())}`);
}

try {
  const options = readOptions(process.argv.slice(2));
  if (options === undefined) console.log(usage);
  else await serve(options);
} catch (error) {
  if (!(error instanceof UsageError || error instanceof SocketsError)) throw error;
  console.error(error.message.replaceAll(/\s*\n\s*/gu, " "));
  process.exitCode = 1;
}
