import { createSystem, silentLogger } from "@espalier/actors";
import { inspector, InspectorClosedError, InspectorListenError, type OverviewAnswer } from "@espalier/inspector";
import { channel } from "node:diagnostics_channel";
import { request, type Server } from "node:http";
import { afterEach, expect, test } from "vitest";

const ends: Array<() => Promise<void>> = [];

afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

function attached(logger = silentLogger) {
  const system = createSystem({ logger });
  const inspected = inspector(system);
  ends.push(
    () => system.shutdown(),
    () => inspected.close(),
  );
  return inspected;
}

/** `fetch` does not let a test choose the `Host`. */
function statusUnder(url: string, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request(`${url}/api/v1/overview`, { headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    asked.on("error", reject);
    asked.end();
  });
}

test("it listens on this machine, answers there, and is gone when it is closed", async () => {
  const listening = await attached().listen({ port: 0 });
  const { port, url } = listening;
  expect(url).toBe(`http://127.0.0.1:${port}`);
  const answer = await fetch(`${url}/api/v1/overview`);
  expect(((await answer.json()) as OverviewAnswer).version).toBe(1);
  expect(await statusUnder(url, `localhost:${port}`)).toBe(200);
  expect(await statusUnder(url, `rebind.example:${port}`)).toBe(403);
  await listening.close();
  await expect(fetch(`${url}/api/v1/overview`)).rejects.toThrow("fetch failed");
});

test("the program's own Request and Response stay what they are", async () => {
  const before = [Request, Response];
  const { url } = await attached().listen({ port: 0 });
  expect([Request, Response]).toEqual(before);
  expect(await fetch(`${url}/api/v1/overview`)).toBeInstanceOf(Response);
});

test("clients that cannot be accepted are told of in the log, and the next ones are answered", async () => {
  const failures: unknown[] = [];
  const error = ({ err }: { readonly err?: unknown }) => void failures.push(err);
  const { url } = await attached({ ...silentLogger, error }).listen({ port: 0 });
  const started = channel("http.server.request.start");
  let server: Server | undefined;
  const see = (message: unknown) => void (server = (message as { readonly server: Server }).server);
  started.subscribe(see);
  await statusUnder(url, new URL(url).host);
  started.unsubscribe(see);
  // What Node makes of a process that has no file descriptors left, as often as it tries.
  const errors = [1, 2, 3].map(() => Object.assign(new Error("accept EMFILE"), { code: "EMFILE" }));
  for (const one of errors) server?.emit("error", one);
  expect(failures).toEqual(errors);
  expect(await statusUnder(url, new URL(url).host)).toBe(200);
});

test("a client that goes away ends its stream, and closing ends the others", async () => {
  const inspected = attached();
  const { url } = await inspected.listen({ port: 0 });
  const gone = new AbortController();
  const first = await fetch(`${url}/api/v1/events?topics=overview`, { signal: gone.signal });
  const second = await fetch(`${url}/api/v1/events?topics=overview`);
  expect([first.status, second.status, inspected.streams]).toEqual([200, 200, 2]);
  gone.abort();
  while (inspected.streams > 1) await new Promise((resolve) => setImmediate(resolve));
  await inspected.close();
  expect(inspected.streams).toBe(0);
  await second.text().catch(() => "");
  await expect(inspected.listen({ port: 0 })).rejects.toThrow(InspectorClosedError);
});

test("a port that is taken is an error with the system's code", async () => {
  const { port } = await attached().listen({ port: 0 });
  const error = await attached()
    .listen({ port })
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(InspectorListenError);
  expect(error).toMatchObject({ code: "ERR_LISTEN", reason: "EADDRINUSE" });
});
