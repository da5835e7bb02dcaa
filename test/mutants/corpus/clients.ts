import type { Mutant } from "../mutant.ts";

const POOL_MEMBER = "packages/sockets/src/pool-member.ts";
const POOL = "packages/sockets/src/pool-process.ts";
const CLIENT = "packages/sockets/src/client-process.ts";
const ATTEMPTS = "packages/sockets/src/client-attempts.ts";
const ATTEMPT = "packages/sockets/src/outgoing.ts";
const CHILD = "packages/sockets/src/client-child.ts";

/** Clients and pools: connections that are made, kept, and made again. */
export const clientMutants: readonly Mutant[] = [
  {
    id: "crashed-client-not-restarted",
    class: "pool",
    wrong: "a client of a pool that crashes is not started again",
    origin: "classic",
    faults: 1,
    seenBy: ["T2-pool"],
    targets: ["pooled"],
    change: {
      file: POOL_MEMBER,
      find: "    this.#restart = process.sendAfter<RestartDue>(process.pid, new RestartDue(this), pauseMs);\n",
      replace: "",
    },
  },
  {
    id: "stale-restart-doubles-client",
    class: "pool",
    wrong: "a restart that was overtaken by one by hand starts a second client",
    origin: "otp",
    faults: 2,
    seenBy: ["T2-pool", "T28-stable"],
    targets: ["restarted"],
    change: {
      file: POOL,
      find: "      if (message.member.isRestartDue) this.#startClient(message.member);",
      replace: "      this.#startClient(message.member);",
    },
  },
  {
    id: "dead-client-kept",
    class: "pool",
    wrong: "a pool takes a client that has died for one that lives",
    origin: "classic",
    faults: 1,
    seenBy: ["T2-pool", "I13-supervision"],
    targets: ["pooled"],
    change: {
      file: POOL,
      find: "    this.#byPid.delete(pid);\n    member.ended();",
      replace: '    if (reason.type === "killed") return;\n    this.#byPid.delete(pid);\n    member.ended();',
    },
  },
  {
    id: "connect-limit-left",
    class: "client",
    wrong: "the time limit for connecting goes on when the connection is there",
    origin: "node",
    faults: 0,
    seenBy: ["T2-pool", "T28-stable"],
    targets: ["pooled"],
    change: {
      file: ATTEMPT,
      find: "  #leave(): void {\n    this.#limit?.cancel();",
      replace: "  #leave(): void {",
    },
  },
  {
    id: "connect-limit-missing",
    class: "client",
    wrong: "an attempt to connect that gets no answer is not given up before the system does",
    origin: "node",
    faults: 1,
    seenBy: ["T2-pool"],
    targets: ["pooled"],
    change: {
      file: ATTEMPT,
      find: "    this.#limit?.arm(connectTimeoutMs);\n",
      replace: "",
    },
  },
  {
    id: "stale-pause-connects",
    class: "client",
    wrong: "a pause that was cut short and was over already begins an attempt of its own",
    origin: "otp",
    faults: 0,
    seenBy: ["I21-client", "T2-pool", "I9-owner", "T29-sockets"],
    targets: ["reconnecting"],
    change: {
      file: ATTEMPTS,
      find: "    if (message instanceof PauseOver) return message === this.#pause?.over;",
      replace: "    if (message instanceof PauseOver) return true;",
    },
  },
  {
    id: "failed-attempt-final",
    class: "client",
    wrong: "a client waits for no further attempt after one that has failed at once",
    origin: "classic",
    faults: 1,
    seenBy: ["T2-pool"],
    targets: ["pooled"],
    change: {
      file: ATTEMPTS,
      find: "    this.#isDue = this.#burials.count > 0;\n    if (this.#isDue) {",
      replace: "    if (this.#burials.count > 0) {",
    },
  },
  {
    id: "socket-of-failed-handler-kept",
    class: "client",
    wrong: "when a client's handler cannot be started, its socket stays open",
    origin: "classic",
    faults: 1,
    seenBy: ["T29-sockets", "T28-stable", "I4-connections"],
    targets: ["pooled"],
    change: {
      file: CHILD,
      find: "    this.#process.disown(this.connection);\n    this.connection.abort();",
      replace: "    if (this.#since !== undefined) this.connection.abort();",
    },
  },
  {
    id: "end-of-handler-ignored",
    class: "client",
    wrong: "a client whose handler is killed does not connect anew",
    origin: "classic",
    faults: 1,
    seenBy: ["T2-pool"],
    targets: ["pooled"],
    change: {
      file: CLIENT,
      find: '    this.#child = undefined;\n    this.#conclude(child, reason, "childTerminated");',
      replace:
        '    this.#child = undefined;\n    if (reason.type !== "killed") this.#conclude(child, reason, "childTerminated");',
    },
  },
  {
    id: "replaced-handler-not-cut",
    class: "client",
    wrong: "a handler that is told to end for a new connection and does not is left alone",
    origin: "classic",
    faults: 1,
    seenBy: ["T2-pool", "T0-operation"],
    targets: ["pooled"],
    change: {
      file: CHILD,
      find: "    this.#process.exit(this.pid, kill);\n    this.#burials.cut(this.connection);",
      replace: "    this.#burials.cut(this.connection);",
    },
  },
];
