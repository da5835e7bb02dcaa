import { createSystem, silentLogger } from "@espalier/actors";
import { ManualClock } from "@espalier/actors/testing";
import { type ApiError, inspector, InvalidOptionError } from "@espalier/inspector";
import { describe, expect, test } from "vitest";
import { InspectedWorld, pair, TOKEN } from "./support/world.ts";

/** What a request of `path` with these headers is answered. */
async function codeOf(world: InspectedWorld, path: string, init: RequestInit): Promise<string> {
  const { status, body } = await world.ask<Partial<ApiError>>(path, init);
  return body?.error === undefined ? `${status}` : `${status} ${body.error.code}`;
}

async function withPair(options = {}) {
  const world = await InspectedWorld.create(options);
  await world.system.start(pair, undefined, { id: "pair" });
  const body = JSON.stringify({ id: world.idOf("pair/one") });
  const authorization = `Bearer ${TOKEN}`;
  const post = (headers: Record<string, string>): RequestInit => ({
    method: "POST",
    body,
    headers: { "content-type": "application/json", ...headers },
  });
  return { world, post, authorization };
}

describe("a command is refused", () => {
  const cases: ReadonlyArray<readonly [string, Record<string, string>, string]> = [
    ["without a token", {}, "401 unauthorized"],
    ["with a wrong token", { authorization: "Bearer wrong-horse-battery!!" }, "401 unauthorized"],
    ["with the beginning of the token", { authorization: `Bearer ${TOKEN.slice(0, -1)}` }, "401 unauthorized"],
    ["with the token and more", { authorization: `Bearer ${TOKEN}${TOKEN}` }, "401 unauthorized"],
    ["with an empty token", { authorization: "Bearer " }, "401 unauthorized"],
    ["with another scheme", { authorization: `Basic ${TOKEN}` }, "401 unauthorized"],
    [
      "with a foreign origin",
      { authorization: `Bearer ${TOKEN}`, origin: "https://evil.example" },
      "403 originRefused",
    ],
    ["from a sandboxed frame", { authorization: `Bearer ${TOKEN}`, origin: "null" }, "403 originRefused"],
    [
      "from another port of this host",
      { authorization: `Bearer ${TOKEN}`, origin: "http://localhost:1" },
      "403 originRefused",
    ],
    ["across sites", { authorization: `Bearer ${TOKEN}`, "sec-fetch-site": "cross-site" }, "403 originRefused"],
    ["across ports", { authorization: `Bearer ${TOKEN}`, "sec-fetch-site": "same-site" }, "403 originRefused"],
    ["under a foreign name", { authorization: `Bearer ${TOKEN}`, host: "evil.example" }, "403 hostRefused"],
    [
      "under a name like its own",
      { authorization: `Bearer ${TOKEN}`, host: "localhost.evil.example" },
      "403 hostRefused",
    ],
    ["under a name that is none", { authorization: `Bearer ${TOKEN}`, host: "a b@localhost" }, "403 hostRefused"],
    [
      "as a form",
      { authorization: `Bearer ${TOKEN}`, "content-type": "application/x-www-form-urlencoded" },
      "415 notJson",
    ],
    ["as text", { authorization: `Bearer ${TOKEN}`, "content-type": "text/plain" }, "415 notJson"],
  ];

  test.each(cases)("%s", async (_, headers, expected) => {
    const { world, post } = await withPair();
    expect(await codeOf(world, "commands/kill", post(headers))).toBe(expected);
    await world.settle();
    // Nobody was killed.
    expect(world.system.inspect().processes.filter(({ incarnation }) => incarnation > 1)).toEqual([]);
  });

  test("when there is no token at all", async () => {
    const { post } = await withPair();
    const system = createSystem({ host: new ManualClock(), logger: silentLogger });
    const silent = inspector(system);
    const answer = await silent.app.request("/api/v1/commands/kill", post({ authorization: `Bearer ${TOKEN}` }));
    expect([answer.status, ((await answer.json()) as ApiError).error.code]).toEqual([403, "commandsOff"]);
    await silent.close();
  });

  test("by GET", async () => {
    const { world } = await withPair();
    expect(await codeOf(world, "commands/kill", { headers: { authorization: `Bearer ${TOKEN}` } })).toBe(
      "404 notFound",
    );
  });

  test("when it is larger than a command can be, whatever it says of its length", async () => {
    const { world, authorization } = await withPair();
    const headers = { "content-type": "application/json", authorization };
    const body = `{"id":"${"x".repeat(100_000)}"}`;
    expect(await codeOf(world, "commands/kill", { method: "POST", headers, body })).toBe("413 tooLarge");
    const long = `{"id":"${"x".repeat(2000)}"}`;
    expect(await codeOf(world, "commands/kill", { method: "POST", headers, body: long })).toBe("400 badRequest");
  });

  test("when it is no object, has a field too many, or is no command", async () => {
    const { world, authorization } = await withPair();
    const headers = { "content-type": "application/json", authorization };
    const bodies = ["", "no", "[]", "null", "3", `{"id":1}`, `{"id":""}`, `{}`, `{"__proto__":1}`];
    for (const body of bodies) {
      expect([body, await codeOf(world, "commands/kill", { method: "POST", headers, body })]).toEqual([
        body,
        "400 badRequest",
      ]);
    }
    const more = JSON.stringify({ id: world.idOf("pair/one"), force: true });
    expect(await codeOf(world, "commands/kill", { method: "POST", headers, body: more })).toBe("400 badRequest");
    for (const name of ["constructor", "__proto__", "toString", "explode"]) {
      expect(await codeOf(world, `commands/${name}`, { method: "POST", headers, body: "{}" })).toBe("404 notFound");
    }
  });

  test("and is carried out with the token, from the inspector's own page", async () => {
    const { world, post, authorization } = await withPair();
    const own = { authorization, origin: "http://localhost", "sec-fetch-site": "same-origin" };
    expect(await codeOf(world, "commands/kill", post(own))).toBe("200");
    await world.settle();
    expect(world.idOf("pair/one")).toMatch(/^\d+\.2\./u);
  });
});

