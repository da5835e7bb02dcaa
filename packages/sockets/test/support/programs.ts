import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";

/** What is not installed, for the title of what is skipped then. */
export function missingOf(...programs: readonly string[]): string {
  const names = programs.filter(
    (name) => spawnSync("sh", ["-c", `command -v ${name}`], { stdio: "ignore" }).status !== 0,
  );
  // A machine that is to show that everything works has to have all that it takes.
  if (names.length > 0 && process.env["CI"] !== undefined) throw new Error(`not installed: ${names.join(", ")}`);
  return names.length === 0 ? "" : ` (skipped, not installed: ${names.join(", ")})`;
}

/** What a program has said, when it has come to its end. */
export interface Said {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/**
 * Runs a program to its end.
 *
 * @param input - all that it finds in its standard input
 */
export async function run(program: string, args: readonly string[], input = ""): Promise<Said> {
  const child = spawn(program, args);
  // Some do not wait for what they are told.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const [out, err, [status]] = (await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")])) as [
    string,
    string,
    [number | null],
  ];
  return { status, out, err };
}
