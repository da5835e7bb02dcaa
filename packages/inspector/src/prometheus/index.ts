import { Counter, Gauge, type Metric, Registry } from "prom-client";
import { InvalidOptionError } from "../errors.ts";
import type { Inspector } from "../inspector.ts";
import { DELAY_HELP, DelayMetric } from "./event-loop-delay.ts";

export interface PrometheusOptions {
  /** What the names of all metrics begin with. @defaultValue "espalier_" */
  readonly prefix?: string;
  /**
   * Where the metrics are registered, to be told together with others, of which none may have one of their names.
   * @defaultValue a registry of their own
   */
  readonly register?: Registry;
  /** Whether Node measures how late its event loop is, every 20 ms. @defaultValue true */
  readonly eventLoopDelay?: boolean;
}

/** Metrics of one system. */
export interface Metrics {
  readonly register: Registry;
  /** Reads everything now, in Prometheus' text format. */
  text(): Promise<string>;
  /** The same as an answer to a scrape. */
  response(): Promise<Response>;
  /** Takes the metrics out of the registry, and stops measuring the event loop. */
  close(): void;
}

/**
 * Metrics of an inspected system for Prometheus, by prom-client. They are read when they are scraped, from what the system
 * counts anyhow: nothing is added to the path of a message.
 *
 * @throws InvalidOptionError (`ERR_INVALID_OPTION`); nothing is registered then
 */
export function prometheus(inspector: Inspector, options: PrometheusOptions = {}): Metrics {
  const { prefix = "espalier_", register = new Registry(), eventLoopDelay = true } = options;
  if (!/^[a-zA-Z_]\w{0,63}$/u.test(prefix)) {
    const expected = "letters, digits and underscores, and no digit first";
    throw new InvalidOptionError([{ option: "prefix", value: prefix, expected }]);
  }
  /** By their names. They are registered when it is known that all of them can be. */
  const metrics = new Map<string, Metric>();
  const kept = <Kept extends Metric>(name: string, metric: Kept): Kept => {
    metrics.set(prefix + name, metric);
    return metric;
  };
  const common = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) => {
    return { name: prefix + name, help, labelNames, registers: [] };
  };
  const gauge = <Label extends string = never>(name: string, help: string, ...labels: Label[]): Gauge<Label> =>
    kept(name, new Gauge(common(name, help, labels)));
  const counter = <Label extends string = never>(name: string, help: string, ...labels: Label[]): Counter<Label> =>
    kept(name, new Counter(common(name, help, labels)));

  // A registry asks its metrics one after the other without a pause: the first that is asked reads for all of them.
  const processes = kept(
    "processes",
    new Gauge({ ...common("processes", "Living actors", []), collect: () => read() }),
  );
  const mailboxes = gauge("mailbox_messages", "Messages that wait in mailboxes");
  const runQueue = gauge("run_queue_length", "Actors with something to do");
  const timers = gauge("timers", "Armed timers");
  const signals = counter("signals_total", "Signals delivered");
  const crashes = counter("crashes_total", "Actors that ended by their own failure");
  const restarts = counter("restarts_total", "Actors that were started anew since the inspector was attached");
  const up = gauge("listener_up", "1 if the listener runs, 0 if it is suspended, recovering or down", "listener");
  const connections = gauge("connections", "Open connections", "listener");
  const most = gauge("max_connections", "As many connections as the listener takes at once", "listener");
  const waiting = gauge(
    "waiting_clients",
    "Clients that wait for a place or an acceptor, no connections yet",
    "listener",
  );
  const accepts = counter("accepts_total", "Accepted sockets by what became of them", "listener", "outcome");
  const ends = counter("connections_ended_total", "Connections that ended, by reason", "listener", "reason");
  const received = counter("received_bytes_total", "Bytes received over connections", "listener");
  const sent = counter("sent_bytes_total", "Bytes sent over connections, unsent ones included", "listener");
  const unsent = gauge("unsent_bytes", "Bytes sent and not yet handed to the system", "listener");
  const acceptErrors = counter(
    "accept_errors_total",
    "Connections that failed before they were accepted",
    "listener",
    "code",
  );
  const datagrams = counter(
    "datagrams_total",
    "Datagrams of UDP listeners by what became of them; one that failed afterwards is among the sent too",
    "listener",
    "outcome",
  );
  const late = eventLoopDelay ? gauge("event_loop_delay_seconds", DELAY_HELP, "quantile") : undefined;
  const ofListeners = [up, connections, most, waiting, accepts, ends, received, sent, unsent, acceptErrors, datagrams];
  const all = [signals, crashes, restarts, ...ofListeners];

  const taken = [...metrics.keys()].filter((name) => register.getSingleMetric(name) !== undefined);
  if (taken.length > 0) {
    const expected = `a registry that has no ${taken.join(", ")}, or there must be another prefix`;
    throw new InvalidOptionError([{ option: "register", value: register, expected }]);
  }
  for (const metric of metrics.values()) register.registerMetric(metric);
  const delay = late && new DelayMetric(late);

  function read(): void {
    const { readings } = inspector;
    const moment = readings.moment();
    const overview = readings.overview(moment);
    // A listener that is closed is told of no more.
    for (const metric of all) metric.reset();
    processes.set(overview.processes);
    mailboxes.set(overview.mailboxes);
    runQueue.set(overview.runQueue);
    timers.set(overview.timers);
    signals.inc(overview.counters.steps);
    crashes.inc(overview.counters.crashes);
    restarts.inc(overview.counters.restarts);
    for (const facts of readings.listeners(moment).listeners) {
      const { id: listener } = facts;
      up.set({ listener }, facts.status === "running" ? 1 : 0);
      connections.set({ listener }, facts.connections);
      most.set({ listener }, facts.maxClients === "infinity" ? Infinity : facts.maxClients);
      waiting.set({ listener }, facts.waiting);
      received.inc({ listener }, facts.bytesReceived);
      sent.inc({ listener }, facts.bytesSent);
      unsent.set({ listener }, facts.unsentBytes);
      for (const [outcome, count] of Object.entries(facts.stats)) accepts.inc({ listener, outcome }, count);
      for (const [reason, count] of Object.entries(facts.shutdowns)) ends.inc({ listener, reason }, count);
      for (const [code, count] of Object.entries(facts.acceptErrors)) acceptErrors.inc({ listener, code }, count);
      // Those received are the sum of the others on their way in, but for what waits: as an outcome they would count twice.
      const { received: _received, ...outcomes } = facts.datagrams ?? { received: 0 };
      for (const [outcome, count] of Object.entries(outcomes)) datagrams.inc({ listener, outcome }, count);
    }
    delay?.read();
  }

  return {
    register,
    text: () => register.metrics(),
    response: async () => new Response(await register.metrics(), { headers: { "content-type": register.contentType } }),
    close() {
      for (const name of metrics.keys()) register.removeSingleMetric(name);
      delay?.stop();
    },
  };
}
