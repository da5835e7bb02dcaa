import type { JSX } from "preact";
import { give } from "./commands.ts";
import { formatBytes, formatCount, formatDuration, formatStrategy } from "./format.ts";
import { HeatMap } from "./heat-map.tsx";
import { StateHistogram } from "./histogram.tsx";
import { addressOf } from "./route.ts";
import { overview, type Place } from "./store.ts";

interface PanelProps {
  readonly place: Place;
  readonly onClose: () => void;
  readonly onKill: () => void;
}

/** What stands beside the tree about the actor that was chosen in it. */
export function ProcessPanel({ place, onClose, onKill }: PanelProps): JSX.Element {
  const { node, path, parent } = place;
  const { supervisor, aggregate, below } = node;
  const isListedChild =
    parent?.node.behaviour === "supervisor" && parent.node.supervisor?.strategy !== "simpleOneForOne";
  const takesCommands = overview.value?.takesCommands === true;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ["pid", node.pid],
    ["name", node.name],
    ["label", node.label],
    ["runs", `${node.definition} (${node.behaviour})`],
    ["status", node.status],
    ["state", node.state],
    ["incarnation", formatCount(node.incarnation)],
    ["waiting messages", formatCount(node.mailbox)],
    ["strategy", supervisor?.strategy && formatStrategy(supervisor.strategy)],
    [
      "restarts",
      supervisor?.restarts === undefined
        ? undefined
        : `${formatCount(supervisor.restarts)}, ${formatCount(supervisor.restartsInPeriod ?? 0)} of ${supervisor.intensity ?? "?"} in ${formatDuration(supervisor.periodMs ?? 0)}`,
    ],
    ["below it", below.processes > 0 ? `${formatCount(below.processes)} actors` : undefined],
    ["received below", below.bytesReceived > 0 ? formatBytes(below.bytesReceived) : undefined],
    ["sent below", below.bytesSent > 0 ? formatBytes(below.bytesSent) : undefined],
  ];
  return (
    <aside class="panel" aria-label={`About ${path}`}>
      <div class="panel-head">
        <h2>{node.key}</h2>
        <button class="quiet" onClick={onClose} title="Close">
          ✕
        </button>
      </div>
      <p class="path">{path}</p>
      <div class="actions">
        <a class="button main" href={addressOf("process", node.id)}>
          Open
        </a>
        {takesCommands && (
          <>
            {node.status === "suspended" ? (
              <button onClick={() => void give("resume", { id: node.id })}>Resume</button>
            ) : (
              <button onClick={() => void give("suspend", { id: node.id })}>Suspend</button>
            )}
            {parent && isListedChild && (
              <button onClick={() => void give("restartChild", { id: parent.node.id, child: node.key })}>
                Restart
              </button>
            )}
            <button class="danger" onClick={onKill}>
              Kill
            </button>
          </>
        )}
      </div>
      <dl class="facts">
        {facts.map(
          ([name, value]) =>
            value !== undefined && (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ),
        )}
      </dl>
      {aggregate && (
        <>
          <h3>
            <a href={addressOf("connections", path)}>{formatCount(aggregate.count)} children</a>
          </h3>
          <StateHistogram aggregate={aggregate} hrefOf={(state) => addressOf("connections", path, { state })} />
          <HeatMap id={node.id} count={aggregate.count} />
        </>
      )}
    </aside>
  );
}
