import { buildProxyHeader, connect, fromConnection, type ListenerOptions, packetMachine } from "@espalier/sockets";
import { puppets } from "./puppet.ts";
import type { Scene, Stage } from "./stage.ts";
import { textOf, type Visitor } from "./visitor.ts";

const trusted = ["10.0.0.0/8"];
const source = { host: "192.0.2.7", port: 4711 };
const destination = { host: "198.51.100.1", port: 443 };
const HEADER = "PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n";

/** Says from whom it is, and then what was said. */
const whoAmI = packetMachine({
  onData(connection, line) {
    const { peername, socketPeername, proxy } = connection;
    const by = peername.host === socketPeername?.host ? "itself" : "another";
    connection.send(`${peername.host} by ${by}, ${proxy?.tlvs.authority ?? "no name"}: ${textOf(line)}`);
  },
});

async function endsAs(
  stage: Stage,
  options: ListenerOptions,
  key: string,
  come: (visitor: Visitor) => void,
  withinMs?: number,
) {
  const listener = await stage.open({ packet: "line", ...options }, whoAmI);
  const visitor = stage.visit(listener);
  await stage.until("he is let in", () => listener.stats.accepted === 1);
  come(visitor);
  await stage.until("it has ended", () => listener.currentClients === 0, withinMs);
  stage.equal(listener.shutdownCounts, { [key]: 1 }, "how it has ended");
  await stage.until("he has heard of it", () => visitor.isOver || visitor.hasEnded);
}

/** What he says comes to nothing, and is counted so. */
function refused(options: ListenerOptions, key: string, said: string | Uint8Array, withinMs?: number): Scene {
  return (stage) => endsAs(stage, options, key, (visitor) => void visitor.say(said), withinMs);
}

function answered(
  options: ListenerOptions,
  said: readonly (string | Uint8Array)[],
  answer: (stage: Stage) => string,
): Scene {
  return async (stage) => {
    const listener = await stage.open({ packet: "line", ...options }, whoAmI);
    const visitor = stage.visit(listener);
    for (const words of said) {
      visitor.say(words);
      await stage.wait(200);
    }
    await stage.reads(visitor, answer(stage));
  };
}

const own = (stage: Stage): string => stage.host(1);

/** A client that speaks TLS: it asks, and notes what comes back. */
async function asking(stage: Stage, options: object, ask: Parameters<typeof fromConnection>[0]) {
  const to = { host: "10.0.0.254", port: stage.port() };
  const settings = {
    packet: "line",
    reconnect: "never",
    connectTimeoutMs: 120_000,
    name: stage.called("client"),
    transport: stage.from(90),
    ...options,
  } as const;
  const client = await connect(stage.system, to, settings, fromConnection(ask));
  stage.atLast(() => client.close());
  return client;
}

