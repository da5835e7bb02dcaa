import { failure, killed, type Logger, normal, type Report, shutdown } from "@espalier/actors";
import {
  child,
  defineDynamicSupervisor,
  defineSupervisor,
  ProgressReport,
  restartChild,
  startChild,
  startDynamicChild,
  SupervisorReport,
  terminateChild,
} from "@espalier/supervisor";
import { describe, expect, test } from "vitest";
import {
  crashInCleanup,
  endAs,
  endsAsTold,
  failToStart,
  startsAs,
  steady,
  trapExitAndIgnore,
} from "./support/actors.ts";
import { actorAt, collectReports, startRoot, startSupervisor, worker } from "./support/tree.ts";
import { createWorld, leavesNothing } from "./support/world.ts";

const error = new Error("boom");
const boom = failure(error);

/** The supervisor reports in short, as in `childTerminated a normal`. */
function inShort(reports: readonly Report[]): string[] {
  return reports
    .filter((report) => report instanceof SupervisorReport)
    .map(({ errorContext, reason, offender: { id, count } }) => {
      const who = count === 1 ? (id ?? "") : `${count} children`;
      return `${errorContext} ${who} ${typeof reason === "string" ? reason : reason.type}`;
    });
}

describe("a supervisor reports", () => {
  test("each end of a permanent child, and of any other child the abnormal ones", async () => {
    const reported: Record<string, string[]> = {};
    for (const restart of ["permanent", "transient", "temporary"] as const) {
      const { system } = createWorld();
      const reports = collectReports(system);
      const children = ["a", "b", "c"].map((id) => worker(id, endsAsTold, { restart }));
      await startSupervisor(system, { intensity: 3, children });
      system.send(actorAt(system, "sup/a"), normal);
      system.send(actorAt(system, "sup/b"), shutdown("done"));
      system.send(actorAt(system, "sup/c"), boom);
      await system.idle();
      reported[restart] = inShort(reports);
    }
    expect(reported).toEqual({
      permanent: ["childTerminated a normal", "childTerminated b shutdown", "childTerminated c error"],
      transient: ["childTerminated c error"],
      temporary: ["childTerminated c error"],
    });
  });

  test("that it gives up, and which child was one too many", async () => {
    const { system } = createWorld();
    const reports = collectReports(system);
    await startSupervisor(system, { intensity: 0, children: [worker("a", endsAsTold)] });
    system.send(actorAt(system, "sup/a"), boom);
    await system.idle();
    expect(inShort(reports)).toEqual(["childTerminated a error", "shutdown a reachedMaxRestartIntensity"]);
  });

  test("the same of a dynamic supervisor and its child", async () => {
    const { system } = createWorld();
    const reports = collectReports(system);
    const pool = defineDynamicSupervisor({ intensity: 0, child: { start: () => child(endsAsTold) } });
    const sup = await startRoot(system, pool);
    await startDynamicChild(system, sup, undefined, "a");
    system.send(actorAt(system, "sup/a"), boom);
    await system.idle();
    expect(inShort(reports)).toEqual(["childTerminated a error", "shutdown a reachedMaxRestartIntensity"]);
  });

  test("a child that fails to start with it", async () => {
    const { system } = createWorld();
    const reports = collectReports(system);
    await system.start(defineSupervisor({ children: [worker("a", steady), worker("b", failToStart("no"))] }));
    expect(inShort(reports)).toEqual(["startError b error"]);
  });

  test("each failure to restart a child", async () => {
    const { system } = createWorld();
    const reports = collectReports(system);
    await startSupervisor(system, { intensity: 3, children: [worker("a", startsAs("ok", "fail", "fail"))] });
    system.send(actorAt(system, "sup/a"), boom);
    await system.idle();
    expect(inShort(reports)).toEqual(["childTerminated a error", "startError a error", "startError a error"]);
  });

  test("each failure to restart a dynamic child", async () => {
    const { system } = createWorld();
    const reports = collectReports(system);
    const pool = defineDynamicSupervisor({
      intensity: 3,
      child: { start: () => child(startsAs("ok", "fail", "fail")) },
    });
    const sup = await startRoot(system, pool);
    await startDynamicChild(system, sup, undefined, "a");
    system.send(actorAt(system, "sup/a"), boom);
    await system.idle();
    expect(inShort(reports)).toEqual(["childTerminated a error", "startError a error", "startError a error"]);
  });

  test("no failure of a start that somebody asked for, since the answer tells of it", async () => {
    const { system } = createWorld();
    const reports = collectReports(system);
    const sup = await startSupervisor(system, { children: [worker("a", startsAs("ignore", "fail"))] });
    await expect(startChild(system, sup, worker("b", failToStart("no")))).resolves.toMatchObject({ ok: false });
    await expect(restartChild(system, sup, "a")).resolves.toMatchObject({ ok: false });
    const pool = await startRoot(system, defineDynamicSupervisor({ child: { start: () => child(failToStart("no")) } }));
    await expect(startDynamicChild(system, pool, undefined)).resolves.toMatchObject({ ok: false });
    expect(inShort(reports)).toEqual([]);
  });

  test("a child that did not end as it was told to", async () => {
    const { clock, system } = createWorld();
    const reports = collectReports(system);
    const children = [
      worker("slow", trapExitAndIgnore),
      worker("crashing", crashInCleanup("boom")),
      worker("normal", endAs(normal)),
      worker("transient", endAs(normal), { restart: "transient" }),
      worker("killed", trapExitAndIgnore, { shutdown: "brutalKill" }),
      worker("steady", steady),
    ];
    const sup = await startSupervisor(system, { children });
    system.exit(sup, shutdown());
    await clock.advance(5000);
    expect(inShort(reports)).toEqual([
      "shutdownError normal normal",
      "shutdownError crashing error",
      "shutdownError slow killed",
    ]);
  });

  test("a dynamic child that did not end as it was told to", async () => {
    const { system } = createWorld();
    const reports = collectReports(system);
    const sup = await startRoot(system, defineDynamicSupervisor({ child: { start: () => child(endAs(normal)) } }));
    await startDynamicChild(system, sup, undefined, "a");
    await terminateChild(system, sup, actorAt(system, "sup/a"));
    expect(inShort(reports)).toEqual(["shutdownError a normal"]);
  });

  test("as the reason of a child that had ended before it was told the true one", async () => {
    const { system } = createWorld();
    const reports = collectReports(system);
    const sup = await startSupervisor(system, { children: [worker("a", endsAsTold)] });
    const terminated = terminateChild(system, sup, "a");
    system.kill(actorAt(system, "sup/a"));
    await terminated;
    expect(reports.filter(({ type }) => type === "supervisor")).toMatchObject([
      { errorContext: "shutdownError", reason: killed },
    ]);
  });

  test("many dynamic children that ended alike as one", async () => {
    const { clock, system } = createWorld();
    const starts = [
      ...Array.from({ length: 5 }, () => child(trapExitAndIgnore)),
      ...Array.from({ length: 3 }, () => child(crashInCleanup("boom"))),
      ...Array.from({ length: 2 }, () => child(crashInCleanup("bang"))),
      child(steady),
    ];
    const sup = await startRoot(
      system,
      defineDynamicSupervisor({ child: { start: (extra: (typeof starts)[0]) => extra } }),
    );
    for (const start of starts) await startDynamicChild(system, sup, start);
    const reports = collectReports(system);
    system.exit(sup, shutdown());
    await clock.advance(5000);
    expect(inShort(reports)).toEqual([
      "shutdownError 3 children error",
      "shutdownError 2 children error",
      "shutdownError 5 children killed",
    ]);
  });
});

