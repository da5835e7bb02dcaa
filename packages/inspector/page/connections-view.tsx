import type { ChildRow, ChildSort, SortOrder } from "@espalier/inspector/api-types";
import type { JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { colourOf } from "./colours.ts";
import { formatBytes, formatCount } from "./format.ts";
import { HeatMap } from "./heat-map.tsx";
import { StateHistogram, statesOf } from "./histogram.tsx";
import { RowPages } from "./row-pages.ts";
import { useKeptScroll, useKeptView } from "./kept-scroll.ts";
import { addressOf, go, look, route } from "./route.ts";
import { countOf, families, type Place, places } from "./store.ts";

/** One height for all rows; the style sheet has the same. */
const ROW_HEIGHT = 32;
const REFRESH_MS = 2000;

interface Column {
  readonly sort: ChildSort;
  readonly title: string;
  readonly isNumber?: boolean;
  readonly cell: (row: ChildRow) => JSX.Element | string;
}

const COLUMNS: readonly Column[] = [
  { sort: "age", title: "pid", cell: ({ pid }) => pid },
  { sort: "key", title: "who", cell: ({ label, name, key }) => label ?? name ?? key },
  {
    sort: "state",
    title: "state",
    cell: ({ state, status }) => (
      <>
        <i class="dot" style={{ background: colourOf(state ?? status) }} />
        {state ?? status}
      </>
    ),
  },
  { sort: "mailbox", title: "waiting", isNumber: true, cell: ({ mailbox }) => formatCount(mailbox) },
  { sort: "reductions", title: "messages", isNumber: true, cell: ({ reductions }) => formatCount(reductions) },
  { sort: "bytesReceived", title: "received", isNumber: true, cell: ({ bytesReceived }) => formatBytes(bytesReceived) },
  { sort: "bytesSent", title: "sent", isNumber: true, cell: ({ bytesSent }) => formatBytes(bytesSent) },
  { sort: "unsentBytes", title: "unsent", isNumber: true, cell: ({ unsentBytes }) => formatBytes(unsentBytes) },
];

/** The children of an actor that are too many for the tree; `about` is its path, or nothing. */
export function ConnectionsView({ about }: { readonly about: string }): JSX.Element {
  const all = families.value;
  useKeptView("connections");
  const place = places.value.get(about) ?? (about === "" ? all[0] : undefined);
  if (place === undefined) {
    const text =
      about === ""
        ? "No actor has children that come and go. The connections of a listener will stand here."
        : `${about} is not there.`;
    return <div class="empty">{text}</div>;
  }
  return <Children key={place.path} place={place} others={all} />;
}

function Children({ place, others }: { readonly place: Place; readonly others: readonly Place[] }): JSX.Element {
  const { filter = "", state = "", sort: column, order: asked } = route.value.manner;
  const sort = COLUMNS.find((known) => known.sort === column)?.sort ?? "age";
  const order: SortOrder = asked === "desc" ? asked : "asc";
  const { aggregate, id, below } = place.node;
  const states = (aggregate ? statesOf(aggregate) : []).filter(([name]) => name !== "other");
  // Also when nobody is in it for the moment.
  if (state !== "" && !states.some(([name]) => name === state)) states.push([state, 0]);
  const count = countOf(place.node);
  const choose = (next: ChildSort): void => {
    const isSame = next === sort;
    const isNumber = COLUMNS.some((known) => known.sort === next && known.isNumber === true);
    look({ sort: next, order: isSame ? (order === "asc" ? "desc" : "asc") : isNumber ? "desc" : "asc" });
  };
  return (
    <section class="connections">
      <div class="bar">
        <select
          aria-label="Whose children"
          value={place.path}
          onChange={(event) => go("connections", event.currentTarget.value)}
        >
          {!others.includes(place) && <option value={place.path}>{place.path}</option>}
          {others.map(({ path, node }) => (
            <option key={path} value={path}>
              {path} ({formatCount(countOf(node))})
            </option>
          ))}
        </select>
        <input
          type="search"
          placeholder="Filter by address, name, handler"
          aria-label="Filter"
          value={filter}
          maxLength={200}
          onInput={(event) => look({ filter: event.currentTarget.value })}
        />
        <select aria-label="State" value={state} onChange={(event) => look({ state: event.currentTarget.value })}>
          <option value="">every state</option>
          {states.map(([name, number]) => (
            <option key={name} value={name}>
              {name} ({formatCount(number)})
            </option>
          ))}
        </select>
      </div>
      {aggregate && count > 0 && (
        <div class="summary">
          <StateHistogram
            aggregate={aggregate}
            hrefOf={(name) => addressOf("connections", place.path, { ...route.value.manner, state: name })}
          />
          <HeatMap id={id} count={count} height={96} />
        </div>
      )}
      {below.processes === 0 ? (
        <div class="empty">No connection is open. The next one will appear here.</div>
      ) : (
        <Rows id={id} filter={filter} state={state} sort={sort} order={order} onSort={choose} />
      )}
    </section>
  );
}

interface RowsProps {
  readonly id: string;
  readonly filter: string;
  readonly state: string;
  readonly sort: ChildSort;
  readonly order: SortOrder;
  readonly onSort: (sort: ChildSort) => void;
}

/** Only the rows that can be seen are there. */
function Rows({ id, filter, state, sort, order, onSort }: RowsProps): JSX.Element {
  const frame = useRef<HTMLDivElement>(null);
  const [, redraw] = useState(0);
  const [focused, setFocused] = useState(0);
  // Its height is there with the first answer; another order begins at the top.
  const isThere = useRef(false);
  const pages = useMemo(
    () => new RowPages({ id, filter, state, sort, order }, () => redraw((count) => count + 1)),
    [id, filter, state, sort, order],
  );
  isThere.current ||= pages.matching !== undefined;
  useKeptScroll(frame, "rows", isThere.current ? id : undefined);
  const element = frame.current;
  const top = element?.scrollTop ?? 0;
  const first = Math.max(0, Math.floor(top / ROW_HEIGHT) - 4);
  const shown = Math.ceil((element?.clientHeight ?? 400) / ROW_HEIGHT) + 8;
  const last = Math.min(first + shown, pages.matching ?? 0);
  useEffect(() => {
    pages.look(first, shown);
  }, [pages, first, shown]);
  useEffect(() => {
    const timer = setInterval(() => pages.refresh(), REFRESH_MS);
    return () => {
      clearInterval(timer);
      pages.close();
    };
  }, [pages]);
  const move = (to: number): void => {
    const index = Math.min(Math.max(to, 0), (pages.matching ?? 1) - 1);
    setFocused(index);
    const above = index * ROW_HEIGHT;
    if (!element) return;
    if (above < element.scrollTop) element.scrollTop = above;
    else if (above + 2 * ROW_HEIGHT > element.scrollTop + element.clientHeight) {
      element.scrollTop = above + 2 * ROW_HEIGHT - element.clientHeight;
    }
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const page = shown - 10;
    const steps: Readonly<Record<string, number>> = { ArrowUp: -1, ArrowDown: 1, PageUp: -page, PageDown: page };
    const step = steps[event.key];
    if (step !== undefined) move(focused + step);
    else if (event.key === "Home") move(0);
    else if (event.key === "End") move(Infinity);
    else if (event.key === "Enter" && event.target === element) openRow(pages.row(focused));
    else return;
    event.preventDefault();
  };
  const indexes = Array.from({ length: Math.max(last - first, 0) }, (_, index) => first + index);
  return (
    <div
      class="rows"
      ref={frame}
      role="grid"
      aria-label="Connections"
      aria-rowcount={pages.matching ?? -1}
      aria-activedescendant={`row-${focused}`}
      tabIndex={0}
      onScroll={() => redraw((count) => count + 1)}
      onKeyDown={onKeyDown}
    >
      <div class="row head" role="row">
        {COLUMNS.map((column) => (
          <div
            key={column.sort}
            role="columnheader"
            class={`${column.sort} ${column.isNumber === true ? "number" : ""}`}
            aria-sort={column.sort === sort ? (order === "asc" ? "ascending" : "descending") : "none"}
          >
            <button class="quiet" onClick={() => onSort(column.sort)}>
              {column.title}
              {column.sort === sort && (order === "asc" ? " ↑" : " ↓")}
            </button>
          </div>
        ))}
      </div>
      <div class="sheet" style={{ height: `${(pages.matching ?? 0) * ROW_HEIGHT}px` }}>
        {indexes.map((index) => (
          <Row key={index} index={index} row={pages.row(index)} isFocused={index === focused} />
        ))}
      </div>
      <div class="count" role="status" data-total={pages.total} data-matching={pages.matching}>
        {pages.error ??
          (pages.matching === undefined
            ? "Asking…"
            : pages.matching === 0
              ? "None fits the filter."
              : pages.matching === pages.total
                ? formatCount(pages.total ?? 0)
                : `${formatCount(pages.matching)} of ${formatCount(pages.total ?? 0)}`)}
      </div>
    </div>
  );
}

function openRow(row: ChildRow | undefined): void {
  if (row) go("process", row.id);
}

interface RowProps {
  readonly index: number;
  readonly row: ChildRow | undefined;
  readonly isFocused: boolean;
}

function Row({ index, row, isFocused }: RowProps): JSX.Element {
  return (
    <div
      id={`row-${index}`}
      class={`row ${isFocused ? "focused" : ""} ${row ? "" : "pending"}`}
      role="row"
      aria-rowindex={index + 1}
      data-id={row?.id}
      style={{ transform: `translateY(${index * ROW_HEIGHT}px)` }}
      onClick={() => openRow(row)}
    >
      {COLUMNS.map(({ sort, isNumber, cell }) => (
        <div key={sort} role="gridcell" class={`${sort} ${isNumber === true ? "number" : ""}`}>
          {row && cell(row)}
        </div>
      ))}
    </div>
  );
}
