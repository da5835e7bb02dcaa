import type { Neighbour, ProcessAnswer, ProcessId, StatechartAnswer, TracedEvent } from "@espalier/inspector/api-types";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { ask, RefusedError } from "./api.ts";
import { give, kill } from "./commands.ts";
import { formatBytes, formatCount, formatDuration, formatStrategy } from "./format.ts";
import { useKeptScroll, useKeptView } from "./kept-scroll.ts";
import { Reason } from "./log-view.tsx";
import { addressOf } from "./route.ts";
import { link, overview, places } from "./store.ts";
import { Statechart } from "./statechart.tsx";
import { Stream } from "./stream.ts";

const MOST_EVENTS = 200;
const NONE: readonly TracedEvent[] = [];

/** One actor in full, as long as it lives, and as it was last. */
export function ProcessView({ id }: { readonly id: ProcessId }): JSX.Element {
  const [process, setProcess] = useState<ProcessAnswer>();
  // Null once it is known that there is none.
  const [chart, setChart] = useState<StatechartAnswer | null>();
  const [isGone, setGone] = useState(false);
  const [events, setEvents] = useState(NONE);
  const [received, setReceived] = useState(NONE);
  useEffect(() => {
    const abort = new AbortController();
    ask("process", { id }, abort.signal).then(setProcess, (error: unknown) => {
      if (error instanceof RefusedError && error.status === 404) setGone(true);
    });
    ask("statechart", { id }, abort.signal).then(setChart, () => setChart(null));
    const stream = new Stream(
      () => ({ topics: "process,trace", id }),
      ({ name, data }) => {
        if (name === "process") setProcess(data);
        else if (name === "gone") setGone(true);
        else if (name === "trace" && data.events.length > 0) {
          const fresh = data.events;
          // A stream that was opened again tells it all from the start, and so does one of a new trace.
          setEvents((known) => (fresh[0]?.number === 1 ? fresh : [...known, ...fresh].slice(-MOST_EVENTS)));
          setReceived(fresh.filter(({ direction }) => direction === "in"));
        }
      },
    );
    return () => {
      abort.abort();
      stream.close();
    };
  }, [id]);
  const state = useRef<HTMLPreElement>(null);
  const place = process === undefined || chart === undefined ? undefined : id;
  useKeptView(place);
  useKeptScroll(state, "state", place);
  if (process === undefined) {
    return (
      <div class="empty">
        {isGone ? "This actor is not there; it may have died." : "Asking…"}
        {isGone && <Successor id={id} path={id.split(".").slice(2).join(".")} />}
      </div>
    );
  }
  return (
    <article class={`process ${isGone ? "gone" : ""}`}>
      <Head process={process} isGone={isGone} />
      {isGone && (
        <div class="banner inline" role="status">
          <span>It has ended. What you see is how it was last.</span>
          <Successor id={id} path={process.path} />
        </div>
      )}
      <div class="columns">
        {(chart || process.isTraced || events.length > 0) && (
          <div class="stack">
            {chart && (
              <section>
                <h3>
                  {chart.machine}
                  {overview.value?.takesCommands === true && !process.isTraced && !isGone && (
                    <span class="muted">: trace it, and transitions flash as they are taken</span>
                  )}
                </h3>
                <div class="chart-frame">
                  <Statechart chart={chart} active={process.active ?? []} received={received} />
                </div>
              </section>
            )}
            {(process.isTraced || events.length > 0) && <Trace events={events} />}
          </div>
        )}
        <div class="stack">
          <section>
            <Facts process={process} />
          </section>
          {process.sockets.length > 0 && <Sockets process={process} />}
          {process.lastCrash && (
            <section>
              <h3>Last crash on this path</h3>
              <Reason entry={process.lastCrash} />
            </section>
          )}
          <Neighbours process={process} />
        </div>
        {process.detail !== undefined && (
          <div class="stack whole">
            <section>
              <h3>State</h3>
              <pre ref={state}>{JSON.stringify(process.detail, undefined, 2)}</pre>
            </section>
          </div>
        )}
      </div>
    </article>
  );
}

function Head({ process, isGone }: { readonly process: ProcessAnswer; readonly isGone: boolean }): JSX.Element {
  const { id, path, status, state, isTraced, parent, label, name, children } = process;
  const isBlocked = isGone || overview.value?.takesCommands !== true || link.value.type !== "live";
  const supervisor = places.value.get(parent?.path ?? "")?.node.behaviour === "supervisor" ? parent?.path : undefined;
  return (
    <div class="process-head">
      <div>
        <p class="path">{parent?.id && <a href={addressOf("process", parent.id)}>{`↑\u00A0${parent.path}`}</a>}</p>
        <h1>{label ?? name ?? path.split("/").at(-1)}</h1>
        <p>
          <span class={`chip ${isGone ? "dead" : status}`}>{isGone ? "ended" : status}</span>
          {state !== undefined && <span class="chip state">{state}</span>}
          {isTraced && <span class="chip traced">traced</span>}
        </p>
      </div>
      {overview.value?.takesCommands === true && (
        <div class="actions">
          <button disabled={isBlocked} onClick={() => void give("trace", { id, on: !isTraced })}>
            {isTraced ? "Stop tracing" : "Trace"}
          </button>
          {status === "suspended" ? (
            <button disabled={isBlocked} onClick={() => void give("resume", { id })}>
              Resume
            </button>
          ) : (
            <button disabled={isBlocked} onClick={() => void give("suspend", { id })}>
              Suspend
            </button>
          )}
          <button class="danger" disabled={isBlocked} onClick={() => void kill(id, path, children, supervisor)}>
            Kill
          </button>
        </div>
      )}
    </div>
  );
}

