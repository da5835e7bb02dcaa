import type { ApiError } from "@espalier/inspector";
import { describe, expect, test } from "vitest";
import { type Ask, RemoteError } from "../src/terminal/client.ts";
import { parseCommandLine, UsageError } from "../src/terminal/command-line.ts";
import { findProcess } from "../src/terminal/find-process.ts";
import { askProcessList } from "../src/terminal/process-list.ts";
import { InspectedWorld } from "./support/world.ts";

/** The API of the inspector itself, without HTTP. */
function askOf(world: InspectedWorld): Ask {
  return async <Answer>(question: string, parameters: Readonly<Record<string, string | number>> = {}) => {
    const query = Object.entries(parameters).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
    const { status, body } = await world.ask(`${question}?${query.join("&")}`);
    if (status !== 200) throw new RemoteError("refused", (body as ApiError).error.code);
    return body as Answer;
  };
}

/** More connections than a page of children has. */
async function crowded(): Promise<InspectedWorld> {
  const world = await InspectedWorld.create();
  await world.connect(await world.open({ acceptors: 4 }), 450);
  return world;
}

describe("one actor", () => {
  test("is found by its pid, however it is written, in a crowd too", async () => {
    const world = await crowded();
    const ask = askOf(world);
    const { processes } = world.system.inspect();
    for (const { pid, path } of processes.filter((_, index) => index % 50 === 0 || index > processes.length - 3)) {
      const id = world.idOf(path);
      expect(await findProcess(ask, pid.toString())).toBe(id);
      expect(await findProcess(ask, String(pid.id))).toBe(id);
      expect(await findProcess(ask, path)).toBe(id);
      expect(await findProcess(ask, id)).toBe(id);
    }
  });

  test("is found by its name", async () => {
    const world = await crowded();
    expect(await findProcess(askOf(world), "sockets.server")).toBe(world.idOf("sockets/server"));
  });

  test("that does not live is not found", async () => {
    const ask = askOf(await crowded());
    expect(await findProcess(ask, "<0.99999>")).toBeUndefined();
    expect(await findProcess(ask, "sockets/nobody")).toBeUndefined();
  });
});

describe("the list of actors", () => {
  test("has everybody, unless a family is larger than a page", async () => {
    const world = await InspectedWorld.create();
    await world.connect(await world.open({ acceptors: 4 }), 50);
    const list = await askProcessList(askOf(world), { sort: "pid", isDescending: false, scope: undefined });
    const { processes } = world.system.inspect();
    expect(list.rows.map(({ path }) => path).toSorted()).toEqual(processes.map(({ path }) => path).toSorted());
    expect(list.total).toBe(processes.length);
  });

  test("has those that come first, of a family that is larger than a page", async () => {
    const world = await crowded();
    const late = world.clients.at(-1);
    await world.send(late, "many bytes");
    const list = await askProcessList(askOf(world), { sort: "bytes", isDescending: true, scope: undefined });
    expect(list.total).toBe(world.system.inspect().processes.length);
    expect(list.rows.length).toBeLessThan(list.total);
    expect(Math.max(...list.rows.map(({ bytesReceived }) => bytesReceived))).toBe(10);
  });

  test("of one family has that family alone", async () => {
    const world = await crowded();
    const { connectionSupervisor } = world.inspector.readings.listeners().listeners[0] ?? {};
    const list = await askProcessList(askOf(world), { sort: "pid", isDescending: true, scope: connectionSupervisor });
    expect([list.rows.length, list.total]).toEqual([200, 450]);
    expect(list.rows[0]?.path).toBe(world.system.inspect().processes.at(-1)?.path);
  });
});

describe("the command line", () => {
  test("has defaults, and takes the token of the environment unless one is given", () => {
    expect(parseCommandLine(["top"], { ESPALIER_TOKEN: "from-outside" })).toEqual({
      command: "top",
      url: new URL("http://127.0.0.1:4848"),
      token: "from-outside",
      intervalMs: 1000,
    });
    expect(parseCommandLine(["tree", "--token", "own"], { ESPALIER_TOKEN: "from-outside" })).toMatchObject({
      token: "own",
    });
    expect(parseCommandLine(["trace", "--json", "<0.84>", "--count=3"], {})).toMatchObject({
      pid: "<0.84>",
      count: 3,
      isJson: true,
      token: undefined,
    });
    expect(parseCommandLine([], {})).toEqual({ command: "help" });
    expect(parseCommandLine(["trace", "--help"], {})).toEqual({ command: "help" });
    expect(parseCommandLine(["--version"], {})).toEqual({ command: "version" });
  });

  test.each([
    [["tpo"], 'there is no command "tpo"; did you mean top?'],
    [["xyzzy"], 'there is no command "xyzzy"; expected top, tree or trace'],
    [["--json", "tree"], "the command comes first; expected top, tree or trace"],
    [["tree", "--jsno"], "there is no flag --jsno; did you mean --json?"],
    [["tree", "more"], '"more" is not expected'],
    [["trace"], "trace needs a PID, such as 84"],
    [["trace", "1", "--count", "0"], '--count is "0"; expected a number from 1 to 9007199254740991'],
    [["top", "--interval", "x"], '--interval is "x"; expected a number from 0.2 to 3600'],
    [["top", "--url", "localhost:4848"], '--url is "localhost:4848"; expected a URL such as http://127.0.0.1:4848'],
    [["top", "--token", "two words"], "--token must be visible ASCII characters"],
  ])("names what it does not understand: %j", (args, message) => {
    expect(() => parseCommandLine(args, {})).toThrow(new UsageError(message));
  });
});
