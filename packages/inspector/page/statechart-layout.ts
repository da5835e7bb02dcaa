import { Graph, layout } from "@dagrejs/dagre";
import type { StatechartAnswer, StateEdge, StateNode } from "@espalier/inspector/api-types";

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A state as a box; x and y are its corner. */
interface StateBox extends Point {
  readonly node: StateNode;
  readonly width: number;
  readonly height: number;
  /** Whether other states are drawn in it. */
  readonly isFrame: boolean;
  readonly lines: readonly StateLine[];
}

/** What is written into a box below its name. */
interface StateLine {
  readonly text: string;
  /** The transition that it stands for, if it is one that stays here. */
  readonly edge?: StateEdge;
}

/** The transitions from one state to another, drawn as one arrow. */
export interface Arrow {
  readonly source: string;
  readonly target: string;
  readonly edges: readonly StateEdge[];
  readonly points: readonly Point[];
  readonly label: Point;
}

export interface StatechartDrawing {
  readonly boxes: readonly StateBox[];
  readonly arrows: readonly Arrow[];
  readonly width: number;
  readonly height: number;
}

/** The state from which one can go by an event of the machine itself, wherever it is. */
const ANYWHERE = "*";

const LINE = 16;
const PADDING = 10;
const LEAST_WIDTH = 96;
/** Names are larger and bolder than what is measured, and that of an initial state has a dot before it. */
const BOLD = 1.22;
const DOT = 16;
const MARGIN = 8;
/** An arrow on which no label has room. */
const SHORT = 60;
/** Names of frames stand above what is in them. */
const FRAME_HEAD = 30;

/** Lays out a machine. The machine itself is the paper and has no box. */
export function drawStatechart(
  { nodes, edges }: StatechartAnswer,
  measure: (text: string) => number,
): StatechartDrawing {
  const [root, ...states] = nodes;
  if (root === undefined) return { boxes: [], arrows: [], width: 0, height: 0 };
  const chart = new Chart(root, states.length === 0 ? [root] : states, edges);
  const graph = new Graph({ directed: true, multigraph: false, compound: true });
  graph.setGraph({ rankdir: "TB", nodesep: 36, ranksep: 34, edgesep: 18, marginx: MARGIN, marginy: MARGIN });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of chart.states) {
    const lines = chart.linesOf(node);
    const widest = Math.max(LEAST_WIDTH, BOLD * measure(node.key) + DOT, ...lines.map(({ text }) => measure(text)));
    const size = { width: widest + 2 * PADDING, height: LINE * (lines.length + 1) + PADDING };
    graph.setNode(node.id, chart.isFrame(node.id) ? {} : size);
  }
  for (const { id, parent } of chart.states) {
    if (parent !== undefined && parent !== root.id) graph.setParent(id, parent);
  }
  if (chart.fromAnywhere.length > 0) graph.setNode(ANYWHERE, { width: 72, height: 26 });
  const bundles = chart.bundles();
  for (const { source, target, edges: bundled } of bundles) {
    const widest = Math.max(...bundled.map((edge) => measure(labelOf(edge))));
    const [from, to] = [chart.leafOf(source), chart.leafOf(target)];
    const label = {
      width: widest + 8,
      height: LINE * bundled.length,
      labelpos: "c",
      minlen: 1,
      bundle: `${source} ${target}`,
    };
    // An arrow between two frames goes from a state in one to a state in the other.
    if (from !== to) graph.setEdge(from, to, label);
  }
  layout(graph);
  const boxes = chart.states.map((node): StateBox => {
    const { x, y, width, height } = rectangleOf(graph, node.id);
    const isFrame = chart.isFrame(node.id);
    const head = isFrame ? FRAME_HEAD - PADDING : 0;
    return {
      node,
      x: x - width / 2,
      y: y - height / 2 - head,
      width,
      height: height + head,
      isFrame,
      lines: chart.linesOf(node),
    };
  });
  const byId = new Map(boxes.map((box) => [box.node.id, box]));
  const arrows = bundles.flatMap(({ source, target, edges: bundled }): Arrow[] => {
    const edge = graph.edge(chart.leafOf(source), chart.leafOf(target)) as unknown as
      | { readonly points?: readonly Point[]; readonly x?: number; readonly y?: number }
      | undefined;
    if (edge?.points === undefined) return [];
    const points = clip(edge.points, byId.get(source), byId.get(target));
    return [{ source, target, edges: bundled, points, label: labelPlace(edge, points, byId.get(source)) }];
  });
  if (chart.fromAnywhere.length > 0) {
    const { x, y, width, height } = rectangleOf(graph, ANYWHERE);
    boxes.push({ node: anywhere, x: x - width / 2, y: y - height / 2, width, height, isFrame: false, lines: [] });
  }
  return fit(boxes, arrows);
}

const anywhere: StateNode = {
  id: ANYWHERE,
  key: "anywhere",
  type: "atomic",
  isInitial: false,
  tags: [],
  entry: [],
  exit: [],
  invokes: [],
};

/** An event and its guard. */
export function labelOf({ event, guard }: StateEdge): string {
  return guard === undefined ? event : `${event} [${guard}]`;
}

class Chart {
  readonly states: readonly StateNode[];
  readonly #root: StateNode;
  readonly #edges: readonly StateEdge[];
  readonly #children = new Map<string, StateNode[]>();

  constructor(root: StateNode, states: readonly StateNode[], edges: readonly StateEdge[]) {
    this.#root = root;
    this.states = states;
    this.#edges = edges;
    for (const node of states) {
      if (node.parent !== undefined)
        this.#children.set(node.parent, [...(this.#children.get(node.parent) ?? []), node]);
    }
  }

