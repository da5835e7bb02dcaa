import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { afterEach, describe, expect, test, vi } from "vitest";

const root = join(import.meta.dirname, "..");
type Script = "start" | "espalier";
const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  scripts: Readonly<Record<Script, string>>;
};

/** Somebody who waits for a text to be printed. */
interface Waiter {
  readonly pattern: RegExp;
  readonly resolve: (match: RegExpExecArray) => void;
  readonly reject: (error: Error) => void;
}

/** What a program has printed so far. */
class Output {
  text = "";
  readonly #waiters = new Set<Waiter>();

  constructor(stream: Readable) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      this.text += text;
      for (const waiter of this.#waiters) this.#check(waiter);
    });
    stream.on("end", () => {
      for (const { pattern, reject } of this.#waiters) reject(new Error(`no ${pattern} in:\n${this.text}`));
    });
  }

  /** Waits until the pattern is found. */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      this.#check({ pattern, resolve, reject });
    });
  }

  #check(waiter: Waiter): void {
    const match = waiter.pattern.exec(this.text);
    if (match === null) {
      this.#waiters.add(waiter);
    } else {
      this.#waiters.delete(waiter);
      waiter.resolve(match);
    }
  }
}

/** A run of a script of the repository. */
class Program {
  readonly stdout: Output;
  readonly stderr: Output;
  /** Resolves with the exit code, once everything printed has been read. */
  readonly ended: Promise<number | null>;
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;

