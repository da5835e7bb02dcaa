import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { cwd, env, execPath, kill, platform } from "node:process";
import type { Entry } from "../vitest/journal.ts";

/** What came of vitest. */
export interface VitestResult {
  /** 0: all tests have passed. */
  readonly code: number;
  /** What it has printed. */
  readonly output: string;
  /** What the crash tests in it have come to. */
  readonly entries: readonly Entry[];
}

/** A run of vitest in a process of its own. */
export class VitestProcess {
  /** Those that have not ended. */
  static readonly #running = new Set<VitestProcess>();
  readonly ended: Promise<VitestResult>;
  readonly #child: ChildProcess;
  readonly #folder = mkdtempSync(join(tmpdir(), "crash-"));

  /** Ends each that is running and all that it has started. When it returns, nothing is left of them. */
  static stopAll(): void {
    for (const vitest of this.#running) vitest.#stop();
  }

  /**
   * @param args - files and flags
   * @param variables - what the crash tests find in their environment, beside the journal
   */
  constructor(args: readonly string[], variables: Readonly<Record<string, string>>) {
    const journal = join(this.#folder, "journal.jsonl");
    this.#child = spawn(execPath, [pathOfVitest(), "run", ...args], {
      env: { ...env, NO_COLOR: "1", ...variables, CRASH_JOURNAL: journal },
      stdio: ["ignore", "pipe", "pipe"],
      // A group of its own, so that vitest's workers end with it.
      detached: platform !== "win32",
    });
    const parts: string[] = [];
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (part: string) => parts.push(part));
    }
    VitestProcess.#running.add(this);
    this.ended = new Promise((resolve, reject) => {
      this.#child.once("error", reject);
      this.#child.once("close", (code) => {
        const entries = readEntries(journal);
        this.#clear();
        VitestProcess.#running.delete(this);
        resolve({ code: code ?? 1, output: parts.join(""), entries });
      });
    });
  }

  #stop(): void {
    const { pid, exitCode, signalCode } = this.#child;
    if (pid !== undefined && exitCode === null && signalCode === null) {
      if (platform === "win32") this.#child.kill();
      else kill(-pid, "SIGKILL");
    }
    this.#clear();
  }

  #clear(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function readEntries(journal: string): Entry[] {
  if (!existsSync(journal)) return [];
  const lines = readFileSync(journal, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Entry);
}

/** That of the project that the command runs in. */
function pathOfVitest(): string {
  const manifest = createRequire(join(cwd(), "package.json")).resolve("vitest/package.json");
  return join(dirname(manifest), "vitest.mjs");
}
