import process from "node:process";
import type { Key } from "./keys.ts";
import { decodeKeys } from "./keys.ts";
import type { Size } from "./model.ts";

/** The alternate screen, which leaves the other one as it is; no cursor; no new line where a row is full. */
const ENTER = "\u001b[?1049h\u001b[?25l\u001b[?7l";
const LEAVE = "\u001b[0m\u001b[?7h\u001b[?25h\u001b[?1049l";

/** What a terminal tells. */
export interface TerminalListener {
  readonly keys: (keys: readonly Key[]) => void;
  readonly resized: () => void;
  /** It shows nothing of what was written before, and has to be written anew. */
  readonly cleared: () => void;
  /** Nobody sits there any more. */
  readonly closed: () => void;
}

/** The terminal of this process while it is a screen. Whatever ends the process, the terminal is as it was before. */
export class Terminal {
  readonly isColoured: boolean;
  readonly #listener: TerminalListener;
  #rest = "";
  #isOpen = false;

  constructor(listener: TerminalListener, isColoured: boolean) {
    this.#listener = listener;
    this.isColoured = isColoured;
  }

  /** What it would need to be a screen is there. */
  static get isThere(): boolean {
    return process.stdin.isTTY && process.stdout.isTTY;
  }

  /** A terminal that does not know its size, as some do over a serial line, is as all once were. */
  get size(): Size {
    const { columns, rows } = process.stdout;
    return { columns: columns > 0 ? columns : 80, rows: rows > 0 ? rows : 24 };
  }

  open(): void {
    const { stdin, stdout } = process;
    this.#enter();
    stdin.setEncoding("utf8");
    stdin.on("data", this.#read);
    stdin.on("end", this.#listener.closed);
    stdin.on("error", this.#listener.closed);
    stdout.on("resize", this.#listener.resized);
    // Also for what nobody has thought of: an error is printed where it can be read.
    process.on("exit", this.#leave);
    process.on("uncaughtExceptionMonitor", this.#leave);
    process.on("SIGCONT", this.#continue);
  }

  close(): void {
    const { stdin, stdout } = process;
    this.#leave();
    stdin.off("data", this.#read);
    stdin.off("end", this.#listener.closed);
    stdin.off("error", this.#listener.closed);
    stdin.pause();
    stdout.off("resize", this.#listener.resized);
    process.off("exit", this.#leave);
    process.off("uncaughtExceptionMonitor", this.#leave);
    process.off("SIGCONT", this.#continue);
  }

  write(text: string): void {
    if (text !== "" && this.#isOpen) process.stdout.write(text);
  }

  /** Gives the terminal back to the shell, until that lets this process go on. */
  stop(): void {
    this.#leave();
    process.kill(process.pid, "SIGTSTP");
  }

  #enter(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    process.stdin.setRawMode(true);
    process.stdout.write(ENTER);
  }

  readonly #leave = (): void => {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    process.stdout.write(LEAVE);
    process.stdin.setRawMode(false);
  };

  readonly #continue = (): void => {
    // A shell may have set the modes as it likes them.
    this.#leave();
    this.#enter();
    this.#listener.cleared();
  };

  readonly #read = (text: string): void => {
    const { keys, rest } = decodeKeys(this.#rest + text);
    this.#rest = rest;
    if (keys.length > 0) this.#listener.keys(keys);
  };
}

/** Runs once after so many milliseconds, unless the answered function is called. */
export function after(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
}
