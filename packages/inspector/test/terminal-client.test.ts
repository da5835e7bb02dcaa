import { defineServer, ok, sys } from "@espalier/actors";
import type { ChildRow } from "@espalier/inspector";
import { packetMachine } from "@espalier/sockets";
import { describe, expect, test } from "vitest";
import { parseCommandLine, USAGE, UsageError } from "../src/terminal/command-line.ts";
import { findProcess } from "../src/terminal/find-process.ts";
import { initialModel } from "../src/terminal/model.ts";
import { askProcessList } from "../src/terminal/process-list.ts";
import { bytesOf, processRows } from "../src/terminal/rows.ts";
import { receive, SORTS } from "../src/terminal/update.ts";
import { askOf } from "./support/ask-of.ts";
import { InspectedWorld, keeper } from "./support/world.ts";

/** More connections than a page of children has. */
async function crowded(): Promise<InspectedWorld> {
  const world = await InspectedWorld.create();
  await world.connect(await world.open({ acceptors: 4 }), 450);
  return world;
}

/** Says so many bytes as it is told. */
const talker = packetMachine({
  onData(connection, data) {
    connection.send(new Uint8Array(Number(new TextDecoder().decode(data))));
  },
});

/** A family of 450, in which everybody is different from most others, and some are alike. */
async function motley() {
  const world = await InspectedWorld.create();
  const crowd = defineServer({
    name: "crowd",
    init: (_: undefined, self) => {
      for (let index = 0; index < 450; index += 1) {
        const name = `k${(index * 101) % 450}`;
        self.spawn(keeper, "", { id: name, name, incarnation: 1 + ((index * 13) % 29) });
      }
      return ok(undefined);
    },
  });
  await world.system.start(crowd, undefined, { id: "crowd" });
  for (let index = 0; index < 450; index += 1) {
    const name = `k${index}`;
    for (let count = (index * 17) % 23; count > 0; count -= 1) world.system.send(name, { type: "keep", text: "" });
    await world.settle();
    if (index % 3 === 0) await sys.suspend(world.system, name);
    for (let count = (index * 5) % 19; count > 0; count -= 1) world.system.send(name, { type: "keep", text: "" });
  }
  await world.settle();
  const parent = world.idOf("crowd");
  const all = async (): Promise<readonly ChildRow[]> => {
    const pages = [0, 200, 400].map((offset) => world.inspector.readings.children(parent, { offset, limit: 200 }));
    return pages.flatMap((page) => page?.items ?? []);
  };
  return { world, ask: askOf(world), parent, all };
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

  test("is found by its name or its path among many whose keys have that in them", async () => {
    const world = await InspectedWorld.create();
    const names = [...Array.from({ length: 450 }, (_, index) => `k${index}`), "k"];
    const crowd = defineServer({
      name: "crowd",
      init: (_: undefined, self) => {
        for (const name of names) self.spawn(keeper, "", { id: name, name });
        return ok(undefined);
      },
    });
    await world.system.start(crowd, undefined, { id: "crowd" });
    const [sought, ask] = [world.idOf("crowd/k"), askOf(world)];
    expect([await findProcess(ask, "k"), await findProcess(ask, "crowd/k")]).toEqual([sought, sought]);
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
    const list = await askProcessList(askOf(world), { sort: "pid", isDescending: false, scope: undefined, filter: "" });
    const { processes } = world.system.inspect();
    expect(list.rows.map(({ path }) => path).toSorted()).toEqual(processes.map(({ path }) => path).toSorted());
    expect(list.total).toBe(processes.length);
  });

  test("has those that come first, of a family that is larger than a page", async () => {
    const world = await crowded();
    const late = world.clients.at(-1);
    await world.send(late, "many bytes");
    const list = await askProcessList(askOf(world), {
      sort: "bytes",
      isDescending: true,
      scope: undefined,
      filter: "",
    });
    expect(list.total).toBe(world.system.inspect().processes.length);
    expect(list.rows.length).toBeLessThan(list.total);
    expect(Math.max(...list.rows.map(({ bytesReceived }) => bytesReceived))).toBe(10);
  });

  test("has exactly those that come first, by whatever it is sorted, of a family that is larger than a page", async () => {
    const { world, ask, parent, all } = await motley();
    // From here on, rates are counted.
    await askProcessList(ask, { sort: "rate", isDescending: true, scope: parent, filter: "" });
    const before = new Map((await all()).map(({ id, reductions }) => [id, reductions]));
    for (const [index, { name = "" }] of (await all()).entries()) {
      for (let count = (index * 7) % 11; count > 0; count -= 1) world.system.send(name, { type: "keep", text: "" });
    }
    await world.clock.advance(2000);
    const truth = (await all()).map((row) => {
      const rate = (row.reductions - (before.get(row.id) ?? 0)) / 2;
      return Object.assign(row, { path: `crowd/${row.key}`, rate });
    });
    for (const [sort, isDescending] of SORTS.flatMap((name) => [[name, true] as const, [name, false] as const])) {
      const list = await askProcessList(ask, { sort, isDescending, scope: parent, filter: "" });
      const model = { ...initialModel({ columns: 80, rows: 24 }, false), sort, isDescending };
      const scope = { id: parent, path: "crowd" };
      const shown = processRows({ ...receive(model, { list }), scope });
      const everybody = processRows({ ...receive(model, { list: { ...list, rows: truth } }), scope });
      expect([sort, shown.map(({ key }) => key)]).toEqual([sort, everybody.slice(0, 200).map(({ key }) => key)]);
    }
  });

  test("by bytes has those who moved most in both directions together", async () => {
    const world = await InspectedWorld.create();
    const listener = await world.open({}, talker);
    const clients = await world.connect(listener, 300);
    // The more one says, the less it hears; the sum is largest in the middle.
    const said = clients.map((_, index) => [index + 1, index < 150 ? index * 9 : (300 - index) * 9] as const);
    for (const [index, [length, answer]] of said.entries()) {
      await world.send(clients[index], String(answer).padStart(length + 4));
    }
    const scope = world.inspector.readings.listeners().listeners[0]?.connectionSupervisor;
    const list = await askProcessList(askOf(world), { sort: "bytes", isDescending: true, scope, filter: "" });
    const sums = said.map(([length, answer]) => length + 4 + answer).toSorted((left, right) => right - left);
    expect(list.rows.map((row) => bytesOf(row))).toEqual(sums.slice(0, 200));
  });

  test("of one family has that family alone", async () => {
    const world = await crowded();
    const { connectionSupervisor } = world.inspector.readings.listeners().listeners[0] ?? {};
    const list = await askProcessList(askOf(world), {
      sort: "pid",
      isDescending: true,
      scope: connectionSupervisor,
      filter: "",
    });
    expect([list.rows.length, list.total]).toEqual([200, 450]);
    expect(list.rows[0]?.path).toBe(world.system.inspect().processes.at(-1)?.path);
  });
});

