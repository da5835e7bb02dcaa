import { type ExitReason, isExpected, type Pid, Timeout } from "@espalier/actors";
import type { Invariant, Phase } from "../kit.ts";
import { Operations } from "./operations.ts";
import { SILENCE_MS } from "./workers.ts";

/** Those that have no reason of their own to end as `normal`. */
const LASTING = /\/(asker|teller|watcher|timekeeper|linker|laggard|phases|selector)$/;

const nobodyEndsNormally: Invariant = {
  id: "T5-normal",
  says: "the normal end of one actor is no reason for another one to end",
  watch: (run) => ({
    on: {
      exit: ({ subject, reason }) => {
        if (reason.type !== "normal" || !LASTING.test(subject.path)) return;
        run.violate("T5-normal", `${subject.path} ends as normal, and has nothing to end of`);
      },
    },
  }),
};

/** What actors own of timers is armed, and nothing else is. */
const timersAreOwned: Invariant = {
  id: "T7-timers",
  says: "what actors own of timers is armed, and there are no others but those of calls",
  watch: (run) => {
    // Once somebody has died, his timers are gone as well; and nobody need look before.
    let hasDied = false;
    const check = (): void => {
      const { processes, timers } = run.system.inspect();
      const owned = processes.flatMap(({ resources }) => resources.filter(({ kind }) => kind === "timer")).length;
      // Those of calls are nobody's. Whatever is done from outside makes one call at a time.
      const inside = processes.flatMap(({ resources }) => resources.filter(({ kind }) => kind === "call")).length;
      const calls = inside + (run.handle instanceof Operations ? run.handle.pending : 0);
      if (timers < owned || (timers > owned + calls && isJudged(run.phase)))
        run.violate("T7-timers", `${owned} timers and ${calls} calls are owned, and ${timers} timers are armed`);
    };
    return {
      on: { exit: () => void (hasDied = true) },
      quiet() {
        if (!hasDied || !isJudged(run.phase)) return;
        hasDied = false;
        check();
      },
      after: check,
    };
  },
};

/** A supervisor without a back-off that waits for its next message has no timer: what it waited for is over. */
const supervisorsRest: Invariant = {
  id: "T15-rest",
  says: "a supervisor that has ended a child does not wait for that any more",
  watch: (run) => {
    let hasEnded = false;
    return {
      on: { exit: () => void (hasEnded = true) },
      quiet() {
        if (!hasEnded || !isJudged(run.phase) || run.world.signalsInFlight > 0) return;
        hasEnded = false;
        for (const { path, behaviour, status, state, resources } of run.system.inspect().processes) {
          if (
            behaviour !== "supervisor" ||
            status !== "waiting" ||
            (state as { backoff?: object }).backoff !== undefined
          )
            continue;
          if (resources.some(({ kind }) => kind === "timer")) run.violate("T15-rest", `${path} has a timer left`);
        }
      },
    };
  },
};

/** The system itself makes calls when it starts and ends. */
function isJudged(phase: Phase): boolean {
  return phase === "workload" || phase === "healed";
}

/** When each machine has come into its state. */
const statesLastTheirTime: Invariant = {
  id: "T8-phases",
  says: "the timeout of a state comes when the machine has been in it for so long",
  watch: (run) => {
    const since = new Map<Pid, number>();
    return {
      on: {
        handled: ({ subject, event, to, time }) => {
          const type = typeof event === "object" && event !== null && "type" in event ? String(event.type) : "";
          const [, delay, state] = /^xstate\.after\.(\d+)\.phases\.(\w+)$/.exec(type) ?? [];
          const entered = since.get(subject.pid) ?? 0;
          if (delay !== undefined && time + 1e-6 < entered + Number(delay) && to !== state) {
            run.violate("T8-phases", `${subject.path} leaves ${state} after ${time - entered} ms`);
          }
          // Whatever it handles, it comes into a state anew, or has no timeout there.
          since.set(subject.pid, time);
        },
      },
    };
  },
};

/** A server's timeout is for the time in which nothing comes. */
const timeoutsAreSilence: Invariant = {
  id: "T9-silence",
  says: "a server hears of its timeout only if it has handled nothing for so long",
  watch: (run) => {
    const last = new Map<Pid, number>();
    const limits = new Map<string, number>([["timekeeper", SILENCE_MS]]);
    return {
      on: {
        deliver: ({ subject, message, time }) => {
          const limit = limits.get(subject.path.slice(subject.path.lastIndexOf("/") + 1));
          if (limit === undefined) return;
          const before = last.get(subject.pid);
          last.set(subject.pid, time);
          if (!(message instanceof Timeout) || before === undefined || time - before > limit - 1e-6) return;
          run.violate("T9-silence", `${subject.path} hears of a timeout ${time - before} ms after a message`);
        },
      },
    };
  },
};

