import type {
  ChildRow,
  ListenerFact,
  LogEntry,
  OverviewAnswer,
  ProcessAnswer,
  RateSample,
  TreeNode,
} from "@espalier/inspector";
import * as fc from "fast-check";
import type { Facts } from "../../src/terminal/model.ts";
import type { ProcessRow } from "../../src/terminal/process-list.ts";

/** Names and labels as users and peers can choose them: anything. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: "binary", maxLength: 30 }),
  fc
    .array(fc.constantFrom("a", "\u0301", "樹", "🌳", "\u001b[2J", "\u009b", "\u202e", "\n", "\r", "\u0007"), {
      maxLength: 9,
    })
    .map((parts) => parts.join("")),
  fc.constantFrom("WAIT_FOR_DATA", "127.0.0.1:12345", "x".repeat(300)),
);
const number = fc.oneof(fc.nat(3), fc.nat(), fc.double({ min: 0, max: 1e18, noNaN: true }));
const counts = fc.dictionary(anyText, number, { maxKeys: 4 });
const id = fc.nat(20).map((pid) => `${pid}.1.some/${pid}`);
const pid = fc.nat(20).map((value) => `<0.${value}>`);
const maybe = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> =>
  fc.option(value, { nil: undefined });
const status = fc.constantFrom("starting", "waiting", "runnable", "busy", "suspended", "terminating", "dead");
const totals = fc.record({
  processes: number,
  mailbox: number,
  bytesReceived: number,
  bytesSent: number,
  unsentBytes: number,
});

const overview: fc.Arbitrary<OverviewAnswer> = fc.record({
  version: fc.constant(1 as const),
  system: anyText,
  at: number,
  wallClock: number,
  attachedAt: number,
  attachedFor: number,
  processes: number,
  runQueue: number,
  mailboxes: number,
  timers: number,
  tasks: number,
  counters: fc.record({
    steps: number,
    crashes: number,
    restarts: number,
    accepted: number,
    refused: number,
    bytesReceived: number,
    bytesSent: number,
  }),
  listeners: number,
  takesCommands: fc.boolean(),
  shows: fc.record({ states: fc.boolean(), messages: fc.boolean(), errors: fc.boolean(), metadata: fc.boolean() }),
});

const childRow: fc.Arbitrary<ChildRow> = fc.record({
  id,
  key: anyText,
  pid,
  name: maybe(anyText),
  label: maybe(anyText),
  definition: anyText,
  status,
  state: maybe(anyText),
  incarnation: fc.integer({ min: 1 }),
  mailbox: number,
  reductions: number,
  bytesReceived: number,
  bytesSent: number,
  unsentBytes: number,
  rate: maybe(number),
});

export const processRow: fc.Arbitrary<ProcessRow> = fc
  .tuple(childRow, anyText)
  .map(([row, path]) => Object.assign(row, { path }));

const supervisor = fc.record({
  strategy: maybe(anyText),
  intensity: maybe(number),
  periodMs: maybe(number),
  restarts: maybe(number),
  restartsInPeriod: maybe(number),
  maxClients: fc.constantFrom(undefined, "infinity" as const, 10),
});

function nodeOf(children: fc.Arbitrary<TreeNode[]>): fc.Arbitrary<TreeNode> {
  return fc.record({
    id,
    key: anyText,
    pid,
    name: maybe(anyText),
    label: maybe(anyText),
    behaviour: fc.constantFrom("server", "supervisor"),
    definition: anyText,
    status,
    state: maybe(anyText),
    incarnation: fc.integer({ min: 1 }),
    mailbox: number,
    below: totals,
    children,
    aggregate: maybe(fc.record({ count: number, states: counts, definitions: counts, totals, longestMailbox: number })),
    supervisor: maybe(supervisor),
  });
}

const leaf = nodeOf(fc.constant([]));
const branch = nodeOf(fc.array(leaf, { maxLength: 3 }));
const node = nodeOf(fc.array(fc.oneof(leaf, branch), { maxLength: 3 }));

export const listenerFact: fc.Arbitrary<ListenerFact> = fc.record({
  id: anyText,
  name: anyText,
  status: fc.constantFrom("running", "suspended", "recovering", "down"),
  address: anyText,
  transport: anyText,
  handler: anyText,
  isAsleep: fc.boolean(),
  connections: number,
  waiting: number,
  maxClients: fc.oneof(number, fc.constant("infinity" as const)),
  stats: counts,
  shutdowns: counts,
  acceptErrors: counts,
  datagrams: maybe(counts),
  accessRules: fc.array(anyText, { maxLength: 3 }),
  bytesReceived: number,
  bytesSent: number,
  unsentBytes: number,
  supervisor: maybe(id),
  connectionSupervisor: maybe(id),
});

const entry: fc.Arbitrary<LogEntry> = fc.record({
  number: fc.nat(),
  kind: fc.constantFrom("crash", "restart", "supervisor", "alarm", "command"),
  at: number,
  wallClock: number,
  id: maybe(id),
  path: anyText,
  text: anyText,
  reason: maybe(fc.record({ type: anyText, stack: maybe(fc.array(anyText, { maxLength: 3 })) })),
});

const sample: fc.Arbitrary<RateSample> = fc.record({
  at: number,
  seconds: number,
  processes: number,
  connections: number,
  mailboxes: number,
  runQueue: number,
  perSecond: overview.map(({ counters }) => counters),
});

const neighbours = fc.array(fc.record({ pid, id: maybe(id), path: maybe(anyText) }), { maxLength: 3 });
const process: fc.Arbitrary<ProcessAnswer> = fc.record({
  at: number,
  id,
  pid,
  path: anyText,
  incarnation: number,
  name: maybe(anyText),
  label: maybe(anyText),
  definition: anyText,
  behaviour: anyText,
  status,
  trapsExits: fc.boolean(),
  parent: fc.constant(undefined),
  children: number,
  links: neighbours,
  monitors: neighbours,
  monitoredBy: neighbours,
  mailbox: number,
  reductions: number,
  timers: fc.array(fc.record({ kind: anyText, description: anyText }), { maxLength: 3 }),
  sockets: fc.array(
    fc.record({
      peer: anyText,
      local: maybe(anyText),
      tls: maybe(anyText),
      bytesReceived: number,
      bytesSent: number,
      unsentBytes: number,
      packetsReceived: number,
      packetsSent: number,
      age: maybe(number),
      metadata: maybe(fc.dictionary(anyText, anyText, { maxKeys: 3 })),
    }),
    { maxLength: 2 },
  ),
  resources: counts,
  state: maybe(anyText),
  active: maybe(fc.array(anyText, { maxLength: 3 })),
  tags: maybe(fc.array(anyText, { maxLength: 3 })),
  detail: fc.jsonValue(),
  supervisor: maybe(supervisor),
  restarts: number,
  lastCrash: maybe(entry),
  isTraced: fc.boolean(),
  hasStatechart: fc.boolean(),
  more: fc.record({ links: number, monitors: number, monitoredBy: number, timers: number, sockets: number }),
});

/** Whatever an inspector may answer. */
export const anyFacts: fc.Arbitrary<Facts> = fc.record({
  overview: maybe(overview),
  rates: maybe(fc.record({ at: number, samples: fc.array(sample, { maxLength: 50 }) })),
  listeners: maybe(fc.record({ at: number, listeners: fc.array(listenerFact, { maxLength: 9 }) })),
  log: maybe(
    fc.record({
      at: number,
      entries: fc.array(entry, { maxLength: 30 }),
      counts: fc.record({ crash: number, restart: number, supervisor: number, alarm: number, command: number }),
      oldest: number,
    }),
  ),
  tree: maybe(fc.record({ at: number, roots: fc.array(node, { maxLength: 3 }), omitted: number })),
  list: maybe(
    fc.record({
      at: number,
      scope: fc.constantFrom(undefined, "1.1.some/1"),
      filter: fc.constantFrom("", "a"),
      rows: fc.array(processRow, { maxLength: 30 }),
      total: number,
      more: number,
      unknown: number,
    }),
  ),
  process: maybe(process),
});
