import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

function has(program: string, flag: string): boolean {
  return spawnSync(program, [flag], { stdio: "ignore" }).status === 0;
}

/** Why there is no real proxy to try, in the title of what is skipped; empty when there is one. */
export const missing: string = ["haproxy -v", "openssl version"]
  .map((command) => command.split(" "))
  .filter(([program = "", flag = ""]) => !has(program, flag))
  .map(([program]) => `${program} is not installed`)
  .join(", ");
// A machine that is to show that everything works has to have all that it takes.
if (missing !== "" && process.env["CI"] !== undefined) throw new Error(missing);

/** A key and a certificate of its own for it, with this common name. */
export interface Identity {
  readonly key: Buffer;
  readonly cert: Buffer;
}

/** Ports on which nobody listened a moment ago, all different. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.once("listening", resolve))));
  // They are all open at once, hence different.
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** A running HAProxy with frontends on ports of their own. */
export class Haproxy {
  readonly #process: ChildProcess;
  readonly #directory: string;
  readonly #ports: ReadonlyMap<string, number>;

  private constructor(process: ChildProcess, directory: string, ports: ReadonlyMap<string, number>) {
    this.#process = process;
    this.#directory = directory;
    this.#ports = ports;
  }

  /**
   * Starts one that forwards to `target`, a port that is free: by name, what is written behind `bind` of the frontend,
   * and behind `server`, and the lines before. `CRT` is a file with the certificate of a server, `CA` one with that of the client it believes.
   */
  static async start(
    proxies: Readonly<
      Record<string, { readonly bind?: string; readonly server: string; readonly lines?: readonly string[] }>
    >,
  ): Promise<{ readonly haproxy: Haproxy; readonly client: Identity }> {
    const directory = mkdtempSync(join(tmpdir(), "espalier-haproxy-"));
    const client = createIdentity(directory, "client.example");
    createIdentity(directory, "server.example");
    const names = [...Object.keys(proxies), "ready", "target"];
    const numbers = await freePorts(names.length);
    const ports = new Map(names.map((name, index) => [name, numbers[index] ?? 0]));
    const lines = [
      "global",
      "defaults",
      " mode tcp",
      " timeout connect 5s",
      " timeout client 30s",
      " timeout server 30s",
    ];
    for (const [name, { bind = "", server, lines: own = [] }] of Object.entries(proxies)) {
      const files = bind
        .replace("CRT", join(directory, "server.example.pem"))
        .replace("CA", join(directory, "client.example.crt"));
      lines.push(`listen ${name}`, ...own.map((line) => ` ${line}`), ` bind 127.0.0.1:${ports.get(name)} ${files}`);
      lines.push(` unique-id-format id-%ci:%cp`, ` server target 127.0.0.1:${ports.get("target")} ${server}`);
    }
    lines.push("frontend ready", ` bind 127.0.0.1:${ports.get("ready")}`, " tcp-request connection reject");
    writeFileSync(join(directory, "haproxy.cfg"), `${lines.join("\n")}\n`);
    const child = spawn("haproxy", ["-db", "-f", join(directory, "haproxy.cfg")], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    const haproxy = new Haproxy(child, directory, ports);
    try {
      await haproxy.#ready();
    } catch (error) {
      await haproxy.stop();
      throw error;
    }
    return { haproxy, client };
  }

  port(name: string): number {
    const port = this.#ports.get(name);
    if (port === undefined) throw new Error(`no frontend ${name}`);
    return port;
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const gone = new Promise((resolve) => this.#process.once("exit", resolve));
      this.#process.kill("SIGKILL");
      await gone;
    }
    rmSync(this.#directory, { recursive: true });
  }

  /** It tells nobody when it listens, so it is asked until it does, or is dead. */
  async #ready(): Promise<void> {
    let complaint = "";
    this.#process.stderr?.on("data", (text: Buffer) => void (complaint += text.toString()));
    let isDead = false;
    this.#process.once("close", () => void (isDead = true));
    while (!(await answers(this.port("ready")))) {
      if (isDead) throw new Error(`haproxy has ended: ${complaint}`);
    }
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => socket.destroy());
    // Also after `connect`: it is closed at once.
    socket.once("error", () => resolve(false));
    socket.once("close", (hadError) => resolve(!hadError));
  });
}

function createIdentity(directory: string, name: string): Identity {
  const key = join(directory, `${name}.key`);
  const cert = join(directory, `${name}.crt`);
  const request = ["req", "-x509", "-newkey", "rsa:2048", "-sha256", "-nodes", "-days", "2", "-subj", `/CN=${name}`];
  const { status, stderr } = spawnSync("openssl", [...request, "-keyout", key, "-out", cert]);
  if (status !== 0) throw new Error(String(stderr));
  const identity = { key: readFileSync(key), cert: readFileSync(cert) };
  writeFileSync(join(directory, `${name}.pem`), Buffer.concat([identity.cert, identity.key]));
  return identity;
}
