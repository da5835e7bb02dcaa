import type { RateSample } from "@espalier/inspector/api-types";
import type { JSX } from "preact";
import { formatBytes, formatShort } from "./format.ts";
import { useKeptView } from "./kept-scroll.ts";
import { LineChart } from "./line-chart.tsx";
import { overview, samples } from "./store.ts";

interface Chart {
  readonly title: string;
  readonly format?: (value: number) => string;
  /** Whether a value holds for all the time since the sample before. */
  readonly isRate?: boolean;
  /** By their names: the number of the colour, and what is drawn. */
  readonly lines: Readonly<Record<string, readonly [number, (sample: RateSample) => number | undefined]>>;
}

const CHARTS: readonly Chart[] = [
  { title: "Connections", lines: { open: [0, ({ connections }) => connections] } },
  {
    title: "Accepts per second",
    isRate: true,
    lines: { accepted: [0, ({ perSecond }) => perSecond.accepted], refused: [3, ({ perSecond }) => perSecond.refused] },
  },
  { title: "Messages per second", isRate: true, lines: { handled: [0, ({ perSecond }) => perSecond.steps] } },
  {
    title: "Bytes per second",
    isRate: true,
    format: formatBytes,
    lines: {
      received: [0, ({ perSecond }) => perSecond.bytesReceived],
      sent: [1, ({ perSecond }) => perSecond.bytesSent],
    },
  },
  {
    title: "Failures per second",
    isRate: true,
    lines: { crashes: [3, ({ perSecond }) => perSecond.crashes], restarts: [1, ({ perSecond }) => perSecond.restarts] },
  },
  {
    title: "Waiting",
    lines: { messages: [0, ({ mailboxes }) => mailboxes], "runnable actors": [1, ({ runQueue }) => runQueue] },
  },
  {
    title: "Event-loop delay",
    format: (ms) => `${formatShort(ms)} ms`,
    isRate: true,
    lines: {
      p50: [0, ({ eventLoopDelay }) => eventLoopDelay?.p50],
      p99: [1, ({ eventLoopDelay }) => eventLoopDelay?.p99],
      max: [3, ({ eventLoopDelay }) => eventLoopDelay?.max],
    },
  },
  { title: "Processes", lines: { alive: [0, ({ processes }) => processes] } },
];

export function ChartsView(): JSX.Element {
  // The first sample has no rate: nothing was before it.
  const all = samples.value.filter(({ seconds }) => seconds > 0);
  useKeptView(all.length < 2 ? undefined : "charts");
  if (all.length < 2) return <div class="empty">A line needs two samples. They come with the seconds.</div>;
  const offset = overview.value === undefined ? 0 : overview.value.wallClock - overview.value.at;
  const times = all.map(({ at }) => at + offset);
  return (
    <div class="charts">
      {CHARTS.filter(({ lines }) => hasValues(Object.values(lines), all)).map(
        ({ title, format = formatShort, isRate = false, lines }) => (
          <LineChart
            key={title}
            title={title}
            times={times}
            format={format}
            isRate={isRate}
            lines={Object.entries(lines).map(([name, [colour, valueOf]]) => {
              return { name, colour: `var(--c${colour})`, values: all.map(valueOf) };
            })}
          />
        ),
      )}
    </div>
  );
}

/** Not every inspector can measure everything. */
function hasValues(lines: readonly Chart["lines"][string][], all: readonly RateSample[]): boolean {
  return lines.some(([, valueOf]) => all.some((sample) => valueOf(sample) !== undefined));
}