  isFrame(id: string): boolean {
    return id !== this.#root.id && this.#children.has(id);
  }

  get fromAnywhere(): readonly StateEdge[] {
    if (this.states.includes(this.#root)) return [];
    return this.#edges.filter(({ source, targets }) => source === this.#root.id && targets.length > 0);
  }

  linesOf(node: StateNode): readonly StateLine[] {
    if (this.isFrame(node.id)) return [];
    return [
      ...node.invokes.map((source) => ({ text: `⚙ ${source}` })),
      ...(node.entry.length > 0 ? [{ text: `entry${effect(node.entry)}` }] : []),
      ...this.#edges
        .filter((edge) => edge.source === node.id && staysIn(edge))
        .map((edge) => ({ text: `⟲ ${labelOf(edge)}${effect(edge.actions)}`, edge })),
      ...(node.exit.length > 0 ? [{ text: `exit${effect(node.exit)}` }] : []),
    ];
  }

  /** By where they begin and end, those that stay excepted. */
  bundles(): readonly { readonly source: string; readonly target: string; readonly edges: readonly StateEdge[] }[] {
    const bundles = new Map<string, { source: string; target: string; edges: StateEdge[] }>();
    for (const edge of this.#edges) {
      if (staysIn(edge)) continue;
      const source = edge.source === this.#root.id ? ANYWHERE : edge.source;
      for (const target of edge.targets) {
        const key = `${source} ${target}`;
        const bundle = bundles.get(key) ?? { source, target, edges: [] };
        bundle.edges.push(edge);
        bundles.set(key, bundle);
      }
    }
    return [...bundles.values()];
  }

  /** The layout knows only arrows between states that have none in them. */
  leafOf(id: string): string {
    const children = this.#children.get(id) ?? [];
    const child = children.find(({ isInitial }) => isInitial) ?? children[0];
    return child === undefined || id === this.#root.id ? id : this.leafOf(child.id);
  }
}

function effect(actions: readonly string[]): string {
  return actions.length === 0 ? "" : ` / ${actions.join(", ")}`;
}

function staysIn({ source, targets }: StateEdge): boolean {
  return targets.length === 0 || (targets.length === 1 && targets[0] === source);
}

function rectangleOf(graph: Graph, id: string): { x: number; y: number; width: number; height: number } {
  const {
    x = 0,
    y = 0,
    width = 0,
    height = 0,
  } = graph.node(id) as {
    x?: number;
    y?: number;
    width?: number;
    height?: number;
  };
  return { x, y, width, height };
}

/** Cuts off what lies within the boxes at both ends. */
function clip(points: readonly Point[], from: StateBox | undefined, to: StateBox | undefined): readonly Point[] {
  const forwards = from?.isFrame === true ? leave(points, from) : points;
  return to?.isFrame === true ? leave(forwards.toReversed(), to).toReversed() : forwards;
}

/** The layout keeps room for the label; but what lies within a frame is cut off, and a label there would stand alone. */
function labelPlace(
  { points, x, y }: { readonly points?: readonly Point[]; readonly x?: number; readonly y?: number },
  left: readonly Point[],
  from: StateBox | undefined,
): Point {
  const [first, last] = [left[0], left.at(-1)];
  if (first === undefined || last === undefined) return { x: 0, y: 0 };
  const isShort = Math.hypot(last.x - first.x, last.y - first.y) < SHORT;
  if (x !== undefined && y !== undefined && (points?.length === left.length || !isShort)) return { x, y };
  // Two that lead to and fro beside each other stand above and below.
  const isLevel = Math.abs(last.x - first.x) > Math.abs(last.y - first.y);
  const aside = !isLevel ? 0 : from?.isFrame === true ? LINE : -LINE;
  return { x: (first.x + last.x) / 2, y: (first.y + last.y) / 2 + aside };
}

/** What is left of a line when it has come out of a box. */
function leave(points: readonly Point[], box: StateBox): readonly Point[] {
  const isInside = ({ x, y }: Point): boolean =>
    x > box.x && x < box.x + box.width && y > box.y && y < box.y + box.height;
  const out = points.findIndex((point) => !isInside(point));
  const outside = points[out];
  const inside = points[out - 1];
  if (outside === undefined || inside === undefined) return points;
  let [near, far] = [inside, outside];
  for (let step = 0; step < 12; step += 1) {
    const middle = { x: (near.x + far.x) / 2, y: (near.y + far.y) / 2 };
    if (isInside(middle)) near = middle;
    else far = middle;
  }
  return [far, ...points.slice(out)];
}

/** Moves all so that it begins at the corner. */
function fit(boxes: readonly StateBox[], arrows: readonly Arrow[]): StatechartDrawing {
  const points = arrows.flatMap((arrow) => arrow.points);
  const left = Math.min(...boxes.map(({ x }) => x), ...points.map(({ x }) => x)) - MARGIN;
  const top = Math.min(...boxes.map(({ y }) => y), ...points.map(({ y }) => y)) - MARGIN;
  const move = <Movable extends Point>(point: Movable): Movable => ({ ...point, x: point.x - left, y: point.y - top });
  const moved = arrows.map((arrow) => ({ ...arrow, points: arrow.points.map(move), label: move(arrow.label) }));
  const corners = boxes.map(move);
  const labelEnd = moved.map(
    ({ label, edges }) => label.x + Math.max(...edges.map((edge) => labelOf(edge).length)) * 4,
  );
  return {
    boxes: corners,
    arrows: moved,
    width:
      Math.max(...corners.map(({ x, width }) => x + width), ...points.map(({ x }) => x - left), ...labelEnd) + MARGIN,
    height: Math.max(...corners.map(({ y, height }) => y + height), ...points.map(({ y }) => y - top)) + MARGIN,
  };
}
