import { hierarchy, type HierarchyNode, type HierarchyPointNode, tree as tidyTree } from "d3-hierarchy";
import type { Place } from "./store.ts";

/** Where a node of the tree is drawn. */
export interface Spot {
  readonly place: Place;
  readonly x: number;
  readonly y: number;
  readonly height: number;
}

export interface TreeDrawing {
  readonly spots: readonly Spot[];
  /** Paths of an SVG, from a parent to each child. */
  readonly twigs: readonly { readonly to: string; readonly path: string }[];
  readonly width: number;
  readonly height: number;
}

export const NODE_WIDTH = 216;
const NODE_HEIGHT = 44;
const AGGREGATE_HEIGHT = 76;
const GAP = 10;
const COLUMN = NODE_WIDTH + 44;
const INDENT = 18;

interface Datum {
  readonly place: Place | undefined;
  readonly children: readonly Datum[];
}

function heightOf({ place }: Datum): number {
  return place?.node.aggregate === undefined ? NODE_HEIGHT : AGGREGATE_HEIGHT;
}

/** Draws the places from left to right, or, where there is no room for that, each below the other. */
export function drawTree(
  places: ReadonlyMap<string, Place>,
  folded: ReadonlySet<string>,
  isNarrow: boolean,
): TreeDrawing {
  // Several roots hang on one that is not drawn.
  const all: { readonly place: Place | undefined; readonly children: Datum[] } = { place: undefined, children: [] };
  const data = new Map<Place, typeof all>();
  for (const place of places.values()) {
    const datum = { place, children: [] };
    data.set(place, datum);
    const above = place.parent === undefined ? all : data.get(place.parent);
    if (place.parent === undefined || !folded.has(place.parent.path)) above?.children.push(datum);
  }
  const root = hierarchy<Datum>(all, ({ children }) => children as Datum[]);
  if (!isNarrow) return drawTidy(root);
  const nodes: HierarchyNode<Datum>[] = [];
  root.eachBefore((node) => nodes.push(node));
  return drawBelow(nodes);
}

function drawTidy(root: HierarchyNode<Datum>): TreeDrawing {
  // Heights differ: the distance of two neighbours is half of each.
  const pointed = tidyTree<Datum>()
    .nodeSize([1, COLUMN])
    .separation((left, right) => (heightOf(left.data) + heightOf(right.data)) / 2 + GAP)(root);
  const nodes = pointed.descendants().filter(({ data }) => data.place !== undefined);
  const top = Math.min(0, ...nodes.map(({ x, data }) => x - heightOf(data) / 2));
  const spots = new Map<HierarchyPointNode<Datum>, Spot>();
  for (const node of nodes) {
    const { data, x, y } = node;
    const height = heightOf(data);
    if (data.place) spots.set(node, { place: data.place, x: y - COLUMN, y: x - top - height / 2, height });
  }
  const twigs = nodes.flatMap((node) => {
    const from = node.parent && spots.get(node.parent);
    const to = spots.get(node);
    if (!from || !to) return [];
    const [x1, y1, x2, y2] = [from.x + NODE_WIDTH, from.y + from.height / 2, to.x, to.y + to.height / 2];
    const middle = (x1 + x2) / 2;
    return [{ to: to.place.path, path: `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}` }];
  });
  return { spots: [...spots.values()], twigs, ...sizeOf([...spots.values()]) };
}

/** As a list: every node on a line of its own, indented by its depth. */
function drawBelow(nodes: readonly { readonly data: Datum; readonly depth: number }[]): TreeDrawing {
  const spots = new Map<Place, Spot>();
  const twigs: { to: string; path: string }[] = [];
  let y = 0;
  for (const { data, depth } of nodes) {
    if (data.place === undefined) continue;
    const spot = { place: data.place, x: (depth - 1) * INDENT, y, height: heightOf(data) };
    spots.set(data.place, spot);
    const from = data.place.parent && spots.get(data.place.parent);
    if (from) {
      const x = from.x + INDENT / 2;
      twigs.push({ to: data.place.path, path: `M${x} ${from.y + from.height}V${y + spot.height / 2}H${spot.x}` });
    }
    y += spot.height + GAP;
  }
  return { spots: [...spots.values()], twigs, ...sizeOf([...spots.values()]) };
}

function sizeOf(spots: readonly Spot[]): { readonly width: number; readonly height: number } {
  return {
    width: Math.max(0, ...spots.map(({ x }) => x + NODE_WIDTH)),
    height: Math.max(0, ...spots.map(({ y, height }) => y + height)),
  };
}
