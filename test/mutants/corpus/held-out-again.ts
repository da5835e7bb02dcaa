import type { Mutant } from "../mutant.ts";
import { heldOut } from "./held-out-mutant.ts";

const ACTORS = "packages/actors/src";
const SUPERVISOR = "packages/supervisor/src";
const SOCKETS = "packages/sockets/src";

/** A second set, made when the search had been widened for the first, by others who had read the sources only as well. */
export const heldOutAgain: readonly Mutant[] = [
  heldOut(
    "demonitor-flush-only-while-watching",
    {
      class: "monitors",
      wrong:
        "demonitor with flush takes the Down out of the mailbox only if the monitor is still active, when there is none there",
      faults: 1,
      targets: ["errands", "trees", "tree"],
    },
    [
      `${ACTORS}/internal/process.ts`,
      '      if (this.kernel.tracer !== null) this.kernel.trace("demonitor", this, { target: ref.pid, ref });\n    }\n    if (options.flush === true) this.takeMessage((message) => message instanceof Down && message.ref === ref);',
      '      if (this.kernel.tracer !== null) this.kernel.trace("demonitor", this, { target: ref.pid, ref });\n      if (options.flush === true) this.takeMessage((message) => message instanceof Down && message.ref === ref);\n    }',
    ],
    "T31-notes",
  ),
  heldOut(
    "kill-by-link-cannot-be-trapped",
    {
      class: "links",
      wrong: "a reason `kill` that comes by a link is treated as if somebody had sent the signal kill",
      faults: 0,
      targets: ["clauses"],
    },
    [
      `${ACTORS}/internal/mortal.ts`,
      "      other.acceptExit(pid, reason, true, this);",
      "      other.acceptExit(pid, reason, false, this);",
    ],
    "T40-clauses",
  ),
  heldOut(
    "stop-reply-survives-kill",
    {
      class: "calls",
      wrong: "the answer of stopReply is sent also when the clean-up was cut short by a kill",
      faults: 2,
      targets: ["clauses"],
    },
    [
      `${ACTORS}/internal/mortal.ts`,
      "    const cleanedUp = this.phase === TERMINATING && !this.isDoomed;",
      "    const cleanedUp = this.phase === TERMINATING;",
    ],
    "T40-clauses",
  ),
  heldOut(
    "stale-promise-ends-terminate",
    {
      class: "async",
      wrong:
        "a promise of a callback that was overtaken by a crash counts, when it settles, as the end of the clean-up that is under way",
      faults: 2,
      targets: ["clauses"],
    },
    [
      `${ACTORS}/internal/runner.ts`,
      "    // Only death moves on the phase of an actor that waits, and it has taken the task off the count.\n    if (this.phase !== phase) return;",
      "    // Nobody waits for it any more.\n    if (this.phase === DEAD) return;",
    ],
    "T40-clauses",
  ),
  heldOut(
    "suspended-handles-all-exits",
    {
      class: "kernel",
      wrong:
        "a suspended actor that traps exits handles exit messages of anybody, not only of its parent, and out of order",
      faults: 1,
      targets: ["clauses"],
    },
    [
      `${ACTORS}/internal/runner.ts`,
      "      if (message instanceof Exit && message.from === this.parentPid) return index;",
      "      if (message instanceof Exit) return index;",
    ],
    "T40-clauses",
  ),
  heldOut(
    "old-name-dies-twice",
    {
      class: "registry",
      wrong: "an actor that has given up its name remembers it, and frees it once more when it dies",
      faults: 1,
      targets: ["clauses"],
    },
    [
      `${ACTORS}/internal/member.ts`,
      "    this.kernel.names.delete(name);\n    this.allParticulars().name = undefined;",
      "    this.kernel.names.delete(name);",
    ],
    "T40-clauses",
    "I12-name",
  ),
  heldOut(
    "heap-removal-only-sinks",
    {
      class: "timers",
      wrong:
        "when a timer is taken out of the middle of the heap, the one that fills the gap is moved down only, never up",
      faults: 0,
      targets: ["errands", "tree", "echo"],
    },
    [
      `${ACTORS}/internal/timer-queue.ts`,
      "      if (place > 0 && this.#isBefore(lastPlace, (place - 1) >> 1)) this.#up(place, last, key, due, keyOrder, order);\n      else this.#down(place, last, key, due, keyOrder, order);",
      "      this.#down(place, last, key, due, keyOrder, order);",
    ],
    "I22-late",
  ),
  heldOut(
    "unshift-into-full-ring",
    {
      class: "mailbox",
      wrong: "putting something in front of a queue whose array is just full overwrites its last item",
      faults: 0,
      targets: ["clauses"],
    },
    [
      `${ACTORS}/internal/ring.ts`,
      "  unshift(item: Item): void {\n    if (this.#length === this.#items.length) this.#grow();",
      "  unshift(item: Item): void {",
    ],
    "T40-clauses",
  ),
  heldOut(
    "dead-callers-call-goes-on",
    {
      class: "calls",
      wrong:
        "when a caller dies, its call only stops watching the callee; its timer stays armed and its promise may still be settled",
      faults: 1,
      targets: ["errands", "callbacks", "tree"],
    },
    [
      `${ACTORS}/internal/pending-call.ts`,
      "  override release(): void {\n    this.#finish(CALLER_DIED);\n  }",
      "  override release(): void {\n    this.unwatch();\n  }",
    ],
    "T7-timers",
  ),
  heldOut(
    "resume-does-not-end-all",
    {
      class: "kernel",
      wrong: "a resume by nobody in particular ends only the suspension by nobody in particular, instead of all",
      faults: 0,
      targets: ["clauses"],
    },
    [
      `${ACTORS}/internal/system-message.ts`,
      "  const others = new Set(by === undefined ? null : process.suspenders);\n  if (by !== undefined && !others.delete(by)) return;",
      "  const others = new Set(process.suspenders);\n  if (!others.delete(by)) return;",
    ],
    "T40-clauses",
  ),
  heldOut(
    "terminate-leaves-host-timer",
    {
      class: "kernel",
      wrong:
        "the timer that kills an actor which takes too long stays armed on the host when the actor has ended in time",
      faults: 0,
      targets: ["clauses"],
    },
    [
      `${ACTORS}/system.ts`,
      "    const reason = await ended;\n    disarm();\n    return reason;",
      "    const reason = await ended;\n    return reason;",
    ],
    "T40-clauses",
  ),
  heldOut(
    "shutdown-forgets-orphans",
    {
      class: "kernel",
      wrong:
        "shutdown of a system ends only what was started from outside, and forgets those whose parent is dead and who are linked to nobody",
      faults: 1,
      targets: ["clauses"],
    },
    [
      `${ACTORS}/system.ts`,
      "    // What was spawned without a link and outlived its parent belongs to nobody else.\n    for (let next = kernel.lastProcess; next !== null; next = kernel.lastProcess)\n      await this.terminate(next.pid, timeoutMs);\n    kernel.stop();",
      "    kernel.stop();",
    ],
    "I10-residue",
  ),
  heldOut(
    "postponed-come-in-reverse",
    {
      class: "machine",
      wrong: "events that were postponed come again in reverse order",
      faults: 0,
      targets: ["clauses"],
    },
    [
      `${ACTORS}/internal/machine/shell.ts`,
      "    for (const event of retried.toReversed()) this.#queue.unshift(this.#due(event));",
      "    for (const event of retried) this.#queue.unshift(this.#due(event));",
    ],
    "T40-clauses",
  ),
  heldOut(
    "dropped-message-is-silence",
    {
      class: "machine",
      wrong: "a message that is no event and that the machine cannot take does not cancel the event timeout",
      faults: 0,
      targets: ["clauses"],
    },
    [
      `${ACTORS}/machine.ts`,
      "      // It has come all the same, and a timeout that waits for silence has heard it.\n      self.shell?.eventArrives();\n      self.shell?.eventHandled(undefined, self.configuration);\n    }",
      "    }",
    ],
    "T40-clauses",
  ),
  heldOut(
    "fired-timeout-not-void",
    {
      class: "machine",
      wrong: "a timer of a machine that has fired and waits in the mailbox cannot be cancelled any more",
      faults: 1,
      targets: ["clauses"],
    },
    [
      `${ACTORS}/internal/machine/scope.ts`,
      "    if (timer.place < 0) timer.makeVoid();\n    else this.#cancelled.push(timer);",
      "    if (timer.place >= 0) this.#cancelled.push(timer);",
    ],
    "T40-clauses",
  ),
  heldOut(
    "code-change-loses-timeouts",
    {
      class: "upgrade",
      wrong:
        "a change of code or replaceState cancels all `after` timers of a machine, also those of states that it is still in, which are not armed again",
      faults: 1,
      targets: ["clauses"],
    },
    [
      `${ACTORS}/internal/machine/migrate.ts`,
      "      if (id?.startsWith(AFTER) === true && !timeouts.has(id)) scope.cancel(self, id);",
      "      if (id?.startsWith(AFTER) === true) scope.cancel(self, id);",
    ],
    "T40-clauses",
  ),
  heldOut(
    "news-of-stopped-child",
    {
      class: "machine",
      wrong: "what a child has told its machine before it was stopped, and nobody has read yet, is not taken back",
      faults: 2,
      targets: ["errands", "undecided", "connecting"],
    },
    [`${ACTORS}/internal/machine/family.ts`, "    return !child.isLetGo;", "    return true;"],
    "T31-notes",
  ),
  heldOut(
    "all-significant-counts-the-dead",
    {
      class: "supervision",
      wrong: "with allSignificant, significant children whose spec stays without a process count as if they ran",
      faults: 0,
      targets: ["trees"],
    },
    [`${SUPERVISOR}/static-supervisor.ts`, "spec.significant && state !== undefined);", "spec.significant);"],
    "I19-otp",
  ),
  heldOut(
    "failed-start-keeps-spec",
    {
      class: "supervision",
      wrong: "the spec of a child whose start by startChild fails stays",
      faults: 1,
      targets: ["clauses"],
    },
    [
      `${SUPERVISOR}/management.ts`,
      "    // OTP: a spec whose first start fails is not kept.\n    this.#children.remove(child);\n    return asResult(failure);",
      "    return asResult(failure);",
    ],
    "T40-clauses",
  ),
  heldOut(
    "restarted-dynamic-child-twice",
    {
      class: "supervision",
      wrong: "a dynamic child that was restarted stays in the table under its old pid too",
      faults: 1,
      targets: ["clauses"],
    },
    [
      `${SUPERVISOR}/simple-one-for-one.ts`,
      "    this.#children.delete(child.pid);\n    if (!this.#restarts.take()) {",
      "    if (!this.#restarts.take()) {",
    ],
    "T40-clauses",
  ),
  heldOut(
    "restart-window-without-edge",
    {
      class: "restart",
      wrong: "a restart that is exactly the period back does not count against the intensity any more",
      faults: 1,
      targets: ["trees", "tree"],
    },
    [
      `${SUPERVISOR}/restart-intensity.ts`,
      "      if (now <= oldest + this.#periodSeconds) break;",
      "      if (now < oldest + this.#periodSeconds) break;",
    ],
    "I5-intensity",
  ),
  heldOut(
    "temporary-siblings-revived",
    {
      class: "restart",
      wrong: "a restart of a group also starts its temporary children again, which are in no table any more",
      faults: 1,
      targets: ["trees"],
    },
    [
      `${SUPERVISOR}/static-supervisor.ts`,
      "    const revived = group.filter(({ spec }) => this.#children.byId(spec.id) !== undefined);",
      "    const revived = group;",
    ],
    "I13-supervision",
  ),
  heldOut(
    "failed-boot-does-not-roll-back",
    {
      class: "supervision",
      wrong:
        "when a child fails to start with its supervisor, those that had started before are not stopped one by one; they only lose their parent",
      faults: 1,
      targets: ["trees", "starting"],
    },
    [
      `${SUPERVISOR}/static-supervisor.ts`,
      "    if (failed === undefined) return;\n    yield* this.terminateAll();",
      "    if (failed === undefined) return;",
    ],
    "I19-otp",
  ),
  heldOut(
    "skip-not-corrected-for-earlier-ends",
    {
      class: "shutdown",
      wrong:
        "a dynamic supervisor that stops passes over notices of death in its mailbox, by as many as the exits that it has taken out in front of them",
      faults: 2,
      targets: ["trees", "tree"],
    },
    [`${SUPERVISOR}/shutdown.ts`, "  const skip = waitingBefore - earlier.size;", "  const skip = waitingBefore;"],
    "T30-crash",
  ),
  heldOut(
    "group-restart-tries-the-wrong-child",
    {
      class: "restart",
      wrong:
        "if a sibling fails in the restart of a group, the next attempt is for the child whose end had set off the restart, which runs by now",
      faults: 2,
      targets: ["trees", "starting"],
    },
    [
      `${SUPERVISOR}/static-supervisor.ts`,
      "    this.#process.sendSelf(new TryAgain(result.child));",
      "    this.#process.sendSelf(new TryAgain(failed));",
    ],
    "I13-supervision",
  ),
  heldOut(
    "try-again-of-former-life",
    {
      class: "restart",
      wrong: "a restart after a pause that was meant for a former life of the child is made for the present one",
      faults: 3,
      targets: ["clauses"],
    },
    [
      `${SUPERVISOR}/static-supervisor.ts`,
      '    const isWaiting = child.state === "restarting" && (incarnation ?? child.incarnation) === child.incarnation;\n    return isWaiting',
      '    const isWaiting = child.state === "restarting";\n    return isWaiting',
    ],
    "T40-clauses",
  ),
  heldOut(
    "recv-drops-rest-of-chunk",
    {
      class: "connection",
      wrong: "a receive of an exact length that ends in the middle of a later chunk throws the rest of that chunk away",
      faults: 1,
      targets: ["passive", "decoding"],
    },
    [`${SOCKETS}/demands.ts`, "    chunks[0] = rest.subarray(length - offset);\n", "    chunks.shift();\n"],
    "I15-model",
  ),
  heldOut(
    "keepalive-compares-with-first-look",
    {
      class: "connection",
      wrong: "the keepalive compares each time with the count of bytes at its start instead of that of its last look",
      faults: 0,
      targets: ["conversing"],
    },
    [
      `${SOCKETS}/keepalive.ts`,
      "      else this.start();\n",
      '      else if (this.#intervalMs !== "infinity") this.#timer?.arm(this.#intervalMs);\n',
    ],
    "T38-scenes",
  ),
  heldOut(
    "recv-timer-outlives-its-request",
    {
      class: "connection",
      wrong: "the timer of a receive that was answered is not cancelled when the next request has no time limit",
      faults: 1,
      targets: ["conversing"],
    },
    [
      `${SOCKETS}/demands.ts`,
      '    if (first === undefined || first.timeoutMs === "infinity") {\n      this.#limit?.cancel();\n      return;\n    }\n',
      '    if (first === undefined || first.timeoutMs === "infinity") return;\n',
    ],
    "T38-scenes",
  ),
  heldOut(
    "left-limit-counts-for-ever",
    {
      class: "listener",
      wrong: "a connection that has left the limit and ended is still subtracted from those that count",
      faults: 0,
      targets: ["limited"],
    },
    [`${SOCKETS}/connection-table.ts`, "    this.#uncounted.delete(child.connection);\n", ""],
    "T33-limits",
  ),
  heldOut(
    "queue-one-at-a-time",
    {
      class: "listener",
      wrong:
        "when there is a place, or options change, only the first of the waiting connections is looked at, and if it cannot be started it goes behind the others",
      faults: 0,
      targets: ["managed"],
    },
    [
      `${SOCKETS}/connection-supervisor.ts`,
      "    for (const request of this.#queue.splice(0)) this.#start(request);\n",
      "    const request = this.#queue.shift();\n    if (request !== undefined) this.#start(request);\n",
    ],
    "T38-scenes",
  ),
  heldOut(
    "recover-after-resume",
    {
      class: "listener",
      wrong:
        "a listener that was suspended and resumed during the pause of its recovery tries to bind its address again when the pause is over",
      faults: 2,
      targets: ["restarted", "reopened", "tree"],
    },
    [
      `${SOCKETS}/listener.ts`,
      "  if (!record.isRecovering || record.isSuspended) return;\n",
      "  if (record.isSuspended) return;\n",
    ],
    "T20-listener",
  ),
  heldOut(
    "dead-acceptor-swallows-client",
    {
      class: "acceptor",
      wrong: "a client is taken out of those that wait before it is known whether the acceptor lives",
      faults: 1,
      targets: ["echo", "undecided"],
    },
    [
      `${SOCKETS}/listening-socket.ts`,
      "      const [connection] = this.#waiting;\n      const acceptor = idleAcceptors.shift();\n      if (connection === undefined || acceptor === undefined) return;\n      // The acceptor owns it before it hears of it: should it die in between, the socket is closed.\n      if (!this.#listener.give(connection, acceptor)) continue;\n      this.#waiting.shift();\n",
      "      const connection = this.#waiting.shift();\n      const acceptor = idleAcceptors.shift();\n      if (connection === undefined || acceptor === undefined) return;\n      // The acceptor owns it before it hears of it: should it die in between, the socket is closed.\n      if (!this.#listener.give(connection, acceptor)) continue;\n",
    ],
    "I8-probe",
  ),
  heldOut(
    "send-timeout-only-once",
    {
      class: "backpressure",
      wrong:
        "after everything was sent, it is not noted that nothing is unsent, so the time for sending does not begin again the next time something cannot be sent",
      faults: 1,
      targets: ["conversing"],
    },
    [`${SOCKETS}/outflow.ts`, "    this.isBlocked = false;\n    this.#upTo = 0;\n", "    this.isBlocked = false;\n"],
    "T38-scenes",
  ),
  heldOut(
    "pool-restart-not-cancelled",
    {
      class: "pool",
      wrong: "starting a pool's client does not cancel the restart that is due after its crash",
      faults: 1,
      targets: ["pooled"],
    },
    [`${SOCKETS}/pool-member.ts`, "    this.cancelRestart();\n    record.start();\n", "    record.start();\n"],
    "T2-pool",
  ),
  heldOut(
    "pause-goes-on-behind-reconnect",
    {
      class: "client",
      wrong: "a new attempt to connect does not end the pause before it",
      faults: 1,
      targets: ["reconnecting", "pooled"],
    },
    [
      `${SOCKETS}/client-attempts.ts`,
      "    this.#cancelPause();\n    // A client has one socket at most.\n",
      "    // A client has one socket at most.\n",
    ],
    "I21-client",
  ),
  heldOut(
    "steward-stopped-normally-waits",
    {
      class: "connection",
      wrong:
        "a steward that is to end as `normal` passes just that on to the owner of the socket, to whom a signal of `normal` is none",
      faults: 0,
      targets: ["conversing"],
    },
    [
      `${SOCKETS}/steward.ts`,
      '    this.#process.exit(this.owner, reason.type === "normal" ? shutdown() : reason);\n',
      "    this.#process.exit(this.owner, reason);\n",
    ],
    "T38-scenes",
  ),
  heldOut(
    "silence-behind-a-message",
    {
      class: "connector",
      wrong: "a connector's timer of silence that has run out behind another message is not taken out of the mailbox",
      faults: 1,
      targets: ["conversing"],
    },
    [
      `${SOCKETS}/connector.ts`,
      "    if (process.cancelTimer(silence.timer) === undefined) process.takeMessage((other) => other === silence.message);\n",
      "    process.cancelTimer(silence.timer);\n",
    ],
    "T38-scenes",
  ),
  heldOut(
    "empty-packet-at-the-end-of-a-chunk",
    {
      class: "framing",
      wrong: "an empty packet whose length header ends a chunk is not a packet until more bytes have come",
      faults: 0,
      targets: ["conversing"],
    },
    [
      `${SOCKETS}/framing.ts`,
      "    const packet = this.#size === 0 ? EMPTY : this.take(this.#size);\n",
      "    const packet = this.take(this.#size);\n",
    ],
    "T38-scenes",
  ),
  heldOut(
    "pipe-behind-the-end",
    {
      class: "connection",
      wrong: "a pipe from a connection whose peer has closed its side already does not pass that end on",
      faults: 1,
      targets: ["conversing"],
    },
    [`${SOCKETS}/connection.ts`, '      if (this.last?.type === "closed" && !this.isOver) to.shut();\n', ""],
    "T38-scenes",
  ),
  heldOut(
    "rate-without-burst-has-no-effect",
    {
      class: "connection",
      wrong: "maxBytesPerSecond that a connection sets while it is open does not bring its burst along",
      faults: 0,
      targets: ["conversing"],
    },
    [
      `${SOCKETS}/options.ts`,
      "  const { maxBytesPerSecond: burstBytes } = parsed.output;\n  return burstBytes === undefined ? parsed.output : { burstBytes, ...parsed.output };\n",
      "  return parsed.output;\n",
    ],
    "T38-scenes",
  ),
  heldOut(
    "set-options-loses-listen-data",
    {
      class: "listener",
      wrong: "new options of a listener throw away what postListen has returned",
      faults: 0,
      targets: ["managed"],
    },
    [
      `${SOCKETS}/apply-options.ts`,
      "  const { listenData } = record.config;\n  record.options = options;\n  record.config = Object.freeze({ ...config, listenData });\n",
      "  record.options = options;\n  record.config = config;\n",
    ],
    "T38-scenes",
  ),
  heldOut(
    "shutdown-time-counted-twice",
    {
      class: "drain",
      wrong: "what dead handlers have sent gets the whole shutdown time once more, after the handlers have had theirs",
      faults: 2,
      targets: ["managed"],
    },
    [
      `${SOCKETS}/connection-supervisor.ts`,
      '    const left = shutdown === "infinity" ? shutdown : Math.max(started + shutdown - this.#process.now(), 0);\n',
      "    const left = shutdown;\n",
    ],
    "T38-scenes",
  ),
  heldOut(
    "udp-waiting-not-counted-as-lost",
    {
      class: "listener",
      wrong: "datagrams that wait when their peer ends are not counted as lost",
      faults: 0,
      targets: ["datagrams"],
    },
    [`${SOCKETS}/udp/peer-socket.ts`, '    this.#record.datagramStats.count("lost", this.#waiting.length);\n', ""],
    "T36-datagrams",
  ),
  heldOut(
    "udp-peer-without-handler",
    {
      class: "listener",
      wrong: "a peer that no supervisor could take is refused, but stays in the table of peers",
      faults: 2,
      targets: ["datagrams"],
    },
    [
      `${SOCKETS}/udp/udp-socket.ts`,
      '      this.#refuse(from, "closedOther");\n      connection.abort();\n      return;\n',
      '      this.#refuse(from, "closedOther");\n      return;\n',
    ],
    "T36-datagrams",
  ),
  heldOut(
    "doubtful-beginning-lost",
    {
      class: "proxy",
      wrong:
        "where no PROXY header is required, bytes that looked like the beginning of one and were not are thrown away when the next chunk shows it",
      faults: 1,
      targets: ["conversing"],
    },
    [
      `${SOCKETS}/proxy-reader.ts`,
      "this.#pass(undefined, [...this.#doubtful, bytes]);",
      "this.#pass(undefined, [bytes]);",
    ],
    "T38-scenes",
  ),
  heldOut(
    "handshake-gets-a-time-of-its-own",
    {
      class: "connection",
      wrong:
        "the TLS handshake behind a PROXY header gets its whole time anew, though both are to be under one deadline",
      faults: 1,
      targets: ["conversing"],
    },
    [
      `${SOCKETS}/preamble.ts`,
      "    handshake.start(early, this.#taker.now() - this.#since);\n",
      "    handshake.start(early, 0);\n",
    ],
    "T38-scenes",
  ),
  heldOut(
    "old-handle-closes-new-listener",
    {
      class: "listener",
      wrong:
        "close() of a handle of a listener that was closed closes another one that was opened under its name and address since",
      faults: 0,
      targets: ["managed"],
    },
    [
      `${SOCKETS}/sockets.ts`,
      "    if (isClosed && this.#table.get(id) !== record) return;\n",
      "    if (isClosed && !this.#table.has(id)) return;\n",
    ],
    "T38-scenes",
  ),
  heldOut(
    "ready-that-closes-lives-on",
    {
      class: "connection",
      wrong: "packetMachine's actor does not end when onReady has closed the connection",
      faults: 0,
      targets: ["conversing"],
    },
    [
      `${SOCKETS}/packet-machine.ts`,
      '        callbacks.onReady?.(connection);\n        if (connection.isOver) self.send({ type: "done" });\n',
      "        callbacks.onReady?.(connection);\n",
    ],
    "T38-scenes",
  ),
  heldOut(
    "close-without-a-limit",
    {
      class: "backpressure",
      wrong:
        "close() of a connection waits without end for a client that does not take what was sent, or does not end its side",
      faults: 1,
      targets: ["conversing"],
    },
    [
      `${SOCKETS}/connection.ts`,
      '    this.socket.close("flush");\n    this.ensureOutflow().arm();\n',
      '    this.socket.close("flush");\n',
    ],
    "T38-scenes",
  ),
  heldOut(
    "starttls-thinks-it-reads",
    {
      class: "connection",
      wrong:
        "with STARTTLS the intake still believes that the socket is being read, though there is another socket now",
      faults: 0,
      targets: ["conversing"],
    },
    [`${SOCKETS}/intake.ts`, "    this.#isReading = false;\n    return taken.filter(", "    return taken.filter("],
    "T38-scenes",
  ),
];
