import type { StatechartAnswer, StateEdge, StateNode, TracedEvent } from "@espalier/inspector/api-types";
import type { JSX } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { type Arrow, drawStatechart, labelOf, type Point } from "./statechart-layout.ts";

const LINE = 16;
/** How far apart transitions flash that became known together. */
const STAGGER_MS = 150;
/** Of what came in at once, only the last so many. */
const MOST_FLASHES = 12;

interface StatechartProps {
  readonly chart: StatechartAnswer;
  readonly active: readonly string[];
  /** What was received since the last time. */
  readonly received: readonly TracedEvent[];
}

function middleOf(element: Element): number {
  const { left, width } = element.getBoundingClientRect();
  return left + width / 2;
}

/** A machine, with the states lit up in which it is; transitions flash as they are taken. */
export function Statechart({ chart, active, received }: StatechartProps): JSX.Element {
  const drawing = useMemo(() => drawStatechart(chart, measureText()), [chart.id]);
  const lit = useMemo(() => withAncestors(chart.nodes, active), [chart.nodes, active]);
  const root = useRef<SVGSVGElement>(null);
  const before = useRef(lit);
  useEffect(() => {
    const svg = root.current;
    const was = before.current;
    before.current = lit;
    if (svg === null) return undefined;
    const taken = transitionsTaken(chart.edges, was, lit, active, received).slice(-MOST_FLASHES);
    const timers = taken.map((id, index) => setTimeout(() => flash(svg, id), index * STAGGER_MS));
    return () => timers.forEach(clearTimeout);
  }, [active.join(" "), received]);
  useEffect(() => {
    // Where the chart is wider than the screen, one looks first at the state in which it is.
    const state = root.current?.querySelector(".lit:not(.frame)");
    const frame = root.current?.parentElement;
    if (state && frame) frame.scrollLeft += middleOf(state) - middleOf(frame);
  }, [chart.id]);
  return (
    <svg
      ref={root}
      class="statechart"
      viewBox={`0 0 ${drawing.width} ${drawing.height}`}
      style={{ width: `${drawing.width}px` }}
      role="img"
      aria-label={`The machine ${chart.machine}; it is in ${active.join(", ") || "no state"}`}
    >
      <defs>
        <marker
          id="head"
          viewBox="0 0 8 8"
          refX="7"
          refY="4"
          markerWidth="9"
          markerHeight="9"
          markerUnits="userSpaceOnUse"
          orient="auto"
        >
          <path d="M0 0L8 4L0 8z" />
        </marker>
      </defs>
      {drawing.boxes.map(({ node, x, y, width, height, isFrame, lines }) => (
        <g
          key={node.id}
          class={`state ${node.type} ${isFrame ? "frame" : ""} ${lit.has(node.id) ? "lit" : ""} ${node.id === "*" ? "anywhere" : ""}`}
          data-state={node.id}
        >
          <rect x={x} y={y} width={width} height={height} rx="7" />
          {node.type === "final" && (
            <rect x={x + 3} y={y + 3} width={width - 6} height={height - 6} rx="5" class="inner" />
          )}
          {node.isInitial && <circle cx={x + 9} cy={y + 12} r="3.5" class="initial" />}
          <text x={isFrame ? x + 20 : x + width / 2} y={y + 17} class={isFrame ? "start" : ""}>
            {node.key}
          </text>
          {lines.map(({ text, edge }, index) => (
            <text key={text} x={x + width / 2} y={y + 17 + LINE * (index + 1)} class="small" data-edge={edge?.id}>
              {text}
            </text>
          ))}
        </g>
      ))}
      {drawing.arrows.map((arrow) => (
        <g
          key={`${arrow.source} ${arrow.target}`}
          class={`arrow ${lit.has(arrow.source) || arrow.source === "*" ? "open" : ""}`}
        >
          <path d={curve(arrow.points)} data-edge={arrow.edges.map(({ id }) => id).join("|")} />
          <Labels arrow={arrow} />
        </g>
      ))}
    </svg>
  );
}

function Labels({ arrow: { label, edges } }: { readonly arrow: Arrow }): JSX.Element {
  const top = label.y - (LINE * edges.length) / 2 + 12;
  return (
    <>
      {edges.map((edge, index) => (
        <text key={edge.id} x={label.x} y={top + LINE * index} class="small" data-edge={edge.id}>
          <title>{edge.actions.length > 0 ? `${labelOf(edge)} / ${edge.actions.join(", ")}` : labelOf(edge)}</title>
          {labelOf(edge)}
        </text>
      ))}
    </>
  );
}

/** A smooth line through the points. */
function curve(points: readonly Point[]): string {
  const [first, ...others] = points;
  if (first === undefined) return "";
  let path = `M${first.x} ${first.y}`;
  for (const [index, point] of others.entries()) {
    const next = others[index + 1];
    if (next === undefined) path += `L${point.x} ${point.y}`;
    else path += `Q${point.x} ${point.y} ${(point.x + next.x) / 2} ${(point.y + next.y) / 2}`;
  }
  return path;
}

function measureText(): (text: string) => number {
  const context = document.createElement("canvas").getContext("2d");
  if (context !== null) context.font = `12px ${getComputedStyle(document.body).fontFamily}`;
  return (text) => context?.measureText(text).width ?? text.length * 7;
}

function withAncestors(nodes: readonly StateNode[], active: readonly string[]): ReadonlySet<string> {
  const parents = new Map(nodes.map(({ id, parent }) => [id, parent]));
  const lit = new Set<string>();
  for (const id of active) {
    for (let at: string | undefined = id; at !== undefined; at = parents.get(at)) lit.add(at);
  }
  return lit;
}

/**
 * Which transitions were taken, as far as it can be known: those that the received events name where the machine was or
 * is; and without a trace one that leads from where it was to where it is.
 */
function transitionsTaken(
  edges: readonly StateEdge[],
  was: ReadonlySet<string>,
  is: ReadonlySet<string>,
  active: readonly string[],
  received: readonly TracedEvent[],
): readonly string[] {
  const named = received.flatMap(({ type }) => {
    const edge =
      edges.find(({ event, source }) => event === type && was.has(source)) ??
      edges.find(({ event, source }) => event === type && is.has(source));
    return edge === undefined ? [] : [edge.id];
  });
  const leadsIn = ({ targets }: StateEdge): boolean => targets.some((target) => is.has(target) && !was.has(target));
  if (active.length === 0 || edges.some((edge) => named.includes(edge.id) && leadsIn(edge))) return named;
  const first = edges.find((edge) => was.has(edge.source) && leadsIn(edge));
  // Of several that lead the same way, it may have been any.
  const moved = edges.filter(({ source, targets }) => source === first?.source && targets[0] === first.targets[0]);
  return [...named, ...moved.map(({ id }) => id)];
}

function flash(svg: SVGSVGElement, id: string): void {
  for (const element of svg.querySelectorAll<SVGElement>("[data-edge]")) {
    if (!(element.dataset["edge"] ?? "").split("|").includes(id)) continue;
    element.classList.remove("flash");
    // Reading the box makes the browser see that the class was gone: the animation starts anew.
    element.getBoundingClientRect();
    element.classList.add("flash");
  }
}