const transientEndsInOrder: Invariant = {
  id: "T10-transient",
  says: "a transient child that has ended in order is not started again",
  watch: (run) => {
    const restarts = new Map<string, string>();
    const reasons = new Map<string, ExitReason>();
    let isChanged = false;
    return {
      on: {
        report: ({ report }) => {
          if (report.type === "progress" && report.started.id !== undefined) {
            restarts.set(`${report.supervisor.path}/${report.started.id}`, report.started.restart);
          }
        },
        exit: ({ subject, reason }) => void reasons.set(subject.path, reason),
        deliver: ({ message }) => {
          // Whoever is stopped and started by hand is not restarted.
          if (typeof message === "object" && message !== null && "type" in message && message.type === "call")
            isChanged = true;
        },
        spawn: ({ subject: { path, incarnation } }) => {
          const reason = reasons.get(path);
          if (incarnation < 2 || reason === undefined || restarts.get(path) !== "transient") return;
          if (!path.startsWith("root/jobs/") && isChanged) return;
          if (isExpected(reason) && path.startsWith("root/jobs/")) {
            run.violate("T10-transient", `${path} has ended as ${reason.type}, and is started again`);
          }
        },
      },
    };
  },
};

const pathsAreUnique: Invariant = {
  id: "T11-strangers",
  says: "no two actors live in the same place of the tree, and dynamic supervisors know the children that they have",
  watch: (run) => ({
    after(phase) {
      if (phase === "stopped" || run.world.signalsInFlight > 0) return;
      const { processes } = run.system.inspect();
      const paths = new Set<string>();
      for (const { path, definition } of processes) {
        // Some helpers are let go of, and nobody is left to kill a laggard whose supervisor has crashed while it ended it.
        if (path.includes("/helper-") || definition === "laggard") continue;
        if (paths.has(path)) run.violate("T11-strangers", `two actors are ${path}`);
        paths.add(path);
      }
      const jobs = processes.find(({ path }) => path === "root/jobs");
      if (phase !== "healed" || jobs?.status !== "waiting" || jobs.mailboxLength > 0) return;
      const { children } = jobs.state as { children: number };
      const living = processes.filter(({ parent }) => parent === jobs.pid).length;
      const isWaiting = jobs.resources.some(({ kind }) => kind === "timer");
      if (children !== living && !isWaiting)
        run.violate("T12-children", `root/jobs knows ${children} children, and has ${living}`);
    },
  }),
};

/**
 * Also whoever crashes cleans up, unless he is killed, or crashes for the second time in doing so. What is only linked to a
 * supervisor that is gone ends behind it.
 */
const crashedCleanUp: Invariant = {
  id: "T14-cleanup",
  says: "a supervisor that crashes has seen its children end before",
  watch: (run) => {
    /** Those that have been started, and that nothing else has told to end. */
    const running = new Map<Pid, Set<Pid>>();
    const families = new Map<Pid, Set<Pid>>();
    const parents = new Map<Pid, Pid>();
    return {
      on: {
        spawn: ({ subject: { pid }, parent, behaviour }) => {
          if (behaviour === "supervisor") families.set(pid, new Set());
          if (parent === undefined) return;
          parents.set(pid, parent);
          families.get(parent)?.add(pid);
        },
        started: ({ subject: { pid } }) => {
          const family = families.get(pid);
          if (family !== undefined) running.set(pid, family);
        },
        exitSignal: ({ subject, to }) => {
          if (parents.get(subject.pid) !== to) running.delete(to);
        },
        report: ({ report }) => {
          if (report.type === "supervisor" && report.errorContext === "shutdown") running.delete(report.supervisor.pid);
        },
        exit: ({ subject: { pid, path }, reason }) => {
          const family = running.get(pid);
          running.delete(pid);
          families.delete(pid);
          families.get(parents.get(pid) as Pid)?.delete(pid);
          parents.delete(pid);
          if (family === undefined || family.size === 0 || reason.type !== "error") return;
          const name = run.world.nameOf(pid);
          if (run.world.injections.filter(({ actor }) => actor === name).length > 1) return;
          run.violate("T14-cleanup", `${path} crashes, and ${family.size} of its children live on`);
        },
      },
    };
  },
};

const mailIsRead: Invariant = {
  id: "T13-mail",
  says: "once all is over, nothing lies in the mailbox of whoever takes everything",
  watch: (run) => ({
    after(phase) {
      if (phase !== "healed" || run.world.signalsInFlight > 0) return;
      for (const { path, status, mailboxLength } of run.system.inspect().processes) {
        if (!LASTING.test(path) || mailboxLength === 0 || status === "terminating") continue;
        run.violate("T13-mail", `${path} has ${mailboxLength} messages that it does not take`);
      }
    },
  }),
};

/** What the workers of the tree rely on, beyond what is standard. */
export const treeLaws: readonly Invariant[] = [
  nobodyEndsNormally,
  timersAreOwned,
  statesLastTheirTime,
  timeoutsAreSilence,
  transientEndsInOrder,
  pathsAreUnique,
  crashedCleanUp,
  mailIsRead,
  supervisorsRest,
];
