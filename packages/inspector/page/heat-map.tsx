import type { HeatMapAnswer, HeatMeasure, ProcessId } from "@espalier/inspector/api-types";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { ask } from "./api.ts";
import { colourOf, onThemeChange, resolveColour } from "./colours.ts";
import { formatCount } from "./format.ts";
import { go, look, route } from "./route.ts";
import { usePolled } from "./polled.ts";

const MEASURES: Readonly<Record<HeatMeasure, string>> = {
  state: "state",
  mailbox: "waiting messages",
  reductions: "messages handled",
  bytesReceived: "bytes received",
  bytesSent: "bytes sent",
  unsentBytes: "unsent bytes",
};
const FIRST_CODE = 48;
const REFRESH_MS = 2000;
const LARGEST_CELL = 14;

/** A cell for each child of an actor, coloured by its state or by how much it has of something. */
export function HeatMap({
  id,
  count,
  height = 120,
}: {
  readonly id: ProcessId;
  readonly count: number;
  readonly height?: number;
}): JSX.Element {
  const { by: asked = "" } = route.value.manner;
  const by = isMeasure(asked) ? asked : "state";
  const canvas = useRef<HTMLCanvasElement>(null);
  const grid = useRef<Grid>({ columns: 1, cell: 1, count: 0 });
  const map = usePolled("heatMap", { id, by }, REFRESH_MS);
  useEffect(() => {
    const element = canvas.current;
    if (element === null || map === undefined) return undefined;
    const redraw = (): void => {
      grid.current = paint(element, map, height);
    };
    redraw();
    const observer = new ResizeObserver(redraw);
    observer.observe(element);
    const unsubscribe = onThemeChange(redraw);
    return () => {
      observer.disconnect();
      unsubscribe();
    };
  }, [map, height]);
  const open = async (event: MouseEvent): Promise<void> => {
    const { columns, cell, count: drawn } = grid.current;
    const offset = Math.floor(event.offsetY / cell) * columns + Math.floor(event.offsetX / cell);
    if (offset >= drawn) return;
    // It may have ended, or all be lost; then there is nothing to go to.
    const answer = await ask("children", { id, offset, limit: 1 }).catch(() => undefined);
    const child = answer?.items[0];
    if (child) go("process", child.id);
  };
  const most = map === undefined ? 0 : highest(map.cells);
  return (
    <figure class="heat">
      <figcaption>
        <label>
          One cell each, by{" "}
          <select value={by} onChange={(event) => look({ by: event.currentTarget.value })}>
            {Object.entries(MEASURES).map(([name, text]) => (
              <option key={name} value={name}>
                {text}
              </option>
            ))}
          </select>
        </label>
        {by !== "state" && (
          <span class="muted">{most === 0 ? "all 0" : `faint is 0, strong up to ${formatCount(2 ** most - 1)}`}</span>
        )}
      </figcaption>
      <canvas
        ref={canvas}
        role="img"
        aria-label={`${count} children by ${MEASURES[by]}; the list has the same`}
        style={{ height: `${height}px` }}
        onClick={(event) => void open(event)}
      />
    </figure>
  );
}

function isMeasure(name: string): name is HeatMeasure {
  return Object.hasOwn(MEASURES, name);
}

interface Grid {
  readonly columns: number;
  readonly cell: number;
  readonly count: number;
}

/** Cells as large as fit. */
function paint(canvas: HTMLCanvasElement, { cells, by, states }: HeatMapAnswer, height: number): Grid {
  const scale = devicePixelRatio;
  const width = canvas.clientWidth;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const context = canvas.getContext("2d");
  const count = cells.length;
  if (context === null || count === 0 || width === 0) return { columns: 1, cell: 1, count: 0 };
  let cell = Math.min(LARGEST_CELL, Math.sqrt((width * height) / count));
  while (Math.floor(width / cell) * Math.floor(height / cell) < count) cell *= 0.98;
  const columns = Math.floor(width / cell);
  const gap = cell > 4 ? 1 : 0;
  const colours = by === "state" ? states.map((state) => resolveColour(colourOf(state))) : heat(highest(cells));
  context.scale(scale, scale);
  for (let index = 0; index < count; index += 1) {
    context.fillStyle = colours[cells.charCodeAt(index) - FIRST_CODE] ?? "gray";
    context.fillRect((index % columns) * cell, Math.floor(index / columns) * cell, cell - gap, cell - gap);
  }
  return { columns, cell, count };
}

function heat(most: number): readonly string[] {
  return Array.from({ length: most + 1 }, (_, level) => {
    const share = Math.round((100 * level) / Math.max(most, 1));
    return resolveColour(`color-mix(in oklab, var(--hot) ${share}%, var(--cold))`);
  });
}

function highest(cells: string): number {
  let most = 0;
  for (let index = 0; index < cells.length; index += 1) most = Math.max(most, cells.charCodeAt(index) - FIRST_CODE);
  return most;
}
