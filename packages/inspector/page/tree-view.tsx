import type { JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { kill } from "./commands.ts";
import { StateBar, statesOf } from "./histogram.tsx";
import { fold, foldedPaths } from "./folded-paths.ts";
import { formatCount, formatShort, formatStrategy } from "./format.ts";
import { kept } from "./kept.ts";
import { useKeptScroll, useKeptView } from "./kept-scroll.ts";
import { ProcessPanel } from "./process-panel.tsx";
import { addressOf, go, step } from "./route.ts";
import { doomed, isFresh, overview, type Place, places, tree } from "./store.ts";
import { drawTree, NODE_WIDTH, type Spot } from "./tree-layout.ts";

const narrow = matchMedia("(max-width: 700px)");

/** The living tree, and the actor of it that was chosen by its path. */
export function TreeView({ selected }: { readonly selected: string }): JSX.Element {
  const folded = foldedPaths.value;
  const isNarrow = useMatch(narrow);
  const all = places.value;
  const drawing = useMemo(() => drawTree(all, folded, isNarrow), [all, folded, isNarrow]);
  const place = all.get(selected);
  const frame = useRef<HTMLDivElement>(null);
  const forest = useRef<HTMLDivElement>(null);
  // Who was chosen when this was left, and is not to be looked for again.
  const leftAt = useRef(kept("forest") === undefined ? undefined : selected);
  const { spots, twigs, width, height } = drawing;
  const choose = (path: string, lead = go): void => {
    lead("tree", path);
    forest.current?.querySelector<HTMLElement>(`[data-path="${CSS.escape(path)}"]`)?.focus();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    // The keyboard goes on from where it is, which may not have been chosen yet.
    const path = (event.target as Element).closest<HTMLElement>("[data-path]")?.dataset["path"];
    const here = spots.find((spot) => spot.place.path === path)?.place;
    const target = here && neighbourOf(here, event.key, spots, folded);
    if (event.key.startsWith("Arrow")) event.preventDefault();
    if (here && event.key === "Enter") go("process", here.node.id);
    else if (here && event.key === "Delete") askToKill(here);
    else if (here && event.key === "ArrowLeft" && here.node.children.length > 0 && !folded.has(here.path)) {
      fold(here.path, true);
    } else if (here && event.key === "ArrowRight" && folded.has(here.path)) fold(here.path, false);
    else if (target && event.key.startsWith("Arrow")) choose(target.path, step);
  };
  useKeptView(spots.length > 0 ? "tree" : undefined);
  useKeptScroll(frame, "forest", spots.length > 0 ? "tree" : undefined);
  useEffect(() => {
    if (place === undefined) return;
    const isAsLeft = leftAt.current === place.path;
    leftAt.current = undefined;
    if (isAsLeft) return;
    // On a phone the panel covers what lies below.
    const chosen = forest.current?.querySelector("[aria-selected=true]");
    chosen?.scrollIntoView({ block: isNarrow ? "start" : "nearest", inline: "nearest" });
  }, [place?.path, isNarrow]);
  const omitted = tree.value?.omitted ?? 0;
  if (spots.length === 0) return <div class="empty">No actor lives in this system.</div>;
  return (
    <div class={`tree-view ${place ? "with-panel" : ""}`}>
      <div class="forest-frame" ref={frame}>
        <div
          class="forest"
          ref={forest}
          role="tree"
          aria-label="Supervision tree"
          style={{ width: `${width}px`, height: `${height}px` }}
          onKeyDown={onKeyDown}
        >
          <svg width={width} height={height} aria-hidden="true">
            {twigs.map(({ to, path }) => (
              <path key={to} d={path} />
            ))}
          </svg>
          {spots.map((spot, index) => (
            <Node
              key={spot.place.path}
              spot={spot}
              isSelected={spot.place === place}
              isTabStop={place === undefined ? index === 0 : spot.place === place}
              isFolded={folded.has(spot.place.path)}
              onFold={fold}
              onChoose={(path) => choose(path)}
            />
          ))}
        </div>
        {omitted > 0 && <p class="muted">{formatCount(omitted)} more actors do not fit into this tree.</p>}
      </div>
      {place && <ProcessPanel place={place} onClose={() => go("tree")} onKill={() => askToKill(place)} />}
    </div>
  );
}

function askToKill({ node, path, parent }: Place): void {
  if (overview.value?.takesCommands !== true) return;
  const isSupervised = parent?.node.behaviour === "supervisor";
  void kill(node.id, path, node.below.processes, isSupervised ? parent.path : undefined);
}

/** Where an arrow leads: up and down in the order in which they are drawn, left to the parent, right to the children. */
function neighbourOf(here: Place, key: string, spots: readonly Spot[], folded: ReadonlySet<string>): Place | undefined {
  const column = spots.filter(({ x }) => x === spots.find(({ place }) => place === here)?.x);
  const at = column.findIndex(({ place }) => place === here);
  switch (key) {
    case "ArrowUp":
      return column[at - 1]?.place;
    case "ArrowDown":
      return column[at + 1]?.place;
    case "ArrowLeft":
      return here.parent;
    case "ArrowRight":
      return folded.has(here.path) ? undefined : spots.find(({ place }) => place.parent === here)?.place;
    default:
      return undefined;
  }
}

interface NodeProps {
  readonly spot: Spot;
  readonly isSelected: boolean;
  readonly isTabStop: boolean;
  readonly isFolded: boolean;
  readonly onFold: (path: string, isFolded: boolean) => void;
  readonly onChoose: (path: string) => void;
}

function Node({ spot, isSelected, isTabStop, isFolded, onFold, onChoose }: NodeProps): JSX.Element {
  const { x, y, height, place } = spot;
  const { node, path } = place;
  const { supervisor, aggregate } = node;
  const restarts = Math.max(node.incarnation - 1, 0);
  const classes = [
    "node",
    node.behaviour === "supervisor" && "supervisor",
    isSelected && "selected",
    isFresh(node.id) && "fresh",
    doomed.value.has(node.id) && "doomed",
  ];
  return (
    <div
      class={classes.filter(Boolean).join(" ")}
      role="treeitem"
      tabIndex={isTabStop ? 0 : -1}
      aria-selected={isSelected}
      aria-expanded={node.children.length > 0 ? !isFolded : undefined}
      data-path={path}
      data-status={node.status}
      title={path}
      style={{ transform: `translate(${x}px, ${y}px)`, width: `${NODE_WIDTH}px`, height: `${height}px` }}
      onClick={() => onChoose(path)}
      onDblClick={() => go("process", node.id)}
    >
      <div class="line">
        <b>{node.key}</b>
        {restarts > 0 && (
          <span class="badge warn" title={`started anew ${restarts} times`}>
            ↻ {formatShort(restarts)}
          </span>
        )}
        {node.mailbox > 0 && (
          <span class="badge" title={`${node.mailbox} messages wait`}>
            ✉ {formatShort(node.mailbox)}
          </span>
        )}
        {node.children.length > 0 && (
          <button
            class="fold"
            tabIndex={-1}
            title={isFolded ? "Unfold" : "Fold"}
            onClick={(event) => {
              event.stopPropagation();
              onFold(path, !isFolded);
            }}
          >
            {isFolded ? `+${formatShort(node.below.processes)}` : "−"}
          </button>
        )}
      </div>
      <div class="line muted">
        <span class="what">
          {supervisor?.strategy ? formatStrategy(supervisor.strategy) : (node.state ?? node.definition)}
        </span>
        {supervisor?.restarts !== undefined && supervisor.restarts > 0 && (
          <span title={`has restarted its children ${supervisor.restarts} times`}>
            {formatShort(supervisor.restarts)} restarts
          </span>
        )}
      </div>
      {aggregate && (
        <a
          class="line aggregate"
          href={addressOf("connections", path)}
          tabIndex={-1}
          onClick={(event) => event.stopPropagation()}
        >
          <b class="number">× {formatCount(aggregate.count)}</b>
          <StateBar aggregate={aggregate} />
          <span class="muted what">{statesOf(aggregate)[0]?.[0]}</span>
        </a>
      )}
    </div>
  );
}

function useMatch(query: MediaQueryList): boolean {
  const [matches, setMatches] = useState(query.matches);
  useEffect(() => {
    const changed = (): void => setMatches(query.matches);
    query.addEventListener("change", changed);
    return () => query.removeEventListener("change", changed);
  }, [query]);
  return matches;
}
