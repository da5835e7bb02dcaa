import { ignore, type Pid, shutdown, stop } from "@espalier/actors";
import {
  child,
  defineSupervisor,
  restartChild,
  startChild,
  type SupervisorRef,
  terminateChild,
} from "@espalier/supervisor";
import { type Clause, Gate } from "./stage.ts";
import { list, noter, pidOf, specOf, supervise, tell } from "./supervised.ts";

/** Chapters 14 and 15 of the semantics: restarts and their intensity. */
export const restarts: readonly Clause[] = [
  {
    says: "14.1 a permanent child is restarted whatever the reason, 14.2 a transient one after an abnormal end, 14.3 a temporary one never",
    sees: [
      "+p",
      "+t",
      "+x",
      "-p normal",
      "+p",
      "-t normal",
      "-x normal",
      "t stopped, p",
      "+t",
      "-t shutdown",
      "t stopped, p",
      "+t",
      "-t error crash",
      "+t",
      "t, p",
      "+x",
      "-x error crash",
      "t, p",
    ],
    async play(stage) {
      const { system } = stage;
      const sup = await supervise(stage, { p: {}, t: { restart: "transient" }, x: { restart: "temporary" } });
      for (const id of ["p", "t", "x"]) await tell(stage, sup, id, "leave");
      stage.note(await list(stage, sup));
      await restartChild(system, sup, "t");
      await tell(stage, sup, "t", "shutdown");
      stage.note(await list(stage, sup));
      await restartChild(system, sup, "t");
      await tell(stage, sup, "t", "crash");
      stage.note(await list(stage, sup));
      await startChild(system, sup, specOf(stage, "x", { restart: "temporary" }));
      await tell(stage, sup, "x", "crash");
      stage.note(await list(stage, sup));
    },
  },
  ...(
    [
      ["14.4", "oneForOne", ["-b error crash", "+b"]],
      ["14.6", "restForOne", ["-b error crash", "-d shutdown", "-c shutdown", "+b", "+d"]],
      ["14.5", "oneForAll", ["-b error crash", "-d shutdown", "-c shutdown", "-a shutdown", "+a", "+b", "+d"]],
    ] as const
  ).map(([number, strategy, follows]): Clause => ({
    says: `${number} a crash under ${strategy} stops the siblings concerned, the last first, and starts all of them in order`,
    sees: ["+a", "+b", "+c", "+d", ...follows],
    async play(stage) {
      // Temporary ones are gone for good, where they are stopped.
      const sup = await supervise(stage, { a: {}, b: {}, c: { restart: "temporary" }, d: {} }, { strategy });
      await tell(stage, sup, "b", "crash");
    },
  })),
  {
    says: "14.8 a restart of a group also starts those that had no process, and 14.9 one that is not to be restarted sets off nothing",
    sees: ["+a", "+b", "-b normal", "b stopped, a", "-a error crash", "+a", "+b", "b, a"],
    async play(stage) {
      const sup = await supervise(stage, { a: {}, b: { restart: "transient" } }, { strategy: "oneForAll" });
      await tell(stage, sup, "b", "leave");
      stage.note(await list(stage, sup));
      await tell(stage, sup, "a", "crash");
      stage.note(await list(stage, sup));
    },
  },
  {
    says: "14.10 a restart that fails is tried again, behind what the supervisor was asked meanwhile",
    sees: ["+a", "-a error crash", "+a", "+a", "+a", "a restarting", "a"],
    async play(stage) {
      let starts = 0;
      let told: Promise<unknown> = Promise.resolve();
      const start = () => {
        starts += 1;
        if (starts === 2) told = list(stage, sup).then((text) => stage.note(text));
        return starts === 2 || starts === 3 ? stop(shutdown("not yet")) : undefined;
      };
      const sup = await supervise(stage, { a: { start: child(noter(stage, "a", { start })) } });
      await tell(stage, sup, "a", "crash");
      await told;
      await stage.rest(1);
      stage.note(await list(stage, sup));
    },
  },
  {
    says: "14.11 if a sibling fails in the restart of a group, the next attempt begins with it, or anew",
    sees: ["+a", "+b", "+c", "-a error crash", "-c shutdown", "-b shutdown", "+a", "+b", "+b", "+c", "rest"],
    async play(stage) {
      let starts = 0;
      const start = () => {
        starts += 1;
        return starts === 2 ? stop(shutdown("not yet")) : undefined;
      };
      const specs = { a: {}, b: { start: child(noter(stage, "b", { start })) }, c: {} };
      const sup = await supervise(stage, specs, { strategy: "restForOne" });
      await tell(stage, sup, "a", "crash");
      stage.note("rest");
    },
  },
  {
    says: "14.12 a child that ignores its new start counts as restarted, and 14.13 a restarted one is the next incarnation",
    sees: ["+a", "+b", "-a error crash", "+a", "b, a stopped", "-b error crash", "+b", "path: true #2"],
    async play(stage) {
      let starts = 0;
      const start = () => {
        starts += 1;
        return starts === 2 ? ignore() : undefined;
      };
      const sup = await supervise(stage, { a: { start: child(noter(stage, "a", { start })) }, b: {} });
      await tell(stage, sup, "a", "crash");
      stage.note(await list(stage, sup));
      await tell(stage, sup, "b", "crash");
      const pid = await pidOf(stage, sup, "b");
      const { path, incarnation } = (pid && stage.system.inspect(pid)) ?? {};
      stage.note(`path: ${path === `${stage.name("sup")}/b`} #${incarnation}`);
    },
  },
  {
    says: "15.1 one restart more than the intensity within the period, and the supervisor gives up",
    sees: [
      "+a",
      "+b",
      "-a error crash",
      "+a",
      "-b error crash",
      "+b",
      "-a error crash",
      "-b shutdown",
      "sup ends: shutdown",
    ],
    async play(stage) {
      const sup = await supervise(stage, { a: {}, b: {} }, { intensity: 2, periodMs: 5000 });
      const ended = stage.ends("sup", sup);
      for (const id of ["a", "b", "a"]) await tell(stage, sup, id, "crash");
      await ended;
    },
  },
  {
    says: "15.2 the default is one restart in five seconds, and 15.3 what is further back does not count",
    sees: ["+a", "-a error crash", "+a", "-a error crash", "+a", "-a error crash", "sup ends: shutdown"],
    async play(stage) {
      const started = await stage.system.start(defineSupervisor({ children: [specOf(stage, "a")] }), undefined, {
        id: stage.name("sup"),
      });
      if (!started.ok) return;
      const sup = started.ref;
      const ended = stage.ends("sup", sup);
      await tell(stage, sup, "a", "crash");
      await stage.rest(6100);
      for (const message of ["crash", "crash"] as const) await tell(stage, sup, "a", message);
      await ended;
    },
  },
  {
    says: "15.5 starts by hand and ends without a restart do not count",
    sees: ["+a", "+b", "-a shutdown", "+a", "-b normal", "+b", "-b normal", "+b", "b, a"],
    async play(stage) {
      const { system } = stage;
      const sup = await supervise(stage, { a: {}, b: { restart: "transient" } }, { intensity: 0 });
      await terminateChild(system, sup, "a");
      await restartChild(system, sup, "a");
      for (let count = 0; count < 2; count += 1) {
        await tell(stage, sup, "b", "leave");
        await restartChild(system, sup, "b");
      }
      stage.note(await list(stage, sup));
    },
  },

  {
    says: "14.11 if a sibling fails in a restart under oneForAll, those just started are stopped and all begins anew",
    sees: [
      "+a",
      "+b",
      "+c",
      "-c error crash",
      "-b shutdown",
      "-a shutdown",
      "+a",
      "+b",
      "-a shutdown",
      "+a",
      "+b",
      "+c",
      "c, b, a",
    ],
    async play(stage) {
      let starts = 0;
      const start = () => {
        starts += 1;
        return starts === 2 ? stop(shutdown("not yet")) : undefined;
      };
      const specs = { a: {}, b: { start: child(noter(stage, "b", { start })) }, c: {} };
      const sup = await supervise(stage, specs, { strategy: "oneForAll" });
      await tell(stage, sup, "c", "crash");
      stage.note(await list(stage, sup));
    },
  },
  {
    says: "14.7 a restart of a group waits for every sibling that is to stop before anything is started",
    sees: ["+a", "+b", "-a error crash", "-b shutdown", "resting", "+a", "+b"],
    async play(stage) {
      const slow = new Gate();
      const specs = { a: {}, b: { start: child(noter(stage, "b", { slow })) } };
      const sup = await supervise(stage, specs, { strategy: "oneForAll" });
      await tell(stage, sup, "a", "crash");
      await stage.rest(10);
      stage.note("resting");
      slow.open();
      await stage.rest(1);
    },
  },
  {
    says: "14.14 a restarted supervisor begins with its own configuration, 15.6 one that has given up is restarted",
    sees: ["+x", "+y", "y, x", "-x error crash", "-y shutdown", "+x", "x"],
    async play(stage) {
      const below = defineSupervisor({ intensity: 0, children: [specOf(stage, "x")] });
      const sup = await supervise(stage, { below: { start: child(below) } });
      const present = async (): Promise<SupervisorRef> => (await pidOf(stage, sup, "below")) as SupervisorRef & Pid;
      const first = await present();
      await startChild(stage.system, first, specOf(stage, "y"));
      stage.note(await list(stage, first));
      await tell(stage, first, "x", "crash");
      stage.note(await list(stage, await present()));
    },
  },
  {
    says: "15.6 a transient supervisor that has given up is not restarted",
    sees: ["+x", "-x error crash", "below stopped"],
    async play(stage) {
      const below = defineSupervisor({ intensity: 0, children: [specOf(stage, "x")] });
      const sup = await supervise(stage, { below: { start: child(below), restart: "transient" } });
      const first = (await pidOf(stage, sup, "below")) as SupervisorRef & Pid;
      await tell(stage, first, "x", "crash");
      stage.note(await list(stage, sup));
    },
  },
  {
    says: "15.4 a restart of a group counts once, and each attempt counts",
    sees: [
      "+a",
      "+b",
      "-a error crash",
      "-b shutdown",
      "+a",
      "+b",
      "alive: true",
      "-b error crash",
      "-a shutdown",
      "+a",
      "+b",
      "-a shutdown",
      "+a",
      "+b",
      "-a shutdown",
      "alive: false",
    ],
    async play(stage) {
      let starts = 0;
      const start = () => {
        starts += 1;
        return starts > 2 ? stop(shutdown("no")) : undefined;
      };
      const specs = { a: {}, b: { start: child(noter(stage, "b", { start })) } };
      const sup = await supervise(stage, specs, { strategy: "oneForAll", intensity: 3 });
      for (const id of ["a", "b"]) {
        await tell(stage, sup, id, "crash");
        stage.note(`alive: ${stage.system.isAlive(sup)}`);
      }
    },
  },
  {
    says: "15.1 what is further back than the period does not count among those that do",
    sees: ["+a", ...Array.from({ length: 5 }, () => ["-a error crash", "+a"]).flat(), "alive: true"],
    async play(stage) {
      const sup = await supervise(stage, { a: {} }, { intensity: 2, periodMs: 1000 });
      for (const rest of [100, 2100, 100, 2100, 0]) {
        await tell(stage, sup, "a", "crash");
        await stage.rest(rest);
      }
      stage.note(`alive: ${stage.system.isAlive(sup)}`);
    },
  },
];
