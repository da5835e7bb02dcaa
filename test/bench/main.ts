import os from "node:os";
import { parseArgs } from "node:util";
import { crashFigures } from "./crash.ts";
import { inspectorFigures } from "./inspector.ts";
import { kernelFigures } from "./kernel.ts";
import { machineCosts } from "./machines.ts";
import { table } from "./measure.ts";
import { placement } from "./processes.ts";
import { type Figure, GENERATIONS, ROUNDS, type ServerFigures, socketFigures } from "./sockets.ts";

/*
 * `npx -y pnpm@12 bench`: what Espalier costs, as it is when built and installed, beside what it stands on, measured side by side in one run. Single figures
 * depend on the machine and the hour; the ratios are what can be compared.
 */

const { values } = parseArgs({
  args: process.argv.slice(2).filter((argument) => argument !== "--"),
  options: { only: { type: "string" } },
});

const [processor] = os.cpus();
print(`${processor?.model.trim() ?? "unknown processor"}, ${os.cpus().length} processors, Node ${process.version}`);

if (wants("sockets")) {
  print(`\nSockets: ${placement}. Echoes over 100, 20 and 10 connections; medians of ${ROUNDS} rounds taken in turn,`);
  print(`of each of ${GENERATIONS} processes; the ratios are the medians of each round's own.\n`);
  const figures = await socketFigures();
  const row = (what: string, format: (value: number) => string, of: (kind: ServerFigures) => Figure): string[] => {
    const [raw, ...others] = figures.map(of);
    const cells = others.flatMap(({ value, ratio: times }) => [format(value), `${times.toFixed(2)}×`]);
    return [what, format(raw?.value ?? Number.NaN), ...cells];
  };
  const rows = [
    row("server CPU per 64-byte echo", micros, ({ echo }) => echo),
    row("  per 1 KiB packet, 16 under way", micros, ({ pipelined }) => pipelined),
    row("  per 64 KiB echo", micros, ({ large }) => large),
    row("  per connect and close", micros, ({ churn }) => churn),
    row("resident bytes per idle connection", bytes, ({ idle }) => idle),
  ];
  print(table(["", "raw node:net", "espalier", "ratio", "on fastTransport", "ratio"], rows));
}

if (wants("inspector")) {
  print(`\nInspector: ${placement}. Echoes over 100 connections, with 10,000 idle ones beside them;`);
  print(
    "medians of pairs of rounds, one without an inspector, and one with an inspector that is read as the page reads it.\n",
  );
  const { without, attached, cost, readingMs } = await inspectorFigures();
  const rows = [["server CPU per 64-byte echo", micros(without), micros(attached), `${cost.toFixed(3)}×`]];
  print(table(["", "without", "inspected", "ratio"], rows));
  print(`\nWith nothing else to do, an inspector that is read takes ${readingMs.toFixed(2)} ms of CPU in a second`);
}

if (wants("kernel")) {
  print("\nKernel: CPU per operation, medians of 5 rounds in one process.\n");
  const figures = await kernelFigures();
  const reference = figures.find((figure) => figure.reference === true)?.value ?? Number.NaN;
  const rows = figures.map(({ what, value, unit }) =>
    unit === "ns" ? [what, `${value.toFixed(0)} ns`, ratio(value, reference)] : [what, bytes(value), ""],
  );
  print(table(["", "cost", "of a bare queue"], rows));
}

if (wants("machines")) {
  print(
    "\nMachines: a connection of two states, whose 120 s timeout each packet puts off. CPU per event, mailbox included;",
  );
  print("heap per machine that waits for the next one; medians of 5 rounds in one process.\n");
  const costs = await machineCosts();
  const [reference] = costs;
  const rows = costs.map(({ what, nanos, bytes: size }) => [
    what,
    `${nanos.toFixed(0)} ns`,
    `${(1e9 / nanos / 1000).toFixed(0)}k`,
    factor(reference?.nanos ?? Number.NaN, nanos),
    bytes(size),
    factor(reference?.bytes ?? Number.NaN, size),
  ]);
  print(table(["", "an event", "events/s", "faster", "a machine", "smaller"], rows));
}

if (wants("crash")) {
  print(
    "\nCrash tests: an echo server with a machine for each connection, crashed and delayed in all ways; of CPU time.\n",
  );
  const { rows, runs, bytesPerRun, injected, found } = await crashFigures();
  const cells = rows.map(({ what, runsPerSecond, stepsPerSecond, choicesPerSecond, microsPerStep }) => [
    what,
    runsPerSecond?.toFixed(0) ?? "",
    stepsPerSecond.toFixed(0),
    choicesPerSecond?.toFixed(0) ?? "",
    micros(microsPerStep),
  ]);
  print(table(["", "runs/s", "steps/s", "choices/s", "a step"], cells));
  print(`\n${bytes(bytesPerRun)} of heap left behind by each of ${runs} runs; ${injected} crashes injected in all,`);
  print(`false alarms: ${found.length}${found.length === 0 ? "" : ` (${found.join(", ")})`}`);
}

function wants(part: string): boolean {
  return values.only === undefined || values.only === part;
}

function factor(reference: number, value: number): string {
  return `${(reference / value).toFixed(1)}×`;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function micros(value: number): string {
  return `${value.toFixed(2)} µs`;
}

function bytes(value: number): string {
  return `${value.toFixed(0)} B`;
}

function ratio(value: number, reference: number): string {
  return `${(value / reference).toFixed(2)}×`;
}