/** Who runs in its place. */
function Successor({ id, path }: { readonly id: ProcessId; readonly path: string }): JSX.Element | null {
  const node = places.value.get(path)?.node;
  if (node === undefined || node.id === id) return null;
  return <a href={addressOf("process", node.id)}>Its successor runs: number {node.incarnation}</a>;
}

function Facts({ process }: { readonly process: ProcessAnswer }): JSX.Element {
  const { supervisor } = process;
  const resources = Object.entries(process.resources).map(([kind, count]) => `${count} ${kind}`);
  const facts: readonly (readonly [string, ComponentChildren])[] = [
    ["pid", process.pid],
    ["path", process.path],
    ["name", process.name],
    ["runs", `${process.definition} (${process.behaviour})`],
    [
      "incarnation",
      `${formatCount(process.incarnation)}${process.restarts > 0 ? ` (${formatCount(process.restarts)} restarts)` : ""}`,
    ],
    ["waiting messages", formatCount(process.mailbox)],
    ["messages handled", formatCount(process.reductions)],
    ["children", process.children > 0 ? formatCount(process.children) : undefined],
    ["traps exits", process.trapsExits ? "yes" : undefined],
    ["tags", process.tags && process.tags.length > 0 ? process.tags.join(", ") : undefined],
    ["strategy", supervisor?.strategy && formatStrategy(supervisor.strategy)],
    [
      "gives up after",
      supervisor?.intensity === undefined
        ? undefined
        : `${formatCount(supervisor.intensity)} restarts in ${formatDuration(supervisor.periodMs ?? 0)}`,
    ],
    ["restarts so far", supervisor?.restarts === undefined ? undefined : formatCount(supervisor.restarts)],
    ["max clients", supervisor?.maxClients],
    ["owns", resources.length > 0 ? resources.join(", ") : undefined],
    ...process.timers.map(({ kind, description }): readonly [string, string] => [
      kind,
      sayWhen(description, process.at),
    ]),
  ];
  return (
    <dl class="facts">
      {facts.map(
        ([name, value], index) =>
          value !== undefined && (
            <div key={`${name}${index}`}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ),
      )}
    </dl>
  );
}

/** How long it takes until then: by itself, a time by the clock of the system says little. */
function sayWhen(description: string, at: number): string {
  return description.replace(/due at ([\d.]+)$/u, (_, due) => `in ${formatDuration(Math.max(0, Number(due) - at))}`);
}

function Sockets({ process }: { readonly process: ProcessAnswer }): JSX.Element {
  return (
    <section>
      <h3>Socket</h3>
      {process.sockets.map((socket, index) => (
        <dl class="facts" key={index}>
          {[
            ["client", socket.peer],
            ["local", socket.local],
            ["TLS", socket.tls],
            ["received", `${formatBytes(socket.bytesReceived)} in ${formatCount(socket.packetsReceived)} packets`],
            ["sent", `${formatBytes(socket.bytesSent)} in ${formatCount(socket.packetsSent)} packets`],
            ["unsent", formatBytes(socket.unsentBytes)],
            ["open for", socket.age === undefined ? undefined : formatDuration(socket.age)],
            ...Object.entries(socket.metadata ?? {}),
          ].map(
            ([name, value]) =>
              value !== undefined && (
                <div key={name}>
                  <dt>{name}</dt>
                  <dd>{value}</dd>
                </div>
              ),
          )}
        </dl>
      ))}
    </section>
  );
}

function Neighbours({ process }: { readonly process: ProcessAnswer }): JSX.Element | null {
  const groups = (["links", "monitors", "monitoredBy"] as const).filter((group) => process[group].length > 0);
  if (groups.length === 0) return null;
  return (
    <section>
      {groups.map((group) => (
        <div key={group}>
          <h3>{group === "monitoredBy" ? "Monitored by" : group === "links" ? "Links" : "Monitors"}</h3>
          <ul class="neighbours">
            {process[group].map((neighbour) => (
              <li key={neighbour.pid}>
                <NeighbourLink neighbour={neighbour} />
              </li>
            ))}
          </ul>
          {process.more[group] > 0 && <p class="muted">and {formatCount(process.more[group])} more</p>}
        </div>
      ))}
    </section>
  );
}

function NeighbourLink({ neighbour: { id, path, pid } }: { readonly neighbour: Neighbour }): JSX.Element {
  return id === undefined ? (
    <span class="muted">{pid} (dead)</span>
  ) : (
    <a href={addressOf("process", id)}>
      {path} <span class="muted">{pid}</span>
    </a>
  );
}

function Trace({ events }: { readonly events: readonly TracedEvent[] }): JSX.Element {
  return (
    <section>
      <h3>Messages</h3>
      {events.length === 0 && <p class="muted">Nothing has come in or gone out since it is traced.</p>}
      <ol class="trace">
        {events.toReversed().map(({ number, at, direction, type, to, message }, index, all) => (
          <li key={number}>
            <span class="muted number">{(at / 1000).toFixed(3)}</span>
            <span class={direction}>{direction === "in" ? "→" : "←"}</span>
            <span>
              {type}
              {to !== undefined && <span class="muted"> to {to}</span>}
              {message !== undefined && <code>{JSON.stringify(message)}</code>}
              <Missed before={all[index + 1]?.number} number={number} />
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}

/** Says that messages were too many to be kept, before the first that is shown or between two of them. */
function Missed({ before = 0, number }: { readonly before: number | undefined; readonly number: number }) {
  const missed = number - before - 1;
  return missed > 0 && <span class="muted"> after {missed} more, which were too many to be kept</span>;
}
