import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

const root = join(import.meta.dirname, "../../../..");
const own = join(root, "packages/crash-testing");

const config = `
export default {
  ssr: { resolve: { conditions: ["espalier-source", "module", "node", "development|production"] } },
  test: { include: ["*.test.ts"], pool: "forks" },
};
`;

export interface Ended {
  readonly code: number | null;
  readonly output: string;
}

export interface Started {
  readonly ended: Promise<Ended>;
  readonly kill: (signal: NodeJS.Signals) => void;
}

/** A user's project with these files, in a folder of its own, whose tests are run by a vitest of its own. */
export class VitestProject {
  readonly folder: string = mkdtempSync(join(tmpdir(), "espalier-crash-"));

  constructor(files: Readonly<Record<string, string>>) {
    mkdirSync(join(this.folder, "node_modules/@espalier"), { recursive: true });
    for (const name of ["actors", "supervisor", "sockets", "crash-testing"]) {
      symlinkSync(join(root, "packages", name), join(this.folder, "node_modules/@espalier", name));
    }
    for (const name of ["vitest", "xstate", "fast-check"]) {
      symlinkSync(join(own, "node_modules", name), join(this.folder, "node_modules", name));
    }
    for (const [path, text] of Object.entries({
      "package.json": '{ "type": "module" }',
      "vitest.config.mjs": config,
      ...files,
    })) {
      this.write(path, text);
    }
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.folder, path)), { recursive: true });
    writeFileSync(join(this.folder, path), text);
  }

  /** What stands in a file; undefined if there is none. */
  read(path: string): string | undefined {
    const file = join(this.folder, path);
    return existsSync(file) ? readFileSync(file, "utf8") : undefined;
  }

  test(variables: Readonly<Record<string, string>> = {}, ...args: readonly string[]): Promise<Ended> {
    return this.#start([join(own, "node_modules/vitest/vitest.mjs"), "run", ...args], variables).ended;
  }

  /** The command `crash`, from its source. */
  crash(...args: readonly string[]): Promise<Ended> {
    return this.startCrash({}, ...args).ended;
  }

  /** The same, for those who want to send it a signal. */
  startCrash(variables: Readonly<Record<string, string>>, ...args: readonly string[]): Started {
    const tsx = pathToFileURL(join(root, "node_modules/tsx/dist/loader.mjs")).href;
    const source = ["--import", tsx, "--conditions=espalier-source", join(own, "src/cli/main.ts")];
    return this.#start([...source, ...args], variables);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }

  #start(args: readonly string[], variables: Readonly<Record<string, string>>): Started {
    const outer = Object.entries(process.env).filter(
      ([name]) => !/^(?:VITEST|CRASH_|NODE_ENV|TEST$|FORCE_COLOR)/.test(name),
    );
    const child = spawn(process.execPath, args, {
      cwd: this.folder,
      env: { ...Object.fromEntries(outer), NO_COLOR: "1", ...variables },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const parts: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (part: string) => parts.push(part));
    }
    const ended = new Promise<Ended>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => resolve({ code, output: parts.join("") }));
    });
    return { ended, kill: (signal) => void child.kill(signal) };
  }
}