describe("a question is refused", () => {
  const cases: ReadonlyArray<readonly [string, string, Record<string, string>, string]> = [
    ["under a name that leads here (DNS rebinding)", "tree", { host: "rebind.example:4848" }, "403 hostRefused"],
    ["from a page of another site", "tree", { origin: "https://evil.example" }, "403 originRefused"],
    ["by a script tag of another site", "tree", { "sec-fetch-site": "cross-site" }, "403 originRefused"],
    ["when its URL is too long", `process?id=${"x".repeat(5000)}`, {}, "413 tooLarge"],
    ["when a parameter is too long", `process?id=${"x".repeat(1500)}`, {}, "400 badRequest"],
    ["when a parameter is given twice", "process?id=1&id=2", {}, "400 badRequest"],
    ["when a parameter is unknown", "tree?callback=alert", {}, "400 badRequest"],
    ["when a page is too large", "children?id=1.1.x&limit=20000", {}, "400 badRequest"],
    ["when a page begins nowhere", "children?id=1.1.x&offset=-1", {}, "400 badRequest"],
    ["when an order is none", "children?id=1.1.x&sort=__proto__", {}, "400 badRequest"],
    ["when there is no such actor", "process?id=999.1.nobody", {}, "404 notFound"],
    ["when an id is none", "process?id=..%2F..%2Fetc%2Fpasswd", {}, "404 notFound"],
    ["when its path climbs", "../../../../etc/passwd", {}, "404 notFound"],
    ["when its path climbs in disguise", "..%2f..%2f..%2fetc%2fpasswd", {}, "404 notFound"],
    ["when its path climbs in double disguise", "%252e%252e/%252e%252e/etc/passwd", {}, "404 notFound"],
    ["when its path has a null byte", "tree%00.html", {}, "404 notFound"],
    ["when a stream has no topic", "events", {}, "400 badRequest"],
    ["when a stream has an unknown topic", "events?topics=tree,secrets", {}, "400 badRequest"],
    ["when a stream about an actor does not say which", "events?topics=process", {}, "400 badRequest"],
  ];

  test.each(cases)("%s", async (_, path, headers, expected) => {
    const { world } = await withPair();
    expect(await codeOf(world, path, { headers })).toBe(expected);
  });

  test.each(["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])("by %s", async (method) => {
    const { world } = await withPair();
    const { status, headers } = await world.ask("events?topics=tree", { method });
    expect([status, headers.get("access-control-allow-origin"), world.inspector.streams]).toEqual([404, null, 0]);
  });

  test("without the token, where questions are protected", async () => {
    const { world, authorization } = await withPair({ protectReads: true });
    for (const path of ["tree", "overview", "events?topics=tree"]) {
      expect(await codeOf(world, path, {})).toBe("401 unauthorized");
    }
    expect(await codeOf(world, "tree", { headers: { authorization } })).toBe("200");
  });
});

