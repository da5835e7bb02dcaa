import { ignore, type Pid, shutdown, stop, sys } from "@espalier/actors";
import {
  child,
  type ChildSpec,
  countChildren,
  defineSupervisor,
  deleteChild,
  getChildSpec,
  restartChild,
  startChild,
  type SupervisorRef,
  terminateChild,
} from "@espalier/supervisor";
import { type Clause, Gate, textOf } from "./stage.ts";
import { list, noter, pidOf, specOf, supervise, tell } from "./supervised.ts";

/** Chapters 16 and 17 of the semantics: managing children, and automatic shutdown. */
export const management: readonly Clause[] = [
  {
    says: "16.1 an added child stands last, and is supervised like others",
    sees: ["+a", "+b", "added: true", "b, a", "-b error crash", "+b", "-b shutdown", "-a shutdown"],
    async play(stage) {
      const sup = await supervise(stage, { a: {} });
      const added = await startChild(stage.system, sup, specOf(stage, "b"));
      stage.note(`added: ${added.ok}`);
      stage.note(await list(stage, sup));
      await tell(stage, sup, "b", "crash");
      stage.system.exit(sup, shutdown());
      await stage.system.exited(sup);
    },
  },
  {
    says: "16.2 a request that cannot be granted is answered with why, and changes nothing",
    sees: [
      "+a",
      "alreadyStarted, badSpec, running, running, notFound, notFound, notFound",
      "-a shutdown",
      "alreadyPresent",
      "a stopped",
      "-",
    ],
    async play(stage) {
      const { system } = stage;
      const sup = await supervise(stage, { a: {} });
      const results = [
        await startChild(system, sup, specOf(stage, "a")),
        await startChild(system, sup, { id: "" } as ChildSpec),
        await restartChild(system, sup, "a"),
        await deleteChild(system, sup, "a"),
        await restartChild(system, sup, "x"),
        await deleteChild(system, sup, "x"),
        await terminateChild(system, sup, "x"),
      ];
      stage.note(results.map((result) => (result.ok ? "ok" : result.error)).join(", "));
      await terminateChild(system, sup, "a");
      const again = await startChild(system, sup, specOf(stage, "a"));
      stage.note(again.ok ? "ok" : again.error);
      stage.note(await list(stage, sup));
      await deleteChild(system, sup, "a");
      stage.note(`${await list(stage, sup)}-`);
    },
  },
  {
    says: "16.3 a child whose start fails leaves no spec",
    sees: ["+a", "+b", "startFailed", "a", "+b", "b, a"],
    async play(stage) {
      const sup = await supervise(stage, { a: {} });
      const start = child(noter(stage, "b", { start: () => stop(shutdown("no")) }));
      const failed = await startChild(stage.system, sup, specOf(stage, "b", { start }));
      stage.note(failed.ok ? "ok" : failed.error);
      stage.note(await list(stage, sup));
      await startChild(stage.system, sup, specOf(stage, "b"));
      stage.note(await list(stage, sup));
    },
  },
  {
    says: "16.4 terminateChild stops that child alone, and keeps its spec, unless it is temporary",
    sees: ["+a", "+b", "+x", "-a shutdown", "-x shutdown", "b, a stopped"],
    async play(stage) {
      const specs = { a: {}, b: {}, x: { restart: "temporary" as const } };
      const sup = await supervise(stage, specs, { strategy: "oneForAll" });
      for (const id of ["a", "x"]) await terminateChild(stage.system, sup, id);
      stage.note(await list(stage, sup));
    },
  },
  {
    says: "16.5 terminateChild of a child that waits for its restart cancels that",
    sees: ["+a", "-a error crash", "a restarting", "a stopped", "a stopped"],
    async play(stage) {
      const sup = await supervise(stage, { a: { onExit: () => ({ restartAfterMs: 20 }) } });
      await tell(stage, sup, "a", "crash");
      stage.note(await list(stage, sup));
      await terminateChild(stage.system, sup, "a");
      stage.note(await list(stage, sup));
      await stage.rest(30);
      stage.note(await list(stage, sup));
    },
  },
  {
    says: "16.5 a restart that was meant for a former life of a child is not made for the present one",
    sees: ["+a", "-a error crash", "+a", "-a error crash", "a restarting", "+a", "a"],
    async play(stage) {
      const sup = await supervise(stage, { a: { onExit: () => ({ restartAfterMs: 40 }) } });
      await tell(stage, sup, "a", "crash");
      await stage.rest(10);
      await terminateChild(stage.system, sup, "a");
      await restartChild(stage.system, sup, "a");
      await stage.rest(10);
      await tell(stage, sup, "a", "crash");
      await stage.rest(27);
      stage.note(await list(stage, sup));
      await stage.rest(20);
      stage.note(await list(stage, sup));
    },
  },
  {
    says: "16.6 a restartChild that fails leaves the child stopped",
    sees: ["+a", "-a shutdown", "+a", "startFailed", "a stopped", "+a", "a"],
    async play(stage) {
      let starts = 0;
      const start = () => {
        starts += 1;
        return starts === 2 ? stop(shutdown("no")) : undefined;
      };
      const sup = await supervise(stage, { a: { start: child(noter(stage, "a", { start })) } }, { intensity: 0 });
      await terminateChild(stage.system, sup, "a");
      const result = await restartChild(stage.system, sup, "a");
      stage.note(result.ok ? "ok" : result.error);
      stage.note(await list(stage, sup));
      await restartChild(stage.system, sup, "a");
      stage.note(await list(stage, sup));
    },
  },
  {
    says: "16.7 countChildren counts as active only what lives, and getChildSpec answers the spec as it is complete",
    sees: [
      "+a",
      "+b",
      "-a shutdown",
      "specs 3 active 2 supervisors 1 workers 2",
      "5000 permanent worker",
      "infinity supervisor",
    ],
    async play(stage) {
      const { system } = stage;
      const below = { start: child(defineSupervisor({ children: [] })) };
      const sup = await supervise(stage, { a: {}, b: {}, below });
      await terminateChild(system, sup, "a");
      stage.note(textOf(await countChildren(system, sup)));
      const spec = await getChildSpec(system, sup, "b");
      stage.note(`${textOf(spec?.shutdown)} ${spec?.restart} ${spec?.type}`);
      const other = await getChildSpec(system, sup, "below");
      stage.note(`${textOf(other?.shutdown)} ${other?.type}`);
    },
  },
  {
    says: "16.8 a request waits as long as the supervisor is busy, and fails with why it died",
    sees: ["+a", "-a shutdown", "resting", "fails: killed"],
    async play(stage) {
      const slow = new Gate();
      const sup = await supervise(stage, { a: { start: child(noter(stage, "a", { slow })), shutdown: "infinity" } });
      const terminated = terminateChild(stage.system, sup, "a").catch(() => undefined);
      const listed = list(stage, sup);
      await stage.rest(10_000);
      stage.note("resting");
      stage.system.kill(sup);
      slow.open();
      await terminated;
      stage.note(await listed.catch((error: unknown) => `fails: ${textOf(error)}`));
    },
  },
  {
    says: "16.9 a change of code keeps the children that run, and counts from the next start on",
    sees: ["+old a", "+old b", "c stopped, b, a", "-old a error crash", "+new a", "c stopped, b, a", "+new c"],
    async play(stage) {
      const { system } = stage;
      const code = (version: string, ids: readonly string[]) =>
        defineSupervisor({
          children: ids.map((id) => specOf(stage, id, { start: child(noter(stage, `${version} ${id}`)) })),
        });
      const started = await system.start(code("old", ["a", "b"]), undefined, { id: stage.name("sup") });
      if (!started.ok) return;
      const sup = started.ref;
      await sys.swapCode(system, sup, code("new", ["a", "b", "c"]));
      stage.note(await list(stage, sup));
      await tell(stage, sup, "a", "crash");
      stage.note(await list(stage, sup));
      await restartChild(system, sup, "c");
    },
  },
  {
    says: "17.1 a supervisor ends when a significant child has ended for good, 17.3 but not by terminateChild",
    sees: ["+a", "+b", "-b shutdown", "alive: true", "+b", "-b normal", "-a shutdown", "sup ends: shutdown"],
    async play(stage) {
      const significant = { significant: true, restart: "transient" } as const;
      const sup = await supervise(stage, { a: {}, b: significant }, { autoShutdown: "anySignificant" });
      const ended = stage.ends("sup", sup);
      await terminateChild(stage.system, sup, "b");
      stage.note(`alive: ${stage.system.isAlive(sup)}`);
      await restartChild(stage.system, sup, "b");
      await tell(stage, sup, "b", "leave");
      await ended;
    },
  },
  {
    says: "17.2 a supervisor ends when the last of its significant children has, those without a process do not count",
    sees: ["+a", "+b", "+c", "-c shutdown", "-a normal", "alive: true", "-b normal", "sup ends: shutdown"],
    async play(stage) {
      const significant = { significant: true, restart: "transient" } as const;
      const specs = { a: significant, b: significant, c: significant };
      const sup = await supervise(stage, specs, { autoShutdown: "allSignificant" });
      const ended = stage.ends("sup", sup);
      await terminateChild(stage.system, sup, "c");
      await tell(stage, sup, "a", "leave");
      stage.note(`alive: ${stage.system.isAlive(sup)}`);
      await tell(stage, sup, "b", "leave");
      await ended;
    },
  },

  {
    says: "16.1 a child that ignores its start is added without a process, and can be started later",
    sees: ["+a", "added: true", "a stopped", "+a", "a"],
    async play(stage) {
      let starts = 0;
      const start = () => {
        starts += 1;
        return starts === 1 ? ignore() : undefined;
      };
      const sup = await supervise(stage, {});
      const added = await startChild(
        stage.system,
        sup,
        specOf(stage, "a", { start: child(noter(stage, "a", { start })) }),
      );
      stage.note(`added: ${added.ok && added.child === undefined}`);
      stage.note(await list(stage, sup));
      await restartChild(stage.system, sup, "a");
      stage.note(await list(stage, sup));
    },
  },
  {
    says: "16.4 a child that is stopped by hand stays so when a sibling ends, and its old pid means nothing any more",
    sees: ["+a", "+b", "-a shutdown", "-b error crash", "+b", "b, a stopped", "+a", "b, a"],
    async play(stage) {
      const sup = await supervise(stage, { a: {}, b: {} });
      await terminateChild(stage.system, sup, "a");
      await tell(stage, sup, "b", "crash");
      stage.note(await list(stage, sup));
      await restartChild(stage.system, sup, "a");
      stage.note(await list(stage, sup));
    },
  },
  {
    says: "17.4 automatic shutdown climbs: a significant supervisor that ends so ends the one above",
    sees: ["+x", "-x normal", "sup ends: shutdown"],
    async play(stage) {
      const significant = { significant: true, restart: "transient" } as const;
      const below = defineSupervisor({ autoShutdown: "anySignificant", children: [specOf(stage, "x", significant)] });
      const specs = { below: { start: child(below), ...significant } };
      const sup = await supervise(stage, specs, { autoShutdown: "allSignificant" });
      const pid = (await pidOf(stage, sup, "below")) as SupervisorRef & Pid;
      const ended = stage.ends("sup", sup);
      await tell(stage, pid, "x", "leave");
      await ended;
    },
  },
];
