import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { describe, expect, onTestFinished, test } from "vitest";
import { echo } from "./support/handlers.ts";
import { useWorld, world } from "./support/server-world.ts";

describe("when the descriptors are used up", () => {
  // Each connection has both of its ends here.
  useWorld("memory", { memory: { room: 6 } });

  test("connections beyond are refused and counted, those that are there go on, and there is one warning", async () => {
    const listener = await world.open(echo, { acceptors: 2 });
    const [first] = await world.connectMany(listener, 3);
    for (const _ of [1, 2, 3]) world.startConnecting(listener);
    await world.until(() => listener.stats.closedSysLimit === 3);
    expect(listener.stats).toMatchObject({ accepted: 3, closedMaxLimit: 0, closedOther: 0 });
    first?.write("still here");
    expect(await first?.text(10)).toBe("still here");
    expect(world.logged).toEqual([
      expect.stringMatching(/^warn echo:.*: the file descriptors of this process are used up; refusing connections$/),
    ]);
    world.logged.length = 0;
  });

  test("connections are accepted again when there is room and the acceptor has cooled down", async () => {
    const listener = await world.open(echo, { acceptors: 1 });
    const clients = await world.connectMany(listener, 3);
    world.startConnecting(listener);
    await world.until(() => listener.stats.closedSysLimit === 1);
    for (const client of clients) client.close("now");
    await world.until(() => listener.currentClients === 0);
    await world.manual.advance(1000);
    await world.connectMany(listener, 1);
    expect(listener.stats).toMatchObject({ accepted: 4, closedSysLimit: 1 });
    world.logged.length = 0;
  });
});

interface Counts {
  readonly accepted: number;
  readonly closedSysLimit: number;
  readonly current: number;
}

/** Says hello; answers the client if the server did too, undefined if it closed. */
function hello(port: number): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const client = connect(port, "127.0.0.1", () => client.write("hello"));
    client.on("data", () => resolve(client));
    client.on("error", () => undefined);
    client.on("close", () => resolve(undefined));
  });
}

describe("a process that may open few files", () => {
  const CLIENTS = 150;

  test("refuses before the system does: every client is served or refused, none is lost without a count", async () => {
    const program = `${import.meta.dirname}/support/limited-server-program.ts`;
    const command = `ulimit -n 128; exec "${process.execPath}" --import tsx --conditions=espalier-source "${program}"`;
    const server = spawn("sh", ["-c", command], { stdio: ["pipe", "pipe", "ignore"] });
    onTestFinished(() => void server.kill("SIGKILL"));
    const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
    const next = async (): Promise<string> => String((await lines.next()).value);
    const port = Number(await next());

    const answered = await Promise.all(Array.from({ length: CLIENTS }, () => hello(port)));
    server.stdin.write("counts\n");
    const counts = JSON.parse(await next()) as Counts;
    const served = answered.filter((client) => client !== undefined);
    expect(counts.accepted).toBe(served.length);
    expect(counts.accepted + counts.closedSysLimit).toBe(CLIENTS);
    expect(served.length).toBeGreaterThan(20);
    expect(counts.closedSysLimit).toBeGreaterThan(20);
    for (const client of served) client.destroy();
    server.stdin.end();
    const [code] = await once(server, "exit");
    expect(code).toBe(0);
  });
});
