#!/usr/bin/env node
import process from "node:process";
import { freshSeed } from "../wall-clock.ts";
import { parseCommandLine, USAGE, UsageError } from "./command-line.ts";
import { mutate } from "./mutate.ts";
import { soak } from "./soak.ts";

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

process.exitCode = await main(process.argv.slice(2));