describe("a supervisor report", () => {
  test("names the supervisor, and the child with all that its spec says", async () => {
    const { system } = createWorld();
    const reports = collectReports(system);
    const children = [worker("a", endsAsTold, { restart: "transient", shutdown: 100, significant: true })];
    const sup = await startSupervisor(system, { autoShutdown: "allSignificant", children });
    const a = actorAt(system, "sup/a");
    system.send(a, boom);
    await system.idle();
    const report = reports.find(({ type }) => type === "supervisor");
    expect(report).toEqual(
      expect.objectContaining({
        type: "supervisor",
        level: "error",
        supervisor: { pid: sup, path: "sup", incarnation: 1 },
        errorContext: "childTerminated",
        reason: boom,
        offender: {
          id: "a",
          pid: a,
          count: 1,
          definition: "endsAsTold",
          restart: "transient",
          shutdown: 100,
          type: "worker",
          significant: true,
        },
      }),
    );
  });

  test("is a text for people", async () => {
    const { system } = createWorld();
    const reports = collectReports(system);
    const sup = await startSupervisor(system, { intensity: 0, children: [worker("a", endsAsTold)] });
    const a = actorAt(system, "sup/a");
    system.send(a, boom);
    await system.idle();
    expect(reports.filter(({ type }) => type === "supervisor").map(({ text }) => text)).toEqual([
      [
        `supervisor report: sup ${String(sup)}`,
        "  context:  childTerminated",
        "  reason:   error: boom",
        `  offender: a ${String(a)} (endsAsTold, permanent, shutdown 5000, worker)`,
      ].join("\n"),
      [
        `supervisor report: sup ${String(sup)}`,
        "  context:  shutdown",
        "  reason:   reachedMaxRestartIntensity",
        `  offender: a ${String(a)} (endsAsTold, permanent, shutdown 5000, worker)`,
      ].join("\n"),
    ]);
  });

  test("of many children says how many", async () => {
    const { system } = createWorld();
    const pool = defineDynamicSupervisor({ child: { start: () => child(crashInCleanup("boom")) } });
    const sup = await startRoot(system, pool);
    for (let count = 0; count < 7; count += 1) await startDynamicChild(system, sup, undefined);
    const reports = collectReports(system);
    system.exit(sup, shutdown());
    await system.idle();
    expect(reports.find(({ type }) => type === "supervisor")?.text).toBe(
      [
        `supervisor report: sup ${String(sup)}`,
        "  context:  shutdownError",
        "  reason:   error: boom",
        "  offender: 7 children (crashInCleanup, permanent, shutdown 5000, worker)",
      ].join("\n"),
    );
  });

  test("is an event whose subject is the supervisor", async () => {
    const { system } = createWorld();
    const subjects: string[] = [];
    system.trace((event) => event.type === "report" && subjects.push(`${event.report.type} ${event.subject.path}`));
    await startSupervisor(system, { children: [worker("a", endsAsTold)] });
    system.send(actorAt(system, "sup/a"), boom);
    await system.idle();
    expect(subjects).toEqual(["progress sup", "crash sup/a", "supervisor sup", "progress sup"]);
  });
});

