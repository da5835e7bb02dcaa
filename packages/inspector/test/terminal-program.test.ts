import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { createSystem, formatTree, type Pid, shutdown, silentLogger, type System } from "@espalier/actors";
import { inspector, type ListeningInspector, type TreeAnswer } from "@espalier/inspector";
import { type Listener, packetMachine, type Sockets, startSockets } from "@espalier/sockets";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { espalier, TerminalProgram } from "./support/terminal-program.ts";
import { TOKEN } from "./support/world.ts";

const echo = packetMachine({ onData: (connection, data) => void connection.send(data) });

/** A real server with real connections: what is tried here is the program as a user starts it. */
let system: System;
let sockets: Sockets;
let listener: Listener;
let listening: ListeningInspector;
const clients: Socket[] = [];

async function client(to: Listener = listener): Promise<Socket> {
  const socket = connect(to.port, "127.0.0.1");
  socket.on("error", () => undefined);
  clients.push(socket);
  socket.write("hello");
  await once(socket, "data");
  return socket;
}

beforeAll(async () => {
  system = createSystem({ name: "orchard", logger: silentLogger });
  sockets = await startSockets(system);
  listener = await sockets.open("echo", "127.0.0.1:0", { acceptors: 2 }, echo);
  listening = await inspector(system, { sockets, token: TOKEN }).listen({ port: 0 });
  for (let count = 0; count < 3; count += 1) await client();
});

afterAll(async () => {
  for (const socket of clients) socket.destroy();
  await listening.close();
  await system.shutdown();
});

function top(...args: readonly string[]): TerminalProgram {
  const started = new TerminalProgram(["top", "--url", listening.url, "--interval", "0.2", ...args]);
  onTestFinished(() => started.dispose());
  return started;
}

/** A command of the shell, by one who may give it, when it has ended. */
function told(...args: readonly string[]) {
  return espalier([...args, "--url", listening.url], { ESPALIER_TOKEN: TOKEN }).ended;
}

/** The terminal is as it was before: the other screen, its cursor, and the modes of a shell. */
function expectRestored({ screen, output }: TerminalProgram): void {
  expect(screen.isAlternate).toBe(false);
  expect(screen.isCursorShown).toBe(true);
  expect(output).toMatch(/ icanon /u);
  expect(output).toMatch(/ echo /u);
}

