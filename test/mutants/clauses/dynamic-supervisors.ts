import { type ActorRef, type Pid, shutdown } from "@espalier/actors";
import { countChildren, startDynamicChild, terminateChild, whichChildren } from "@espalier/supervisor";
import { type Clause, Gate, textOf } from "./stage.ts";
import { superviseDynamic } from "./supervised.ts";

/** Chapter 18 of the semantics: dynamic supervisors. */
export const dynamicSupervisors: readonly Clause[] = [
  {
    says: "18.1 a dynamic child is restarted as it was started first, and goes by its present pid alone",
    sees: [
      "+x",
      "+y",
      "-x error crash",
      "+x",
      "specs 1 active 2 supervisors 0 workers 2",
      "2 alive",
      "-x shutdown",
      "1 alive",
    ],
    async play(stage) {
      const { system } = stage;
      const sup = await superviseDynamic(stage, { restart: "permanent" });
      const pids: Array<Pid | undefined> = [];
      for (const extra of ["x", "y"]) {
        const started = await startDynamicChild(system, sup, extra);
        if (started.ok) pids.push(started.child);
      }
      const [first] = pids;
      if (first !== undefined) system.send(first as ActorRef<string>, "crash");
      await stage.rest(1);
      stage.note(textOf(await countChildren(system, sup)));
      const infos = await whichChildren(system, sup);
      const living = (some: typeof infos) =>
        some.filter(({ child: pid }) => typeof pid === "object" && system.isAlive(pid));
      stage.note(`${living(infos).length} alive`);
      const x = infos.find(({ child: pid }) => pid !== pids[1])?.child;
      if (typeof x === "object") await terminateChild(system, sup, x);
      stage.note(`${living(await whichChildren(system, sup)).length} alive`);
    },
  },
  {
    says: "18.2 a dynamic child that ended for good is forgotten, 18.3 and one whose start fails leaves nothing behind",
    sees: ["+x", "+bad", "startFailed", "1 children", "-x normal", "0 children", "terminated: true"],
    async play(stage) {
      const { system } = stage;
      const sup = await superviseDynamic(stage, { restart: "transient" });
      const started = await startDynamicChild(system, sup, "x");
      const failed = await startDynamicChild(system, sup, "bad");
      stage.note(failed.ok ? "ok" : failed.error);
      const count = async () => stage.note(`${(await whichChildren(system, sup)).length} children`);
      await count();
      if (!started.ok || started.child === undefined) return;
      system.send(started.child as ActorRef<string>, "leave");
      await stage.rest(1);
      await count();
      stage.note(`terminated: ${(await terminateChild(system, sup, started.child)).ok}`);
    },
  },
  {
    says: "18.4 when a dynamic supervisor stops all children are told at once, and those that are late are killed",
    sees: ["+x", "+y", "+z", "-x shutdown", "-y shutdown", "-z shutdown", "not yet", "sup ends: shutdown"],
    async play(stage) {
      const slow = new Gate();
      const sup = await superviseDynamic(stage, { shutdown: 50 }, { slow });
      for (const extra of ["x", "y", "z"]) await startDynamicChild(stage.system, sup, extra);
      const ended = stage.system.exited(sup);
      stage.system.exit(sup, shutdown());
      await stage.rest(45);
      stage.note(stage.system.isAlive(sup) ? "not yet" : "too early");
      await stage.rest(10);
      if (stage.system.isAlive(sup)) stage.note("too late");
      await stage.settles("sup ends", ended);
      slow.open();
    },
  },

  {
    says: "18.5 a dynamic child that waits for its restart goes by its last pid, and can be terminated",
    sees: ["+x", "-x error crash", "restarting", "terminated: true", "0 children", "0 children"],
    async play(stage) {
      const { system } = stage;
      const sup = await superviseDynamic(stage, { onExit: () => ({ restartAfterMs: 20 }) });
      const started = await startDynamicChild(system, sup, "x");
      if (!started.ok || started.child === undefined) return;
      system.send(started.child as ActorRef<string>, "crash");
      await stage.rest(1);
      const [info] = await whichChildren(system, sup);
      stage.note(textOf(info?.child));
      stage.note(`terminated: ${(await terminateChild(system, sup, started.child)).ok}`);
      const count = async () => stage.note(`${(await whichChildren(system, sup)).length} children`);
      await count();
      await stage.rest(30);
      await count();
    },
  },
  {
    says: "18.6 a restart that fails until the intensity is used up ends the supervisor, and the others with it",
    sees: ["+x", "+y", "-y error crash", "+y", "+y", "+y", "-x shutdown", "sup ends: shutdown"],
    async play(stage) {
      const { system } = stage;
      const sup = await superviseDynamic(stage, {}, { intensity: 3, failsAgain: true });
      await startDynamicChild(system, sup, "x");
      const started = await startDynamicChild(system, sup, "y");
      if (!started.ok || started.child === undefined) return;
      const ended = stage.ends("sup", sup);
      system.send(started.child as ActorRef<string>, "crash");
      await ended;
    },
  },
  {
    says: "18.5 the children of others are not terminated, and the dead are as good as that",
    sees: ["stranger: notFound", "dead: ok", "by id: simpleOneForOne"],
    async play(stage) {
      const { system } = stage;
      const sup = await superviseDynamic(stage, {});
      const [stranger, dead] = [stage.puppet("stranger"), stage.puppet("dead")];
      system.kill(dead.ref);
      await system.exited(dead.ref);
      for (const [who, pid] of Object.entries({ stranger: stranger.ref, dead: dead.ref, "by id": "x" })) {
        const result = await terminateChild(system, sup, pid);
        stage.note(`${who}: ${result.ok ? "ok" : result.error}`);
      }
    },
  },
  {
    says: "18.4 dynamic children that are to be killed at once do not clean up",
    sees: ["+x", "+y", "sup ends: shutdown"],
    async play(stage) {
      const sup = await superviseDynamic(stage, { shutdown: "brutalKill" });
      for (const extra of ["x", "y"]) await startDynamicChild(stage.system, sup, extra);
      const ended = stage.ends("sup", sup);
      stage.system.exit(sup, shutdown());
      await ended;
    },
  },
];
