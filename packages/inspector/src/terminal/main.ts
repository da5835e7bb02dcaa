#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import process from "node:process";
import type { ListenersAnswer, TreeAnswer } from "../api-types.ts";
import { InspectorClient, RemoteError } from "./client.ts";
import { type Command, parseCommandLine, USAGE, UsageError } from "./command-line.ts";
import { type Line, span } from "./line.ts";
import { listenersText } from "./listeners-text.ts";
import { toAnsi } from "./painter.ts";
import { tell } from "./tell.ts";
import { printable, printableJson } from "./text.ts";
import { top } from "./top.ts";
import { type Output, trace } from "./trace.ts";
import { treeText, withChildren } from "./tree-text.ts";

/** A tree on paper lists the children of families up to this size each by itself. */
const MOST_LISTED = 20;

const { stdout, stderr, env } = process;
const isColoured = stdout.isTTY && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb";

/** Aborted by a signal, or when nobody reads any more. */
const stop = new AbortController();
let signalCode: number | undefined;

const output: Output = {
  line: (line) => stdout.write(`${lineText(line)}\n`),
  json: (value, indent) => stdout.write(`${printableJson(value, indent)}\n`),
  remark: (text) => stderr.write(`espalier: ${printable(text)}\n`),
};

/** What is read by a program keeps no mark of its meaning, not even bold ones. */
function lineText(line: Line): string {
  const safe = line.map(({ text, style }) => ({ text: printable(text), style }));
  return isColoured ? toAnsi(safe, true) : safe.map(({ text }) => text).join("");
}

async function run(command: Command): Promise<void> {
  if (command.command === "help") return void stdout.write(USAGE);
  if (command.command === "version") return void stdout.write(`${ownVersion()}\n`);
  const { url, token } = command;
  const client = new InspectorClient({ url, token, signal: stop.signal });
  switch (command.command) {
    case "top": {
      // Whoever quits does not wait for answers.
      const quit = new AbortController();
      const signal = AbortSignal.any([stop.signal, quit.signal]);
      const own = new InspectorClient({ url, token, signal });
      const { intervalMs } = command;
      return top({ client: own, intervalMs, isColoured, signal: stop.signal }).finally(() => quit.abort());
    }
    case "tree": {
      const most = command.isAll ? Number.POSITIVE_INFINITY : MOST_LISTED;
      const tree = await withChildren(client.ask, await client.ask<TreeAnswer>("tree"), most);
      if (command.isJson) output.json(tree, 2);
      else for (const line of treeText(tree)) output.line(line);
      return;
    }
    case "listeners": {
      const answer = await client.ask<ListenersAnswer>("listeners");
      if (command.isJson) output.json(answer, 2);
      else for (const line of listenersText(answer)) output.line(line);
      return;
    }
    case "tell": {
      const answer = await tell(command, client);
      if (command.isJson) output.json(answer, 2);
      else output.line([span(answer.text)]);
      return;
    }
    case "trace": {
      const closing = new InspectorClient({ url, token, signal: new AbortController().signal });
      return trace(command, client, closing, output);
    }
  }
}

function ownVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return (manifest as { readonly version: string }).version;
}

async function main(args: readonly string[]): Promise<number> {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    // The second of a kind ends the process at once.
    process.once(signal, () => {
      signalCode = 128 + constants.signals[signal];
      stop.abort();
    });
  }
  // `espalier tree | head`: whoever reads has enough.
  stdout.on("error", () => stop.abort());
  try {
    await run(parseCommandLine(args, env));
    return signalCode ?? 0;
  } catch (error) {
    if (error instanceof UsageError) {
      output.remark(`${error.message} (espalier --help tells more)`);
      return 2;
    }
    if (!(error instanceof RemoteError)) throw error;
    if (stop.signal.aborted) return signalCode ?? 0;
    output.remark(error.message);
    return 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
