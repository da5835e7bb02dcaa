import { type ChildProcess, spawn, spawnSync } from "node:child_process";

/** Whether processes can be bound to a processor here. */
const canPin = spawnSync("taskset", ["-c", "0", "true"]).status === 0;

/** How the processes share the machine, for the head of the report. */
export const placement: string = canPin
  ? "server and client pinned to one processor"
  : "not pinned (no taskset): two-core and one-core runs mix, compare ratios only";

/** A helper process that answers each message with one message. */
export class Helper {
  readonly #child: ChildProcess;
  readonly #received: unknown[] = [];
  #waiting: { resolve: (message: unknown) => void; reject: (error: Error) => void } | undefined;

  constructor(file: string, ...args: string[]) {
    const node = [process.execPath, "--expose-gc", "--import", "tsx"];
    const command = [...(canPin ? ["taskset", "-c", "0"] : []), ...node, `${import.meta.dirname}/${file}`, ...args];
    const [program = process.execPath, ...rest] = command;
    this.#child = spawn(program, rest, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    this.#child.on("message", (message) => {
      if (this.#waiting === undefined) this.#received.push(message);
      else this.#waiting.resolve(message);
      this.#waiting = undefined;
    });
    this.#child.on("exit", (code) => this.#waiting?.reject(new Error(`${file} ended early, with code ${code}`)));
  }

  /** The next message of the process. */
  next<Message>(): Promise<Message> {
    return new Promise<unknown>((resolve, reject) => {
      if (this.#received.length > 0) resolve(this.#received.shift());
      else this.#waiting = { resolve, reject };
    }) as Promise<Message>;
  }

  ask<Message>(question: object | string): Promise<Message> {
    const answer = this.next<Message>();
    this.#child.send(question);
    return answer;
  }

  end(): void {
    this.#child.removeAllListeners("exit");
    this.#child.kill("SIGKILL");
  }
}
