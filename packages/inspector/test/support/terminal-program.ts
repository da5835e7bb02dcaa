import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { VirtualScreen } from "./virtual-screen.ts";

const own = join(import.meta.dirname, "../..");
const program = [
  process.execPath,
  "--import",
  join(own, "../../node_modules/tsx/dist/loader.mjs"),
  "--conditions=espalier-source",
  join(own, "src/terminal/main.ts"),
];

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command `espalier` with these arguments, at no terminal. */
export function espalier(args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const [command = "", ...rest] = [...program, ...args];
  const child = spawn(command, rest, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
  return new Running(child);
}

class Running {
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  #stdout = "";
  #stderr = "";
  #told: () => void = () => undefined;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.#stdout += text;
      this.#told();
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr += text;
    });
    this.ended = new Promise((resolve) => {
      child.on("close", (code) => resolve({ code, stdout: this.#stdout, stderr: this.#stderr }));
    });
  }

  /** Waits until it has printed this. */
  async printed(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.#stdout)) {
      await new Promise<void>((resolve) => {
        this.#told = resolve;
      });
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}

/** Of util-linux; it runs a command at a terminal of its own. */
const PSEUDO_TERMINAL = "script";
/** Fires only when something is broken. */
const DEADLINE_MS = 15_000;

/** The command at a terminal of this size, and what that shows. Behind it, the shell tells its exit code and the modes. */
export class TerminalProgram {
  readonly screen: VirtualScreen;
  /** All that was written, as it came. */
  output = "";
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  #changed: () => void = () => undefined;

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}, columns = 80, rows = 24) {
    this.screen = new VirtualScreen(columns, rows);
    const command = [...program, ...args].map((word) => `'${word}'`).join(" ");
    const shell = `stty cols ${columns} rows ${rows}; sh -c 'echo PID=$$; exec "$0" "$@"' ${command}; echo CODE=$?; stty -a`;
    this.#child = spawn(PSEUDO_TERMINAL, ["-qfec", shell, "/dev/null"], {
      stdio: ["pipe", "pipe", "inherit"],
      env: { ...process.env, TERM: "xterm-256color", SHELL: "/bin/sh", ...env },
    });
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.output += text;
      this.screen.write(text);
      this.#changed();
    });
    this.ended = new Promise((resolve) => {
      this.#child.on("close", () => resolve());
    });
  }

  press(keys: string): void {
    this.#child.stdin?.write(keys);
  }

  /** Waits until the screen shows this. */
  async shows(pattern: RegExp): Promise<void> {
    await this.until(() => pattern.test(this.screen.text), `the screen to show ${String(pattern)}`);
  }

  /** What never comes fails with what is shown instead. */
  async until(isTrue: () => boolean, what = "what was waited for"): Promise<void> {
    let isLate = false;
    // By the clock of this machine: what is waited for is another process, which knows no other.
    const deadline = setTimeout(() => {
      isLate = true;
      this.#changed();
    }, DEADLINE_MS);
    while (!isTrue()) {
      if (isLate) throw new Error(`nothing made ${what}, but:\n${this.screen.text}`);
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
    clearTimeout(deadline);
  }

  /** The process at the terminal. */
  get pid(): number {
    return Number(/PID=(\d+)/u.exec(this.output)?.[1]);
  }

  /** What the shell says after it. */
  get code(): number {
    return Number(/CODE=(\d+)/u.exec(this.output)?.[1]);
  }

  dispose(): void {
    this.#child.kill("SIGKILL");
  }
}
