import type { ListenerFact } from "@espalier/inspector/api-types";
import type { JSX } from "preact";
import { confirm, give } from "./commands.ts";
import { formatBytes, formatCount } from "./format.ts";
import { useKeptView } from "./kept-scroll.ts";
import { AccessRules, MaxClients } from "./listener-settings.tsx";
import { addressOf } from "./route.ts";
import { listeners, overview, places } from "./store.ts";

export function ListenersView(): JSX.Element {
  const all = listeners.value?.listeners ?? [];
  useKeptView(listeners.value && "listeners");
  if (all.length === 0) {
    return <div class="empty">This inspector knows no listener. Those of the option “sockets” stand here.</div>;
  }
  return (
    <div class="cards">
      {all.map((listener) => (
        <Card key={listener.id} listener={listener} />
      ))}
    </div>
  );
}

function Card({ listener }: { readonly listener: ListenerFact }): JSX.Element {
  const { id, connections, maxClients, status, connectionSupervisor } = listener;
  const path = [...places.value.values()].find(({ node }) => node.id === connectionSupervisor)?.path;
  const takesCommands = overview.value?.takesCommands === true;
  const isBounded = maxClients !== "infinity";
  return (
    <section class="card">
      <div class="panel-head">
        <h2>{id}</h2>
        <span class={`chip ${status}`}>{status}</span>
        {listener.isAsleep && <span class="chip">asleep</span>}
      </div>
      <p class="muted">
        {listener.transport} {listener.address}, runs {listener.handler}
      </p>
      <p class="large">
        <a href={addressOf("connections", path)}>
          <span class="number">{formatCount(connections)}</span>
          {isBounded && <span class="muted"> of {formatCount(maxClients)}</span>} connections
        </a>
        {listener.waiting > 0 && <span class="muted">, {formatCount(listener.waiting)} waiting</span>}
      </p>
      {isBounded && <meter min={0} max={maxClients} high={maxClients * 0.85} value={connections} />}
      {takesCommands && (
        <>
          <Actions listener={listener} />
          <MaxClients listener={listener} />
        </>
      )}
      <dl class="facts">
        <Fact name="received" value={formatBytes(listener.bytesReceived)} />
        <Fact name="sent" value={formatBytes(listener.bytesSent)} />
        <Fact name="unsent" value={formatBytes(listener.unsentBytes)} />
      </dl>
      <AccessRules listener={listener} takesCommands={takesCommands} />
      <Counts title="Accepted sockets" counts={listener.stats} />
      <Counts title="Ends of connections" counts={listener.shutdowns} />
      <Counts title="Errors of accepting" counts={listener.acceptErrors} />
    </section>
  );
}

function Actions({ listener: { id, status } }: { readonly listener: ListenerFact }): JSX.Element {
  const drain = async (): Promise<void> => {
    const text = "It takes no more clients, and closes when the last one has left, or after 30 s.";
    if (await confirm(`Drain ${id}?`, text, "Drain")) await give("drainListener", { listener: id });
  };
  return (
    <div class="actions">
      {status === "suspended" ? (
        <button onClick={() => void give("resumeListener", { listener: id })}>Resume</button>
      ) : (
        <button onClick={() => void give("suspendListener", { listener: id })}>Suspend</button>
      )}
      <button class="danger" onClick={() => void drain()}>
        Drain
      </button>
    </div>
  );
}

function Fact({ name, value }: { readonly name: string; readonly value: string }): JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function Counts({
  title,
  counts,
}: {
  readonly title: string;
  readonly counts: Readonly<Record<string, number>>;
}): JSX.Element | null {
  const some = Object.entries(counts).filter(([, count]) => count > 0);
  if (some.length === 0) return null;
  return (
    <>
      <h3>{title}</h3>
      <dl class="facts">
        {some.map(([name, count]) => (
          <Fact key={name} name={name} value={formatCount(count)} />
        ))}
      </dl>
    </>
  );
}
