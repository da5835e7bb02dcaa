import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, renameSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { createSystem, nodeHost, silentLogger, type System } from "@espalier/actors";
import { formatAddress, type Listener, type ListenerOptions, type Sockets, startSockets } from "@espalier/sockets";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { memoryTransport } from "../src/testing/memory-transport.ts";
import { directoryOfTest } from "./support/directories.ts";
import { echo, puppetry } from "./support/handlers.ts";

let path: string;
let system: System;
let sockets: Sockets;

beforeEach(async () => {
  path = join(directoryOfTest(), "app.sock");
  system = createSystem({ host: nodeHost({ logger: silentLogger }) });
  sockets = await startSockets(system);
});

afterEach(() => system.shutdown());

function open(options: ListenerOptions = {}, mode?: number): Promise<Listener> {
  return sockets.open("echo", mode === undefined ? `unix:${path}` : { path, mode }, options, echo);
}

/** What comes back, up to the end. */
function ask(question: string): Promise<string> {
  return text(connect(path).end(question));
}

/** A socket's file as a server leaves it behind that is killed. */
async function leaveStaleFile(): Promise<void> {
  const server = createServer().listen(`${path}.old`);
  await once(server, "listening");
  // The server removes its file when it is closed, but not under another name.
  renameSync(`${path}.old`, path);
  server.close();
  await once(server, "close");
}

describe("a listener on a unix socket", () => {
  test("serves clients, and prints where it is", async () => {
    const listener = await open();
    expect(await ask("hello")).toBe("hello");
    expect(listener.address).toEqual({ host: "unix:", port: 0, path });
    expect([listener.id, String(listener), listener.port]).toEqual([`echo:unix:${path}`, `echo on unix:${path}`, 0]);
    expect([listener.stats.accepted, listener.shutdownCounts]).toEqual([1, { peerClosed: 1 }]);
  });

  test("is closed by the address that it was opened with, and its file is gone", async () => {
    await open({}, 0o600);
    await sockets.close("echo", { path });
    expect(existsSync(path)).toBe(false);
  });

  test("makes its file with the permissions that are asked for", async () => {
    await open({}, 0o640);
    expect((statSync(path).mode & 0o777).toString(8)).toBe("640");
  });

  test("heals, with its file, when its listener is killed, and connections stay", async () => {
    const listener = await open();
    const client = connect(path);
    await once(client, "connect");
    client.write("one");
    await once(client, "data");
    const { pid } = system.inspect().processes.find((process) => process.path?.endsWith("/listener")) ?? {};
    if (pid === undefined) throw new Error("there is no listener");
    system.kill(pid);
    await system.exited(pid);
    while (listener.status !== "running" || !existsSync(path)) await system.idle();
    client.end("two");
    expect(await text(client)).toBe("two");
    expect(await ask("three")).toBe("three");
  });

  test("takes its clients for peers without a name", async () => {
    const { handler, puppets } = puppetry();
    await sockets.open("echo", { path }, {}, handler);
    const client = connect(path);
    await once(client, "connect");
    while (puppets.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const peername = puppets[0]?.connection.peername;
    expect(peername).toEqual({ host: "unix:", port: 0, path: "" });
    expect([peername && formatAddress(peername), JSON.stringify(puppets[0]?.connection)]).toEqual(["unix:", '"unix:"']);
    client.destroy();
  });

  test("is a name for tests on the memory transport, too", async () => {
    const memory = await startSockets(system, { name: "memory", transport: memoryTransport() });
    const listener = await memory.open("echo", `unix:${path}`, {}, echo);
    await expect(memory.open("other", `unix:${path}`, {}, echo)).rejects.toMatchObject({ reason: "EADDRINUSE", path });
    expect([formatAddress(listener.address), existsSync(path)]).toEqual([`unix:${path}`, false]);
  });
});

describe("access rules", () => {
  test.each([
    [[{ allow: "unix:" }, { deny: "all" }], "hello"],
    [[{ deny: "127.0.0.0/8" }, { deny: "::/0" }], "hello"],
    [[{ deny: "unix:" }], ""],
    [[{ allow: "127.0.0.1/32" }, { deny: "all" }], ""],
  ] as const)("%j answers %j", async (accessRules, answer) => {
    const listener = await open({ accessRules });
    let received = "";
    // A client that is refused with its question unread is reset.
    const client = connect(path).on("error", () => {});
    client.on("data", (bytes) => (received += bytes.toString())).end("hello");
    await new Promise((resolve) => client.on("close", resolve));
    expect(received).toBe(answer);
    expect(listener.stats).toMatchObject(answer === "" ? { closedForbidden: 1 } : { accepted: 1 });
    expect(listener.accessRules).toEqual(accessRules);
  });
});

describe("a file that is there already", () => {
  test("is replaced when it is the socket of a dead server", async () => {
    await leaveStaleFile();
    await open();
    expect(await ask("hello")).toBe("hello");
  });

  test("is replaced when its server was killed", async () => {
    const program = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
    expect(() => execFileSync(process.execPath, ["-e", program])).toThrow("Command failed");
    expect(existsSync(path)).toBe(true);
    await open();
    expect(await ask("hello")).toBe("hello");
  });

  test("is left alone when a server listens on it: ERR_LISTEN, EADDRINUSE", async () => {
    // The one who looks whether somebody listens does not read what a server greets with, and so resets it.
    const server = createServer((socket) => socket.on("error", () => {}).end("still here")).listen(path);
    await once(server, "listening");
    await expect(open()).rejects.toMatchObject({ code: "ERR_LISTEN", reason: "EADDRINUSE", path });
    expect(await ask("")).toBe("still here");
    server.close();
  });

  test("is left alone when it is no socket", async () => {
    writeFileSync(path, "precious");
    await expect(open()).rejects.toThrow(`cannot listen on unix:${path}: address already in use (EADDRINUSE)`);
    expect(statSync(path).size).toBe(8);
  });

  test("is taken by one only of several servers that start at once", async () => {
    await leaveStaleFile();
    const names = ["a", "b", "c", "d"];
    const outcomes = await Promise.allSettled(names.map((name) => sockets.open(name, { path }, {}, echo)));
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected", "rejected", "rejected"]);
    expect(await ask("hello")).toBe("hello");
  });
});

test("a directory that is not there is named as the cause", async () => {
  path = join(path, "nowhere", "app.sock");
  await expect(open()).rejects.toThrow(`cannot listen on unix:${path}: no such directory (ENOENT)`);
});