/** What stands before a connection: PROXY headers, and TLS. */
export const onPreambles: Readonly<Record<string, Scene>> = {
  "a header of version 1": answered(
    { proxyProtocol: { trusted, timeoutMs: 60_000 } },
    [HEADER, "hello\n"],
    () => "192.0.2.7 by another, no name: hello\n",
  ),
  "a header of version 2": answered(
    { proxyProtocol: { trusted, timeoutMs: 60_000 } },
    [
      Buffer.concat([
        buildProxyHeader({ source, destination, tlvs: { authority: "example.com" }, isChecksummed: true }),
        Buffer.from("hello\n"),
      ]),
    ],
    () => "192.0.2.7 by another, example.com: hello\n",
  ),
  "a health check of the load balancer": answered(
    { proxyProtocol: { trusted, timeoutMs: 60_000 } },
    [buildProxyHeader({ command: "local" } as never), "hello\n"],
    (stage) => `${own(stage)} by itself, no name: hello\n`,
  ),
  "a header that need not be there": answered(
    { proxyProtocol: { trusted, required: false, timeoutMs: 60_000 } },
    ["hello\n"],
    (stage) => `${own(stage)} by itself, no name: hello\n`,
  ),
  "what seemed to be a header": answered(
    { proxyProtocol: { trusted, required: false, timeoutMs: 60_000 } },
    ["PRO", "X", "Y\n"],
    (stage) => `${own(stage)} by itself, no name: PROXY\n`,
  ),
  "a header that is there, though it need not be": answered(
    { proxyProtocol: { trusted, required: false, timeoutMs: 60_000 } },
    [HEADER.slice(0, 3), `${HEADER.slice(3)}hello\n`],
    () => "192.0.2.7 by another, no name: hello\n",
  ),
  "who may send none is served as he is": answered(
    { proxyProtocol: { trusted: ["127.0.0.1"], required: false, timeoutMs: 60_000 } },
    [`hello\n`],
    (stage) => `${own(stage)} by itself, no name: hello\n`,
  ),
  "who may send none is refused": refused(
    { proxyProtocol: { trusted: ["127.0.0.1"] } },
    "proxyProtocolUntrusted",
    HEADER,
  ),
  "the rules are asked again": refused(
    { proxyProtocol: { trusted }, accessRules: [{ deny: "192.0.2.0/24" }] },
    "proxyProtocolForbidden",
    HEADER,
  ),
  "no header at all": refused({ proxyProtocol: { trusted } }, "proxyProtocolError", "GET / HTTP/1.1\r\n"),
  "a version that is not wanted": refused({ proxyProtocol: { trusted, versions: [2] } }, "proxyProtocolError", HEADER),
  "half a header": refused(
    { proxyProtocol: { trusted, timeoutMs: 1000 } },
    "proxyProtocolTimeout",
    HEADER.slice(0, 20),
    1100,
  ),
  "who leaves in the middle of a header": (stage) =>
    endsAs(stage, { proxyProtocol: { trusted } }, "proxyProtocolClosed", (visitor) => void visitor.shut("PRO")),

  async "a handshake that does not come"(stage) {
    stage.unlessLater(500);
    await endsAs(
      stage,
      { tls: stage.tls, socketReadyTimeoutMs: 60_000 },
      "tlsHandshakeTimeout",
      () => undefined,
      15_200,
    );
  },

  async "a handshake that is none"(stage) {
    await endsAs(
      stage,
      { tls: stage.tls },
      "tlsHandshakeFailed",
      (visitor) => void visitor.say("GET / HTTP/1.1\r\n\r\n"),
    );
  },

  async "who leaves in the middle of a handshake"(stage) {
    await endsAs(stage, { tls: stage.tls }, "tlsHandshakeClosed", (visitor) => {
      visitor.reset();
    });
  },

  async "the header and the handshake have one time"(stage) {
    stage.unlessLater(500);
    const proxyProtocol = { trusted, timeoutMs: 12_000 };
    const options = { tls: stage.tls, proxyProtocol, socketReadyTimeoutMs: 60_000 };
    const listener = await stage.open(options, whoAmI);
    const visitor = stage.visit(listener).say(HEADER.slice(0, 9));
    await stage.wait(10_000);
    visitor.say(HEADER.slice(9));
    await stage.until("the time of both is over", () => visitor.isOver, 5500);
    await stage.until("it has ended", () => listener.currentClients === 0);
    stage.equal(listener.shutdownCounts, { tlsHandshakeTimeout: 1 }, "how it has ended");
  },

  async "over TLS from the beginning"(stage) {
    const listener = await stage.open({ packet: "line", tls: stage.tls }, whoAmI);
    const answers: string[] = [];
    await asking(stage, { tls: stage.clientTls }, async (connection) => {
      connection.send("hello\n");
      answers.push(textOf((await connection.recv()) ?? new Uint8Array()));
      await connection.recv();
    });
    await stage.until("it is answered", () => answers.length > 0, 20_000);
    stage.equal(answers, [`${stage.host(90)} by itself, no name: hello\n`], "the answer");
    await listener.close();
  },

  async "over TLS from the middle on"(stage) {
    const { handler, cast } = puppets();
    const options = { packet: "line", startTls: true, tls: stage.tls } as const;
    const listener = await stage.open(options, handler);
    const answers: string[] = [];
    await asking(stage, {}, async (connection) => {
      connection.send("start\n");
      answers.push(textOf((await connection.recv()) ?? new Uint8Array()));
      await connection.startTls(stage.clientTls);
      connection.send("hello\n");
      answers.push(textOf((await connection.recv()) ?? new Uint8Array()));
      await connection.recv();
    });
    await stage.until("he is there", () => cast.length > 0);
    const [puppet] = cast;
    if (puppet === undefined) return;
    const { connection, heard } = puppet;
    const told = (count: number) => stage.until(`${count} events`, () => heard.length === count, 20_000);
    await told(1);
    connection.activate(true);
    await told(2);
    connection.send("go ahead\n");
    connection.startTls();
    connection.send("welcome\n");
    await told(4);
    stage.equal(heard, ["socketReady", "data:start\n", "secured", "data:hello\n"], "what was heard");
    await stage.until("both are answered", () => answers.length === 2, 20_000);
    stage.equal(answers, ["go ahead\n", "welcome\n"], "the answers");
    stage.equal(
      errorOf(() => connection.startTls()),
      "ERR_START_TLS",
      "what becomes of another start",
    );
    await listener.close();
  },

  async "what is slipped in behind it"(stage) {
    stage.unlessCut();
    const { handler, cast } = puppets();
    const options = { packet: "line", startTls: true, tls: stage.tls } as const;
    const listener = await stage.open(options, handler);
    const visitor = await stage.meet(listener);
    const [puppet] = cast;
    if (puppet === undefined) return;
    const { connection, heard } = puppet;
    visitor.say("start\nslipped in\n");
    connection.activate();
    await stage.until("he starts", () => heard.length === 2);
    connection.startTls();
    await stage.until("it is broken", () => heard.length === 3);
    stage.equal(heard, ["socketReady", "data:start\n", "error:plaintextBeforeTls"], "what was heard");
    await stage.until("he has heard of it", () => visitor.isOver);
  },
};

function errorOf(run: () => void): unknown {
  try {
    run();
    return undefined;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}
