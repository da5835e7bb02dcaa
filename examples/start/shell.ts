import { createInterface } from "node:readline";
import { formatTree, type Pid, type System } from "@espalier/actors";

const help = `tree        the living actors, each with its state
kill PID    ends an actor at once, as kill 12, kill 0.12 or kill <0.12>
quit        stops the server, as Ctrl-C does
help        this list`;

/**
 * Reads commands from the standard input. Without one, or at its end, the server goes on all the same.
 *
 * @returns takes the shell off the standard input
 */
export function startShell(system: System, quit: () => void): () => void {
  // Without an `output` readline leaves the terminal as it is, so that Ctrl-C stays a signal.
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    const [command, ...args] = line.trim().split(/\s+/u);
    if (command !== undefined && command !== "") run(command, args);
  });

  function run(command: string, args: readonly string[]): void {
    switch (command) {
      case "tree":
        console.log(formatTree(system.inspect()));
        break;
      case "kill":
        kill(args);
        break;
      case "help":
        console.log(help);
        break;
      case "quit":
        quit();
        break;
      default:
        console.log(`there is no command ${JSON.stringify(command)}; help lists those there are`);
    }
  }

  function kill([text = ""]: readonly string[]): void {
    const pid = findPid(system, text);
    if (pid === undefined) {
      console.log(`there is no actor ${JSON.stringify(text)}; tree shows the pids of those there are`);
      return;
    }
    console.log(`killing ${pid.toString()}`);
    system.kill(pid);
  }

  return () => lines.close();
}

/** A pid is made by the system alone, so a typed one is looked up among the living. */
function findPid(system: System, text: string): Pid | undefined {
  const [, id] = /^<?(?:0\.)?(\d+)>?$/u.exec(text) ?? [];
  return system.inspect().processes.find(({ pid }) => String(pid.id) === id)?.pid;
}
