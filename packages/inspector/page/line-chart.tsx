import { signal } from "@preact/signals";
import type { JSX } from "preact";

/** One line of a chart: a value for each time, or none. */
interface Line {
  readonly name: string;
  readonly colour: string;
  readonly values: readonly (number | undefined)[];
}

interface LineChartProps {
  readonly title: string;
  /** Milliseconds since the epoch. */
  readonly times: readonly number[];
  readonly lines: readonly Line[];
  readonly format: (value: number) => string;
  /** Whether a value holds for all the time since the one before. */
  readonly isRate: boolean;
}

/** The drawing is stretched to whatever room there is. */
const WIDTH = 1000;
const HEIGHT = 100;
const MOST_TICKS = 4;

/** All charts show the same moment when one of them is pointed at: the share of their width. */
const pointed = signal<number | undefined>(undefined);

/** Values over time. All are drawn from 0. */
export function LineChart({ title, times, lines, format, isRate }: LineChartProps): JSX.Element {
  const first = times[0] ?? 0;
  const span = Math.max((times.at(-1) ?? 0) - first, 1);
  const most = Math.max(0, ...lines.flatMap(({ values }) => values.map((value) => value ?? 0)));
  const ticks = ticksUpTo(most);
  const top = ticks.at(-1) ?? 1;
  const share = pointed.value;
  const at = share === undefined ? times.length - 1 : nearest(times, first + share * span);
  const point = (event: PointerEvent & { readonly currentTarget: Element }): void => {
    const { left, width } = event.currentTarget.getBoundingClientRect();
    pointed.value = Math.min(Math.max((event.clientX - left) / width, 0), 1);
  };
  const xOf = (index: number): number => ((times[index] ?? first) - first) / span;
  const said = lines.map(({ name, values }) => `${name} ${format(values[at] ?? 0)}`);
  return (
    <figure class="plot">
      <figcaption>
        <h3>{title}</h3>
        {lines.map(({ name, colour, values }) => (
          <span key={name}>
            <i class="dot" style={{ background: colour }} />
            {name} <b class="number">{values[at] === undefined ? "–" : format(values[at])}</b>
          </span>
        ))}
      </figcaption>
      <div
        class="plot-area"
        role="img"
        aria-label={`${title}: ${said.join(", ")}`}
        onPointerMove={point}
        onPointerLeave={() => (pointed.value = undefined)}
      >
        {ticks.map((tick) => (
          <span key={tick} class="tick" style={{ bottom: `${(100 * tick) / top}%` }}>
            <i>{format(tick)}</i>
          </span>
        ))}
        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none">
          {lines.map(({ name, colour, values }) => (
            <path
              key={name}
              style={{ stroke: colour }}
              d={pathOf(
                values,
                isRate,
                (index) => xOf(index) * WIDTH,
                (value) => HEIGHT - (HEIGHT * value) / top,
              )}
            />
          ))}
        </svg>
        {share !== undefined && <span class="cursor" style={{ left: `${100 * xOf(at)}%` }} />}
      </div>
      <div class="times muted number">
        <span>{clock(first)}</span>
        {share !== undefined && <b>{clock(times[at] ?? first)}</b>}
        <span>{clock(first + span)}</span>
      </div>
    </figure>
  );
}

/** A line is broken where there is no value. With steps, each value reaches back to the one before. */
function pathOf(
  values: readonly (number | undefined)[],
  hasSteps: boolean,
  xOf: (index: number) => number,
  yOf: (value: number) => number,
): string {
  let path = "";
  let isOpen = false;
  for (const [index, value] of values.entries()) {
    const x = xOf(index).toFixed(1);
    if (value === undefined) isOpen = false;
    else {
      const y = yOf(value).toFixed(2);
      if (isOpen && hasSteps) path += `V${y}H${x}`;
      else path += `${isOpen ? "L" : "M"}${x} ${y}`;
      isOpen = true;
    }
  }
  return path;
}

/** Round numbers from 0 to one that is not less than the greatest value. */
function ticksUpTo(most: number): readonly number[] {
  const raw = Math.max(most, 1) / MOST_TICKS;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 5].find((factor) => factor * power >= raw) ?? 10) * power;
  return Array.from({ length: Math.ceil(Math.max(most, 1) / step) + 1 }, (_, index) => index * step);
}

function nearest(times: readonly number[], time: number): number {
  const after = times.findIndex((candidate) => candidate >= time);
  if (after <= 0) return after < 0 ? times.length - 1 : 0;
  return time - (times[after - 1] ?? 0) < (times[after] ?? 0) - time ? after - 1 : after;
}

function clock(time: number): string {
  return new Date(time).toTimeString().slice(0, 8);
}