describe("espalier top", () => {
  test("shows the overview, the actors, the tree, the listeners, one connection, and kills it", async () => {
    const program = top("--token", TOKEN);
    await program.shows(/received\/s +[\d.]+ +(?:[KM]i)?B/u);
    await program.shows(/running +3/u);
    expect(program.screen.lines[0]).toMatch(/^ orchard \[1 overview\]/u);

    program.press("2");
    await program.shows(/WAIT_FOR_DATA .*ion_sup\/1 127/u);
    program.press("3");
    await program.shows(/3 children: 3 WAIT_FOR_DATA/u);

    program.press("4");
    await program.shows(/running +3 .*echo:127/u);
    program.press("\r");
    await program.shows(/Children of connections of echo:\S+ +3 of 3/u);
    const victim = clients[0];
    program.press(`/127.0.0.1:${victim?.localPort}\r`);
    await program.shows(/1 of 3 with/u);
    program.press("\r");
    await program.shows(/socket +127\.0\.0\.1:\d+ at /u);
    program.press("k");
    await program.shows(/Kill <0\.\d+>\? y\/n/u);
    program.press("n");
    await program.shows(/nothing was killed/u);
    expect(victim?.destroyed).toBe(false);
    const closed = victim && once(victim, "close");
    program.press("ky");
    await program.shows(/was killed/u);
    await program.shows(/it has died/u);
    await closed;
    program.press("\u001b");
    await program.shows(/0 of 2 with/u);

    program.press("q");
    await program.ended;
    expect(program.code).toBe(0);
    expectRestored(program);
    expect(program.screen.unknown).toEqual([]);
  }, 60_000);

  test("suspends and resumes an actor and a listener, and drains a listener after a question", async () => {
    const own = await sockets.open("pond", "127.0.0.1:0", { acceptors: 2 }, echo);
    const guest = await client(own);
    const echoed: string[] = [];
    guest.on("data", (data) => echoed.push(String(data)));
    const program = top("--token", TOKEN);
    program.press(`2/127.0.0.1:${guest.localPort}\r`);
    await program.shows(/1 of \d+ with/u);

    // What is sent meanwhile waits.
    program.press("s");
    await program.shows(/\/connection_sup\/1 is suspended/u);
    await program.shows(/suspended .*ion_sup\/1/u);
    guest.write("early");
    program.press("u");
    await program.shows(/\/connection_sup\/1 goes on/u);
    await program.shows(/WAIT_FOR_DATA .*ion_sup\/1/u);
    if (echoed.length === 0) await once(guest, "data");
    expect(echoed.join("")).toBe("early");

    program.press("\u001b4/pond\r");
    await program.shows(/running +1 .*pond:127/u);
    program.press("s");
    await program.shows(/pond:\S+ is suspended/u);
    await program.shows(/suspended +1 .*pond:127/u);
    expect([own.status, guest.destroyed]).toEqual(["suspended", false]);
    program.press("u");
    await program.shows(/running +1 .*pond:127/u);
    program.press("d");
    await program.shows(/Drain, and end 1 connection\? y\/n pond:127/u);
    program.press("n");
    await program.shows(/nothing was drained/u);
    expect([own.status, guest.destroyed]).toEqual(["running", false]);
    const closed = once(guest, "close");
    const { supervisor } = own;
    if (supervisor === undefined) throw new Error("the listener should run");
    const ended = system.exited(supervisor);
    program.press("dy");
    await program.shows(/is being drained/u);
    await closed;
    await program.shows(/Listeners +0/u);
    // It is off the list as soon as it is being closed, and down when all of it has ended.
    expect(await ended).toEqual(shutdown());
    expect(own.status).toBe("down");

    program.press("q");
    await program.ended;
    expect(program.code).toBe(0);
    expectRestored(program);
    expect(program.screen.unknown).toEqual([]);
  }, 60_000);

  test("kills nobody without a token", async () => {
    const program = top();
    program.press("2");
    await program.shows(/connection_sup/u);
    program.press("k");
    await program.shows(/to kill, start with --token/u);
    program.press("s");
    await program.shows(/to suspend, start with --token/u);
    program.press("4d");
    await program.shows(/to drain, start with --token/u);
    program.press("\u0003");
    await program.ended;
    expect(program.code).toBe(0);
    expectRestored(program);
  }, 60_000);

  test("gives the terminal back while it is stopped", async () => {
    const program = top();
    await program.shows(/actors/u);
    program.press("\u001a");
    await program.until(() => !program.screen.isAlternate);
    expect(program.screen.isCursorShown).toBe(true);
    process.kill(program.pid, "SIGCONT");
    await program.until(() => program.screen.isAlternate);
    await program.shows(/actors/u);
    program.press("q");
    await program.ended;
    expect(program.code).toBe(0);
    expectRestored(program);
  }, 60_000);

  test("restores the terminal when it is ended from outside", async () => {
    const program = top();
    await program.shows(/actors/u);
    process.kill(program.pid, "SIGTERM");
    await program.ended;
    expect(program.code).toBe(143);
    expectRestored(program);
  }, 60_000);

  // It would wait 15 s for the answer.
  test("ends at once when somebody quits, whatever it has asked", async () => {
    const overview = await (await fetch(`${listening.url}/api/v1/overview`)).text();
    let asked = 0;
    const silent = createServer((_request, response) => {
      asked += 1;
      // The first answer is that there is an inspector.
      if (asked === 1) response.end(overview);
      else silent.emit("unanswered");
    });
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    onTestFinished(() => silent.closeAllConnections());
    onTestFinished(() => void silent.close());
    const unanswered = once(silent, "unanswered");
    const program = top("--url", `http://127.0.0.1:${(silent.address() as AddressInfo).port}`);
    await unanswered;
    program.press("q");
    await program.ended;
    expect(program.code).toBe(0);
    expectRestored(program);
  }, 12_000);

  test("needs a terminal, and an inspector", async () => {
    expect(await espalier(["top", "--url", listening.url]).ended).toEqual({
      code: 1,
      stdout: "",
      stderr: "espalier: top needs a terminal; espalier tree prints into files\n",
    });
    const program = new TerminalProgram(["top", "--url", "http://127.0.0.1:9"]);
    onTestFinished(() => program.dispose());
    await program.ended;
    expect(program.code).toBe(1);
    expect(program.output).not.toContain("\u001b[?1049h");
  }, 60_000);
});

