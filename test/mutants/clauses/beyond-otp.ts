import { ManualClock } from "@espalier/actors/testing";
import { type ActorRef, createSystem, shutdown } from "@espalier/actors";
import {
  adoptChild,
  child,
  type ChildExit,
  defineSupervisor,
  type ExitDecision,
  startApplication,
  whichChildren,
} from "@espalier/supervisor";
import { type Clause, textOf, trappingPuppet } from "./stage.ts";
import { list, noter, refused, specOf, supervise, tell } from "./supervised.ts";

/** Chapters 20 and 21 of the semantics: applications, and what OTP has not. */
export const beyondOtp: readonly Clause[] = [
  {
    says: "20.1 an application is up as a whole when it has started, 20.2 and stops in reverse between its two callbacks",
    sees: ["+a", "+b", "up", "prepare", "-b shutdown", "-a shutdown", "stopped shutdown", "ended: shutdown"],
    async play(stage) {
      const top = defineSupervisor({ children: [specOf(stage, "a"), specOf(stage, "b")] });
      const result = await startApplication(stage.system, {
        name: stage.name("app"),
        start: child(top),
        prepareStop: () => stage.note("prepare"),
        stopped: (reason) => stage.note(`stopped ${textOf(reason)}`),
      });
      if (!result.ok) return;
      stage.note("up");
      await stage.settles("ended", result.application.stop());
    },
  },
  {
    says: "21.1 with a back-off each pause is longer than the one before, and the supervisor answers meanwhile",
    sees: ["+a", "-a error crash", "a restarting", "+a", "-a error crash", "a restarting", "+a", "a"],
    async play(stage) {
      const backoff = { initialMs: 20, factor: 2, maxMs: 1000, jitter: 0 };
      const sup = await supervise(stage, { a: {} }, { backoff });
      for (const rest of [19, 39]) {
        await tell(stage, sup, "a", "crash");
        await stage.rest(rest - 2);
        stage.note(await list(stage, sup));
        await stage.rest(3);
      }
      stage.note(await list(stage, sup));
    },
  },
  {
    says: "21.2 what onExit decides is done instead of what the restart type says, and counts like all others",
    sees: [
      "+keep",
      "+gone",
      "+again",
      "+end",
      "-keep error crash",
      "-gone error crash",
      "-again normal",
      "+again",
      "end, again, keep stopped",
      "-end error crash",
      "-again shutdown",
      "sup ends: shutdown no more",
    ],
    async play(stage) {
      const sup = await supervise(stage, {
        keep: { onExit: () => "keep" },
        gone: { onExit: () => "delete" },
        again: { restart: "temporary", onExit: () => "restart" },
        end: { onExit: () => ({ stop: shutdown("no more") }) },
      });
      const ended = stage.ends("sup", sup);
      for (const id of ["keep", "gone"]) await tell(stage, sup, id, "crash");
      await tell(stage, sup, "again", "leave");
      stage.note(await list(stage, sup));
      await tell(stage, sup, "end", "crash");
      await ended;
    },
  },
  {
    says: "21.3 an adopted actor is a child like any other: last in the order, restarted and stopped",
    sees: ["+a", "+b", "adopted: true", "b, a", "-b error crash", "+b", "-b shutdown", "-a shutdown"],
    async play(stage) {
      const sup = await supervise(stage, { a: {} });
      const ref = stage.spawn("b", noter(stage, "b"));
      await stage.rest(1);
      stage.note(`adopted: ${(await adoptChild(stage.system, sup, specOf(stage, "b"), ref)).ok}`);
      stage.note(await list(stage, sup));
      await tell(stage, sup, "b", "crash");
      stage.system.exit(sup, shutdown());
      await stage.system.exited(sup);
    },
  },

  {
    says: "20.3 the end of a permanent application ends its system, that of a temporary one does not",
    sees: [
      "+a",
      "-a normal",
      "temporary: other alive",
      "+a",
      "-a normal",
      "other cleans up shutdown",
      "permanent: other gone",
    ],
    async play(stage) {
      for (const type of ["temporary", "permanent"] as const) {
        const system = createSystem({ host: new ManualClock() });
        const other = system.spawn(trappingPuppet, stage.part("other"));
        const spec = specOf(stage, "a", { restart: "temporary", significant: true });
        const top = defineSupervisor({ autoShutdown: "anySignificant", children: [spec] });
        const result = await startApplication(system, { name: "app", type, start: child(top) });
        if (!result.ok) return;
        const [info] = await whichChildren(system, "app");
        system.send(info?.child as ActorRef<string>, "leave");
        await result.application.ended;
        stage.note(`${type}: other ${system.isAlive(other) ? "alive" : "gone"}`);
        if (type === "temporary") system.kill(other);
      }
    },
  },
  {
    says: "20.1 an application that cannot start says why, and leaves nothing",
    sees: ["+a", "failed", "nothing"],
    async play(stage) {
      const top = defineSupervisor({
        children: [specOf(stage, "a", { start: child(noter(stage, "a", { start: refused })) })],
      });
      const name = stage.name("app");
      const result = await startApplication(stage.system, { name, start: child(top) });
      stage.note(result.ok ? "started" : result.error);
      stage.note(stage.system.whereis(name) === undefined ? "nothing" : "something");
    },
  },
  {
    says: "21.1 a supervisor with a back-off gives up all the same, and its pauses begin anew after a quiet period",
    sees: [
      "+a",
      ...Array.from({ length: 3 }, () => ["-a error crash", "+a"]).flat(),
      "-a error crash",
      "sup ends: shutdown",
    ],
    async play(stage) {
      const backoff = { initialMs: 20, factor: 10, maxMs: 1000, jitter: 0 };
      const sup = await supervise(stage, { a: {} }, { intensity: 2, periodMs: 1000, backoff });
      const ended = stage.ends("sup", sup);
      await tell(stage, sup, "a", "crash");
      await stage.rest(3000);
      await tell(stage, sup, "a", "crash");
      // It is back sooner than after the second pause of a period.
      await stage.rest(30);
      await tell(stage, sup, "a", "crash");
      await stage.rest(210);
      await tell(stage, sup, "a", "crash");
      await ended;
    },
  },
  {
    says: "21.2 onExit is told who has ended, why, and how often it was started, and may end the supervisor",
    sees: ["+a", "-a error crash", "a error crash 1", "+a", "-a normal", "a normal 2", "sup ends: shutdown"],
    async play(stage) {
      const onExit = ({ id, reason, starts }: ChildExit): ExitDecision => {
        stage.note(`${id} ${textOf(reason)} ${starts}`);
        return starts === 1 ? "default" : "stop";
      };
      const sup = await supervise(stage, { a: { onExit } });
      const ended = stage.ends("sup", sup);
      await tell(stage, sup, "a", "crash");
      await tell(stage, sup, "a", "leave");
      await ended;
    },
  },
  {
    says: "21.3 an actor that cannot be adopted stays where it is, and no spec of it is left",
    sees: ["+a", "dead: noProcess", "taken: alreadyStarted", "above: isAncestor", "a"],
    async play(stage) {
      const { system } = stage;
      const sup = await supervise(stage, { a: {} });
      const [one, dead] = [stage.puppet("one"), stage.puppet("dead")];
      system.kill(dead.ref);
      await system.exited(dead.ref);
      const attempts = { dead: ["b", dead.ref], taken: ["a", one.ref], above: ["c", sup] } as const;
      for (const [who, [id, pid]] of Object.entries(attempts)) {
        const result = await adoptChild(system, sup, specOf(stage, id), pid);
        stage.note(`${who}: ${result.ok ? "ok" : result.error}`);
      }
      stage.note(await list(stage, sup));
    },
  },
];