describe("a link of another site", () => {
  const visit = { "sec-fetch-mode": "navigate", "sec-fetch-dest": "document", "sec-fetch-user": "?1" };

  test.each(["cross-site", "same-site"])("(%s) leads to the page, and to nothing of the API", async (site) => {
    const { world, authorization } = await withPair();
    const headers = { ...visit, "sec-fetch-site": site };
    const page = await world.inspector.app.request("/", { headers });
    // 503 where it was not built: it was let in all the same.
    expect([200, 503]).toContain(page.status);
    expect(page.headers.get("cross-origin-opener-policy")).toBe("same-origin");
    for (const path of ["overview", "tree", "events?topics=tree"]) {
      expect(await codeOf(world, path, { headers })).toBe("403 originRefused");
    }
    expect((await world.inspector.app.request("/assets/any.js", { headers })).status).toBe(403);
    const body = JSON.stringify({ id: world.idOf("pair/one") });
    const told = { method: "POST", body, headers: { ...headers, authorization, "content-type": "application/json" } };
    expect(await codeOf(world, "commands/kill", told)).toBe("403 originRefused");
    expect(world.inspector.streams).toBe(0);
  });

  test.each<readonly [string, string, Record<string, string>]>([
    ["in a frame", "GET", { "sec-fetch-dest": "iframe" }],
    ["by a script", "GET", { "sec-fetch-mode": "cors", "sec-fetch-dest": "empty" }],
    ["by a form", "POST", {}],
    ["with an origin", "GET", { origin: "https://evil.example" }],
    ["under a foreign name", "GET", { host: "evil.example" }],
  ])("is refused %s", async (_, method, more) => {
    const { world } = await withPair();
    const headers = { ...visit, "sec-fetch-site": "cross-site", ...more };
    expect((await world.inspector.app.request("/", { method, headers })).status).toBe(403);
  });
});

test("a site that was allowed may ask, and no other is told so", async () => {
  const origin = "https://ops.example";
  const { world } = await withPair({ allowedOrigins: [origin], allowedHosts: ["inspect.example"] });
  const headers = { origin, host: "inspect.example:8443", "sec-fetch-site": "cross-site" };
  const answer = await world.ask("tree", { headers });
  expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([200, origin]);
  const preflight = await world.ask("commands/kill", { method: "OPTIONS", headers });
  expect([preflight.status, preflight.headers.get("access-control-allow-headers")]).toEqual([
    204,
    "authorization, content-type",
  ]);
  const other = await world.ask("tree", { headers: { ...headers, origin: "https://ops.example.evil" } });
  expect([other.status, other.headers.get("access-control-allow-origin")]).toEqual([403, null]);
});

test("every answer tells browsers to run nothing, frame nothing and keep nothing", async () => {
  const { world } = await withPair();
  for (const path of ["tree", "nothing", "process?id=1", "events?topics=x"]) {
    const { headers } = await world.ask(path);
    expect(headers.get("content-security-policy")).toMatch(/^default-src 'none'; frame-ancestors 'none'/u);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("content-type")).toMatch(/^application\/json/u);
  }
});

test("wrong options are named all at once, and a token is not repeated", () => {
  const system = createSystem({ host: new ManualClock() });
  const wrong = {
    token: "short-secret",
    protectReads: "yes",
    allowedHosts: ["Example.org", "example.org:80"],
    allowedOrigins: ["example.org"],
    show: { everything: true },
    tickMs: 1,
    logEntries: 0.5,
    maxStreams: 0,
    speed: 1,
  };
  let error: unknown;
  try {
    inspector(system, wrong as object);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(InvalidOptionError);
  const { issues, message } = error as InvalidOptionError;
  expect(issues.map(({ option }) => option)).toEqual([
    "speed",
    "token",
    "protectReads",
    "allowedHosts[0]",
    "allowedHosts[1]",
    "allowedOrigins[0]",
    "show.everything",
    "tickMs",
    "logEntries",
    "maxStreams",
  ]);
  expect(message).not.toContain("short-secret");
});

test("others than this machine are listened to only where questions are protected", async () => {
  const { world } = await withPair();
  await expect(world.inspector.listen({ host: "0.0.0.0", port: 0 })).rejects.toThrow(InvalidOptionError);
});