describe("espalier tree", () => {
  test("prints the tree as the actors themselves would", async () => {
    const { code, stdout, stderr } = await espalier(["tree", "--all", "--url", listening.url]).ended;
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toBe(`${formatTree(system.inspect())}\n`);
  }, 30_000);

  test("prints JSON", async () => {
    const { code, stdout } = await espalier(["tree", "--json", "--url", `${listening.url}/`]).ended;
    const { roots } = JSON.parse(stdout) as TreeAnswer;
    expect([code, roots.map(({ key }) => key)]).toEqual([0, ["sockets"]]);
  }, 30_000);

  test("says in one line why it cannot", async () => {
    const own = await inspector(system, { token: TOKEN, protectReads: true }).listen({ port: 0 });
    const wrong = await espalier(["tree", "--url", own.url], { ESPALIER_TOKEN: "wrong-horse-battery" }).ended;
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toBe("espalier: the token is missing or wrong; give it by --token or in ESPALIER_TOKEN\n");
    expect((await espalier(["tree", "--url", own.url], { ESPALIER_TOKEN: TOKEN }).ended).code).toBe(0);
    await own.close();
    const refused = await espalier(["tree", "--url", own.url]).ended;
    expect(refused).toEqual({ code: 1, stdout: "", stderr: `espalier: cannot reach ${own.url}: connection refused\n` });
  }, 60_000);

  test("names what it does not understand", async () => {
    const { code, stderr } = await espalier(["tree", "--ulr", "x"]).ended;
    expect(code).toBe(2);
    expect(stderr).toBe("espalier: there is no flag --ulr; did you mean --url? (espalier --help tells more)\n");
  }, 30_000);
});