describe("a progress report", () => {
  test("tells of each child that was started, also anew", async () => {
    const { system } = createWorld();
    const reports = collectReports(system);
    const sup = await startSupervisor(system, { children: [worker("a", endsAsTold), worker("b", steady)] });
    const [a, b] = ["sup/a", "sup/b"].map((path) => String(actorAt(system, path)));
    system.send(actorAt(system, "sup/a"), boom);
    await system.idle();
    const started = reports.filter((report) => report instanceof ProgressReport);
    expect(started.map(({ text }) => text)).toEqual([
      `progress: sup started a ${a}`,
      `progress: sup started b ${b}`,
      `progress: sup started a ${String(actorAt(system, "sup/a"))}`,
    ]);
    expect(started[1]).toMatchObject({
      level: "info",
      supervisor: { pid: sup },
      started: { id: "b", definition: "steady" },
    });
  });

  test("is logged at debug for a dynamic child", async () => {
    const levels: string[] = [];
    const at = (level: string) => (_fields: object, text: string) =>
      void levels.push(`${level}: ${text.split(" ")[2]}`);
    const { system } = createWorld({
      logger: { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") },
    });
    system.trace(() => undefined, { detail: "life" });
    const pool = defineDynamicSupervisor<undefined>({ child: { start: () => child(steady) } });
    await startSupervisor(system, { children: [{ id: "pool", start: child(pool, undefined, { name: "pool" }) }] });
    await startDynamicChild(system, "pool", undefined);
    await startDynamicChild(system, "pool", undefined);
    expect(levels).toEqual(["info: started", "debug: started", "debug: started"]);
  });

  test("is made for nobody when nobody traces", async () => {
    const lines: string[] = [];
    const note = (_fields: object, text: string): unknown => lines.push(text);
    const { system } = createWorld({ logger: { debug: note, info: note, warn: note, error: note } });
    await startSupervisor(system, { children: [worker("a", steady)] });
    expect(lines).toEqual([]);
  });
});

/** The lines of a log by level, for a tree whose child crashes once and is then one too many. */
async function logOf(isTraced: boolean): Promise<string[]> {
  const lines: string[] = [];
  const at = (level: string) => (fields: object, text: string) =>
    void lines.push(`${level} ${JSON.stringify(fields)} ${text.split("\n")[0]}`);
  const logger: Logger = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  const world = createWorld({ logger });
  const { system } = world;
  if (isTraced) system.trace(() => undefined, { detail: "life" });
  await startSupervisor(system, { children: [worker("a", endsAsTold)] });
  for (let round = 0; round < 2; round += 1) {
    // What is thrown is no Error here, so that the lines have no stack in them.
    system.send(actorAt(system, "sup/a"), failure("boom"));
    await system.idle();
  }
  await leavesNothing(world);
  return lines;
}

function progress(pid: string): string {
  return `info {"report":"progress","actor":"<0.1>","path":"sup"} progress: sup started a ${pid}`;
}

describe("the log", () => {
  const crash =
    'error {"report":"crash","actor":"<0.2>","path":"sup/a","message":"error","err":"boom"} crash in sup/a <0.2>: error: boom';
  const report = 'error {"report":"supervisor","actor":"<0.1>","path":"sup"} supervisor report: sup <0.1>';
  const again = crash.replaceAll("<0.2>", "<0.3>");

  test("has a line for each supervisor report", async () => {
    await expect(logOf(false)).resolves.toEqual([crash, report, again, report, report]);
  });

  test("has one for each progress report too while somebody traces", async () => {
    await expect(logOf(true)).resolves.toEqual([
      progress("<0.2>"),
      crash,
      report,
      progress("<0.3>"),
      again,
      report,
      report,
    ]);
  });
});
