import { ignore, normal, shutdown, stop } from "@espalier/actors";
import { child, defineSupervisor } from "@espalier/supervisor";
import { type Clause, failing, Gate, type Stage, trappingPuppet, tryTo } from "./stage.ts";
import { list, noter, pidOf, refused, specOf, supervise, tell } from "./supervised.ts";

/** Chapter 13 of the semantics: how supervisors start and stop. */
export const supervisors: readonly Clause[] = [
  {
    says: "13.1 children start in order and 13.4 stop in reverse, each when the one before is done",
    sees: ["+a", "+b", "+c", "-c shutdown", "-b shutdown", "resting", "-a shutdown", "sup ends: shutdown"],
    async play(stage) {
      const slow = new Gate();
      const sup = await supervise(stage, { a: {}, b: { start: child(noter(stage, "b", { slow })) }, c: {} });
      const ended = stage.ends("sup", sup);
      stage.system.exit(sup, shutdown());
      await stage.rest(5);
      stage.note("resting");
      slow.open();
      await ended;
    },
  },
  {
    says: "13.2 if one fails to start, those before are stopped, and the end names it and its reason",
    sees: [
      "+a",
      "+b",
      "+c",
      "-b shutdown",
      "-a shutdown",
      "failed: shutdown type failedToStart id c reason shutdown no",
    ],
    async play(stage) {
      const specs = { a: {}, b: {}, c: { start: child(noter(stage, "c", { start: refused })) }, d: {} };
      await stage.settles(
        "failed",
        supervise(stage, specs).catch((error: unknown) => (error as Error).message),
      );
    },
  },
  {
    says: "13.3 a child whose init ignores is kept without a process, unless it is temporary",
    sees: ["+a", "+b", "+c", "c, a stopped"],
    async play(stage) {
      const sup = await supervise(stage, {
        a: { start: child(noter(stage, "a", { start: ignore })) },
        b: { start: child(noter(stage, "b", { start: ignore })), restart: "temporary" },
        c: {},
      });
      stage.note(await list(stage, sup));
    },
  },
  {
    says: "13.5 a child has as much time to end as its spec says",
    sees: [
      "+kind",
      "+short",
      "+brutal",
      "-short shutdown",
      "short is killed",
      "-kind shutdown",
      "resting",
      "sup ends: shutdown",
    ],
    async play(stage) {
      const [slow, never] = [new Gate(), new Gate()];
      const sup = await supervise(stage, {
        kind: { start: child(noter(stage, "kind", { slow })), shutdown: "infinity" },
        short: { start: child(noter(stage, "short", { slow: never })), shutdown: 50 },
        brutal: { shutdown: "brutalKill" },
      });
      const short = await pidOf(stage, sup, "short");
      const ended = stage.ends("sup", sup);
      stage.system.exit(sup, shutdown());
      await stage.rest(45);
      if (short === undefined || !stage.system.isAlive(short)) stage.note("too early");
      await stage.rest(10);
      stage.notes.splice(-1, 0, "short is killed");
      await stage.rest(10_000);
      stage.note("resting");
      slow.open();
      await ended;
      never.open();
    },
  },
  {
    says: "13.6 a child that has unlinked itself cannot hang its supervisor",
    sees: ["one cleans up shutdown", "sup ends: shutdown"],
    async play(stage) {
      const sup = await supervise(stage, { one: { start: child(trappingPuppet, stage.part("one")) } });
      const one = (await pidOf(stage, sup, "one")) as ReturnType<Stage["puppet"]>["ref"];
      await stage.system.call(one, { type: "do", act: (self) => self.unlink(sup) });
      const ended = stage.ends("sup", sup);
      stage.system.exit(sup, shutdown());
      await ended;
    },
  },
  {
    says: "13.7 any signal of its parent ends a supervisor, and 13.8 those of others do not",
    sees: ["+a", "alive: true", "-a shutdown", "sup ends: normal"],
    async play(stage) {
      const sup = await supervise(stage, { a: {} });
      const stranger = stage.puppet("stranger");
      await stranger.do((self) => {
        self.exit(sup, shutdown());
      });
      await stage.rest(1);
      stage.note(`alive: ${stage.system.isAlive(sup)}`);
      const ended = stage.ends("sup", sup);
      stage.system.exit(sup, normal);
      await ended;
    },
  },
  {
    says: "13.9 the workers of a killed supervisor die, a supervisor below it first stops its own",
    sees: ["+a", "+x", "+y", "-y shutdown", "-x shutdown", "below ends: killed"],
    async play(stage) {
      const below = defineSupervisor({ children: [specOf(stage, "x"), specOf(stage, "y")] });
      const sup = await supervise(stage, {
        a: { start: child(noter(stage, "a", { trapExit: false })) },
        below: { start: child(below) },
      });
      const pid = await pidOf(stage, sup, "below");
      if (pid === undefined) return;
      const ended = stage.ends("below", pid);
      stage.system.kill(sup);
      await ended;
      await stage.rest(1);
    },
  },

  {
    says: "13.5 a child that is killed at once does not clean up, and one without time is killed like it",
    sees: ["+a", "+b", "sup ends: shutdown"],
    async play(stage) {
      const sup = await supervise(stage, {
        a: { shutdown: "brutalKill" },
        b: { shutdown: "brutalKill" },
      });
      const ended = stage.ends("sup", sup);
      stage.system.exit(sup, shutdown());
      await ended;
    },
  },
  {
    says: "13.11 flags and specs that are not valid start nothing",
    sees: ["ERR_INVALID_SUPERVISOR_FLAGS", "ERR_INVALID_CHILD_SPEC", "ERR_INVALID_CHILD_SPEC"],
    async play(stage) {
      const spec = specOf(stage, "a");
      const attempts = [
        () => defineSupervisor({ intensity: -1, children: [spec] }),
        () => defineSupervisor({ children: [spec, spec] }),
        () =>
          defineSupervisor({
            children: [{ ...spec, restart: "permanent", significant: true }],
            autoShutdown: "anySignificant",
          }),
      ];
      for (const attempt of attempts) stage.note(String(tryTo(attempt)));
    },
  },
  {
    says: "13.12 a supervisor whose own code fails ends its children before",
    sees: ["+a", "+b", "-b error crash", "-a shutdown", "sup ends: error"],
    async play(stage) {
      const sup = await supervise(stage, { a: {}, b: { onExit: failing("no idea") } });
      const ended = stage.system.exited(sup);
      await tell(stage, sup, "b", "crash");
      stage.note(`sup ends: ${(await ended).type}`);
    },
  },
  {
    says: "19.1 ends of children are reported, 19.2 starts that fail in a restart, 19.4 and that a supervisor gives up",
    sees: [
      "+p",
      "+t",
      "-p normal",
      "childTerminated of p: normal",
      "+p",
      "-t normal",
      "crash of sup/p: error crash",
      "-p error crash",
      "childTerminated of p: error crash",
      "+p",
      "startError of p: shutdown no",
      "+p",
      "startError of p: shutdown no",
      "shutdown of p: reachedMaxRestartIntensity",
      "crash of sup: error",
    ].slice(0, -1),
    async play(stage) {
      stage.noteReports();
      let starts = 0;
      const start = () => {
        starts += 1;
        return starts > 2 ? stop(shutdown("no")) : undefined;
      };
      const specs = { p: { start: child(noter(stage, "p", { start })) }, t: { restart: "transient" as const } };
      const sup = await supervise(stage, specs, { intensity: 3 });
      const ended = stage.system.exited(sup);
      await tell(stage, sup, "p", "leave");
      await tell(stage, sup, "t", "leave");
      await tell(stage, sup, "p", "crash");
      await ended;
    },
  },
  {
    says: "19.3 a child that does not end as it was told to is reported",
    sees: ["+bad", "+slow", "-slow shutdown", "shutdownError of slow: killed", "-bad shutdown", "over"],
    async play(stage) {
      stage.noteReports();
      const never = new Gate();
      const sup = await supervise(stage, {
        bad: {},
        slow: { start: child(noter(stage, "slow", { slow: never })), shutdown: 10 },
      });
      stage.system.exit(sup, shutdown());
      await stage.system.exited(sup);
      stage.note("over");
      never.open();
    },
  },
];