describe("espalier, as a shell gives commands", () => {
  test("kills an actor by its pid, once", async () => {
    const socket = await client();
    const sought = system.inspect().processes.find(({ label }) => label?.endsWith(`:${socket.localPort}`));
    const closed = once(socket, "close");
    const killing = await told("kill", String(sought?.pid));
    expect(killing).toEqual({ code: 0, stdout: `${sought?.path} was killed\n`, stderr: "" });
    await closed;
    const again = await told("kill", String(sought?.pid));
    expect(again).toEqual({ code: 1, stdout: "", stderr: `espalier: no living actor is ${String(sought?.pid)}\n` });
  }, 30_000);

  test("suspends, resumes, limits and drains a listener, by its id, its name, or its address", async () => {
    const own = await sockets.open("creek", "127.0.0.1:0", { acceptors: 2 }, echo);
    const { id } = own;
    expect(await told("suspend-listener", "creek")).toMatchObject({ code: 0, stdout: `${id} is suspended\n` });
    expect(own.status).toBe("suspended");
    expect((await told("resume-listener", id)).code).toBe(0);
    expect((await told("set-max-clients", `127.0.0.1:${own.port}`, "7")).code).toBe(0);
    expect((await told("deny", "creek", "10.0.0.0/8")).code).toBe(0);
    const { stdout } = await told("listeners");
    const line = `${id} running, tcp 127.0.0.1:${own.port}, 0 of 7 connections, 0 waiting; deny 10.0.0.0/8, allow all`;
    expect(stdout.split("\n")).toContain(line);
    expect((await told("remove-rule", "creek", "deny", "10.0.0.0/8")).code).toBe(0);
    expect(own.accessRules).toEqual([{ allow: "all" }]);
    const ended = system.exited(own.supervisor as Pid);
    const drained = await told("drain-listener", "creek", "--timeout", "1", "--json");
    expect(JSON.parse(drained.stdout)).toEqual({ ok: true, text: `${id} is being drained` });
    expect(await ended).toEqual(shutdown());
  }, 60_000);

  test("says in one line why it cannot", async () => {
    const own = await sockets.open("echo", "localhost:0", { acceptors: 2 }, echo);
    const failing = await Promise.all([
      told("suspend-listener", "echo"),
      told("suspend-listener", "nobody"),
      told("set-max-clients", own.id, "0"),
      told("restart-child", "sockets.server", "x"),
      espalier(["kill", "1", "--url", listening.url]).ended,
      espalier(["kill", "1", "--url", listening.url], { ESPALIER_TOKEN: "wrong-horse-battery" }).ended,
    ]);
    await own.close();
    expect(failing.map(({ code, stdout }) => [code, stdout])).toEqual(failing.map(() => [1, ""]));
    expect(failing.map(({ stderr }) => stderr)).toEqual([
      `espalier: echo may be any of ${listener.id}, ${own.id}\n`,
      `espalier: no listener is nobody; there is ${listener.id}, ${own.id}\n`,
      'espalier: maxClients must be an integer from 1, or "infinity"\n',
      "espalier: this actor is no supervisor\n",
      "espalier: to kill, a token is needed: --token or ESPALIER_TOKEN\n",
      "espalier: the token is missing or wrong; give it by --token or in ESPALIER_TOKEN\n",
    ]);
  }, 60_000);
});

describe("espalier trace", () => {
  test("prints what one actor hears, and lets go of it", async () => {
    const socket = await client();
    const sought = system.inspect().processes.find(({ label }) => label?.endsWith(`:${socket.localPort}`));
    const pid = String(sought?.pid.id);
    const tracing = espalier(["trace", pid, "--url", listening.url], { ESPALIER_TOKEN: TOKEN });
    // It has to be traced before there is something to be seen: what is sent until then is echoed, and forgotten.
    const again = (): void => void socket.write("again");
    socket.on("data", again);
    again();
    await tracing.printed(/^ +0\.000 in {2}data$/mu);
    socket.off("data", again);
    tracing.kill("SIGINT");
    expect((await tracing.ended).code).toBe(130);
    const own = await fetch(`${listening.url}/api/v1/trace?id=${pid}.1.${encodeURIComponent(sought?.path ?? "")}`);
    expect(await own.json()).toMatchObject({ isTraced: false });
  }, 30_000);

  test("ends with its actor", async () => {
    const socket = await client();
    const sought = system.inspect().processes.find(({ label }) => label?.endsWith(`:${socket.localPort}`));
    const again = (): void => void socket.write("again");
    socket.on("data", again);
    again();
    const tracing = espalier(["trace", String(sought?.pid), "--json", "--url", listening.url, "--token", TOKEN]);
    await tracing.printed(/"direction":"in"/u);
    socket.destroy();
    const { code, stderr } = await tracing.ended;
    expect(code).toBe(0);
    // It hears as fast as it can, which may be more than is kept.
    expect(stderr).toMatch(
      /^(?:espalier: \d+ more came, and were too many to be kept\n)*espalier: the actor has died\n$/u,
    );
  }, 30_000);

  test("needs a living actor, and a token", async () => {
    const nobody = espalier(["trace", "999999", "--url", listening.url], { ESPALIER_TOKEN: TOKEN });
    expect(await nobody.ended).toMatchObject({ code: 1, stderr: "espalier: no living actor is 999999\n" });
    const untrusted = await espalier(["trace", "1", "--url", listening.url]).ended;
    expect(untrusted.code).toBe(1);
  }, 30_000);
});