const COMMANDS = [
  "top, tree, listeners, trace, kill, suspend, resume, restart-child, suspend-listener, resume-listener",
  "drain-listener, set-max-clients, allow, deny, remove-rule, help",
].join(", ");

/** A line as it is typed, without quotes. */
function parsed(line: string) {
  return parseCommandLine(line.split(" "), { ESPALIER_TOKEN: "own" });
}

describe("the command line", () => {
  test("has a word for each command of the API, in any order with its flags", () => {
    const given = { url: new URL("http://127.0.0.1:4848"), token: "own", isJson: false };
    const tell = { command: "tell", ...given, word: undefined, timeoutMs: undefined };
    expect(parsed("kill <0.84>")).toEqual({ ...tell, name: "kill", target: "<0.84>" });
    expect(parsed("restart-child 3 room --json")).toEqual({
      ...tell,
      name: "restart-child",
      target: "3",
      word: "room",
      isJson: true,
    });
    expect(parsed("drain-listener --timeout 1.5 echo")).toEqual({
      ...tell,
      name: "drain-listener",
      target: "echo",
      timeoutMs: 1500,
    });
    const rule = { ...tell, name: "remove-rule", target: "echo", word: "deny 10.0.0.0/8" };
    expect(parsed("remove-rule echo deny 10.0.0.0/8")).toEqual(rule);
    expect(parseCommandLine(["remove-rule", "echo", "deny 10.0.0.0/8", "--token=own"], {})).toEqual(rule);
    expect(USAGE.split("\n").flatMap((line) => /^ {2}espalier ([\w-]+)/u.exec(line)?.[1] ?? [])).toEqual(
      COMMANDS.split(", ").slice(0, -1),
    );
  });

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
    [["xyzzy"], `there is no command "xyzzy"; expected one of ${COMMANDS}`],
    [["--json", "tree"], `the command comes first; expected one of ${COMMANDS}`],
    [["kil", "84"], 'there is no command "kil"; did you mean kill?'],
    [["kill"], "kill needs a PID"],
    [["kill", "84", "85"], '"85" is not expected'],
    [["kill", "84", "--timeout", "1"], "there is no flag --timeout"],
    [["restart-child", "84"], "restart-child needs a CHILD behind the PID"],
    [["allow", "echo:5000", "all", "now"], '"now" is not expected'],
    [["remove-rule", "echo:5000"], "remove-rule needs a RULE behind the LISTENER"],
    [["drain-listener", "echo:5000", "--timeout", "-1"], "Option '--timeout' argument is ambiguous"],
    [["drain-listener", "echo:5000", "--timeout=x"], '--timeout is "x"; expected a number from 0 to 86400'],
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
