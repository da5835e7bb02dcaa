import type { Counters, RateSample } from "../../api-types.ts";
import { type Line, span } from "../line.ts";
import type { Model } from "../model.ts";
import { fit } from "../text.ts";
import { bytes, count, duration, rate } from "../units.ts";
import { sparkline } from "../units.ts";
import { listenerTable } from "./listeners.ts";
import { entryLine } from "./log.ts";

/** So many listeners at least are shown before the log takes what is left. */
const LEAST_LOG = 4;

export function overviewLines(model: Model, width: number, height: number): readonly Line[] {
  const { overview, rates, listeners, log } = model.facts;
  if (overview === undefined) return [[span(" …", "dim")]];
  const { processes, runQueue, mailboxes, timers, tasks, counters } = overview;
  const facts: readonly Line[] = [
    factsLine(["actors", count(processes)], ["run queue", count(runQueue)], ["mailboxes", count(mailboxes)]),
    factsLine(["timers", count(timers)], ["tasks", count(tasks)], ["watched for", duration(overview.attachedFor)]),
    factsLine(
      ["crashes", count(counters.crashes)],
      ["restarts", count(counters.restarts)],
      ["commands", overview.takesCommands ? (model.hasToken ? "yes" : "need a token") : "off"],
    ),
    [],
    ...rateLines(rates?.samples ?? [], counters, width),
  ];
  const found = listeners?.listeners ?? [];
  const left = height - facts.length - 1;
  const tableHeight = Math.max(0, Math.min(found.length + 1, left - LEAST_LOG));
  const table = found.length === 0 ? [] : [[], ...listenerTable(found, undefined, width, tableHeight)];
  const entries = log?.entries.toReversed() ?? [];
  const shown = entries.slice(0, Math.max(0, height - facts.length - table.length - 2)).map(entryLine);
  const head: readonly Line[] = shown.length === 0 ? [] : [[], [span(" The log, newest first, times in UTC", "bold")]];
  return [...facts, ...table, ...head, ...shown];
}

function factsLine(...facts: ReadonlyArray<readonly [string, string]>): Line {
  return facts.flatMap(([name, value]) => [span(` ${name.padEnd(11)} `, "dim"), span(fit(value, 12), "bold")]);
}

interface Rate {
  readonly name: string;
  readonly of: keyof Counters;
  readonly format: (value: number) => string;
}

const RATES: readonly Rate[] = [
  { name: "messages/s", of: "steps", format: rate },
  { name: "received/s", of: "bytesReceived", format: bytes },
  { name: "sent/s", of: "bytesSent", format: bytes },
  { name: "accepted/s", of: "accepted", format: rate },
  { name: "refused/s", of: "refused", format: rate },
];

/** Of each rate the last value, the highest that is kept, the sum so far, and how it went. */
function rateLines(samples: readonly RateSample[], counters: Counters, width: number): readonly Line[] {
  // The first sample has no interval.
  const measured = samples.filter(({ seconds }) => seconds > 0);
  const head = `${" ".repeat(12)}${fit("NOW", 8, "right")} ${fit("PEAK", 8, "right")} ${fit("SUM", 8, "right")} `;
  const lines = RATES.map(({ name, of, format }) => {
    const values = measured.map(({ perSecond }) => perSecond[of]);
    const peak = values.reduce((most, value) => Math.max(most, value), 0);
    const total = format === bytes ? bytes(counters[of]) : count(counters[of]);
    const texts = [format(values.at(-1) ?? 0), format(peak), total].map((text) => `${fit(text, 8, "right")} `);
    return [span(` ${name.padEnd(11)}`, "dim"), span(texts.join("")), span(sparkline(values, width - 40), "good")];
  });
  return [[span(head, "dim")], ...lines];
}
