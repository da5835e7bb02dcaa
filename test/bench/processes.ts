import { type ChildProcess, spawn, spawnSync } from "node:child_process";

/** Whether processes can be bound to a processor here. */
const canPin = spawnSync("taskset", ["-c", "0", "true"]).status === 0;

/** Whether they can be told not to be interrupted for one another. */
const canBatch = spawnSync("chrt", ["-b", "0", "true"]).status === 0;

/**
 * Client and server share one processor. As batch jobs each does all that is there for it before the other has its turn;
 * otherwise it is for the scheduler to say how many packets a server has at a time, and it says so by very little.
 */
const PLACEMENT = [...(canPin ? ["taskset", "-c", "0"] : []), ...(canBatch ? ["chrt", "-b", "0"] : [])];

/**
 * Memory that is free stays with the process. Of its own accord glibc gives it back and takes it again at each collection,
 * or never, by what happens to stand last on its heap; where page faults are dear, that decides what a large read costs.
 */
const MEMORY = { MALLOC_TRIM_THRESHOLD_: String(2 ** 28), MALLOC_MMAP_THRESHOLD_: String(2 ** 25) };

/** How the processes share the machine, for the head of the report. */
export const placement: string = canPin
  ? `server and client ${canBatch ? "as batch jobs " : ""}on one processor`
  : "not pinned (no taskset): two-core and one-core runs mix, compare ratios only";

/** A helper process that answers each message with one message. */
export class Helper {
  readonly #child: ChildProcess;
  readonly #received: unknown[] = [];
  #waiting: { resolve: (message: unknown) => void; reject: (error: Error) => void } | undefined;

  constructor(file: string, ...args: string[]) {
    const node = [process.execPath, "--expose-gc", "--import", "tsx"];
    const [program = process.execPath, ...rest] = [...PLACEMENT, ...node, `${import.meta.dirname}/${file}`, ...args];
    const env = { ...process.env, ...MEMORY };
    this.#child = spawn(program, rest, { stdio: ["ignore", "ignore", "inherit", "ipc"], env });
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
