import type { LogEntry, LogKind } from "@espalier/inspector/api-types";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { formatCount, formatTime } from "./format.ts";
import { useKeptView } from "./kept-scroll.ts";
import { keep, kept } from "./kept.ts";
import { addressOf, look, route } from "./route.ts";
import { entries, logCounts, places } from "./store.ts";

const KINDS: readonly LogKind[] = ["crash", "restart", "supervisor", "alarm", "command"];
/** More are there than anybody reads at once. */
const MOST_SHOWN = 200;

/** What went wrong, and what was done about it; the newest first. */
export function LogView(): JSX.Element {
  const { filter = "", kind: asked } = route.value.manner;
  useKeptView(logCounts.value && "log");
  const kind = KINDS.find((name) => name === asked);
  const [limit, setLimit] = useState(MOST_SHOWN);
  const sought = filter.toLowerCase();
  const found = entries.value
    .filter((entry) => kind === undefined || entry.kind === kind)
    .filter(({ path, text }) => path.toLowerCase().includes(sought) || text.toLowerCase().includes(sought))
    .toReversed();
  return (
    <section class="log">
      <div class="bar">
        <div class="choices" role="group" aria-label="Kinds">
          <button aria-pressed={kind === undefined} onClick={() => look({ kind: "" })}>
            all
          </button>
          {KINDS.map((name) => (
            <button key={name} aria-pressed={kind === name} onClick={() => look({ kind: name })}>
              {name} <span class="number">{formatCount(logCounts.value?.[name] ?? 0)}</span>
            </button>
          ))}
        </div>
        <input
          type="search"
          placeholder="Filter by path or text"
          aria-label="Filter"
          value={filter}
          onInput={(event) => look({ filter: event.currentTarget.value })}
        />
      </div>
      {found.length === 0 ? (
        <div class="empty">
          {entries.value.length === 0
            ? "Nothing has gone wrong since the inspector was attached."
            : "No entry that is still kept fits the filter."}
        </div>
      ) : (
        <ol class="entries">
          {found.slice(0, limit).map((entry) => (
            <li key={entry.number} class={entry.kind}>
              <Reason entry={entry} />
            </li>
          ))}
        </ol>
      )}
      {found.length > limit && <button onClick={() => setLimit(limit + MOST_SHOWN)}>Show older ones</button>}
    </section>
  );
}

/** An entry, and if there is a stack, that too. */
export function Reason({ entry }: { readonly entry: LogEntry }): JSX.Element {
  const { kind, wallClock, path, text, reason } = entry;
  const fold = `thrown-${entry.number}`;
  const [wasOpen] = useState(() => kept(fold) === true);
  const id = places.value.get(path)?.node.id ?? entry.id;
  return (
    <div class="entry">
      <time class="number muted" dateTime={new Date(wallClock).toISOString()}>
        {formatTime(wallClock)}
      </time>
      <span class={`chip ${kind}`}>{kind}</span>
      <div>
        {id === undefined ? (
          <span class="path">{path}</span>
        ) : (
          <a class="path" href={addressOf("process", id)}>
            {path}
          </a>
        )}
        <p>{text}</p>
        {reason?.stack && reason.stack.length > 0 && (
          <details open={wasOpen} onToggle={(event) => keep(fold, event.currentTarget.open)}>
            <summary>Where it was thrown</summary>
            <pre>{[reason.message, ...reason.stack].filter(Boolean).join("\n")}</pre>
          </details>
        )}
      </div>
    </div>
  );
}
