import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";

/** Clients in a process of their own, so that their file descriptors are not those of the server. */
export class IdleClients {
  readonly #child: ChildProcess;

  constructor() {
    this.#child = fork(new URL("idle-clients.mjs", import.meta.url), { execArgv: [] });
  }

  async connect(port: number, count: number): Promise<void> {
    await this.#ask({ type: "connect", port, count });
  }

  /** Each sends something; answers how many got the same back. */
  async echo(): Promise<number> {
    const { right } = await this.#ask({ type: "echo" });
    return right ?? 0;
  }

  /** Each ends its side, and waits until the server has ended the other. */
  async leave(): Promise<void> {
    const exited = once(this.#child, "exit");
    this.#child.send({ type: "leave" });
    await exited;
  }

  /** For a test that has failed: at once. */
  dispose(): void {
    this.#child.kill("SIGKILL");
  }

  async #ask(question: object): Promise<{ readonly right?: number }> {
    const answer = once(this.#child, "message");
    const exited = once(this.#child, "exit").then(([code]) => {
      throw new Error(`the clients are gone: exit code ${String(code)}`);
    });
    this.#child.send(question);
    const [message] = await Promise.race([answer, exited]);
    return message as { readonly right?: number };
  }
}
