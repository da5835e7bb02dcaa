#!/usr/bin/env node
import { constants } from "node:os";
import process from "node:process";
import { freshSeed } from "../wall-clock.ts";
import { parseCommandLine, USAGE, UsageError } from "./command-line.ts";
import { mutate } from "./mutate.ts";
import { soak } from "./soak.ts";
import { VitestProcess } from "./vitest-process.ts";

/** What a terminal sends when somebody has typed Ctrl-C or closed it, and what asks for an end. */
const SIGNALS = ["SIGINT", "SIGHUP", "SIGTERM"] as const;

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function main(args: readonly string[]): Promise<number> {
  try {
    const command = parseCommandLine(args);
    switch (command.command) {
      case "help":
        process.stdout.write(USAGE);
        return 0;
      case "soak":
        return await soak(command, freshSeed, print);
      case "mutate":
        return await mutate(command, print);
    }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`crash: ${error.message}\n\n${USAGE}`);
    return 2;
  }
}

for (const signal of SIGNALS) {
  process.once(signal, () => {
    VitestProcess.stopAll();
    // As shells say it of a program that a signal has ended.
    process.exit(128 + constants.signals[signal]);
  });
}
process.exitCode = await main(process.argv.slice(2));