  constructor(script: Script, ...args: string[]) {
    // What stands before it builds the page.
    const [command = "", ...commandArgs] = scripts[script].split(" && ").at(-1)?.split(" ") ?? [];
    this.#process = spawn(join(root, "node_modules/.bin", command), [...commandArgs, ...args], {
      cwd: root,
      // A group of its own, so that nothing of it is left behind when a test fails.
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.stdout = new Output(this.#process.stdout);
    this.stderr = new Output(this.#process.stderr);
    this.ended = once(this.#process, "close").then(([code]: (number | null)[]) => code ?? null);
    programs.add(this);
  }

  type(line: string): void {
    this.#process.stdin.write(`${line}\n`);
  }

  closeStdin(): void {
    this.#process.stdin.end();
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  async destroy(): Promise<void> {
    const { pid, exitCode, signalCode } = this.#process;
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, "SIGKILL");
    await this.ended;
  }
}

const programs = new Set<Program>();
const clients = new Set<Socket>();

afterEach(async () => {
  for (const client of clients) client.destroy();
  clients.clear();
  for (const program of programs) await program.destroy();
  programs.clear();
});

/** Waits for the end of a program, and answers all that came of it. */
async function resultOf({ ended, stdout, stderr }: Program): Promise<object> {
  const code = await ended;
  return { code, stdout: stdout.text, stderr: stderr.text };
}

/** Starts the server on a free port. */
async function startServer(...args: string[]): Promise<{ server: Program; port: number }> {
  const server = new Program("start", "--port", "0", "--page", "0", ...args);
  const [, port] = await server.stdout.until(/^listening on 127\.0\.0\.1:(\d+)$/mu);
  // The tree follows; its last line is the last acceptor.
  await server.stdout.until(/└─ \d+ <0\.\d+> machine \(accepting\)\n/u);
  return { server, port: Number(port) };
}

async function connectTo(port: number): Promise<Socket> {
  const client = connect(port, "127.0.0.1").setEncoding("utf8");
  clients.add(client);
  await once(client, "connect");
  return client;
}

/** Sends a text and answers what comes back first. */
async function say(client: Socket, text: string): Promise<string> {
  client.write(text);
  const [answer] = (await once(client, "data")) as [string];
  return answer;
}

/** What a client meets that is not let in: before it is connected, while it waits, or when it sends. */
const reset = /ECONNREFUSED|ECONNRESET|EPIPE/u;

/** Ports and the token are what differs between two sessions. */
function withoutPorts(text: string): string {
  return text.replaceAll(/127\.0\.0\.1:\d+/gu, "127.0.0.1:PORT").replaceAll(/(?<=token for commands: )\w+/gu, "TOKEN");
}

// Compiling and starting takes a second on an idle machine; the limit is for one that is broken.
vi.setConfig({ testTimeout: 60_000 });

/** The blocks of the session in the README, as the shells show them: what is typed, and what is printed. */
function sessionInReadme(): { readonly server: string; readonly clients: string[] } {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const [, section = ""] = /^## [^\n]*`nc`[^\n]*\n(.*?)^## /msu.exec(readme) ?? [];
  const blocks = [...section.matchAll(/^```text\n(.*?)^```$/gmsu)].map(([, text = ""]) => text);
  const ofClients = blocks.filter((block) => block.startsWith("$ nc "));
  return { server: blocks.filter((block) => !ofClients.includes(block)).join(""), clients: ofClients };
}

test("the session in the README is what happens", async () => {
  const session = sessionInReadme();
  const { server, port } = await startServer("--acceptors", "2");

  const [first, second, third] = session.clients.map((block) => block.split("\n").slice(1, 3));
  const one = await connectTo(port);
  expect(await say(one, `${first?.[0]}\n`)).toBe(`${first?.[1]}\n`);
  const two = await connectTo(port);
  expect(await say(two, `${second?.[0]}\n`)).toBe(`${second?.[1]}\n`);
  server.type("tree");
  await server.stdout.until(/WAIT_FOR_DATA[^]*2 <0\.9> machine \(accepting\)\n/u);

  server.type("kill 10");
  await once(one, "end");
  await server.stdout.until(/^connection <0\.10> .* ended: killed /mu);
  // The others have not noticed, and more may come.
  expect(await say(two, "still here\n")).toBe("still here\n");
  const three = await connectTo(port);
  expect(await say(three, `${third?.[0]}\n`)).toBe(`${third?.[1]}\n`);
  server.type("tree");
  await server.stdout.until(/<0\.12> machine [^]*2 <0\.9> machine \(accepting\)\n/u);

  const printed = session.server.replaceAll(/^(?:\$ .*|tree|kill \d+)\n/gmu, "");
  expect(withoutPorts(server.stdout.text)).toBe(withoutPorts(printed));
  // A kill is no crash.
  expect(server.stderr.text).toBe("");
});

test("acceptors and the listener can be killed, and no client notices", async () => {
  const { server, port } = await startServer("--acceptors", "1");
  const client = await connectTo(port);
  for (const pid of ["<0.8>", "0.5"]) {
    server.type(`kill ${pid}`);
    await server.stdout.until(new RegExp(`^killing <?${pid.replaceAll(/[<>]/gu, "")}>?$`, "mu"));
  }
  await server.stderr.until(/offender: 1 <0\.8> \(acceptor, [^]*offender: listener <0\.5> \(listener, /u);
  await server.stdout.until(new RegExp(`^listening again on 127\\.0\\.0\\.1:${port}$`, "mu"));
  expect(await say(client, "still here")).toBe("still here");
  expect(await say(await connectTo(port), "hello")).toBe("hello");
});

describe("commands", () => {
  test("help lists what there is, and what is not there is said to be missing", async () => {
    const { server } = await startServer("--acceptors", "1");
    server.type("help");
    for (const name of ["tree", "kill PID", "quit", "help"])
      await server.stdout.until(new RegExp(`^${name} +\\S`, "mu"));
    server.type("");
    server.type("dance");
    await server.stdout.until(/^there is no command "dance"; help lists .*$/mu);
    for (const pid of ["99", "<0.99>", "everybody"]) {
      server.type(`kill ${pid}`);
      await server.stdout.until(new RegExp(`^there is no actor "${pid}"; tree shows .*$`, "mu"));
    }
    server.type("quit");
    expect(await server.ended).toBe(0);
    expect(server.stderr.text).toBe("");
  });

  test("the server goes on when its standard input ends", async () => {
    const { server, port } = await startServer("--acceptors", "1");
    server.closeStdin();
    expect(await say(await connectTo(port), "hello")).toBe("hello");
  });
});

describe("a signal", () => {
  test.each(["SIGINT", "SIGTERM"] as const)("%s closes the door, and lets those inside finish", async (signal) => {
    const { server, port } = await startServer("--acceptors", "1");
    const client = await connectTo(port);
    expect(await say(client, "hello")).toBe("hello");
    server.signal(signal);
    await server.stdout.until(/^stopping; connections open: 1, .*$/mu);

    // Refused, once the listening socket is closed; before that accepted by the system, and closed unserved.
    await expect(connectTo(port).then((late) => say(late, "hello"))).rejects.toThrow(reset);
    expect(await say(client, "goodbye")).toBe("goodbye");
    client.end();
    expect(await server.ended).toBe(0);
    expect(server.stdout.text).toMatch(/^connection <0\.\d+> from .* ended: shutdown: peerClosed \(12 bytes /mu);
    expect(server.stderr.text).toBe("");
  });

  test("a second one does not wait", async () => {
    const { server, port } = await startServer("--acceptors", "1");
    await say(await connectTo(port), "hello");
    server.signal("SIGINT");
    await server.stdout.until(/^stopping; /mu);
    server.signal("SIGINT");
    expect(await server.ended).toBe(130);
  });
});

describe("the tree from another terminal", () => {
  test("is what the server's own page shows", async () => {
    const { server, port } = await startServer("--acceptors", "1");
    await say(await connectTo(port), "hello");
    const [, url = ""] = await server.stdout.until(/^the living tree: (\S+)/mu);
    const tree = new Program("espalier", "tree", "--url", url);
    expect(await tree.ended).toBe(0);
    expect(tree.stdout.text).toContain("WAIT_FOR_DATA");
    expect(tree.stdout.text).toContain(`listener <0.5> listener (127.0.0.1:${port})`);
  });
});

describe("flags", () => {
  test("set the framing, the limit on clients, and the time that they may be silent", async () => {
    const { server, port } = await startServer("--packet", "2", "--max-clients=1", "--idle-timeout=1", "--acceptors=1");
    const client = await connectTo(port);
    client.write("\0\u0005he");
    expect(await say(client, "llo")).toBe("\0\u0005hello");

    await expect(connectTo(port).then((late) => say(late, "hello"))).rejects.toThrow(reset);
    await server.stdout.until(/^connection from 127\.0\.0\.1:\d+ refused: closedMaxLimit$/mu);
    await server.stdout.until(
      /^connection <0\.\d+> from .* ended: shutdown: idleTimeout \(7 bytes received, 7 sent\)$/mu,
    );
  });

  test("--help lists them, also behind a lone --", async () => {
    const program = new Program("start", "--", "--help");
    expect(await program.ended).toBe(0);
    for (const flag of ["host", "port", "packet", "acceptors", "max-clients", "idle-timeout", "page", "help"]) {
      expect(program.stdout.text).toMatch(new RegExp(`^  --${flag}\\b`, "mu"));
    }
  });

  test.each([
    { args: ["--prot", "5000"], fault: /^.*'--prot'.*\n$/u },
    { args: ["--port"], fault: /^.*'--port <value>'.*\n$/u },
    { args: ["--port", "70000"], fault: /^--port must be .*, got "70000"\n$/u },
    { args: ["--host", "300.0.0.1"], fault: /^.*host must be .*, got "300.0.0.1"\n$/u },
    { args: ["--page", "on"], fault: /^--page must be .*, or "off", got "on"\n$/u },
    { args: ["5000"], fault: /^.*'5000'.*\n$/u },
  ])("$args are refused in one line", async ({ args, fault }) => {
    expect(await resultOf(new Program("start", ...args))).toEqual({
      code: 1,
      stdout: "",
      stderr: expect.stringMatching(fault),
    });
  });

  test("a port in use is told in one line", async () => {
    const { port } = await startServer("--acceptors", "1");
    expect(await resultOf(new Program("start", "--port", String(port), "--page", "off"))).toEqual({
      code: 1,
      stdout: "",
      stderr: `cannot listen on 127.0.0.1:${port}: address already in use (EADDRINUSE)\n`,
    });
  });
});
