import type { Mutant } from "../mutant.ts";
import { heldOut } from "./held-out-mutant.ts";

const ACTORS = "packages/actors/src";
const SUPERVISOR = "packages/supervisor/src";
const SOCKETS = "packages/sockets/src";

/**
 * Mistakes that were made by somebody who had read the sources only, and neither the tests nor the search. Of these, the
 * search found 11 when it first met them, since there were no targets for what most of them are about; now there are.
 */
export const heldOutMutants: readonly Mutant[] = [
  // — Kernel and machines ————————————————————————————————————————————————————————————————————————————————————————
  heldOut(
    "suspended-deaf-to-parent",
    {
      class: "kernel",
      wrong: "a suspended actor that traps exits does not hear of its parent's end",
      faults: 0,
      targets: ["errands"],
    },
    [
      `${ACTORS}/internal/runner.ts`,
      "      if (message instanceof Exit && message.from === this.parentPid) return index;\n",
      "",
    ],
    "T32-orders",
  ),
  heldOut(
    "abandoned-response-still-comes",
    {
      class: "calls",
      wrong: "a response that has come already is still delivered when its request is abandoned",
      faults: 0,
      targets: ["errands"],
    },
    [
      `${ACTORS}/internal/process.ts`,
      "    this.takeMessage((message) => message instanceof Response && message.id === id);\n",
      "",
    ],
    "T31-notes",
  ),
  heldOut(
    "fired-monitor-not-flushed",
    {
      class: "monitors",
      wrong: "demonitor with flush leaves early for a monitor that has fired, and its Down stays",
      faults: 1,
      targets: ["errands"],
    },
    [
      `${ACTORS}/internal/process.ts`,
      "    if (ref instanceof Monitor && ref.owner === this) {\n",
      "    if (!(ref instanceof Monitor) || ref.owner !== this) return;\n    {\n",
    ],
    "T31-notes",
  ),
  heldOut(
    "last-exit-signal-decides",
    {
      class: "links",
      wrong: "of two exit signals that cannot be refused, the later one gives the reason",
      faults: 1,
      targets: ["errands"],
    },
    [
      `${ACTORS}/internal/mortal.ts`,
      "    if (rest.doom !== null) return;\n    rest.doom = reason;\n",
      "    rest.doom = reason;\n",
    ],
    "T32-orders",
  ),
  heldOut(
    "next-event-behind-postponed",
    {
      class: "machine",
      wrong: "events that were inserted come behind those that were put off",
      faults: 0,
      targets: ["errands"],
    },
    [
      `${ACTORS}/internal/machine/shell.ts`,
      "    for (const event of retried.toReversed()) this.#queue.unshift(this.#due(event));\n    for (const due of this.#inserted.toReversed()) this.#queue.unshift(due);\n",
      "    for (const due of this.#inserted.toReversed()) this.#queue.unshift(due);\n    for (const event of retried.toReversed()) this.#queue.unshift(this.#due(event));\n",
    ],
    "T31-notes",
  ),
  heldOut(
    "shutdown-reason-too-late",
    {
      class: "machine",
      wrong: "a machine that ends while it handles its parent's request has not noted the reason yet",
      faults: 0,
      targets: ["errands"],
    },
    [
      `${ACTORS}/machine.ts`,
      "    self.shutdownReason = reason;\n    this.#handle(process, self, event);\n",
      "    this.#handle(process, self, event);\n    self.shutdownReason = reason;\n",
    ],
    "T32-orders",
  ),
  heldOut(
    "stopped-child-reports",
    {
      class: "machine",
      wrong: "what a stopped child of a machine has reported is heard all the same, and counts for the next of its id",
      faults: 0,
      targets: ["errands"],
    },
    [`${ACTORS}/internal/machine/family.ts`, "    return !child.isLetGo;\n", "    return true;\n"],
    "T31-notes",
  ),
  heldOut(
    "pushed-back-timer-early",
    {
      class: "timers",
      wrong: "a timer that was pushed back and is moved in the heap for another's sake is due at its old time",
      faults: 0,
      targets: ["echo"],
    },
    [
      `${ACTORS}/internal/timer-queue.ts`,
      "      const due = times[2 * lastPlace + 1] as number;\n",
      "      const due = times[2 * lastPlace] as number;\n",
    ],
    "T24-idle",
  ),
  heldOut(
    "offer-to-dead-waits",
    {
      class: "mailbox",
      wrong: "who waits for room in a mailbox waits for ever when its actor dies",
      faults: 1,
      targets: ["errands"],
    },
    [`${ACTORS}/internal/mortal.ts`, "    particulars?.bound?.release(this.self);\n", ""],
    "T31-notes",
  ),

  // — Supervisors ————————————————————————————————————————————————————————————————————————————————————————————————
  heldOut(
    "shutdown-timer-left",
    {
      class: "shutdown",
      wrong: "the time limit of a child that has ended in time goes on, and comes to its supervisor as a message",
      faults: 0,
      targets: ["tree"],
    },
    [
      `${SUPERVISOR}/shutdown.ts`,
      "    process.cancelTimer(timer);\n    // It may have fired already, behind the notice of the death.\n",
      "    // It may have fired already, behind the notice of the death.\n",
    ],
    "T15-rest",
  ),
  heldOut(
    "killed-children-not-awaited",
    {
      class: "shutdown",
      wrong: "when the time of many children is up, they are killed and not waited for",
      faults: 0,
      targets: ["tree"],
    },
    [
      `${SUPERVISOR}/shutdown.ts`,
      "      for (const pid of waitingFor.values()) process.exit(pid, kill);\n",
      "      for (const pid of waitingFor.values()) process.exit(pid, kill);\n      return ends;\n",
    ],
    "I23-cleanup",
  ),
  heldOut(
    "restart-by-old-template",
    {
      class: "restart",
      wrong: "after a change of code, the children of a dynamic supervisor are restarted as they were first started",
      faults: 1,
      targets: ["errands"],
    },
    [
      `${SUPERVISOR}/dynamic-children.ts`,
      "    for (const { child, start } of starts) child.start = start;\n",
      "    void starts;\n",
    ],
    "T32-orders",
  ),
  heldOut(
    "failed-start-not-rolled-back",
    {
      class: "supervision",
      wrong: "a supervisor whose start fails leaves the children that it had to their links",
      faults: 1,
      targets: ["echo"],
    },
    [`${SUPERVISOR}/static-supervisor.ts`, "    yield* this.terminateAll();\n", ""],
    "I23-cleanup",
  ),
  heldOut(
    "terminated-while-restarting",
    {
      class: "supervision",
      wrong: "a child that is terminated while it waits for its restart is restarted all the same",
      faults: 1,
      targets: ["trees"],
    },
    [
      `${SUPERVISOR}/lifecycle.ts`,
      '      if (!isOrderlyEnd(reason, spec.shutdown, spec.restart)) this.report("shutdownError", reason, child);\n    }\n    this.#children.ended(child);\n',
      '      if (!isOrderlyEnd(reason, spec.shutdown, spec.restart)) this.report("shutdownError", reason, child);\n      this.#children.ended(child);\n    }\n',
    ],
    "I19-otp",
  ),
  heldOut(
    "restarting-count-drifts",
    {
      class: "supervision",
      wrong: "a dynamic child that is terminated while it waits for its restart is counted as restarting for ever",
      faults: 1,
      targets: ["errands"],
    },
    [`${SUPERVISOR}/dynamic-lifecycle.ts`, "    this.#children.setRestarting(child, false);\n", ""],
    "T32-orders",
  ),

  // — Sockets ————————————————————————————————————————————————————————————————————————————————————————————————————
  heldOut(
    "refused-listen-keeps-port",
    {
      class: "listener",
      wrong: "the listening socket stays open when postListen refuses",
      faults: 0,
      targets: ["limited"],
    },
    [
      `${SOCKETS}/listener.ts`,
      "  if (refusal !== undefined) {\n    socket.close();\n",
      "  if (refusal !== undefined) {\n",
    ],
    "T20-listener",
  ),
  heldOut(
    "left-limit-frees-no-place",
    {
      class: "connection",
      wrong: "who waits for a place is not let in when a connection leaves the limit",
      faults: 0,
      targets: ["limited"],
    },
    [
      `${SOCKETS}/connection-supervisor.ts`,
      "      this.#children.leaveLimit(connection);\n      this.#publish();\n",
      "      this.#children.leaveLimit(connection);\n",
    ],
    "T33-limits",
    "T20-listener",
  ),
  heldOut(
    "drain-forgets-queued",
    {
      class: "drain",
      wrong: "clients that wait for a place are not refused when the listener closes, but hang until it has",
      faults: 0,
      targets: ["closing"],
    },
    [
      `${SOCKETS}/connection-supervisor.ts`,
      '    for (const { connection } of this.#queue.splice(0)) this.#refuse(connection, "closedOther");\n',
      "",
    ],
    "T16-drain",
  ),
  heldOut(
    "drain-cuts-the-buried",
    {
      class: "drain",
      wrong: "a listener that closes does not wait for what dead handlers have sent",
      faults: 0,
      targets: ["drained"],
    },
    [`${SOCKETS}/connection-supervisor.ts`, "    yield* this.#burials.settle(left);\n", "    void left;\n"],
    "T16-drain",
  ),
  heldOut(
    "ended-start-keeps-acceptor",
    {
      class: "acceptor",
      wrong: "the acceptor whose handler is told to end while it starts is never answered",
      faults: 1,
      targets: ["stewarded"],
    },
    [
      `${SOCKETS}/connection-supervisor.ts`,
      '      this.#refuse(child.connection, "closedOther");\n      this.#release(child.acceptor);\n',
      '      this.#refuse(child.connection, "closedOther");\n',
    ],
    "T20-listener",
  ),
  heldOut(
    "uncounted-never-forgotten",
    {
      class: "connection",
      wrong: "a connection that had left the limit makes room for one more when it is gone, too",
      faults: 0,
      targets: ["limited"],
    },
    [`${SOCKETS}/connection-table.ts`, "    this.#uncounted.delete(child.connection);\n", ""],
    "T33-limits",
  ),
  heldOut(
    "refused-options-stay",
    {
      class: "listener",
      wrong: "options that could not be put into effect count all the same",
      faults: 1,
      targets: ["limited"],
    },
    [`${SOCKETS}/apply-options.ts`, "    setOptions(record, optionsBefore, configBefore);\n", ""],
    "T33-limits",
  ),
  heldOut(
    "broken-send-never-settles",
    {
      class: "connection",
      wrong: "who waits until what was sent is handed over hears nothing when the connection breaks",
      faults: 1,
      targets: ["limited"],
    },
    [`${SOCKETS}/connection-life.ts`, "    this.outflow?.fail(code ?? this.endCode);\n", ""],
    "T0-operation",
  ),
  heldOut(
    "cut-packet-hides-close",
    {
      class: "framing",
      wrong: "a handler that has activated is not told of the close behind a packet that was cut off",
      faults: 0,
      targets: ["echo"],
    },
    [`${SOCKETS}/intake.ts`, "    return this.#lets || !this.#holdsBytes;\n", "    return !this.#holdsBytes;\n"],
    "T21-gone",
  ),
  heldOut(
    "slow-client-never-times-out",
    {
      class: "backpressure",
      wrong: "a client that has taken the first bytes in time may be as slow as it likes with all that follow",
      faults: 0,
      targets: ["slow", "echo"],
    },
    [
      `${SOCKETS}/outflow.ts`,
      "    else if (this.handedBytes >= this.#upTo) this.watch();\n",
      "    else if (this.handedBytes >= this.#upTo) this.arm();\n",
    ],
    "T23-slow",
  ),
  heldOut(
    "drained-reader-stays-paused",
    {
      class: "backpressure",
      wrong: "a client that has read everything is not read again",
      faults: 0,
      targets: ["drained"],
    },
    [
      `${SOCKETS}/outflow.ts`,
      "    if (!this.#host.isOver) this.stop();\n    this.#host.syncReading();\n",
      "    if (!this.#host.isOver) this.stop();\n",
    ],
    "T21-gone",
  ),
  heldOut(
    "paused-clock-starts-over",
    {
      class: "backpressure",
      wrong: "the time for a packet begins anew with each pause of the reader",
      faults: 0,
      targets: ["callbacks"],
    },
    [
      `${SOCKETS}/reading-clock.ts`,
      "    this.#leftMs = Math.max(this.#leftMs - (this.#connection.now() - this.#since), 0);\n",
      "",
    ],
    "T24-idle",
  ),
  heldOut(
    "paused-reader-not-forgiven",
    {
      class: "backpressure",
      wrong: "connections that wait for an old limit on bytes go on to wait when a new one is set",
      faults: 0,
      targets: ["limited"],
    },
    [`${SOCKETS}/byte-limit.ts`, "    for (const throttle of this.paused) throttle.forgive();\n", ""],
    "T33-limits",
  ),
  heldOut(
    "proxy-reset-untold",
    {
      class: "proxy",
      wrong: "a connection that is lost while its PROXY header is read never hears that its socket is gone",
      faults: 0,
      targets: ["proxied"],
    },
    [
      `${SOCKETS}/proxy-reader.ts`,
      '    this.#giveUp({ type: "proxyProtocolClosed" });\n    this.#events.closed(code);\n',
      '    this.#giveUp({ type: "proxyProtocolClosed" });\n    void code;\n',
    ],
    "T20-listener",
  ),
  heldOut(
    "undecided-bytes-lost",
    {
      class: "proxy",
      wrong: "of a client without a PROXY header, the bytes are lost that might have been the beginning of one",
      faults: 0,
      targets: ["undecided"],
    },
    [`${SOCKETS}/proxy-reader.ts`, "[...this.#doubtful, bytes]", "[bytes]"],
    "I15-model",
  ),
  heldOut(
    "handshake-deadline-starts-over",
    {
      class: "proxy",
      wrong: "the time that the PROXY header has taken is not taken off that of the handshake",
      faults: 0,
      targets: ["conversing"],
    },
    [
      `${SOCKETS}/preamble.ts`,
      "handshake.start(early, this.#taker.now() - this.#since);",
      "handshake.start(early, 0);",
    ],
    "T38-scenes",
  ),
  heldOut(
    "handshake-close-unnoticed",
    {
      class: "connection",
      wrong: "a client that closes in the middle of its handshake is waited for until its time is up",
      faults: 0,
      targets: ["securing"],
    },
    [`${SOCKETS}/transports/secure-socket.ts`, '    stream.on("end", () => this.#fail(undefined));\n', ""],
    "T26-header",
  ),
  heldOut(
    "reconnect-leaves-pause",
    {
      class: "connector",
      wrong: "a client that is told to connect at once does so again when the pause is over",
      faults: 0,
      targets: ["pooled"],
    },
    [
      `${SOCKETS}/client-attempts.ts`,
      "    this.#cancelPause();\n    // A client has one socket at most.\n",
      "    // A client has one socket at most.\n",
    ],
    "I21-client",
  ),
  heldOut(
    "killed-client-tells-nobody",
    {
      class: "client",
      wrong: "who waits for the first connection of a client that is killed waits for ever",
      faults: 1,
      targets: ["connecting"],
    },
    [`${SOCKETS}/client.ts`, "    void ended.then(onFirst);\n", ""],
    "T0-operation",
  ),
  heldOut(
    "first-remover-forgotten",
    {
      class: "pool",
      wrong: "of two who remove the same connection of a pool, only the second is answered",
      faults: 0,
      targets: ["pooled"],
    },
    [
      `${SOCKETS}/pool-member.ts`,
      "    this.#removal = [...(this.#removal ?? []), from];\n",
      "    this.#removal = [from];\n",
    ],
    "T0-operation",
  ),
  heldOut(
    "closed-peer-stays-known",
    {
      class: "listener",
      wrong: "a UDP peer whose connection was closed is not forgotten, and gets the datagrams of the next",
      faults: 0,
      targets: ["datagrams"],
    },
    [
      `${SOCKETS}/udp/peer-socket.ts`,
      "    if (this.#isClosed) return;\n    this.#forget();\n    this.#end(undefined);\n",
      "    if (this.#isClosed) return;\n    this.#end(undefined);\n",
    ],
    "T36-datagrams",
  ),
  heldOut(
    "killed-steward-leaves-owner",
    {
      class: "connection",
      wrong: "the owner of a connection lives on with it when its steward is killed",
      faults: 1,
      targets: ["stewarded"],
    },
    [`${SOCKETS}/steward.ts`, "    process.own(new LastWill(() => this.#dismiss()));\n", ""],
    "T35-owners",
  ),
  heldOut(
    "resumed-for-all",
    {
      class: "kernel",
      wrong: "who ends his own suspension of an actor ends that of others, too",
      faults: 0,
      targets: ["errands"],
    },
    [
      `${ACTORS}/internal/system-message.ts`,
      "  process.isSuspended = others.size > 0;\n",
      "  process.isSuspended = false;\n",
    ],
    "T32-orders",
  ),
  heldOut(
    "failed-spec-stays",
    {
      class: "supervision",
      wrong: "the spec of a child that was to be added stays when its first start fails",
      faults: 1,
      targets: ["errands"],
    },
    [
      `${SUPERVISOR}/management.ts`,
      "    // OTP: a spec whose first start fails is not kept.\n    this.#children.remove(child);\n",
      "",
    ],
    "T32-orders",
  ),
  heldOut(
    "restarting-sibling-is-none",
    {
      class: "supervision",
      wrong: "a significant child that waits for its restart is not taken for one that is left",
      faults: 1,
      targets: ["errands"],
    },
    [
      `${SUPERVISOR}/static-supervisor.ts`,
      "spec.significant && state !== undefined);",
      'spec.significant && typeof state === "object");',
    ],
    "T32-orders",
  ),
  heldOut(
    "queue-served-backwards",
    {
      class: "listener",
      wrong: "of those who wait for a place, the last gets it first",
      faults: 0,
      targets: ["limited"],
    },
    [
      `${SOCKETS}/connection-supervisor.ts`,
      "        this.#queue.push(request);\n",
      "        this.#queue.unshift(request);\n",
    ],
    "T37-queue",
  ),
  heldOut(
    "waiter-for-one-more",
    {
      class: "pool",
      wrong: "who waits for so many connections of a pool waits for one more",
      faults: 0,
      targets: ["pooled"],
    },
    [
      `${SOCKETS}/pool-process.ts`,
      "this.#waiters.answer((count) => count <= connected);",
      "this.#waiters.answer((count) => count < connected);",
    ],
    "T2-pool",
  ),
  heldOut(
    "bucket-runs-over",
    {
      class: "listener",
      wrong: "what a quiet time has saved of a rate of connections is kept without a limit",
      faults: 0,
      targets: ["limited"],
    },
    [
      `${SOCKETS}/token-bucket.ts`,
      "this.#credit = Math.min(full, this.#credit + (now - this.#countedUpTo) * this.#capacity);",
      "this.#credit = this.#credit + (now - this.#countedUpTo) * this.#capacity;",
    ],
    "T33-limits",
  ),
  heldOut(
    "starttls-misses-the-close",
    {
      class: "connection",
      wrong: "a handshake begins with a client that has closed already, and its time has to run out",
      faults: 0,
      targets: ["securing"],
    },
    [
      `${SOCKETS}/connection-life.ts`,
      '    if (this.#last !== null) this.failed({ type: "tlsHandshakeClosed" });\n    else if (early',
      "    if (early",
    ],
    "T21-gone",
    "T26-header",
  ),
  heldOut(
    "alarm-left-set",
    {
      class: "listener",
      wrong: "the alarm about connections is not cleared when nothing is watched any more",
      faults: 0,
      targets: ["limited"],
    },
    [
      `${SOCKETS}/alarms.ts`,
      '    if (this.#connections?.isSet === true) this.#tell("alarmCleared", "connections", this.#connections, 0);\n',
      "",
    ],
    "T33-limits",
  ),
  heldOut(
    "buried-never-disowned",
    {
      class: "connection",
      wrong: "a connection whose socket is gone still belongs to the supervisor that has buried it",
      faults: 0,
      targets: ["echo"],
    },
    [
      `${SOCKETS}/burials.ts`,
      "      process.disown(connection);\n      this.#buried.delete(connection);\n",
      "      this.#buried.delete(connection);\n",
    ],
    "T20-listener",
  ),
];
